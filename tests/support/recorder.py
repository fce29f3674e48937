"""A TCP relay before a service that keeps what clients send, so that tests know what must be seen nowhere else."""

import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.runtime.worker import StopToken, Worker

_STEP = 0.02  # s between two looks at the token
_CHUNK = 1 << 16


class Recorder:
    """Listens at birth; whoever connects is passed on. `sent` has the bytes of all clients, link by link."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._ends: dict[socket.socket, socket.socket] = {}
        self._kept: dict[socket.socket, bytearray] = {}  # by the socket of the client
        self._worker = Worker("recorder", self._run)
        self._worker.start()

    @property
    def sent(self) -> list[bytes]:
        """What each client has sent up to now."""
        return [bytes(kept) for kept in list(self._kept.values())]

    def _run(self, token: StopToken) -> None:
        while not token.stopped():
            for key, _ in self._selector.select(_STEP):
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._ends:
                    self._pass_on(key.fileobj)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(self._target)
        self._ends |= {client: server, server: client}
        self._kept[client] = bytearray()
        for one in (client, server):
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, source: socket.socket) -> None:
        sink = self._ends[source]
        try:
            data = source.recv(_CHUNK)
            sink.sendall(data)
        except OSError:
            data = b""
        if source in self._kept:
            self._kept[source] += data
        if not data:
            for one in (source, sink):
                self._selector.unregister(one)
                del self._ends[one]
                one.close()

    def close(self) -> None:
        """Hang up on everybody."""
        assert self._worker.stop(5.0)
        for one in self._ends:
            one.close()
        self._listener.close()
        self._selector.close()


@contextmanager
def recorded(address: str) -> Iterator[Recorder]:
    """A relay to `host:port` that lives as long as the block."""
    host, _, port = address.rpartition(":")
    recorder = Recorder((host, int(port)))
    try:
        yield recorder
    finally:
        recorder.close()
