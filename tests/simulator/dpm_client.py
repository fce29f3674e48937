"""A small DPM client for tests: a blocking socket and the client role of the codec, nothing decided."""

import socket
import time
from types import TracebackType

import numpy as np

from gateway.wire import dpm
from gateway.wire.dpm_connection import DpmConnection, Role

PATIENCE = 5.0  # s


class DpmClient:
    """One connection; every reply is kept in `replies` in order of arrival, scalars as messages too."""

    def __init__(self, address: tuple[str, int], hello: bool = True, timeout: float = PATIENCE) -> None:
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = DpmConnection(Role.CLIENT)
        self.replies: list[dpm.Message] = []
        self.taken = 0
        self.list_id = 0
        if hello:
            try:
                self.socket.sendall(self.connection.client_hello())
                opened = self.next()
            except OSError:
                self.socket.close()
                raise
            assert isinstance(opened, dpm.OpenListReply)
            self.list_id = opened.list_id

    def __enter__(self) -> "DpmClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, *messages: dpm.Request) -> None:
        """All messages in one segment."""
        self.socket.sendall(b"".join(self.connection.send(message) for message in messages))

    def read(self) -> bool:
        """Take what the socket has; False when the server closed."""
        data = self.socket.recv(1 << 20)
        if not data:
            return False
        received = self.connection.receive(data)
        rows, messages = received.columns, list(received.messages)
        for row in range(len(rows) + 1):
            while messages and messages[0][0] == row:
                self.replies.append(messages.pop(0)[1])  # type: ignore[arg-type]
            if row < len(rows):
                self.replies.append(
                    dpm.ScalarReply(
                        int(rows.ref_id[row]),
                        int(rows.timestamp_ms[row]),
                        0,
                        int(rows.status[row]),
                        float(rows.value[row]),
                    )
                )
        return True

    def next(self) -> dpm.Message:
        """The next reply, whatever it is; ConnectionError when the server closed before it."""
        while self.taken >= len(self.replies):
            if not self.read():
                raise ConnectionError("the server closed")
        self.taken += 1
        return self.replies[self.taken - 1]

    def until(self, kind: type, ref_id: int | None = None) -> dpm.Message:
        """The next reply of a kind (and reference); those before it are skipped."""
        while True:
            found = self.next()
            if isinstance(found, kind) and ref_id in (None, getattr(found, "ref_id", None)):
                return found

    def start(self, *requests: str, first: int = 1) -> None:
        """Add requests under ascending references and start the list, in one segment."""
        added = [dpm.AddToList(self.list_id, ref, text) for ref, text in enumerate(requests, first)]
        self.send(*added, dpm.StartList(self.list_id))

    def answer(self, request: str) -> dpm.Message:
        """The data or Status reply of one request, on a list of its own; references are never used again."""
        self.reference = getattr(self, "reference", 1000) + 1
        self.send(dpm.StopList(self.list_id), dpm.ClearList(self.list_id))
        self.start(request, first=self.reference)
        while True:
            found = self.next()
            if getattr(found, "ref_id", None) == self.reference and not isinstance(found, dpm.DeviceInfoReply):
                return found

    def set(self, request: str, value: object) -> int:
        """Set one value the way pacsys does; the packed status."""
        self.reference = getattr(self, "reference", 1000) + 1
        self.send(dpm.StopList(self.list_id), dpm.ClearList(self.list_id))
        self.start(request, first=self.reference)
        self.until(dpm.StartListReply)
        self.send(setting(self.list_id, self.reference, value))
        reply = self.until(dpm.ApplySettingsReply)
        assert isinstance(reply, dpm.ApplySettingsReply)
        assert [self.reference] == [entry.ref_id for entry in reply.status]
        return reply.status[0].status

    def closed_within(self, seconds: float) -> bool:
        """Whether the server closes the connection, without more replies than were read before."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                if not self.read():
                    return True
            except ConnectionResetError:
                return True
            except TimeoutError:
                return False
        return False


def setting(list_id: int, ref_id: int, value: object) -> dpm.ApplySettings:
    """ApplySettings of one value in the array of its type."""
    if isinstance(value, bytes):
        return dpm.ApplySettings("", list_id, raw_array=(dpm.RawSetting(ref_id, value),))
    if isinstance(value, str):
        return dpm.ApplySettings("", list_id, text_array=(dpm.TextSetting(ref_id, (value,)),))
    if isinstance(value, tuple):
        return dpm.ApplySettings("", list_id, text_array=(dpm.TextSetting(ref_id, value),))
    numbers = np.atleast_1d(np.asarray(value, np.float64))
    return dpm.ApplySettings("", list_id, scaled_array=(dpm.ScaledSetting(ref_id, numbers),))
