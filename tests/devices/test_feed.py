"""Many feeds on one worker: what one of them suffers is no matter of the others."""

import threading

import pytest

from devices.feed import Feed
from devices.feeds import Feeds
from devices.table import DeviceTable
from gateway.core.batch import ReadingBatch
from gateway.runtime.clock import SystemClock
from simulator.facility import shipped_facility
from simulator.in_process import InProcessBackend
from tests.devices.samples import scalars
from tests.support.leaks import no_leaks as no_leaks
from tests.support.processes import until

pytestmark = pytest.mark.usefixtures("no_leaks")


class Counted:
    def __init__(self) -> None:
        self.rows = 0

    def put(self, batch: ReadingBatch) -> None:
        self.rows += len(batch)


def simulated() -> InProcessBackend:
    return InProcessBackend("sim", shipped_facility(), SystemClock())


def feed_of(backend: InProcessBackend, sink: Counted) -> Feed:
    clock = SystemClock()
    return Feed(backend, DeviceTable(scalars(1), 8, clock), [0], [sink], clock)


def test_a_hundred_feeds_need_one_thread_and_leave_nothing_behind() -> None:
    backend, feeds, sinks = simulated(), Feeds(SystemClock()), [Counted() for _ in range(100)]
    before = threading.active_count()
    feeds.start()
    made = [feed_of(backend, sink) for sink in sinks]
    for feed in made:
        feeds.add(feed)

    assert until(lambda: all(sink.rows for sink in sinks), 10)
    assert threading.active_count() == before + 1
    for feed in made[1:]:
        feeds.remove(feed)
    assert until(lambda: backend.health().requests == 1, 10)
    assert len(feeds) == 1
    assert feeds.stop(5.0)
    assert backend.health().requests == 0
    backend.close()


def test_a_feed_whose_backend_is_closed_says_so_and_the_others_go_on() -> None:
    broken, backend, feeds, lost, good = simulated(), simulated(), Feeds(SystemClock()), Counted(), Counted()
    broken.close()
    feeds.start()
    feeds.add(feed_of(broken, lost))
    feeds.add(feed_of(backend, good))

    assert until(lambda: lost.rows == 1 and good.rows > 0, 10)
    assert feeds.stop(5.0)
    backend.close()
