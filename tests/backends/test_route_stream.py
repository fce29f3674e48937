"""A stream over several backends: taking over, returning, nothing twice, nothing out of order, losses with grace."""

import math

import numpy as np
import pytest

from gateway.backends.route_outlet import Tally
from gateway.backends.route_stream import Failover, RouteSubscription, patience
from gateway.core.batch import ReadingBatch, batch_of
from gateway.core.drf import DataRequest
from gateway.core.errors import BadUrl, Closed
from gateway.core.status import DISCONNECTED, NOPROP, OK, REQTMO, Status
from gateway.core.values import Reading, Value
from tests.support.clock import ManualClock
from tests.support.scripted_backend import ScriptedBackend, ScriptedSubscription

REQUESTS = [DataRequest.parse(text) for text in ("M:OUTTMP@e,0f", "G:AMANDA@e,0f", "D:GAINS[0:2]@e,0f")]
PERIODIC = [DataRequest.parse(text) for text in ("M:OUTTMP@p,1000", "G:AMANDA@p,1000", "D:GAINS[0:2]@p,9000")]
WHEN = Failover(hold=30, grace=2)
Told = tuple[int, object, int]  # slot, value or status, stamp


class Stage:
    """A stream over three backends a, b and c, and a clock that goes when a test says so."""

    def __init__(self, when: Failover = WHEN, requests: list[DataRequest] = REQUESTS) -> None:
        self.clock, self.tally, self.requests = ManualClock(), Tally(), requests
        self.calls = list[bool]()  # whether anything waited to go out, each time that a switch was told
        self.backends = {name: ScriptedBackend(name) for name in "abc"}
        self.stream = RouteSubscription(
            list(self.backends.values()), requests, self.clock, when, self.tally, self._switch
        )

    def _switch(self) -> None:
        self.calls.append(self.stream._outlet.ready)

    def feed(self, name: str) -> ScriptedSubscription:
        """The newest stream of a backend."""
        return self.backends[name].subscriptions[-1]

    def watched(self) -> str:
        """Which backends are watched now."""
        return "".join(n for n, b in self.backends.items() if b.subscriptions and not b.subscriptions[-1].closed)

    def lose(self, name: str, *slots: int, status: Status = DISCONNECTED) -> None:
        lost = [(slot, Reading(self.requests[slot], None, 1, status, f"{name} is lost")) for slot in slots or range(3)]
        self.feed(name).give(batch_of(lost))

    def bring(self, name: str, *items: tuple[int, Value, int]) -> None:
        self.feed(name).give(batch_of([(slot, Reading(self.requests[slot], v, stamp, OK)) for slot, v, stamp in items]))

    def told(self, seconds: float = 0.2) -> list[Told]:
        """What comes out, in order, while so much time passes."""
        found: list[Told] = []
        for _ in range(round(seconds / 0.1)):
            while len(batch := self.stream.get(0)):
                found += items(batch)
            self.clock.advance(0.1)
        return found

    def all_bring(self, name: str, stamp: int) -> None:
        self.bring(name, (0, 1.0, stamp), (1, 2.0, stamp), (2, np.arange(3.0), stamp))


def items(batch: ReadingBatch) -> list[Told]:
    """Slot, value (or status) and stamp, in order of arrival."""
    found: list[Told] = []
    others = list(batch.others)
    for row in range(len(batch.slot) + 1):
        while others and others[0].after == row:
            other = others.pop(0)
            value = other.reading.value if other.reading.value is not None else other.reading.status
            shown = value.tolist() if isinstance(value, np.ndarray) else value
            found.append((other.slot, shown, other.reading.stamp_ns))
        if row < len(batch.slot):
            found.append((int(batch.slot[row]), float(batch.value[row]), int(batch.stamp_ns[row])))
    assert not others
    return found


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_while_the_preferred_backend_works_it_alone_is_watched_and_passed_on_as_it_comes(stage: Stage) -> None:
    batch = batch_of([(0, Reading(REQUESTS[0], 5.0, 7, OK)), (1, Reading(REQUESTS[1], None, 8, NOPROP))])
    stage.feed("a").give(batch)

    assert stage.stream.get(0) is batch
    assert stage.told(5) == []
    assert (stage.watched(), stage.stream.serving(0), stage.stream.counts()) == ("a", "a", [3, 0, 0])


def test_a_lost_backend_is_replaced_before_anybody_is_told(stage: Stage) -> None:
    stage.all_bring("a", 10)
    stage.told()
    stage.lose("a")
    assert stage.told() == []
    assert stage.watched() == "ab"
    stage.all_bring("b", 11)

    assert stage.told() == [(0, 1.0, 11), (1, 2.0, 11), (2, [0.0, 1.0, 2.0], 11)]
    assert [stage.stream.serving(slot) for slot in range(3)] == ["b", "b", "b"]
    assert (stage.tally.switches, stage.tally.unserved) == (3, 0)
    assert stage.calls == [False]  # told once, before anything of the new one
    assert stage.told(3) == []


