"""Wake: frees a thread that waits for a socket, from any other thread."""

import os
import threading
from contextlib import suppress


class Wake:
    """A pipe beside the sockets of a poll. It stays readable from `set` until `clear`.

    Whoever made it closes it, after the last thread that polls it has ended.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._lock = threading.Lock()
        self._closed = False

    def fileno(self) -> int:
        """The end that becomes readable."""
        return self._reader

    def set(self) -> None:
        """Make it readable; does nothing after close."""
        with self._lock:
            if not self._closed:
                with suppress(BlockingIOError):  # full is readable too
                    os.write(self._writer, b"\0")

    def clear(self) -> None:
        """Take what was written. Look for the reason of the waking after this, never before."""
        with suppress(BlockingIOError):
            while len(os.read(self._reader, 4096)) == 4096:
                pass

    def close(self) -> None:
        """Give both ends back; safe to call twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._reader)
                os.close(self._writer)
