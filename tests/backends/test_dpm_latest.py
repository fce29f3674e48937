"""Whoever joins a list is told the newest of each reference, however it came."""

import numpy as np

from gateway.backends.dpm_latest import Latest
from gateway.backends.dpm_readings import Arrived, arrived_readings
from gateway.core.drf import DataRequest
from gateway.core.remembered import constant
from gateway.core.status import DISCONNECTED
from gateway.core.values import Reading

REQUEST = DataRequest.parse("M:OUTTMP@p,1000")
WORD = DataRequest.parse("N|LGXS.BIT_VALUE")
ALL, SOME = constant(np.array([1, 2, 3])), constant(np.array([2, 3]))


def latest(size: int = 4) -> Latest:
    made = Latest()
    made.grow(size, dict.fromkeys(range(1, size), REQUEST))
    return made


def piece(ref: "np.ndarray[tuple[int], np.dtype[np.int64]]", value: float) -> Arrived:
    count = len(ref)
    return Arrived(ref, np.full(count, int(value)), np.full(count, value), np.zeros(count, np.int16))


def values(of: Latest, refs: list[int]) -> list[float]:
    return of.of(refs).value.tolist()


def test_what_comes_again_and_again_counts_in_the_order_it_came() -> None:
    kept = latest()
    for value, ref in ((1.0, ALL), (2.0, SOME), (3.0, ALL), (4.0, SOME)):
        kept.keep(piece(ref, value))
    assert values(kept, [1, 2, 3]) == [3.0, 4.0, 4.0]
    kept.keep(piece(ALL, 5.0))
    kept.keep(piece(np.array([3]), 6.0))
    assert values(kept, [1, 2, 3]) == [5.0, 5.0, 6.0]


def test_a_reading_without_a_value_takes_the_place_of_what_waits() -> None:
    kept = latest()
    kept.keep(piece(ALL, 1.0))
    lost = Reading(REQUEST, None, 5, DISCONNECTED)
    kept.keep(arrived_readings([(2, lost)]))
    found = kept.of([1, 2, 3])
    assert found.ref.tolist() == [1, 3]
    assert [(ref, reading) for _, ref, reading in found.others] == [(2, lost)]
    kept.keep(piece(ALL, 2.0))
    assert kept.of([2]).others == ()


def test_what_waits_is_forgotten_with_its_reference() -> None:
    kept = latest()
    kept.keep(piece(ALL, 1.0))
    kept.forget(2)
    assert kept.of([1, 2, 3]).ref.tolist() == [1, 3]


def test_many_layouts_take_bounded_room() -> None:
    kept = latest(101)
    for ref in range(1, 101):
        kept.keep(piece(constant(np.array([ref])), float(ref)))
    assert len(kept._pending) <= 16
    assert values(kept, list(range(1, 101))) == [float(ref) for ref in range(1, 101)]


def test_words_are_known_by_their_references_and_none_is_said_so() -> None:
    kept = latest()
    assert kept.words is None
    kept.grow(6, {5: WORD})
    assert kept.words is not None
    assert kept.words[:6].tolist() == [False] * 5 + [True]
