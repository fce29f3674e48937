"""A list whose worker dies of a defect comes back, and nobody is left without news."""

from collections.abc import Callable

import pytest

from gateway.backends.dpm_link import Address, DpmLink
from gateway.backends.dpm_orders import Join, Timeouts
from gateway.backends.dpm_watch_list import WatchList
from gateway.backends.subscription import BoundedSubscription
from gateway.backends.wake import Wake
from gateway.core.drf import DataRequest
from gateway.core.status import DISCONNECTED
from gateway.runtime.clock import SystemClock
from tests.backends.scripted_server import ScriptedServer

REQUEST = DataRequest.parse("M:OUTTMP@p,1000")


def test_a_defect_in_the_worker_is_news_for_all_and_the_worker_is_started_again(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = SystemClock()
    made: list[int] = []

    def make(wake: Wake, cancelled: Callable[[], bool]) -> DpmLink:
        made.append(1)
        if len(made) == 2:
            raise RuntimeError("a defect")
        return DpmLink(Address("127.0.0.1", server.port), clock, 2.0, wake, cancelled)

    watched = WatchList("list", make, clock, Timeouts(backoff_cap=0.05))
    stream = BoundedSubscription(100)
    watched.order(Join(stream, {1: [0]}, {1: REQUEST}))
    watched.start()
    watched.start()
    assert stream.get(5).value.tolist() == [72.5]
    server.clients[0].hang_up()
    (lost,) = stream.get(5).others
    assert lost.reading.status == DISCONNECTED
    assert stream.get(5).value.tolist() == [72.5]
    assert any("died" in record.message for record in caplog.records)
    watched.stop(2.0)
