"""FileJournal: one JSON line for each put, and a copy for a log server (features.md P-70)."""

import logging
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from gateway.core.ports import Clock
from gateway.core.put_row import PutRow
from gateway.history.queued import PATIENCE, NotKept, QueuedJournal

log = logging.getLogger("acgate.journal")
LINK_PATIENCE = 2.0  # s for the log server


class FileJournal(QueuedJournal):
    """A `PutJournal` over a file that lines are added to, and, where one is named, a log server."""

    def __init__(self, path: Path, gateway: str, clock: Clock, server: tuple[str, int] | None = None) -> None:
        super().__init__(str(path))
        self.path, self.gateway, self.clock, self.server = path, gateway, clock, server
        self._file: TextIO | None = None
        self._link: socket.socket | None = None
        self._link_again = 0.0  # when the log server is tried again

    def _open(self) -> None:
        if self._file is not None and self.path.exists():
            return
        self._let_go()
        try:
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise NotKept(error.strerror or str(error)) from None

    def _write(self, rows: Sequence[PutRow]) -> None:
        assert self._file is not None, "it was opened"
        try:
            self._file.write("".join(row.as_json() + "\n" for row in rows))
            self._file.flush()
        except (OSError, ValueError) as error:
            self._let_go()
            raise NotKept(getattr(error, "strerror", None) or str(error)) from None

    def _close(self) -> None:
        self._let_go()
        if self._link is not None:
            self._link.close()

    def _let_go(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:  # what it had buffered is lost with it; the rows are still ours
                log.debug("closing the journal: %s", error)
            self._file = None

    def _kept(self, rows: Sequence[PutRow]) -> None:
        """Send rows to the log server; what it does not take is in the file all the same."""
        if self.server is None or self.clock.monotonic() < self._link_again or not rows:
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
