"""The DPM service on its port: one worker, one selector, all clients (dpm-http.md 2, 3, 6, 15).

Nothing here blocks: who does not read fills a bounded buffer and is dropped; the others notice nothing.
"""

import math
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.core.errors import ProtocolError
from gateway.core.ports import Clock
from gateway.runtime.worker import StopToken, Worker
from simulator.acnet_stream import AcnetStream
from simulator.dpm_identity import Anybody, Identity
from simulator.dpm_stream import ClientStream, OpenLists
from simulator.facility import Facility
from simulator.faults import Fault, Faults
from simulator.listening import ABORT, bound
from simulator.sent_log import SentLog

NAME = "dpm_http"
BUFFERED = 16 << 20  # bytes that may wait for a client
_HELD = 1 << 20  # bytes that a hanging server takes from a client
_CHUNK = 1 << 16
_LONGEST_WAIT_S = 0.05  # until a commanded fault is seen
_GARBAGE = (8).to_bytes(4, "big") + b"\xde\xad\xbe\xef" * 2


@dataclass(slots=True, eq=False)
class _Client:
    """A socket, its conversation, and what waits to be sent."""

    socket: socket.socket
    stream: ClientStream
    out: deque[bytes] = field(default_factory=deque)
    waiting: int = 0  # bytes in `out`
    held: bytearray = field(default_factory=bytearray)  # taken while the server hangs
    writing: bool = False


