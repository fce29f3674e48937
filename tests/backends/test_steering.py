"""Who serves: taking over at once, returning after the hold time, and what counts as a lost backend."""

import numpy as np
import pytest

from gateway.backends.steering import BACKEND_LOST, Steering, is_loss, may_go_elsewhere, unanswered
from gateway.core.drf import DataRequest
from gateway.core.status import DISCONNECTED, NOPROP, OK, PRIV, REQTMO, UTIME, Status
from gateway.core.values import Outcome, Reading, Setting, SettingResult

REQUEST = DataRequest.parse("M:OUTTMP@p,1000")


def slots(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def test_the_preferred_backend_serves_until_it_is_lost_and_another_answers() -> None:
    steering = Steering(2, 2, hold=30)
    steering.answered(0, slots(0, 1), 0)
    assert steering.steer(0).tolist() == []
    steering.lost(0, slots(1))
    assert steering.steer(1).tolist() == []
    assert (steering.serving.tolist(), steering.unserved) == ([0, 0], 1)
    steering.answered(1, slots(0, 1), 2)
    assert steering.steer(2).tolist() == [1]
    assert (steering.serving.tolist(), steering.unserved) == ([0, 1], 0)


def test_the_preferred_one_serves_again_when_it_has_worked_for_the_hold_time_without_a_break() -> None:
    steering = Steering(1, 2, hold=30)
    steering.lost(0, slots(0))
    steering.answered(1, slots(0), 0)
    assert steering.steer(0).tolist() == [0]
    steering.answered(0, slots(0), 10)
    assert steering.steer(39).tolist() == []
    steering.lost(0, slots(0))
    steering.answered(0, slots(0), 39)
    assert steering.steer(60).tolist() == []
    steering.answered(0, slots(0), 60)  # a further answer does not begin the hold time anew
    assert steering.steer(69).tolist() == [0]
    assert steering.serving.tolist() == [0]


def test_when_the_one_that_serves_is_lost_the_preferred_one_need_not_wait() -> None:
    steering = Steering(1, 3, hold=30)
    steering.lost(0, slots(0))
    steering.lost(1, slots(0))
    steering.answered(2, slots(0), 0)
    steering.steer(0)
    steering.answered(1, slots(0), 5)
    steering.lost(2, slots(0))
    assert (steering.steer(6).tolist(), steering.serving.tolist()) == ([0], [1])


def test_a_better_one_that_has_worked_long_enough_wins_over_the_one_between() -> None:
    steering = Steering(1, 3, hold=10)
    steering.lost(0, slots(0))
    steering.answered(2, slots(0), 0)
    steering.steer(0)
    steering.answered(1, slots(0), 1)
    steering.answered(0, slots(0), 2)
    assert (steering.steer(11.5).tolist(), steering.serving.tolist()) == ([0], [1])
    assert (steering.steer(12.5).tolist(), steering.serving.tolist()) == ([0], [0])


def test_a_slot_is_forsaken_when_each_of_the_first_feeds_has_lost_it() -> None:
    steering = Steering(2, 3, hold=10)
    assert not steering.forsaken(1)
    steering.lost(0, slots(0))
    assert steering.forsaken(1)
    steering.lost(1, slots(1))
    assert not steering.forsaken(2)
    steering.lost(1, slots(0))
    assert steering.forsaken(2)
    steering.forget(1)
    assert not steering.forsaken(2)
    assert steering.answering(1).tolist() == []


def test_it_says_when_a_choice_may_have_changed() -> None:
    steering = Steering(1, 2, hold=10)
    steering.answered(0, slots(0), 0)
    assert steering.changed
    steering.steer(0)
    steering.answered(0, slots(0), 1)
    assert not steering.changed
    steering.lost(0, slots(0))
    assert steering.changed


@pytest.mark.parametrize("status", BACKEND_LOST)
def test_these_statuses_say_that_a_backend_is_lost(status: Status) -> None:
    reading = Reading(REQUEST, None, 1, status)

    assert is_loss(reading)
    assert unanswered(reading)
    assert not is_loss(Reading(REQUEST, 1.0, 1, status))


@pytest.mark.parametrize("status", [NOPROP, PRIV, UTIME, Status(17, -49)])
def test_what_is_wrong_with_a_device_is_an_answer_of_the_backend(status: Status) -> None:
    reading = Reading(REQUEST, None, 1, status)

    assert not is_loss(reading)
    assert not unanswered(reading)


def test_no_answer_in_time_is_worth_asking_another_backend() -> None:
    assert unanswered(Reading(REQUEST, None, 1, REQTMO))
    assert not is_loss(Reading(REQUEST, None, 1, REQTMO))


@pytest.mark.parametrize(
    ("status", "outcome", "sent", "expected"),
    [
        (DISCONNECTED, Outcome.REFUSED, False, True),
        (REQTMO, Outcome.REFUSED, False, True),
        (DISCONNECTED, Outcome.REFUSED, True, False),
        (DISCONNECTED, Outcome.UNKNOWN, True, False),
        (PRIV, Outcome.REFUSED, False, True),  # no ticket: nobody was asked
        (PRIV, Outcome.REFUSED, True, False),  # the service's own answer
        (OK, Outcome.ACCEPTED, True, False),
    ],
)
def test_a_setting_goes_elsewhere_only_when_the_backend_is_lost_and_nothing_was_sent(
    status: Status, outcome: Outcome, sent: bool, expected: bool
) -> None:
    result = SettingResult(Setting(REQUEST.for_writing(), 1.0), status, outcome, sent=sent)

    assert may_go_elsewhere(result) is expected
