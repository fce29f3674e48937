"""What policies are told of a put, and what they would say of one that has not come yet."""

import numpy as np
import pytest

from gateway.access.policy import Allow, Context, Deny, Modify, Policy, PutAsked
from gateway.access.rules import Client
from gateway.plan.live import Judgement, Live
from gateway.plan.policies import asked_of, fixed, of_policies
from tests.plan.planning import by_name, only, planned

PLAN = planned('{device: "Z:ACLTST", writable: true, low: 0, high: 10, step: 5, units: A, commands: [ON]}')
SP = by_name(PLAN)["Z:ACLTST:SP"]
ALICE = Client("alice", "", "")


def half(put: PutAsked, context: Context) -> Allow | Deny | Modify:
    """Halve it; nobody but alice, and not above 30."""
    assert isinstance(put.value, float)
    if context.user != "alice":
        return Deny("only alice")
    return Modify(put.value / 2) if put.value < 30 else Deny(f"at {context.time_ns} nothing above 30")


def asked(value: object, held: float = 0.0, user: str = "alice") -> list[Judgement]:
    client = Client(user, "", "")
    return list(of_policies([Policy("half", half)], SP, only(PLAN), value, client, 7, Live(held=held)))


def test_a_policy_is_told_what_would_be_sent_and_what_is_held() -> None:
    put = asked_of(SP, 5.0, 4.0)
    assert ("Z:ACLTST:SP", "Z:ACLTST", "Z:ACLTST.SETTING@N", 5.0, 4.0, "A") == (
        put.pv, put.device, put.request, put.value, put.held, put.units,
    )  # fmt: skip
    assert None is asked_of(SP, 5.0, None).held
    np.testing.assert_array_equal([1.0], asked_of(SP, 5.0, np.array([1.0])).held)


def test_only_settings_can_be_changed() -> None:
    assert "" == fixed(SP)
    assert "Z:ACLTST:CMD is no setting: it can be allowed or denied" == fixed(by_name(PLAN)["Z:ACLTST:CMD"])


def test_what_a_policy_would_say_is_said_before_the_put_comes() -> None:
    assert [Judgement("policy", None, "depends on the value; asks half")] == asked(None)
    assert [Judgement("policy", None, "depends on the value; asks half")] == asked("five")
    assert [Judgement("policy", False, "half denies: at 7 nothing above 30")] == asked(31.0)
    assert [Judgement("policy", False, "half denies: only alice")] == asked(3.0, user="eve")


def test_what_is_allowed_is_judged_once() -> None:
    open_to_all = Policy("open", lambda *_: Allow("why not"))
    found = list(of_policies([open_to_all], SP, only(PLAN), 3.0, ALICE, 7, None))
    assert [Judgement("policy", True, "open allowed: why not")] == found


def test_a_policy_that_would_break_is_told_of_as_such() -> None:
    broken = Policy("broken", lambda *_: 1 / 0)  # type: ignore[arg-type, return-value]
    (found,) = of_policies([broken], SP, only(PLAN), 3.0, ALICE, 7, None)
    assert ("policy error", False) == (found.layer, found.passes)
    assert found.reason.startswith("broken broke with ZeroDivisionError")


@pytest.mark.parametrize(
    ("value", "held", "passes"),
    [
        (8.0, 0.0, {"policy": True, "type and length": True, "limits": True, "step and slew": True}),
        (29.0, 10.0, {"policy": True, "type and length": True, "limits": False, "step and slew": True}),
        (16.0, 0.0, {"policy": True, "type and length": True, "limits": True, "step and slew": False}),
    ],
)
def test_a_changed_value_is_judged_again(value: float, held: float, passes: dict[str, bool]) -> None:
    assert passes == {one.layer: one.passes for one in asked(value, held)}
