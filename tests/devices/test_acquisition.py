import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from devices.acquisition import Acquisition
from devices.table import DeviceTable
from gateway.backends.subscription import BoundedSubscription
from gateway.core.batch import EMPTY, ReadingBatch
from gateway.core.drf import DataRequest
from gateway.core.status import DISCONNECTED, REQTMO
from gateway.plan.model import Watch
from gateway.runtime.backoff import Backoff
from tests.devices.samples import batch, items, scalars, watch
from tests.support.clock import ManualClock
from tests.support.leaks import no_leaks as no_leaks
from tests.support.scripted_backend import ScriptedBackend, ScriptedSubscription

pytestmark = pytest.mark.usefixtures("no_leaks")
AT_ONCE = Backoff(first=0.0)


class Kept:
    """A sink that keeps everything, and looks into the table when it is told of something."""

    def __init__(self, table: DeviceTable) -> None:
        self._table = table
        self._changed = threading.Condition()
        self.batches: list[ReadingBatch] = []
        self.in_buffer: list[float] = []

    def put(self, news: ReadingBatch) -> None:
        with self._changed:
            self.batches.append(news)
            self.in_buffer += [float(self._table.last(int(row), 1).values[0]) for row in news.slot]
            self._changed.notify_all()

    @property
    def items(self) -> list[tuple[int, object]]:
        with self._changed:
            return items(self.batches)

    def wait_for(self, item: tuple[int, object], within: float = 10.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: item in items(self.batches), within), f"{item} did not come"


class Line:
    """One acquisition of rows 2 and 0 of a table of three, all parts under control."""

    def __init__(self, backoff: Backoff = AT_ONCE, watches: Sequence[Watch] = scalars(3)) -> None:
        self.clock = ManualClock()
        self.table = DeviceTable(watches, 8, self.clock)
        self.backend = ScriptedBackend("dpm")
        self.sink = Kept(self.table)
        self.acquisition = Acquisition(self.backend, self.table, [2, 0], [self.sink], self.clock, backoff)


class Edges:
    """What a row is said to be, one entry for each time it was told."""

    def __init__(self, line: Line, row: int) -> None:
        self.seen: list[bool] = []
        line.table.on_edge(row, lambda: self.seen.append(line.table.stale(row)))


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    made.acquisition.start()
    yield made
    assert made.acquisition.stop(5)
    assert all(subscription.closed for subscription in made.backend.subscriptions)


def test_readings_reach_the_table_before_the_sinks_under_the_numbers_of_their_rows(line: Line) -> None:
    stream = line.backend.subscription()
    assert [request.device for request in stream.requests] == ["S:D00002", "S:D00000"]
    stream.give(batch((0, 1.5), (1, 2.5)))
    stream.settle()
    assert line.sink.items == [(2, 1.5), (0, 2.5)]
    assert line.sink.in_buffer == [1.5, 2.5]
    assert line.table.snapshot(2).value == 1.5
    assert line.acquisition.rows == (2, 0)
    assert line.acquisition.name == "dpm"


def test_a_lost_link_is_news_once(line: Line) -> None:
    stream = line.backend.subscription()
    for _ in range(3):
        stream.give(batch((0, None, DISCONNECTED)))
    stream.settle()
    assert line.sink.items == [(2, None)]


def test_a_death_makes_all_its_rows_invalid_within_a_second_and_the_worker_begins_anew(line: Line) -> None:
    first = line.backend.subscription(0)
    first.give(batch((0, 1.0), (1, 2.0)))
    first.settle()
    first.give(ValueError("injected"))
    line.sink.wait_for((2, None), within=1.0)
    line.sink.wait_for((0, None), within=1.0)
    second = line.backend.subscription(1)
    second.settle()
    assert first.closed
    assert line.acquisition.restarts == 1
    lost = line.table.snapshot(2)
    assert (lost.value, lost.status, lost.has_value) == (1.0, DISCONNECTED, False)
    assert lost.message == "the acquisition from dpm stopped (ValueError) and begins anew"
    assert line.table.snapshot(1).seen == 0
    second.give(batch((0, 3.0)))
    second.settle()
    assert line.table.snapshot(2).has_value
    assert line.sink.items == [(2, 1.0), (0, 2.0), (2, None), (0, None), (2, 3.0)]


