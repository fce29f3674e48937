"""What the layers say of a wished value; tests/plan/test_explain.py asks for it of every type."""

from collections.abc import Mapping

import pytest

from gateway.plan.live import Judgement, Live, Moment
from gateway.plan.wished import of_value, sent, wrong_type
from tests.plan.planning import by_name, only, planned

PLAN = planned('{device: "Z:ACLTST", writable: true, low: 0, high: 10, units: A}')


def test_without_a_value_each_layer_says_what_it_takes() -> None:
    found = list(of_value(by_name(PLAN)["Z:ACLTST:SP"], only(PLAN), None, None))
    assert [
        Judgement("type and length", None, "takes one finite number"),
        Judgement("limits", None, "takes values from 0 to 10 A"),
    ] == found


@pytest.mark.parametrize(("value", "passes"), [(5.0, [True, True]), (11.0, [True, False]), ("five", [False, None])])
def test_a_value_is_judged_by_type_and_then_by_limits(value: object, passes: list[bool | None]) -> None:
    found = of_value(by_name(PLAN)["Z:ACLTST:SP"], only(PLAN), value, None)
    assert passes == [one.passes for one in found]


def test_a_text_is_no_number() -> None:
    assert "'five' is no number" == wrong_type(by_name(PLAN)["Z:ACLTST:SP"], "five")


ENTRY = '{device: "Z:ACLTST", writable: true, units: mA, low: -50, high: 50'
Judged = dict[str, tuple[bool | None, str]]


def judged(
    more: str, value: object, limits: Mapping[str, float | None] | None = None, pv: str = "Z:ACLTST:SP"
) -> Judged:
    plan = planned(f"{ENTRY}{more}}}")
    answers = Live(held=0.0, moment=Moment(), limits=limits) if limits is not None else None
    return {
        one.layer: (one.passes, one.reason)
        for one in of_value(by_name(plan)[pv], plan.devices["Z:ACLTST"], value, answers)
    }


@pytest.mark.parametrize(
    ("more", "value", "passes", "reason"),
    [
        ("", None, None, "takes values from -50 to 50 mA"),
        ("", 51.0, False, "Z:ACLTST:SP takes values from -50 to 50 mA"),
        ("", 5.0, True, "takes values from -50 to 50 mA"),
        ("", "five", None, "takes values from -50 to 50 mA"),
        (", drive: {high: 8}", 9.0, False, "Z:ACLTST:SP takes values from -50 to 8 mA"),
        (", drive: {high: 8}", None, None, "takes values from -50 to 8 mA"),
        (", drive: {high: 8, outside: clamp}", 9.0, True, "clamped from 9 to 8 mA"),
        (", drive: {high: 8, outside: clamp}", 7.0, True, "takes values from -50 to 8 mA"),
        (", drive: {low: 9, high: 8, outside: clamp}", 9.0, False,
         "the limits of Z:ACLTST:SP exclude each other: from 9 to 8"),
    ],
)  # fmt: skip
def test_limits_of_the_configuration_are_predicted(more: str, value: object, passes: bool | None, reason: str) -> None:
    assert (passes, reason) == judged(more, value)["limits"]


BY_PV = ", drive: {high: 'M:MAX', outside: clamp}, step: 4"


@pytest.mark.parametrize(
    ("value", "limits", "passes", "reason"),
    [
        (9.0, None, None, "limited by M:MAX, of which only the running gateway knows the values"),
        (9.0, {"M:MAX": 3.0}, True, "clamped from 9 to 3 mA"),
        (2.0, {"M:MAX": 3.0}, True, "takes values from -50 to 3 mA"),
        (2.0, {"M:MAX": None}, False, "Z:ACLTST:SP is limited by M:MAX, which has no valid value now"),
        (None, {"M:MAX": None}, False, "Z:ACLTST:SP is limited by M:MAX, which has no valid value now"),
    ],
)
def test_limits_that_are_pvs_are_asked_of_the_running_gateway(
    value: object, limits: Mapping[str, float | None] | None, passes: bool | None, reason: str
) -> None:
    assert (passes, reason) == judged(BY_PV, value, limits)["limits"]


def test_what_is_clamped_is_judged_further_as_what_it_becomes() -> None:
    assert judged(BY_PV, 9.0, {"M:MAX": 3.0})["step and slew"][0]
    assert not judged(BY_PV, 9.0, {"M:MAX": 5.0})["step and slew"][0]


def test_without_any_limit_that_is_said() -> None:
    plan = planned('{device: "Z:ACLTST", writable: true}')
    found = list(of_value(by_name(plan)["Z:ACLTST:SP"], only(plan), 5.0, None))
    assert "no limits are known here" == found[1].reason


def test_a_state_has_no_limits() -> None:
    plan = planned('{device: "Z:ACLTST", writable: true}')
    command = by_name(plan)["Z:ACLTST:CMD"]
    assert [[True], [False], [None]] == [
        [one.passes for one in of_value(command, only(plan), value, None)] for value in ("ON", "AWAY", None)
    ]


def test_what_limits_make_of_a_value_is_what_others_are_asked_about() -> None:
    plan = planned(f"{ENTRY}, drive: {{high: 8, outside: clamp}}}}")
    setpoint = by_name(plan)["Z:ACLTST:SP"]
    assert [8.0, 7.0, "x", None] == [sent(setpoint, only(plan), value, None) for value in (9.0, 7.0, "x", None)]
