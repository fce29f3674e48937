"""When a reading fires a freeze."""

import math

import pytest

from gateway.config.condition import parse_condition
from gateway.core.blocks import BasicStatus
from gateway.core.device_info import StatusBit
from gateway.core.values import Value
from gateway.plan.trigger import Trigger

READY = StatusBit(1, "READY", 0, 0, False, "ready", "tripped")
DOOR = StatusBit(7, "DOOR", 0x20, 0x20, False, "open", "closed")


@pytest.mark.parametrize(
    ("value", "met"), [(61.0, True), (60.0, False), (math.nan, None), (math.inf, True), ("text", None), (b"\1", None)]
)
def test_a_number_meets_its_condition_or_not(value: Value, met: bool | None) -> None:
    assert met is Trigger((0,), parse_condition("M:OUTTMP > 60"), 60.0).met(value)


@pytest.mark.parametrize(
    ("bit", "value", "met"),
    [
        (READY, BasicStatus.from_attributes({"ready": False}), True),
        (READY, BasicStatus.from_attributes({"ready": True}), False),
        (READY, BasicStatus.from_attributes({"on": True}), None),  # the device lacks it
        (DOOR, float(0x20), False),
        (DOOR, 0.0, True),
        (DOOR, math.nan, None),
        (DOOR, "text", None),
    ],
)
def test_a_bit_is_looked_at_in_the_structured_status_or_in_the_word(
    bit: StatusBit, value: Value, met: bool | None
) -> None:
    assert met is Trigger((0,), parse_condition("X = 0"), 0.0, bit).met(value)


def test_of_an_event_each_reading_does() -> None:
    assert Trigger((0,)).met("whatever") is True
