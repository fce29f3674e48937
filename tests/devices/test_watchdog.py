import numpy as np

from devices.watchdog import Watchdog, allowed_silence
from tests.devices.samples import watch

YES = np.array([True])


def check(dog: Watchdog, now: float, arrived: float, expected: bool = True) -> tuple[list[int], list[int]]:
    fell, heard = dog.check(now, np.array([arrived]), np.array([expected]))
    return fell.tolist(), heard.tolist()


def test_three_periods_of_silence_are_allowed_and_any_to_events_without_a_rhythm() -> None:
    events = ["p,2000", "p,67", "e,1d", "q,1000", "i"]
    assert allowed_silence([watch(event=event) for event in events]).tolist() == [6.0, 1.0, np.inf, np.inf, np.inf]


def test_there_is_exactly_one_edge_into_silence_and_one_out_of_it() -> None:
    dog = Watchdog(np.array([3.0]), now=0.0)
    assert check(dog, 2.0, 1.0) == ([], [])
    assert check(dog, 4.5, 1.0) == ([0], [])
    assert check(dog, 5.0, 1.0) == ([], [])
    assert dog.silent == 1
    assert check(dog, 60.0, 1.0) == ([], [])
    assert check(dog, 61.0, 60.5) == ([], [0])
    assert check(dog, 62.0, 60.5) == ([], [])
    assert dog.silent == 0


def test_a_row_that_never_spoke_falls_silent_when_the_grace_is_over() -> None:
    dog = Watchdog(np.array([3.0]), now=10.0)
    assert check(dog, 12.9, -np.inf) == ([], [])
    assert check(dog, 13.1, -np.inf) == ([0], [])
    assert check(dog, 14.0, -np.inf) == ([], [])


def test_a_new_subscription_has_its_grace() -> None:
    dog = Watchdog(np.array([3.0]), now=0.0)
    dog.grace(10.0)
    assert check(dog, 12.9, 1.0) == ([], [])
    assert check(dog, 13.1, 1.0) == ([0], [])


def test_a_row_that_says_why_it_has_no_value_does_not_fall_silent() -> None:
    dog = Watchdog(np.array([3.0]), now=0.0)
    assert check(dog, 100.0, 1.0, expected=False) == ([], [])


def test_an_event_without_a_rhythm_never_falls_silent() -> None:
    dog = Watchdog(np.array([np.inf]), now=0.0)
    assert check(dog, 1e9, -np.inf) == ([], [])


def test_many_rows_are_judged_at_once() -> None:
    dog = Watchdog(np.full(10_000, 3.0), now=0.0)
    arrived = (np.arange(10_000) % 2 * 10).astype(np.float64)
    fell, heard = dog.check(10.0, arrived, np.ones(10_000, np.bool_))
    assert fell.tolist() == list(range(0, 10_000, 2))
    assert heard.tolist() == []
