"""NanEqual: what is unknown on both sides is the same."""

import math
from dataclasses import dataclass

from gateway.core.nan_equal import NanEqual


@dataclass(frozen=True, slots=True, eq=False)
class Limits(NanEqual):
    low: float = math.nan
    high: float = math.nan
    units: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class OtherLimits(NanEqual):
    low: float = math.nan
    high: float = math.nan
    units: str = ""


def test_two_nans_are_equal_whatever_objects_they_are() -> None:
    one, other = Limits(low=float("nan"), high=1.0), Limits(low=float("inf") - float("inf"), high=1.0)
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1


def test_everything_else_is_compared_as_it_is() -> None:
    assert Limits(1.0, 2.0, "A") == Limits(1.0, 2.0, "A")
    for other in (Limits(1.0, 2.0, "V"), Limits(1.0, math.nan, "A"), Limits(1.0, 2.5, "A"), OtherLimits(1.0, 2.0, "A")):
        assert Limits(1.0, 2.0, "A") != other
    assert Limits() != (math.nan, math.nan, "")