def test_rows_are_invalid_at_once_not_after_the_delay_of_the_restart() -> None:
    line = Line(Backoff(first=3600.0, cap=3600.0))
    line.acquisition.start()
    line.backend.subscription().give(ValueError("injected"))
    line.sink.wait_for((0, None), within=1.0)
    assert line.acquisition.stop(5)
    assert line.acquisition.restarts == 0


def test_a_batch_that_nobody_asked_for_is_a_death_and_not_the_end(line: Line) -> None:
    line.backend.subscription(0).give(batch((5, 1.0)))
    line.backend.subscription(1).settle()
    assert line.acquisition.restarts == 1


def test_a_subscription_that_was_closed_by_another_is_a_death(line: Line) -> None:
    line.backend.subscription(0).settle()
    line.backend.close()
    line.sink.wait_for((2, None))
    line.backend.subscription(1).settle()
    assert line.acquisition.restarts == 1


def test_a_backend_that_cannot_even_be_watched_is_tried_again() -> None:
    line = Line()
    refusals = iter((True, True, False))

    def refuse(requests: Sequence[DataRequest]) -> ScriptedSubscription:
        if next(refusals):
            raise OSError("injected")
        return ScriptedSubscription(requests)

    line.backend.on_watch = refuse
    line.acquisition.start()
    line.backend.subscription().settle()
    assert line.acquisition.restarts == 2
    assert line.sink.items == [(2, None), (0, None)]
    assert line.acquisition.stop(5)


def test_silence_is_told_once_and_ends_with_the_next_value(line: Line) -> None:
    stream = line.backend.subscription()
    stream.give(batch((0, 1.0), (1, 2.0)))
    stream.settle()
    for _ in range(6):
        line.clock.advance(1.0)
        stream.give(batch((1, 2.0)))
        stream.settle()
    assert [item for item in line.sink.items if item[0] == 2] == [(2, 1.0), (2, None)]
    assert line.acquisition.silent == 1
    silent = line.table.snapshot(2)
    assert (silent.value, silent.status, silent.status.category) == (1.0, REQTMO, "tmo")
    assert line.table.snapshot(0).has_value
    line.clock.advance(1.0)
    stream.give(batch((0, 3.0), (1, 2.0)))
    stream.settle()
    assert line.table.snapshot(2).has_value
    assert line.acquisition.silent == 0


def test_a_row_that_never_speaks_is_declared_silent_after_its_grace(line: Line) -> None:
    stream = line.backend.subscription()
    stream.settle()
    line.clock.advance(3.5)
    stream.give(EMPTY)
    stream.settle()
    assert line.sink.items == [(2, None), (0, None)]


def test_a_time_of_its_own_makes_a_device_silent_also_where_its_event_stops() -> None:
    watches = [replace(watch(event="e,02", device=f"S:D{row:05}"), stale_after=row or None) for row in (0, 1, 20)]
    made = Line(watches=watches)
    edges = Edges(made, 2), Edges(made, 0)
    made.acquisition.start()
    try:
        stream = made.backend.subscription()
        stream.give(batch((0, 1.0), (1, 2.0)))
        stream.settle()
        for seconds, silent in ((19.0, True), (2.0, False)):
            made.clock.advance(seconds)
            stream.give(EMPTY)
            stream.settle()
            assert (made.table.snapshot(2).has_value, made.table.snapshot(0).has_value) == (silent, True)
        assert made.table.snapshot(2).status == REQTMO
        assert (edges[0].seen, edges[1].seen) == ([True], [])
    finally:
        assert made.acquisition.stop(5)


def test_who_stays_away_from_its_clock_event_is_silent_and_nobody_when_the_event_stops() -> None:
    made = Line(watches=[watch(event="e,02", device=f"S:D{row:05}") for row in range(3)])
    made.acquisition.start()
    try:
        stream = made.backend.subscription()
        stream.give(batch((0, 1.0), (1, 2.0)))
        stream.settle()
        for _ in range(3):  # the event comes, one device does not
            made.clock.advance(5.0)
            stream.give(batch((1, 2.0)))
            stream.settle()
        assert [item for item in made.sink.items if item[0] == 2] == [(2, 1.0), (2, None)]
        assert (made.table.snapshot(2).status, made.table.snapshot(0).has_value) == (REQTMO, True)
        stream.give(batch((0, 3.0), (1, 2.0)))
        stream.settle()
        made.clock.advance(1e6)  # the event does not come any more
        stream.give(EMPTY)
        stream.settle()
        assert (made.acquisition.silent, made.table.snapshot(2).has_value) == (0, True)
    finally:
        assert made.acquisition.stop(5)


