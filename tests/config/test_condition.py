"""Conditions as people write them, and what is none."""

import pytest

from gateway.config.condition import Condition, parse_condition


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("M:OUTTMP > 60", Condition("M:OUTTMP", ">", 60.0)),
        ("M:OUTTMP>=-1.5e3", Condition("M:OUTTMP", ">=", -1500.0)),
        ("  N:LGXS:STS:READY = tripped ", Condition("N:LGXS:STS:READY", "=", "tripped")),
        ("X!=0", Condition("X", "!=", 0.0)),
        ("X == on the way", Condition("X", "==", "on the way")),
    ],
)
def test_a_condition_is_a_pv_a_sign_and_a_number_or_a_state(text: str, expected: Condition) -> None:
    assert expected == parse_condition(text)


@pytest.mark.parametrize("text", ["", "M:OUTTMP", "> 5", "M:OUTTMP >", "M:OUTTMP => 5", "A B = 1"])
def test_what_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no condition; write for example 'M:OUTTMP > 60'"):
        parse_condition(text)


def test_a_state_has_no_order() -> None:
    with pytest.raises(ValueError, match="'tripped' in 'X > tripped' is no number; a state can only be = or !="):
        parse_condition("X > tripped")


@pytest.mark.parametrize(
    ("op", "holds"),
    [("<", "100"), ("<=", "110"), ("=", "010"), ("==", "010"), ("!=", "101"), (">=", "011"), (">", "001")],
)
def test_every_sign_means_what_it_says(op: str, holds: str) -> None:
    condition = Condition("X", op, 5.0)
    assert holds == "".join(str(int(condition.holds(value, 5.0))) for value in (4.0, 5.0, 6.0))
