"""What the layers say of a wished value; tests/plan/test_explain.py asks for it of every type."""

import pytest

from gateway.plan.live import Judgement
from gateway.plan.wished import of_value, wrong_type
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
