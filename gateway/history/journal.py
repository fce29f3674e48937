"""FileJournal: one JSON line for each put, and a copy for a log server (features.md P-70).

Rows wait in memory while the file cannot be written, up to a bound, and are written when it can be again.
"""

import logging
import socket
import threading
from collections import deque
from pathlib import Path
from typing import TextIO

from gateway.core.ports import Clock
from gateway.core.put_row import PutRow
from gateway.runtime.worker import StopToken, Worker

log = logging.getLogger("acgate.journal")
ROWS = 100_000  # that may wait; what comes after that is lost, and counted
PATIENCE = 1.0  # s between two tries to write
LINK_PATIENCE = 2.0  # s for the log server


class FileJournal:
    """A `PutJournal` over a file that lines are added to, and, where one is named, a log server."""

    def __init__(self, path: Path, gateway: str, clock: Clock, server: tuple[str, int] | None = None) -> None:
        self.path, self.gateway, self.clock, self.server = path, gateway, clock, server
        self.written = 0
        self.lost = 0
        self._rows: deque[PutRow] = deque()
        self._changed = threading.Condition()
        self._trouble = ""
        self._file: TextIO | None = None
        self._link: socket.socket | None = None
        self._link_again = 0.0  # when the log server is tried again
        self._worker = Worker("journal", self._run)

    def start(self) -> None:
        """Open the file, so that trouble is known before the first put, and begin to write."""
        self._open()
        self._worker.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """Write what waits and end; False when that did not end in time."""
        self._worker.signal_stop()
        with self._changed:
            self._changed.notify_all()
        ended = self._worker.stop(timeout)
        if self._file is not None:
            self._file.close()
        if self._link is not None:
            self._link.close()
        return ended

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return len(self._rows)

    def trouble(self) -> str:
        """Why rows cannot be written now; empty when they can."""
        return self._trouble

    def record(self, row: PutRow) -> None:
        """Take a row; one too many is lost, and counted."""
        with self._changed:
            if len(self._rows) >= ROWS:
                self.lost += 1
                return
            self._rows.append(row)
            self._changed.notify()

    def _run(self, stop: StopToken) -> None:
        while True:
            with self._changed:
                if not self._rows and not stop.stopped():
                    self._changed.wait(PATIENCE)
                rows = list(self._rows)
            if rows and self._write(rows):
                with self._changed:
                    for _ in rows:
                        self._rows.popleft()
                self._copy(rows)
                continue
            if stop.stopped():
                return
            if rows:
                stop.wait(PATIENCE)

    def _open(self) -> bool:
        try:
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            self._fail(error)
            return False
        self._trouble = ""
        return True

    def _write(self, rows: list[PutRow]) -> bool:
        """Write rows, all or none as far as a file allows; whether it worked."""
        if (self._file is None or not self.path.exists()) and not self._open():
            return False
        assert self._file is not None, "it was opened"
        try:
            self._file.write("".join(row.as_json() + "\n" for row in rows))
            self._file.flush()
        except (OSError, ValueError) as error:
            self._fail(error)
            return False
        self.written += len(rows)
        self._trouble = ""
        return True

    def _fail(self, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or str(error)
        if not self._trouble:
            log.error("the journal %s cannot be written: %s", self.path, reason)
        self._trouble = f"the journal {self.path} cannot be written: {reason}"
        if self._file is not None:
            try:
                self._file.close()
            except OSError as again:  # what it had buffered is lost with it; the rows are still ours
                log.debug("closing the journal: %s", again)
            self._file = None

    def _copy(self, rows: list[PutRow]) -> None:
        """Send rows to the log server; what it does not take is in the file all the same."""
        if self.server is None or self.clock.monotonic() < self._link_again:
            return
        try:
            if self._link is None:
                self._link = socket.create_connection(self.server, LINK_PATIENCE)
            self._link.sendall("".join(row.as_caputlog(self.gateway) for row in rows).encode("latin-1", "replace"))
        except OSError as error:
            log.warning("the log server %s:%d takes no puts: %s", *self.server, error)
            self._link_again = self.clock.monotonic() + 10 * PATIENCE
            if self._link is not None:
                self._link.close()
                self._link = None
