import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.backoff import Backoff


@pytest.mark.parametrize(("attempt", "expected"), [(0, 0.5), (1, 1.0), (2, 2.0), (5, 16.0), (6, 30.0), (10**6, 30.0)])
def test_without_luck_either_way_delays_double_up_to_the_cap(attempt: int, expected: float) -> None:
    assert expected == Backoff(first=0.5, factor=2.0, cap=30.0, jitter=0.2).delay(attempt, 0.5)


def test_jitter_shortens_and_lengthens_by_its_share() -> None:
    backoff = Backoff(first=1.0, factor=2.0, cap=30.0, jitter=0.2)
    assert pytest.approx(0.8) == backoff.delay(0, 0.0)
    assert pytest.approx(1.2) == backoff.delay(0, 1.0)


def test_no_first_delay_means_no_delay_at_all() -> None:
    assert Backoff(first=0.0).delay(7, 1.0) == 0.0


def test_a_factor_of_one_keeps_the_delay() -> None:
    assert Backoff(first=2.0, factor=1.0).delay(10**6, 0.5) == 2.0


@given(st.integers(0, 10**9), st.floats(0, 1))
def test_no_delay_is_negative_or_above_the_cap(attempt: int, chance: float) -> None:
    assert 0.0 <= Backoff().delay(attempt, chance) <= 30.0
