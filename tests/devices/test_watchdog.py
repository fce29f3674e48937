from dataclasses import replace

import numpy as np

from devices.watchdog import Watchdog, allowed_silence, companies
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


def test_those_that_come_with_one_event_are_each_others_company() -> None:
    events = ["e,1d", "p,1000", "E,1D,E,0", "e,02", "s,Z:ACLTST,1,0,=", "q,1000", "s,Z:ACLTST,1,0,="]
    assert companies([watch(event=event) for event in events]).tolist() == [0, -1, 0, 1, 2, -1, 2]


def edges(dog: Watchdog, now: float, *arrived: float) -> tuple[list[int], list[int]]:
    fell, heard = dog.check(now, np.array(arrived), np.ones(len(arrived), np.bool_))
    return fell.tolist(), heard.tolist()


def test_who_does_not_come_with_an_event_that_came_falls_silent_in_one_event() -> None:
    dog = Watchdog(np.full(3, np.inf), 0.0, np.array([0, 0, 0]))
    assert edges(dog, 10.0, 10.0, 10.1, 10.0) == ([], [])
    assert edges(dog, 20.4, 20.0, 10.1, 20.1) == ([1], [])
    assert edges(dog, 30.4, 30.0, 10.1, 30.1) == ([], [])
    assert edges(dog, 40.4, 40.0, 40.2, 40.1) == ([], [1])
    assert edges(dog, 41.0, 40.0, 40.2, 40.1) == ([], [])


def test_an_event_that_stops_makes_nobody_silent_and_brings_nobody_back() -> None:
    dog = Watchdog(np.full(3, np.inf), 0.0, np.array([0, 0, 1]))
    assert edges(dog, 10.0, 10.0, 5.0, -np.inf) == ([1], [])
    assert edges(dog, 1e6, 10.0, 5.0, -np.inf) == ([], [])
    assert dog.silent == 1


def test_who_never_came_with_an_event_has_the_grace_of_a_new_subscription() -> None:
    dog = Watchdog(np.full(2, np.inf), 0.0, np.array([0, 0]))
    dog.grace(100.0)
    assert edges(dog, 100.9, 100.8, -np.inf) == ([], [])
    assert edges(dog, 102.0, 101.9, -np.inf) == ([1], [])


def test_a_device_may_have_its_own_time_whatever_its_event() -> None:
    events = ["p,1000", "e,1d", "q,1000"]
    assert allowed_silence([replace(watch(event=event), stale_after=20.0) for event in events]).tolist() == [20.0] * 3
