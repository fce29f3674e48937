"""The door before a service whose library owns its sockets: relays bytes both ways, and plays the faults of a link.

One worker, one selector, all clients. The service listens on a local socket that only the relay knows.
"""

import selectors
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.core.errors import BadInput
from gateway.runtime.worker import StopToken, Worker
from simulator.faults import Fault, Faults
from simulator.listening import ABORT, bound

_CHUNK = 1 << 18
_HELD = 1 << 20  # bytes that may wait for one side before the other is read no more
_LONGEST_WAIT_S = 0.05  # until a commanded fault is seen
_GARBAGE = b"\xde\xad\xbe\xef" * 8


@dataclass(slots=True, eq=False)
class _Side:
    """One end of a relayed connection: its socket, and what waits to be sent to it."""

    socket: socket.socket
    outside: bool  # the client's
    other: "_Side | None" = None
    out: deque[bytes] = field(default_factory=deque)
    waiting: int = 0  # bytes in `out`
    events: int = 0  # what the selector watches


class Relay:
    """Listens at an address for `service`, whose own socket is at `behind`. `start` listens before it returns.

    Silence and hanging hold bytes and lose none, so that a connection goes on when they end. There is no heartbeat
    that could be left out: that fault changes nothing here.
    """

    def __init__(self, service: str, behind: str, faults: Faults, address: tuple[str, int], title: str) -> None:
        self._service, self._behind, self._faults, self._title = service, behind, faults, title
        self._wanted = address
        self._listener: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._sides: set[_Side] = set()
        self._fault = Fault.NONE
        self._worker = Worker(f"simulator-{service}", self._run)
        self.address: tuple[str, int] = self._wanted

    def start(self) -> None:
        """Listen and relay. BadInput, one sentence, when the port cannot be had."""
        try:
            self._listener = bound(self._wanted, self._title)
            self._listener.listen(128)
        except BadInput:
            self._close()
            raise
        self.address = self._listener.getsockname()[:2]
        self._worker.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """Close everything; False when the worker did not end in time. Safe to call twice."""
        self._worker.signal_stop()
        with suppress(OSError):  # it is closed already
            self._waker.send(b"x")
        ended = self._worker.stop(timeout)
        if ended:
            self._close()
        return ended

    def _close(self) -> None:
        for one in (self._waker, self._woken, self._listener, self._selector):
            if one is not None:
                one.close()

    def _run(self, stop: StopToken) -> None:
        assert self._listener is not None
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        try:
            while not stop.stopped():
                self._obey()
                for key, events in self._selector.select(_LONGEST_WAIT_S):
                    if key.fileobj is self._listener:
                        self._accept(self._listener)
                    elif isinstance(key.data, _Side) and key.data in self._sides:
                        self._serve(key.data, events)
        finally:
            for side in list(self._sides):
                self._drop(side)

    def _obey(self) -> None:
        """Take up a fault that was commanded since the last turn."""
        fault, before = self._faults.of(self._service), self._fault
        if fault is before:
            return
        self._fault = fault
        if fault is Fault.REFUSE or before is Fault.REFUSE:
            self._relisten(fault is not Fault.REFUSE)
        for side in list(self._sides):
            if fault is Fault.RESET or before is Fault.GARBAGE:  # garbage cannot be taken back
                self._drop(side, abort=True)
            else:
                self._watch(side)

    def _relisten(self, listening: bool) -> None:
        """A socket that is bound and does not listen refuses, and keeps the port for later."""
        assert self._listener is not None
        if listening:
            self._listener.listen(128)
            self._selector.register(self._listener, selectors.EVENT_READ)
        else:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = bound(self.address, self._title)

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, _ = listener.accept()
        except OSError:  # it went away before it was accepted, or no descriptors are left: try again later
            return
        inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            inner.connect(self._behind)
        except OSError:  # the service is ending
            inner.close()
            accepted.close()
            return
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client, service = _Side(accepted, True), _Side(inner, False)
        client.other, service.other = service, client
        for side in (client, service):
            side.socket.setblocking(False)
            self._sides.add(side)
            self._watch(side)
        if self._fault is Fault.RESET:
            self._drop(client, abort=True)

    def _held(self, side: _Side) -> bool:
        """Whether nothing is read from a side now."""
        full = side.other is not None and side.other.waiting > _HELD
        return full or self._fault is Fault.HANG or (self._fault is Fault.SILENT and not side.outside)

    def _watch(self, side: _Side) -> None:
        """Ask the selector for what matters now."""
        wanted = (0 if self._held(side) else selectors.EVENT_READ) | (selectors.EVENT_WRITE if side.out else 0)
        if wanted == side.events:
            return
        if not side.events:
            self._selector.register(side.socket, wanted, side)
        elif not wanted:
            self._selector.unregister(side.socket)
        else:
            self._selector.modify(side.socket, wanted, side)
        side.events = wanted

    def _serve(self, side: _Side, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._flush(side)
        if not events & selectors.EVENT_READ or side not in self._sides or self._held(side):
            return
        try:
            data = side.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:  # reset by the other end
            data = b""
        if not data or side.other is None:
            self._drop(side)
            return
        if self._fault is Fault.GARBAGE and not side.outside:
            data = _GARBAGE
        side.other.out.append(data)
        side.other.waiting += len(data)
        self._flush(side.other)

    def _flush(self, side: _Side) -> None:
        """Send what can be sent now; ask for the rest to be sent later."""
        try:
            while side.out:
                sent = side.socket.send(side.out[0])
                side.waiting -= sent
                if sent < len(side.out[0]):
                    side.out[0] = side.out[0][sent:]
                else:
                    side.out.popleft()
        except BlockingIOError:
            pass
        except OSError:  # reset by the other end
            self._drop(side)
            return
        self._watch(side)
        if side.other is not None:
            self._watch(side.other)

    def _drop(self, side: _Side, abort: bool = False) -> None:
        """Close both ends of a connection."""
        for one in (side, side.other):
            if one is None or one not in self._sides:
                continue
            self._sides.discard(one)
            if one.events:
                self._selector.unregister(one.socket)
            if abort and one.outside:
                with suppress(OSError):  # already reset by the other end
                    one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            one.socket.close()
