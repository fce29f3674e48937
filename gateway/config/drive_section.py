"""How far a setting may go: drive limits as numbers or as PVs, and what becomes of a put that goes beyond."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from gateway.config.problems import PV_NAME
from gateway.config.scalars import Section


def _limit(value: object) -> object:
    """A number, or the name of a PV; in CSV and in the environment both are texts."""
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            if re.fullmatch(PV_NAME, value):
                return value
            raise ValueError(f"{value!r} is neither a number nor the name of a PV") from None
        value = number
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise ValueError(f"is a finite number or the name of a PV, not {value!r}")
    return float(value)


Limit = Annotated[float | str, BeforeValidator(_limit, json_schema_input_type=float | str)]


class DriveSection(Section):
    """Limits of what may be put, as DRVL and DRVH of an EPICS record."""

    low: Limit | None = Field(default=None, description="lowest that may be put, in units, or a PV that says it")
    high: Limit | None = Field(default=None, description="the same, highest")
    outside: Literal["refuse", "clamp"] = Field(
        default="refuse", description="whether a put beyond a limit is refused, or goes on with the limit's value"
    )
