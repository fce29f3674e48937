import select
import socket
import threading
import time

import pytest

from gateway.backends.tcp import connect, said, until_ready
from gateway.runtime.clock import SystemClock
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
CLOCK = SystemClock()


def never() -> bool:
    return False


def test_it_connects_to_the_address_that_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with connect("localhost", port, CLOCK.monotonic() + 2, CLOCK, never) as made:
            assert made.getpeername()[1] == port
            assert made.gettimeout() == 0.0


@pytest.mark.parametrize(("host", "reason"), [("127.0.0.1", "refused"), ("no.such.host.invalid", "."), ("a" * 70, ".")])
def test_what_cannot_be_reached_is_said(host: str, reason: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match=reason) as raised:
            connect(host, bound.getsockname()[1], CLOCK.monotonic() + 2, CLOCK, never)
        assert said(raised.value)


def test_waiting_ends_at_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            until_ready(ours, select.POLLIN, CLOCK.monotonic() + 0.1, CLOCK, never)
        assert time.monotonic() - begin < 1.0


def test_waiting_can_be_given_up() -> None:
    given_up = threading.Event()
    given_up.set()
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ConnectionAbortedError, match="closed here"):
        until_ready(ours, select.POLLIN, CLOCK.monotonic() + 5, CLOCK, given_up.is_set)


def test_a_connection_that_is_given_up_is_closed_again() -> None:
    with socket.socket() as full:  # a listener whose queue is full answers no further connection
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with pytest.raises(ConnectionAbortedError):
            connect("127.0.0.1", port, CLOCK.monotonic() + 5, CLOCK, lambda: True)
        for one in waiting:
            one.close()


def test_a_reason_is_never_empty() -> None:
    assert [said(OSError(2, "not there")), said(OSError("odd")), said(OSError())] == ["not there", "odd", "OSError"]