def test_what_subscriptions_dropped_adds_up_over_restarts(line: Line) -> None:
    first = line.backend.subscription(0)
    first.dropped = 3
    first.give(ValueError("injected"))
    second = line.backend.subscription(1)
    second.settle()
    second.dropped = 4
    assert line.acquisition.dropped == 7


def test_stopping_does_not_wait_for_the_next_reading_and_is_no_death(line: Line) -> None:
    line.backend.subscription().settle()
    assert line.acquisition.stop(5)
    assert line.acquisition.stop(5)
    assert line.acquisition.restarts == 0
    assert line.sink.items == []
    assert line.acquisition.dropped == 0


def test_a_backend_that_hands_over_brings_its_batches_without_the_worker(line: Line) -> None:
    direct = BoundedSubscription(100, direct=True)
    line.backend.on_watch = lambda _: direct  # type: ignore[assignment,return-value]
    line.backend.subscription().give(ValueError("the first one is over"))
    assert line.backend.subscription(1) is direct  # type: ignore[comparison-overlap]
    direct.put(batch((0, 1.0)))
    line.sink.wait_for((2, 1.0))
    assert line.sink.in_buffer == [1.0]


def test_a_batch_that_cannot_be_taken_ends_the_worker_and_not_the_backend(line: Line) -> None:
    made: list[BoundedSubscription] = []

    def watch(_: Sequence[DataRequest]) -> BoundedSubscription:
        made.append(BoundedSubscription(100, direct=True))
        return made[-1]

    line.backend.on_watch = watch  # type: ignore[assignment]
    line.backend.subscription().give(ValueError("the first one is over"))
    line.backend.subscription(1)
    made[0].put(batch((9, 1.0)))  # a slot that was never asked for
    line.backend.subscription(2)
    line.sink.wait_for((2, None))
    made[1].put(batch((1, 3.0)))
    line.sink.wait_for((0, 3.0))
    assert made[0].closed
    assert line.acquisition.restarts == 2


def pass_time(line: Line, seconds: int, *arrives: tuple[int, float]) -> None:
    for _ in range(seconds):
        line.clock.advance(1.0)
        line.backend.subscription().give(batch(*arrives))
        line.backend.subscription().settle()


def test_there_is_one_edge_when_a_row_becomes_stale_and_one_when_it_is_fresh_again(line: Line) -> None:
    edges, other = Edges(line, 2), Edges(line, 0)
    pass_time(line, 3)  # the grace of a new subscription
    assert edges.seen == []
    pass_time(line, 5, (1, 2.0))
    assert (edges.seen, line.table.stale(2)) == ([True], True)
    pass_time(line, 5, (0, 1.0), (1, 2.0))
    assert (edges.seen, line.table.stale(2)) == ([True, False], False)
    assert other.seen == []


def test_a_row_whose_link_is_lost_becomes_stale_too_and_keeps_the_reason(line: Line) -> None:
    edges = Edges(line, 2)
    pass_time(line, 1, (0, 1.0), (1, 2.0))
    line.backend.subscription().give(batch((0, None, DISCONNECTED)))
    pass_time(line, 2, (1, 2.0))
    assert edges.seen == []
    pass_time(line, 4, (1, 2.0))
    assert edges.seen == [True]
    assert line.table.snapshot(2).status == DISCONNECTED
    assert line.acquisition.silent == 0


def test_a_subscription_that_begins_anew_makes_nothing_fresh(line: Line) -> None:
    edges = Edges(line, 2)
    pass_time(line, 5, (1, 2.0))
    line.backend.subscription().give(ValueError("injected"))
    line.backend.subscription(1).settle()
    line.clock.advance(1.0)
    line.backend.subscription(1).give(EMPTY)
    line.backend.subscription(1).settle()
    assert edges.seen == [True]
    line.backend.subscription(1).give(batch((0, 1.0)))
    line.clock.advance(1.0)
    line.backend.subscription(1).settle()
    line.backend.subscription(1).give(EMPTY)
    line.backend.subscription(1).settle()
    assert edges.seen == [True, False]
