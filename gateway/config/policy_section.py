"""An entry of the list `policies`: a function of the site that is asked about puts."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from gateway.config.problems import PV_NAME
from gateway.config.scalars import Section, Words


def _call(value: str) -> str:
    if re.fullmatch(r"[^:]+:[^\W\d]\w*", value) is None:
        raise ValueError(f"{value!r} names no function; write policies.py:function, or package.module:function")
    return value


class PolicySection(Section):
    """One policy; they are asked in the order of the list."""

    call: Annotated[str, AfterValidator(_call)] = Field(
        description="file.py:function, the file relative to this one, or package.module:function"
    )
    name: str | None = Field(
        default=None, pattern=PV_NAME, description="its name in refusals and in the journal; default: function"
    )
    devices: Words = Field(
        default=("*",), min_length=1, description="patterns of the names of devices, for example M:*"
    )
    options: dict[str, Any] = Field(default={}, description="handed to the function as they are")

    @property
    def place(self) -> str:
        """The file or module."""
        return self.call.rpartition(":")[0]

    @property
    def function(self) -> str:
        """The name of the function in it."""
        return self.call.rpartition(":")[2]

    @property
    def title(self) -> str:
        """Its name, given or not."""
        return self.name or self.function