def test_what_the_new_backend_brings_is_left_out_and_counted_unless_it_is_newer(stage: Stage) -> None:
    stage.all_bring("a", 10)
    stage.told()
    stage.lose("a")
    stage.told()
    stage.all_bring("b", 9)
    stage.all_bring("b", 10)
    stage.bring("b", (0, 1.5, 11), (1, 2.5, 10), (2, np.ones(3), 12))

    assert stage.told(0.5) == [(0, 1.5, 11), (2, [1.0, 1.0, 1.0], 12)]
    assert stage.tally.repeats == 7
    assert stage.told(5) == []


def test_a_reading_without_stamp_is_passed_on(stage: Stage) -> None:
    stage.all_bring("a", 10)
    stage.lose("a")
    stage.told()
    stage.all_bring("b", 0)

    assert [stamp for _, _, stamp in stage.told()] == [0, 0, 0]
    at = stage.clock.now_ns()  # they are as old as their arrival: what the other one brings next must be younger
    for second in range(32):
        stage.all_bring("a", at - 10**9 if second < 31 else at + 10**9)
        stage.all_bring("b", 0)
        assert {stamp for _, _, stamp in stage.told(1)} <= {0, at + 10**9}
    assert stage.stream.counts() == [3, 0, 0]


def test_after_the_hold_time_a_clock_that_is_behind_is_believed(stage: Stage) -> None:
    stage.all_bring("a", 1000)
    stage.lose("a", 0)
    stage.told()
    for second in range(29):
        stage.bring("b", (0, 1.0, 900 + second))
        assert stage.told(1) == []
    stage.told(2)
    stage.bring("b", (0, 1.0, 950))

    assert stage.told() == [(0, 1.0, 950)]


def test_when_nobody_takes_over_the_loss_is_told_after_the_grace_and_a_value_ends_it(stage: Stage) -> None:
    stage.all_bring("a", 10)
    stage.told()
    stage.lose("a")
    assert stage.told(1.5) == []
    assert stage.told(1) == [(0, DISCONNECTED, 1), (1, DISCONNECTED, 1), (2, DISCONNECTED, 1)]
    assert stage.tally.unserved == 3
    assert stage.told(10) == []
    stage.lose("a", 0)
    assert stage.told() == [(0, DISCONNECTED, 1)]  # its text may be another one
    stage.all_bring("b", 10)

    assert stage.told() == [(0, 1.0, 10), (1, 2.0, 10), (2, [0.0, 1.0, 2.0], 10)]  # the same stamp ends the alarm
    stage.all_bring("b", 10)
    assert stage.told() == []


def test_a_backend_that_comes_back_before_another_takes_over_goes_on(stage: Stage) -> None:
    stage.all_bring("a", 10)
    stage.told()
    stage.lose("a")
    stage.told(1)
    stage.all_bring("a", 12)

    assert len(stage.told()) == 3
    assert stage.told(5) == []
    assert (stage.tally.switches, stage.watched()) == (0, "ab")
    for second in range(30):  # an alternative stays for the hold time
        stage.all_bring("a", 13 + second)
        stage.told(1)
    assert stage.watched() == "a"


def test_a_loss_that_a_value_overtakes_in_the_same_batch_is_none(stage: Stage) -> None:
    lost = Reading(REQUESTS[0], None, 1, DISCONNECTED)
    stage.feed("a").give(batch_of([(0, lost), (0, Reading(REQUESTS[0], 5.0, 7, OK))]))
    assert stage.told() == [(0, 5.0, 7)]
    assert (stage.told(5), stage.watched()) == ([], "a")


def test_only_what_is_lost_goes_elsewhere(stage: Stage) -> None:
    stage.all_bring("a", 10)
    stage.lose("a", 1)
    stage.told()
    stage.all_bring("b", 11)
    stage.bring("a", (0, 5.0, 12))

    assert sorted(stage.told()) == [(0, 5.0, 12), (1, 2.0, 11)]
    assert [stage.stream.serving(slot) for slot in range(3)] == ["a", "b", "a"]


def test_an_error_of_a_device_is_an_answer_and_no_reason_to_switch(stage: Stage) -> None:
    stage.lose("a", status=NOPROP)

    assert [value for _, value, _ in stage.told()] == [NOPROP] * 3
    assert (stage.told(5), stage.watched()) == ([], "a")


def test_an_error_of_a_device_that_the_alternative_tells_is_passed_on(stage: Stage) -> None:
    stage.all_bring("a", 10)
    stage.told()
    stage.lose("a")
    stage.told()
    stage.lose("b", 0, status=NOPROP)
    stage.bring("b", (1, 2.0, 11), (2, np.zeros(3), 11))

    assert stage.told() == [(0, NOPROP, 1), (1, 2.0, 11), (2, [0.0, 0.0, 0.0], 11)]


