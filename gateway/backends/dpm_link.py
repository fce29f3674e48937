"""One socket to a DPM server with its connection state and its watchdog (dpm-http.md 2, 3, 6.3).

A link belongs to one thread at a time. Whatever goes wrong with it is a LinkLost; it is of no use afterwards.
"""

import select
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.backends.tcp import connect, said, until_ready
from gateway.backends.wake import Wake
from gateway.core.errors import AcgateError, ProtocolError
from gateway.core.ports import Clock
from gateway.wire.dpm import OpenListReply, Request
from gateway.wire.dpm_connection import DpmConnection, Received, Role, StreamError

_CHUNK = 1 << 18  # bytes taken from the socket at once
_PILE = 256  # chunks that may have piled up on an idle link


class LinkLost(AcgateError):
    """The link is of no use any more; the text says why. Becomes a status of items, never leaves the adapter.

    `silent` tells that the server closed without having sent a byte, which may be a passing state of it.
    """

    def __init__(self, reason: str, silent: bool = False) -> None:
        super().__init__(reason)
        self.silent = silent


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class DpmLink:
    """One list on one TCP connection.

    `silence` is how many seconds without a byte mean that the server is dead. `wake` frees a waiting `receive`;
    `cancelled` is asked while the link is made and while it sends, which nothing else interrupts.
    """

    def __init__(
        self, address: Address, clock: Clock, silence: float, wake: Wake, cancelled: Callable[[], bool]
    ) -> None:
        self._address, self._clock, self._silence = address, clock, silence
        self._wake, self._cancelled = wake, cancelled
        self._socket: socket.socket | None = None
        self._poll = select.poll()  # of the open link
        self._connection = DpmConnection(Role.CLIENT)
        self._last_byte = clock.monotonic()
        self._buffer = bytearray(_CHUNK)
        self._view = memoryview(self._buffer)
        self._got_bytes = False
        self._failure: LinkLost | None = None
        self._last_ref = 0
        self.list_id = 0
        self.user = ""  # as whom the server knows it (section 11)

    def next_ref(self) -> int:
        """A reference that this link has not used before (section 13)."""
        self._last_ref += 1
        return self._last_ref

    def connect(self, deadline: float) -> None:
        """Connect and open the list, until the monotonic time `deadline`; LinkLost when that fails."""
        self._socket = self._connect_any(deadline)
        self._last_byte = self._clock.monotonic()
        self._send_bytes(self._socket, self._connection.client_hello(), deadline)
        while True:
            self._until(self._socket, select.POLLIN, deadline, "the list was not opened in time")
            for _, message in self._take(self._socket).messages:
                if isinstance(message, OpenListReply):
                    self.list_id = message.list_id
                    self._poll.register(self._socket, select.POLLIN)
                    self._poll.register(self._wake, select.POLLIN)
                    return
            if self._failure is not None:
                raise self._failure

    def send(self, messages: Iterable[Request], deadline: float) -> None:
        """Send all in one write, until `deadline`. ProtocolError when one cannot be written; nothing went then."""
        self._send_bytes(self._open(), b"".join([self._connection.send(message) for message in messages]), deadline)

    def receive(self, deadline: float) -> Received | None:
        """What arrives next; None at the deadline or when woken. LinkLost when it is dead, or silent too long."""
        source = self._open()
        dead_at = self._last_byte + self._silence
        left = max(0.0, min(deadline, dead_at) - self._clock.monotonic())
        ready = self._poll.poll(left * 1000 + 1)
        if any(number == source.fileno() for number, _ in ready):
            return self._take(source)
        if not ready and self._clock.monotonic() >= dead_at:
            raise self._lost(f"no byte for {self._silence:g} s")
        return None

    def drain(self) -> None:
        """Drop what piled up while nobody read, and see that the server still lives; LinkLost when not."""
        now = self._clock.monotonic()
        for _ in range(_PILE):
            if self.receive(now) is None:
                return
        raise self._lost("it sends without end")

    def close(self) -> None:
        """Give the socket back; safe to call twice. The server then forgets the list."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _lost(self, reason: str, silent: bool = False) -> LinkLost:
        return LinkLost(f"{self._address}: {reason}", silent)

    def _open(self) -> socket.socket:
        if self._failure is not None:
            raise self._failure
        if self._socket is None:
            raise self._lost("the link is closed")
        return self._socket

    def _connect_any(self, deadline: float) -> socket.socket:
        """A socket connected to the first address of the host that answers."""
        try:
            return connect(self._address.host, self._address.port, deadline, self._clock, self._cancelled)
        except OSError as error:
            raise self._lost(f"cannot connect: {said(error)}") from None

    def _until(self, waited: socket.socket, event: int, deadline: float, reason: str) -> None:
        """Wait until the socket is ready; LinkLost with this reason when it is not by the deadline."""
        try:
            until_ready(waited, event, deadline, self._clock, self._cancelled)
        except TimeoutError:
            raise self._lost(reason) from None
        except ConnectionAbortedError as error:
            raise self._lost(str(error)) from None

    def _send_bytes(self, sink: socket.socket, data: bytes, deadline: float) -> None:
        left = memoryview(data)
        try:
            while left:
                try:
                    left = left[sink.send(left) :]
                except BlockingIOError:
                    self._until(sink, select.POLLOUT, deadline, "the server takes no more bytes")
        except OSError as error:
            raise self._lost(said(error), not self._got_bytes) from None

    def _take(self, source: socket.socket) -> Received:
        try:
            # into a buffer that stays: a new one of this size for every read costs more than the read
            data = self._view[: source.recv_into(self._buffer)]
        except OSError as error:
            raise self._lost(said(error), not self._got_bytes) from None
        try:
            if not data:
                self._connection.eof()
                raise self._lost("closed by the server")
            self._got_bytes = True
            self._last_byte = self._clock.monotonic()
            return self._connection.receive(data)
        except StreamError as error:
            self._failure = self._lost(str(error))
            return error.before
        except ProtocolError as error:
            raise self._lost(str(error), not self._got_bytes) from None
