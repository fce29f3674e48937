"""The section `freeze` of the configuration: histories that a trigger keeps as they were."""

from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.config.condition import parse_condition
from gateway.config.scalars import Event, Section, Words


def _condition(value: str) -> str:
    parse_condition(value)
    return value


class FreezeSection(Section):
    """One trigger, and the histories that it freezes. It can always be fired by a put to its PV, too."""

    devices: Words = Field(min_length=1, description="patterns of the names of devices, for example M:*")
    before: float = Field(default=10.0, ge=0, le=86400, description="s before the trigger that are kept")
    after: float = Field(default=2.0, ge=0, le=3600, description="s after it")
    when: Annotated[str, AfterValidator(_condition)] | None = Field(
        default=None, description="fires when this becomes true, for example 'M:OUTTMP > 60'"
    )
    event: Event | None = Field(
        default=None, description="fires with the first reading of a device that is acquired at this event, e,0f"
    )
