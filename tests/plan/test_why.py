"""In what two plans of a device differ, in words."""

from dataclasses import replace

import pytest

from gateway.core.device_info import Command, DeviceInfo, PropertyInfo
from gateway.plan.model import Plan
from gateway.plan.why import Planned, differences, grouped, told_otherwise
from tests.plan.planning import only, planned


def of(plan: Plan) -> Planned:
    return Planned(plan, only(plan))


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("", "event: 'p,7'", "event P,1000,TRUE -> p,7"),
        ("", "writable: true", "writable off -> on"),
        ("writable: true", "writable: true, skip_if_equal: true", "skip_if_equal off -> on"),
        ("writable: true", "writable: true, alarms_writable: true", "alarms_writable off -> on"),
        ("writable: true", "writable: true, step: 3", "step none -> 3"),
        ("writable: true, slew: 2", "writable: true, slew: 3", "slew 2 -> 3"),
        ("", "group: OPS", "group DEFAULT -> OPS"),
        ("confirm: {tolerance: 1, timeout: 2}", "", "confirm on -> off"),
        ("confirm: {tolerance: 1}", "confirm: {tolerance: 2}", "confirm.tolerance 1 -> 2"),
        ("", "stale_after: 9", "stale_after off -> 9"),
        ("properties: reading", "properties: [reading, setting]", "SETTING has come"),
        ("properties: [reading, setting]", "properties: reading", "SETTING has gone"),
    ],
)
def test_each_key_that_matters_is_named_once(before: str, now: str, said: str) -> None:
    one, other = (planned(f"{{device: 'M:OUTTMP', {keys}}}") for keys in (before, now))
    assert (said,) == differences(of(one), of(other))
    assert () == differences(of(one), of(one))


def test_another_request_length_and_kind_are_named() -> None:
    scalar = planned("{device: 'M:X[3]', name: X, properties: reading}")
    array = planned("{device: 'M:X[0:4]', name: X, properties: reading}")
    assert differences(of(scalar), of(array)) == (
        "request M:X.READING[3]@P,1000,TRUE -> M:X.READING[0:4]@P,1000,TRUE",
        "READING scalar -> array",
        "length of READING 1 -> 5",
    )


def test_another_route_is_named() -> None:
    plan = planned("{device: 'M:X', properties: reading}")
    device = only(plan)
    other = replace(plan, devices={"M:X": replace(device, route=replace(device.route, read=("b", "a")))})
    assert ("backend a -> b, a",) == differences(of(plan), of(other))


def test_what_is_described_otherwise_is_named_and_a_limit_that_nobody_knows_is_no_news() -> None:
    reading = PropertyInfo(units="V", low=float("nan"))
    before = DeviceInfo("M:X", "old", reading, commands=())
    now = replace(
        before, description="new", reading=PropertyInfo(units="A", low=float("nan"), high=2.0),
        commands=(Command(None, "GO"),),
    )  # fmt: skip
    said = ("description old -> new", "reading.units V -> A", "reading.high none -> 2", "other commands")
    assert said == told_otherwise(before, now)
    assert () == told_otherwise(before, replace(before, reading=replace(reading, low=float("nan"))))
    assert ("setting off -> on", "description old -> none") == tuple(
        sorted(told_otherwise(before, replace(before, setting=PropertyInfo(), description="")), reverse=True)
    )


def test_devices_with_the_same_reasons_stand_together() -> None:
    found = grouped({"B": ("x",), "A": ("x",), "C": ("y", "z")})
    assert {("x",): ["A", "B"], ("y", "z"): ["C"]} == found
