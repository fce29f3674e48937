"""Policies of a site: asked in order, each on what those before have left; what breaks has denied."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gateway.access.policy import Allow, Context, Deny, Modify, Policy, PutAsked, Ruling, rule
from gateway.access.rules import Client

ALICE = Client("alice", "console", "192.0.2.7")
PUT = PutAsked("M:X:SP", "M:X", "M:X.SETTING@N", 12.0, 10.0, "A")
NOW_NS = 1_790_000_000_000_000_000


def ruled(*functions: Callable[[PutAsked, Context], Any], put: PutAsked = PUT, fixed: str = "") -> Ruling:
    names = ("first", "second", "third")
    return rule(
        [Policy(name, function) for name, function in zip(names, functions, strict=False)], put, ALICE, NOW_NS, fixed
    )


def allow(_put: PutAsked, _context: Context) -> Allow:
    return Allow()


def broken(_put: PutAsked, _context: Context) -> Allow:
    raise ZeroDivisionError("secret")


def test_a_policy_is_told_who_puts_what_when_and_its_own_options() -> None:
    heard: list[tuple[PutAsked, Context]] = []

    def hear(put: PutAsked, context: Context) -> Allow:
        heard.append((put, context))
        return Allow("well known")

    ruling = rule([Policy("ear", hear, options={"most": 3})], PUT, ALICE, NOW_NS)
    ((put, context),) = heard
    assert ("M:X:SP", "M:X", "M:X.SETTING@N", 12.0, 10.0, "A") == (
        put.pv, put.device, put.request, put.value, put.held, put.units,
    )  # fmt: skip
    assert Context("alice", "console", "192.0.2.7", NOW_NS, {"most": 3}) == context
    assert (12.0, ("ear allowed: well known",), "") == (ruling.value, ruling.said, ruling.denied)


def test_patterns_say_of_which_devices_a_policy_is_asked() -> None:
    policy = Policy("ear", allow, ("M:*", "Z:ACLTST"))
    assert [True, True, False] == [policy.concerns(name) for name in ("M:OUTTMP", "Z:ACLTST", "Z:ACLTS1")]


def test_each_policy_sees_what_those_before_have_left_and_all_decisions_are_told() -> None:
    ruling = ruled(lambda put, _: Modify(put.value - 1, "down"), lambda put, _: Modify(put.value / 11), allow)
    assert 1.0 == ruling.value
    assert ("first made 11.0 of 12.0: down", "second made 1.0 of 11.0", "third allowed") == ruling.said
    assert ruling.said[:2] == ruling.changes
    assert not ruling.denied


def test_the_first_denial_ends_it() -> None:
    ruling = ruled(lambda *_: Allow("day"), lambda put, _: Deny(f"{put.value:g} is too hot"), broken)
    assert ("second denies: 12 is too hot", ("first allowed: day",)) == (ruling.denied, ruling.said)
    assert (None, False) == (ruling.error, ruling.broken)


@pytest.mark.parametrize("raised", [ZeroDivisionError("secret"), SystemExit(3), RecursionError()])
def test_a_policy_that_breaks_has_denied_and_says_nothing_of_its_insides(raised: BaseException) -> None:
    def breaks(_put: PutAsked, _context: Context) -> Allow:
        raise raised

    ruling = ruled(allow, breaks, allow)
    assert f"second broke with {type(raised).__name__}; whoever keeps it has to mend it" == ruling.denied
    assert (raised, True) == (ruling.error, ruling.broken)


@pytest.mark.parametrize("answer", [None, True, "allow", Allow, Deny])
def test_any_other_answer_than_a_verdict_has_denied(answer: object) -> None:
    ruling = ruled(lambda *_: answer)
    assert ruling.broken
    assert ruling.denied.startswith(f"first answered {type(answer).__name__} in place of Allow, Deny or Modify")


VALUES = [
    (12.0, 3, 3.0),
    (12.0, np.float32(0.5), 0.5),
    (np.array([1.0, 2.0]), [3, 4], np.array([3.0, 4.0])),
    ("abc", "ab", "ab"),
    (b"ab", b"cd", b"cd"),
    (("a", "b"), ("c", "d"), ("c", "d")),
]


@pytest.mark.parametrize(("before", "given", "sent"), VALUES)
def test_a_value_of_the_same_kind_takes_the_place_of_what_was_put(before: Any, given: Any, sent: Any) -> None:
    ruling = ruled(lambda *_: Modify(given), put=replace(PUT, value=before))
    assert not ruling.denied
    assert type(sent) is type(ruling.value)
    np.testing.assert_array_equal(sent, ruling.value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "given", "said"),
    [
        (12.0, "13", "str takes no place of float"),
        (12.0, None, "NoneType takes no place of float"),
        (12.0, object(), "object is no number"),
        (12.0, 10**400, "int is no number"),
        (12.0, [1.0], "that has the shape (1,)"),
        (np.array([1.0, 2.0]), [3.0], "that has the shape (1,)"),
        ("abc", b"abc", "bytes takes no place of str"),
        (("a", "b"), ("a", 1), "tuple takes no place of tuple"),
    ],
)
def test_a_value_of_another_kind_has_denied(before: Any, given: Any, said: str) -> None:
    ruling = ruled(lambda *_: Modify(given), put=replace(PUT, value=before))
    assert ruling.broken
    assert f"first would change the value, but {said}; whoever keeps it has to mend it" == ruling.denied


def test_what_cannot_be_changed_stays_and_says_why() -> None:
    ruling = ruled(lambda *_: Modify("OFF"), put=replace(PUT, value="ON"), fixed="a command is no setting")
    assert ("ON", True) == (ruling.value, ruling.broken)
    assert "first would change the value, but a command is no setting" in ruling.denied


def test_no_policy_can_change_an_array_in_place() -> None:
    value, held = np.array([1.0, 2.0]), np.array([0.0, 0.0])

    def reach(put: PutAsked, _context: Context) -> Allow:
        for array in (put.value, put.held):
            assert isinstance(array, np.ndarray)
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 99.0
            array.setflags(write=True)
            array[0] = 99.0
        return Allow()

    ruling = ruled(reach, allow, put=replace(PUT, value=value, held=held))
    assert [[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]] == [list(one) for one in (ruling.value, value, held)]  # type: ignore[arg-type]


def test_a_reason_is_one_line_that_is_not_too_long() -> None:
    ruling = ruled(lambda *_: Deny("a\nb" + "c" * 300))
    assert ruling.denied.startswith("first denies: a?bccc")
    assert len(ruling.denied) < 250
