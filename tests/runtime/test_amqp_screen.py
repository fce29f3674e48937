"""What stands between pika's loop and pika, over a real socket."""

import socket
from collections.abc import Iterable, Iterator

import pytest
from pika import frame
from pika.adapters.select_connection import IOLoop
from pika.adapters.utils.nbio_interface import AbstractStreamProtocol, AbstractStreamTransport

from gateway.runtime.amqp_screen import Screen, StreamServices
from tests.support.clock import ManualClock
from tests.support.leaks import check_leaks

_ROUNDS = 50  # turns of the loop, each of which ends at once where there is nothing to do


class Heard(AbstractStreamProtocol):
    """What pika would get."""

    def __init__(self) -> None:
        self.data = b""
        self.transport: AbstractStreamTransport | None = None

    def connection_made(self, transport: AbstractStreamTransport) -> None:
        self.transport = transport

    def connection_lost(self, error: BaseException | None) -> None:
        del error

    def eof_received(self) -> bool:
        return False

    def data_received(self, data: bytes) -> None:
        self.data += data


class Capitals:
    """Keeps capital letters for itself."""

    def __init__(self) -> None:
        self.begun = 0

    def restart(self) -> None:
        self.begun += 1

    def receive(self, data: bytes) -> Iterable[bytes]:
        return (bytes([one]) for one in data if not 65 <= one <= 90)


class Between:
    """Services with a connection, and the far end of it."""

    def __init__(self, loop: IOLoop, screen: Screen | None) -> None:
        self.clock, self.heard, self._loop = ManualClock(), Heard(), loop
        self.services = StreamServices(loop, screen, self.clock)
        near, self.far = socket.socketpair()
        near.setblocking(False)
        self.far.settimeout(5.0)
        self.services.create_streaming_connection(lambda: self.heard, near, lambda _: None)
        self.turn()

    def turn(self) -> None:
        """Let the loop do what there is to do."""
        for _ in range(_ROUNDS):
            self._loop.call_later(0, lambda: None)
            self._loop.poll()
            self._loop.process_timeouts()

    def arrives(self, data: bytes) -> bytes:
        """What pika gets of it."""
        self.far.sendall(data)
        self.turn()
        got, self.heard.data = self.heard.data, b""
        return got

    def close(self) -> None:
        assert self.heard.transport is not None
        self.heard.transport.abort()
        self.turn()
        self.far.close()


@pytest.fixture
def loop() -> Iterator[IOLoop]:
    with check_leaks():
        made = IOLoop()
        made.activate_poller()
        yield made
        made.deactivate_poller()
        made.close()


def test_what_the_screen_keeps_never_reaches_pika_but_pika_hears_that_the_broker_lives(loop: IOLoop) -> None:
    screen = Capitals()
    between = Between(loop, screen)
    assert screen.begun == 1
    assert between.arrives(b"aBc") == b"ac"
    assert between.arrives(b"AB") == b""
    between.clock.advance(1.5)
    assert between.arrives(b"C") == frame.Heartbeat().marshal()
    assert between.arrives(b"D") == b""
    between.clock.advance(1.5)
    assert between.arrives(b"d") == b"d"
    between.close()


def test_without_a_screen_pika_gets_everything_and_frames_are_written_beside_it(loop: IOLoop) -> None:
    between = Between(loop, None)
    assert between.arrives(b"aBc") == b"aBc"
    between.services.write(b"frames")
    between.turn()
    assert between.far.recv(100) == b"frames"
    assert between.services.unsent == 0
    between.close()
