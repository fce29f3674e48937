"""One command that runs at the far end of an SSH connection, for a thread: what came waits until it is taken."""

import asyncio
import threading
from collections.abc import Callable

import asyncssh

_MOST = 1 << 20  # bytes that wait; then the far end waits
SHOWN = 200  # characters of the standard error that are told


class SshChannel(asyncssh.SSHClientSession[bytes]):
    """asyncssh tells what happens, in its loop; `send`, `receive` and `close` are for one thread outside."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._changed = threading.Condition()
        self._came = bytearray()
        self._noise = b""  # the end of the standard error, which is drained all the time (acl.md 7.2)
        self._paused = self._ended = False
        self.exit_code: int | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """See asyncssh."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """See asyncssh."""
        with self._changed:
            if datatype is not None:
                self._noise = (self._noise + data)[-SHOWN:]
                return
            self._came += data
            if len(self._came) > _MOST and self._channel is not None:
                self._paused = True
                self._channel.pause_reading()
            self._changed.notify_all()

    def exit_status_received(self, status: int) -> None:
        """See asyncssh."""
        self.exit_code = status

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See asyncssh."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def noise(self) -> str:
        """The end of what came on the standard error, in one line."""
        return " ".join(self._noise.decode("utf-8", "replace").split())

    def send(self, data: bytes) -> None:
        """To the standard input; EOFError when the channel is closed."""
        if self._ended:
            raise EOFError("the channel is closed")
        self._do(lambda channel: channel.write(data))

    def receive(self, seconds: float) -> bytes | None:
        """What came on the standard output; empty at its end, None when nothing came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._came or self._ended, seconds)
            if not self._came:
                return b"" if self._ended else None
            data = bytes(self._came)
            self._came.clear()
            resume, self._paused = self._paused, False
        if resume:
            self._do(lambda channel: channel.resume_reading())
        return data

    def close(self) -> None:
        """Give it back. Safe to call twice, and when the connection is over."""
        if not self._ended:
            self._do(lambda channel: channel.abort())

    def _do(self, act: Callable[[asyncssh.SSHClientChannel[bytes]], None]) -> None:
        """In the loop; nothing when all is over by then."""

        def there() -> None:
            if self._channel is not None and not self._ended and not self._channel.is_closing():
                act(self._channel)

        try:
            self._loop.call_soon_threadsafe(there)
        except RuntimeError:  # the loop has ended, and the connection with it
            self._ended = True