def test_the_preferred_backend_serves_again_after_the_hold_time_and_its_old_readings_are_none(stage: Stage) -> None:
    stage.all_bring("a", 10)
    stage.lose("a")
    stage.told()
    stage.all_bring("b", 11)
    stage.told()
    for second in range(29):
        stage.all_bring("a", 20 + second)
        stage.all_bring("b", 20 + second)
        assert [(stamp, stage.stream.serving(0)) for _, _, stamp in stage.told(1)] == [(20 + second, "b")] * 3
    stage.all_bring("a", 49)
    stage.told(2)
    assert stage.stream.counts() == [3, 0, 0]
    stage.all_bring("a", 50)
    stage.all_bring("b", 51)

    assert [stamp for _, _, stamp in stage.told()] == [50, 50, 50]
    assert (stage.tally.switches, stage.tally.unserved) == (6, 0)


def test_a_preferred_backend_that_comes_and_goes_does_not_carry_its_clients_along(stage: Stage) -> None:
    stage.all_bring("a", 10)
    stage.lose("a")
    stage.told()
    for turn in range(20):
        stage.all_bring("b", 100 + turn)
        stage.all_bring("a", 100 + turn)
        stage.told(2)
        stage.lose("a")
        stage.told(2)

    assert (stage.tally.switches, stage.stream.counts()) == (3, [0, 3, 0])


def test_the_third_is_tried_when_the_second_is_lost_or_says_nothing() -> None:
    for silent in (False, True):
        stage = Stage()
        stage.lose("a")
        stage.told()
        if not silent:
            stage.lose("b")
            stage.told()
        stage.told(2.5 if silent else 0)
        assert stage.watched() == "abc"
        stage.all_bring("c", 5)
        assert len(stage.told()) == 3
        assert stage.stream.serving(2) == "c"


def test_a_backend_that_cannot_be_watched_is_passed_over(stage: Stage) -> None:
    def refuse(_: object) -> ScriptedSubscription:
        raise BadUrl("the extra is not installed")

    stage.backends["b"].on_watch = refuse
    stage.lose("a")
    stage.told(0.3)

    assert stage.watched() == "ac"


def test_a_backend_of_which_nothing_comes_is_silent_and_replaced() -> None:
    stage = Stage(requests=PERIODIC)
    for second in range(5):
        stage.bring("a", (0, 1.0, 10 + second), (1, 1.0, 10 + second))
        stage.told(1)
    assert stage.watched() == "a"
    stage.told(2.5)
    assert stage.watched() == "ab"
    stage.bring("b", (0, 2.0, 90))
    assert stage.told() == [(0, 2.0, 90)]
    stage.bring("b", (0, 2.0, 91))

    assert [(slot, status) for slot, status, _ in stage.told(2.5)] == [(0, 2.0), (1, REQTMO)]
    assert stage.tally.unserved == 1


def test_warm_alternatives_are_watched_all_the_time_and_their_newest_goes_out_at_the_switch() -> None:
    stage = Stage(Failover(hold=30, grace=2, warm=True))
    assert stage.watched() == "abc"
    stage.all_bring("a", 10)
    stage.bring("b", (0, 7.0, 11), (1, 7.0, 10), (2, np.ones(3), 12))
    assert len(stage.told()) == 3
    stage.lose("a")

    assert stage.told() == [(0, 7.0, 11), (2, [1.0, 1.0, 1.0], 12)]
    assert stage.stream.counts() == [0, 3, 0]
    assert (stage.told(40), stage.watched()) == ([], "abc")


def test_close_frees_everything_and_an_alternative_that_opens_too_late(stage: Stage) -> None:
    stage.lose("a")
    stage.told()
    stage.stream.close()
    stage.stream.close()

    assert stage.watched() == ""
    with pytest.raises(Closed):
        stage.stream.get(1)


def test_a_first_backend_that_cannot_be_watched_is_an_error_as_without_a_route() -> None:
    first = ScriptedBackend("a")

    def refuse(_: object) -> ScriptedSubscription:
        raise Closed("the backend a was closed")

    first.on_watch = refuse
    with pytest.raises(Closed, match="a was closed"):
        RouteSubscription([first, ScriptedBackend("b")], REQUESTS, ManualClock(), WHEN, Tally(), lambda: None)


def test_what_the_streams_drop_is_counted_also_of_those_that_are_over(stage: Stage) -> None:
    stage.feed("a").dropped = 2
    stage.all_bring("a", 5)
    stage.lose("a", 0)
    stage.told()
    stage.feed("b").dropped = 3
    assert stage.stream.dropped == 5
    for second in range(40):
        stage.all_bring("a", 10 + second)
        stage.told(1)

    assert (stage.watched(), stage.stream.dropped) == ("a", 5)


def test_silence_is_what_half_of_the_requests_allow() -> None:
    def of(*events: str) -> float:
        return patience([DataRequest.parse(f"M:OUTTMP@{event}") for event in events])

    assert of("p,1000", "p,1000", "p,60000") == 3.0
    assert of("e,0f", "q,1000") == math.inf


def test_a_stream_of_nothing_is_empty() -> None:
    stream = RouteSubscription(
        [ScriptedBackend("a"), ScriptedBackend("b")], [], ManualClock(), WHEN, Tally(), lambda: None
    )

    assert len(stream.get(0)) == 0
    stream.close()
