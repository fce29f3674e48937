"""The bytes between a broker and pika: the seam is pika's own, between its loop and its protocol.

pika makes a dozen objects of each message. Who can read thousands of alike ones takes them out of what comes before
pika sees it, and who publishes thousands writes their frames beside it.
"""

import socket
import ssl
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from pika.adapters.select_connection import IOLoop
from pika.adapters.utils.nbio_interface import AbstractIOReference, AbstractStreamProtocol, AbstractStreamTransport
from pika.adapters.utils.selector_ioloop_adapter import SelectorIOServicesAdapter

from gateway.core.ports import Clock

_HEARTBEAT = bytes.fromhex("08 0000 00000000 ce")  # a frame of AMQP: kind, channel, size, end
_LIFE = 1.0  # s in which pika hears of a broker that is there


class Screen(Protocol):
    """Who looks. Called on the thread of the link."""

    def restart(self) -> None:
        """A new connection begins."""
        ...

    def receive(self, data: bytes) -> Iterable[bytes]:
        """What a read brought: the pieces that are for pika, each of which it gets before the next is asked for."""
        ...


class StreamServices(SelectorIOServicesAdapter):
    """pika's services for one connection, with a screen, if there is one, in front of its protocol."""

    def __init__(self, loop: IOLoop, screen: Screen | None, clock: Clock) -> None:
        super().__init__(loop)  # type: ignore[arg-type]  # it is what pika itself does with its loop
        self._screen, self._clock = screen, clock
        self._heard = 0.0  # when pika got anything
        self._transport: AbstractStreamTransport | None = None
        if screen is not None:
            screen.restart()

    def write(self, frames: bytes) -> None:
        """Send whole frames, when the connection is open, in order with all that pika sends."""
        assert self._transport is not None
        self._transport.write(frames)

    @property
    def unsent(self) -> int:
        """Bytes that wait for a broker that is slow."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def create_streaming_connection(
        self,
        protocol_factory: Callable[[], AbstractStreamProtocol],
        sock: socket.socket,
        on_done: Callable[[Any], None],
        ssl_context: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> AbstractIOReference:
        """See AbstractIOServices."""

        def between() -> AbstractStreamProtocol:
            protocol = protocol_factory()
            protocol.connection_made = partial(self._made, protocol.connection_made)  # type: ignore[method-assign]
            if self._screen is not None:
                protocol.data_received = partial(  # type: ignore[method-assign]
                    self._received, self._screen, protocol.data_received
                )
            return protocol

        return super().create_streaming_connection(between, sock, on_done, ssl_context, server_hostname)

    def _made(self, pika: Callable[[AbstractStreamTransport], None], transport: AbstractStreamTransport) -> None:
        self._transport = transport
        pika(transport)

    def _received(self, screen: Screen, pika: Callable[[bytes], None], data: bytes) -> None:
        now = self._clock.monotonic()
        for piece in screen.receive(data):
            self._heard = now
            pika(piece)
        if now - self._heard > _LIFE:  # or else pika takes a broker for dead all of whose messages were kept from it
            self._heard = now
            pika(_HEARTBEAT)