class DpmServer:
    """Serves a facility to any number of clients. `start` listens before it returns; `stop` leaves nothing behind."""

    def __init__(
        self,
        facility: Facility,
        clock: Clock,
        port: int = 6802,
        host: str = "127.0.0.1",
        *,
        faults: Faults | None = None,
        sent_log: SentLog | None = None,
        identify: Callable[[], Identity] = Anybody,
        buffered: int = BUFFERED,
    ) -> None:
        self._clock, self._wanted, self._buffered = clock, (host, port), buffered
        self._faults = faults or Faults(NAME)
        self._log = sent_log
        self._lists = OpenLists(facility, identify, sent_log, self._beats)
        self._clients: dict[socket.socket, _Client] = {}
        self._listener: socket.socket | None = None
        self._waker: socket.socket | None = None
        self._woken: socket.socket | None = None
        self._selector: selectors.BaseSelector | None = None
        self._fault = Fault.NONE
        self._worker = Worker("simulator-dpm-http", self._run)
        self._zero = (0, 0.0)
        self.address: tuple[str, int] = self._wanted

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    @property
    def fault(self) -> Fault:
        """The fault that it plays now; a command is taken up within a twentieth of a second."""
        return self._fault

    def _beats(self) -> bool:
        return self._fault is not Fault.NO_HEARTBEAT

    def start(self) -> None:
        """Listen and serve. BadInput, one sentence, when the port cannot be had."""
        self._listener = bound(self._wanted, "DPM")
        self._listener.listen(128)
        self.address = self._listener.getsockname()[:2]
        self._waker, self._woken = socket.socketpair()
        self._zero = (self._clock.now_ns(), self._clock.monotonic())
        self._worker.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """Close everything; False when the worker did not end in time. Safe to call twice."""
        self._worker.signal_stop()
        if self._waker is not None:
            with suppress(OSError):  # the worker may have ended and closed the other end
                self._waker.send(b"x")
        ended = self._worker.stop(timeout)
        for one in (self._waker, self._woken, self._listener):
            if one is not None:
                one.close()
        return ended

    def _now(self) -> int:
        """Unix time in ns that never steps back: the wall clock at the start, carried on by the other one."""
        wall_ns, monotonic = self._zero
        return wall_ns + int((self._clock.monotonic() - monotonic) * 1e9)

    def _run(self, stop: StopToken) -> None:
        listener, woken = self._listener, self._woken
        if listener is None or woken is None:
            raise RuntimeError("the server was not started")
        with selectors.DefaultSelector() as self._selector:
            self._selector.register(listener, selectors.EVENT_READ)
            self._selector.register(woken, selectors.EVENT_READ)
            try:
                while not stop.stopped():
                    self._turn()
            finally:
                for client in list(self._clients.values()):
                    self._drop(client)
                if self._log is not None:
                    self._log.flush(self._clock.monotonic())

    def _turn(self) -> None:
        """Wait until something arrives or is due, and do it."""
        assert self._selector is not None
        self._obey()
        now_ns = self._now()
        soonest = min((client.stream.next_ns() for client in self._clients.values()), default=now_ns + 1_000_000_000)
        wait_s = _LONGEST_WAIT_S if self._hangs else min(_LONGEST_WAIT_S, max(0.0, (soonest - now_ns) / 1e9))
        ready = self._selector.select(math.floor(wait_s * 1e3) / 1e3)  # which would be rounded up to whole ms
        if not ready and wait_s < 0.001:
            time.sleep(wait_s)
        for key, events in ready:
            if key.fileobj is self._listener:
                self._accept()
            elif isinstance(key.fileobj, socket.socket) and (client := self._clients.get(key.fileobj)):
                self._serve(client, events)
        if not self._hangs:
            self._tick()
        if self._log is not None:
            self._log.flush(self._clock.monotonic())

    @property
    def _hangs(self) -> bool:
        return self._fault is Fault.HANG

    def _obey(self) -> None:
        """Take up a fault that was commanded since the last turn."""
        fault, before = self._faults.of(NAME), self._fault
        if fault is before:
            return
        self._fault = fault
        if fault is Fault.REFUSE or before is Fault.REFUSE:
            self._relisten(fault is not Fault.REFUSE)
        for client in list(self._clients.values()):
            if fault is Fault.RESET:
                self._drop(client, abort=True)
            elif before is Fault.HANG and client.held:
                data = bytes(client.held)
                client.held.clear()
                self._converse(client, data)

    def _relisten(self, listening: bool) -> None:
        """A socket that is bound and does not listen refuses, and keeps the port for later."""
        assert self._selector is not None
        if self._listener is not None:
            if not listening:
                self._selector.unregister(self._listener)
                self._listener.close()
                self._listener = bound(self.address, "DPM")
            else:
                self._listener.listen(128)
                self._selector.register(self._listener, selectors.EVENT_READ)

    def _accept(self) -> None:
        assert self._selector is not None
        assert self._listener is not None
        try:
            accepted, _ = self._listener.accept()
        except OSError:  # it went away before it was accepted, or no descriptors are left: try again later
            return
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        client = _Client(accepted, ClientStream(self._lists, self._now(), AcnetStream))
        self._clients[accepted] = client
        self._selector.register(accepted, selectors.EVENT_READ)
        if self._fault is Fault.RESET:
            self._drop(client, abort=True)

    def _drop(self, client: _Client, abort: bool = False) -> None:
        """Close a connection; the list is disposed of."""
        if self._clients.pop(client.socket, None) is None:
            return
        client.stream.close()
        if self._selector is not None:
            self._selector.unregister(client.socket)
        if abort:
            with suppress(OSError):  # already reset by the other end
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        client.socket.close()

    def _serve(self, client: _Client, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._flush(client)
        if not events & selectors.EVENT_READ or client.socket.fileno() < 0:
            return
        try:
            data = client.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:  # reset by the client
            data = b""
        if not data:
            self._drop(client)  # half-closed counts as gone (dpm-http.md 3)
        elif self._hangs:
            client.held += data
            if len(client.held) > _HELD:
                self._drop(client)
        else:
            self._converse(client, data)

    def _converse(self, client: _Client, data: bytes) -> None:
        try:
            self._send(client, client.stream.receive(data, self._now()))
        except ProtocolError:
            self._drop(client)  # without a byte (dpm-http.md 2.2, 4.1)

    def _tick(self) -> None:
        now_ns = self._now()
        for client in list(self._clients.values()):
            if client.stream.next_ns() <= now_ns:
                try:
                    self._send(client, client.stream.tick(now_ns))
                except ProtocolError:
                    self._drop(client)

    def _send(self, client: _Client, data: bytes) -> None:
        if not data or self._fault is Fault.SILENT:
            return
        if self._fault is Fault.GARBAGE:
            data = _GARBAGE
        client.out.append(data)
        client.waiting += len(data)
        self._flush(client)
        if client.waiting > self._buffered:
            self._drop(client, abort=True)

    def _flush(self, client: _Client) -> None:
        """Send what can be sent now; ask for the rest to be sent later."""
        try:
            while client.out:
                sent = client.socket.send(client.out[0])
                client.waiting -= sent
                if sent < len(client.out[0]):
                    client.out[0] = client.out[0][sent:]
                else:
                    client.out.popleft()
        except BlockingIOError:
            pass
        except OSError:  # reset by the client
            self._drop(client)
            return
        if self._selector is not None and client.writing is not bool(client.out):
            client.writing = bool(client.out)
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.writing else 0)
            self._selector.modify(client.socket, wanted)
