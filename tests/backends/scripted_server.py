"""A DPM server for tests that does what it is told, faults included: a `Script` of hooks over the wire's server role.

By default every device exists: a start brings DeviceInfo, one Scalar per request that is not `@N`, and the StartList
reply; settings are accepted. What arrived is in `log`. Heartbeats come every `beat` seconds.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.core.errors import ProtocolError
from gateway.runtime.worker import StopToken, Worker
from gateway.wire import dpm
from gateway.wire.dpm_connection import DpmConnection, Role
from gateway.wire.dpm_hello import Hello

STAMP = 1_736_942_400_123  # ms


@dataclass(eq=False)
class Client:
    """One connection as the server sees it."""

    number: int
    socket: socket.socket
    connection: DpmConnection = field(default_factory=lambda: DpmConnection(Role.SERVER))
    requests: dict[int, str] = field(default_factory=dict)  # by reference
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: bool = False

    def send(self, *messages: dpm.Reply) -> None:
        """Send replies in one segment; a client that has gone does not mind."""
        self.raw(b"".join(self.connection.send(message) for message in messages))

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        with self.lock:
            try:
                self.socket.sendall(data)
            except OSError:
                self.ended = True

    def scalar(self, ref: int, value: float, status: int = 0, stamp: int = STAMP) -> None:
        """One number."""
        self.send(dpm.ScalarReply(ref, stamp, 0, status, value))

    def ref(self, text: str) -> int:
        """The reference of a request."""
        return next(ref for ref, found in self.requests.items() if found == text)

    def hang_up(self) -> None:
        """Close the connection."""
        self.ended = True
        with suppress(OSError):  # gone already
            self.socket.shutdown(socket.SHUT_RDWR)


Hook = Callable[[Client, dpm.Request], bool]


class ScriptedServer:
    """Listens at birth. `hook` sees each request first and returns True when that was all; `greet` opens a list."""

    def __init__(self, port: int = 0, beat: float = 0.5) -> None:
        self.beat = beat
        self.hook: Hook = lambda _client, _request: False
        self.greet: Callable[[Client], None] = lambda client: client.send(dpm.OpenListReply(4096 + client.number))
        self.answer: Callable[[Client, int, str], Iterable[dpm.Reply]] = one_scalar
        self.log: list[tuple[int, dpm.Request]] = []
        self.clients: list[Client] = []
        self.changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._workers = [Worker(f"scripted-{self.port}", self._accept)]
        self._workers[0].start()

    def __enter__(self) -> "ScriptedServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody."""
        for worker in self._workers:
            worker.signal_stop()
        for client in self.clients:
            client.hang_up()
        for worker in self._workers:
            assert worker.stop(5.0)
        self._listener.close()

    def requests(self, kind: type) -> list[dpm.Request]:
        """The requests of one kind that arrived, in order."""
        return [request for _, request in self.log if isinstance(request, kind)]

    def wait_for(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        """Until something that the server sees is so."""
        with self.changed:
            assert self.changed.wait_for(condition, timeout), f"not in {timeout} s; arrived: {self.log}"

    @property
    def living(self) -> list[Client]:
        """The connections that are open."""
        return [client for client in self.clients if not client.ended]

    def _accept(self, token: StopToken) -> None:
        while not token.stopped():
            try:
                made, _ = self._listener.accept()
            except TimeoutError:
                continue
            with self.changed:
                client = Client(len(self.clients), made)
                self.clients.append(client)
                worker = Worker(f"scripted-{self.port}-{client.number}", lambda stop, c=client: self._serve(c, stop))
                self._workers.append(worker)
                self.changed.notify_all()
            worker.start()

    def _serve(self, client: Client, token: StopToken) -> None:
        client.socket.settimeout(0.05)
        beat = time.monotonic() + self.beat
        with client.socket:
            while not (token.stopped() or client.ended):
                if time.monotonic() >= beat:
                    beat = time.monotonic() + self.beat
                    if client.requests:
                        client.send(dpm.ListStatusReply(4096, 0))
                try:
                    data = client.socket.recv(65536)
                    if not data:
                        break
                    arrived = client.connection.receive(data).messages
                except TimeoutError:
                    continue
                except (OSError, ProtocolError):
                    break
                for _, message in arrived:
                    self._obey(client, message)
        with self.changed:
            client.ended = True
            self.changed.notify_all()

    def _obey(self, client: Client, message: object) -> None:
        if isinstance(message, Hello):
            self.greet(client)
            return
        assert isinstance(message, dpm.Request)
        with self.changed:
            self.log.append((client.number, message))
            if isinstance(message, dpm.AddToList):
                client.requests[message.ref_id] = message.drf_request
            elif isinstance(message, dpm.RemoveFromList):
                client.requests.pop(message.ref_id, None)
            elif isinstance(message, dpm.ClearList):
                client.requests.clear()
            self.changed.notify_all()
        if self.hook(client, message):
            return
        if isinstance(message, dpm.StartList):
            for ref, text in list(client.requests.items()):
                client.send(*self.answer(client, ref, text))
            client.send(dpm.StartListReply(message.list_id, 0))
        elif isinstance(message, dpm.ApplySettings):
            client.send(accepted(message))


def one_scalar(_client: Client, ref: int, text: str) -> list[dpm.Reply]:
    """DeviceInfo, and 72.5 unless nothing is asked for."""
    if text.startswith("#"):
        return []
    info = dpm.DeviceInfoReply(ref, 27235, text.split(".")[0], "a device", "DegF")
    return [info] if text.endswith("@N") else [info, dpm.ScalarReply(ref, STAMP, 0, 0, 72.5)]


def accepted(message: dpm.ApplySettings) -> dpm.ApplySettingsReply:
    """Status 0 for each setting."""
    arrays = (message.raw_array, message.scaled_array, message.text_array)
    return dpm.ApplySettingsReply(tuple(dpm.SettingStatus(one.ref_id, 0) for some in arrays for one in some or ()))
