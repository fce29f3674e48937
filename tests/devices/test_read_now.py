"""A reading that is wanted now is asked for, again where it is too old, and goes the way of all readings."""

import threading
from collections.abc import Callable, Iterator

import pytest

from devices.feed import Feed
from devices.read_now import ReadNow
from devices.table import DeviceTable
from gateway.core.batch import ReadingBatch
from gateway.core.drf import DataRequest
from gateway.core.errors import Refused
from gateway.core.status import NOPROP, OK, UTIME, Status
from gateway.core.values import Reading
from gateway.runtime.clock import SystemClock
from tests.devices.samples import SECOND, items, scalars
from tests.support.leaks import no_leaks as no_leaks
from tests.support.processes import until
from tests.support.scripted_backend import ScriptedBackend

pytestmark = pytest.mark.usefixtures("no_leaks")


class Desk:
    """Two workers, a feed of two rows, and what it passes on."""

    def __init__(self) -> None:
        self.clock, self.backend = SystemClock(), ScriptedBackend()
        self.table = DeviceTable(scalars(2), 8, self.clock)
        self.news: list[ReadingBatch] = []
        self.feed = Feed(self.backend, self.table, [0, 1], [self], self.clock)
        self.reads = ReadNow(self.clock, 2)
        self.failed: list[str] = []

    def put(self, batch: ReadingBatch) -> None:
        self.news.append(batch)

    def ask(self, row: int = 1, after_ns: int = SECOND, seconds: float = 10.0):
        return self.reads.ask(self.feed, row, after_ns, self.clock.monotonic() + seconds, self.failed.append)

    def answers(self, *answers: tuple[float | None, int, Status]) -> Callable[[DataRequest], Reading]:
        left = list(answers)

        def answer(request: DataRequest) -> Reading:
            value, stamp_ns, status = left.pop(0) if len(left) > 1 else left[0]
            return Reading(request, value, stamp_ns, status)

        return answer


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    made.reads.start()
    yield made
    assert made.reads.stop(5)


def test_the_service_is_asked_once_and_what_it_says_reaches_table_and_sinks(desk: Desk) -> None:
    desk.backend.on_read = desk.answers((4.5, 2 * SECOND, OK))
    desk.ask()
    assert until(lambda: desk.news, 10)
    assert items(desk.news) == [(1, 4.5)]
    assert (desk.table.snapshot(1).value, desk.table.snapshot(1).stamp_ns) == (4.5, 2 * SECOND)
    assert [str(request) for request in desk.backend.reads] == ["S:D00001.READING@I"]


def test_a_reading_that_is_too_old_is_asked_for_again(desk: Desk) -> None:
    desk.backend.on_read = desk.answers((1.0, SECOND - 1, OK), (2.0, SECOND, OK), (3.0, SECOND + 1, OK))
    wish = desk.ask()
    assert until(lambda: (1, 3.0) in items(desk.news), 10)
    assert len(desk.backend.reads) == 3
    assert wish.trouble == "the service sent one that is 0.000 s too old"


def test_a_newer_reading_that_came_before_is_not_overtaken(desk: Desk) -> None:
    desk.table.take(1, Reading(desk.table.watches[1].request, 9.0, 5 * SECOND, OK))
    desk.backend.on_read = desk.answers((1.0, 2 * SECOND, OK))
    desk.ask()
    assert until(lambda: desk.backend.reads, 10)
    assert desk.reads.stop(5)
    assert desk.news == []
    assert desk.table.snapshot(1).value == 9.0


def test_what_may_pass_is_tried_again_and_what_lasts_is_told_at_once(desk: Desk) -> None:
    desk.backend.on_read = desk.answers((None, 0, UTIME), (None, 0, NOPROP))
    desk.ask()
    assert until(lambda: desk.failed, 10)
    assert desk.failed == [str(NOPROP)]
    assert len(desk.backend.reads) == 2
    assert desk.news == []


def test_wishes_for_one_row_share_one_call_and_a_slow_device_holds_up_no_other(desk: Desk) -> None:
    go, begun = threading.Event(), threading.Event()

    def answer(request: DataRequest) -> Reading:
        if request.device == "S:D00000":
            begun.set()
            assert go.wait(10)
        return Reading(request, 1.0, 2 * SECOND, OK)

    desk.backend.on_read = answer
    desk.ask(row=0)
    assert begun.wait(10)
    desk.ask(row=1)
    assert until(lambda: (1, 1.0) in items(desk.news), 10)
    go.set()
    assert until(lambda: (0, 1.0) in items(desk.news), 10)


def test_nobody_is_asked_for_a_wish_that_is_over() -> None:
    made = Desk()
    made.ask().over = True
    made.ask(seconds=-1.0)
    made.ask(row=0)
    made.backend.on_read = made.answers((1.0, 2 * SECOND, OK))
    made.reads.start()
    assert until(lambda: made.news, 10)
    assert made.reads.stop(5)
    assert [request.device for request in made.backend.reads] == ["S:D00000"]


def test_wishes_that_wait_for_one_row_are_served_by_one_call() -> None:
    made = Desk()
    for _ in range(5):
        made.ask()
    made.backend.on_read = made.answers((1.0, 2 * SECOND, OK))
    made.reads.start()
    assert until(lambda: made.news, 10)
    assert made.reads.stop(5)
    assert len(made.backend.reads) == 1


def test_too_many_wishes_are_refused() -> None:
    made = Desk()
    for _ in range(1000):
        made.ask()
    with pytest.raises(Refused, match="1000 readings are asked for already"):
        made.ask()


def test_a_worker_that_dies_says_so_and_begins_anew(desk: Desk) -> None:
    def broken(_: DataRequest) -> Reading:
        raise ValueError("injected")

    desk.backend.on_read = broken
    desk.ask()
    assert until(lambda: desk.failed, 10)
    assert desk.failed == ["the worker that asked failed (ValueError)"]
    desk.backend.on_read = desk.answers((1.0, 2 * SECOND, OK))
    desk.ask(row=0)
    assert until(lambda: desk.news, 10)
