"""QueuedJournal: rows of puts wait in memory until a thread has written them, so that no put waits for a disk.

Rows wait while they cannot be written, up to a bound, and are written when they can be again.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence

from gateway.core.put_row import PutRow
from gateway.runtime.worker import StopToken, Worker

log = logging.getLogger("acgate.journal")
ROWS = 100_000  # that may wait; what comes after that is lost, and counted
AT_ONCE = 1000  # rows of one writing
PATIENCE = 1.0  # s between two tries to write


class NotKept(Exception):
    """Rows cannot be written now; the text says why."""


class QueuedJournal(ABC):
    """A `PutJournal` whose rows a thread of its own writes; `place` is where to, as people know it."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.written = 0
        self.lost = 0
        self.looks = False  # whether it finds out about trouble also while there is nothing to write
        self._rows: deque[PutRow] = deque()
        self._changed = threading.Condition()
        self._trouble = ""
        self._worker = Worker("journal", self._run)

    @abstractmethod
    def _open(self) -> None:
        """Make ready to write; NotKept says why that is impossible. May be called again."""

    def _look(self) -> None:
        """Find out whether rows could be written, where there are none; NotKept says why not."""
        self._open()

    @abstractmethod
    def _write(self, rows: Sequence[PutRow]) -> None:
        """Write rows, all or none as far as the place allows; NotKept says why not, and they are given again."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of everything; nothing is written after it."""

    def _kept(self, rows: Sequence[PutRow]) -> None:  # noqa: B027 - most have nothing more to do
        """Rows were written."""

    def start(self) -> None:
        """Open the place, so that trouble is known before the first put, and begin to write."""
        self._try(())
        self._worker.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """Write what waits and end; False when that did not end in time."""
        self._worker.signal_stop()
        with self._changed:
            self._changed.notify_all()
        ended = self._worker.stop(timeout)
        if ended:  # or else the worker still holds what would be closed
            self._close()
        if self._rows:
            log.error("%d rows of puts were never written to %s", len(self._rows), self.place)
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
            idle = False
            with self._changed:
                if not self._rows and not stop.stopped():
                    idle = not self._changed.wait(PATIENCE)
                rows = [self._rows[place] for place in range(min(len(self._rows), AT_ONCE))]
            if (rows or self._trouble or (idle and self.looks)) and self._try(rows):
                with self._changed:
                    for _ in rows:
                        self._rows.popleft()
                self._kept(rows)
                continue
            if stop.stopped():
                return
            if rows:
                stop.wait(PATIENCE)

    def _try(self, rows: Sequence[PutRow]) -> bool:
        """Open where that is needed and write, or look whether that would work; whether it did."""
        try:
            if rows:
                self._open()
                self._write(rows)
            else:
                self._look()
        except NotKept as error:
            said = f"the journal {self.place} cannot be written: {error}"
            if not self._trouble:
                log.error("%s", said)
            self._trouble = said
            return False
        if self._trouble:
            log.warning("the journal %s is written again", self.place)
        self.written += len(rows)
        self._trouble = ""
        return True


class Journals:
    """Several journals as one: each gets every row, and the trouble of any is trouble."""

    def __init__(self, parts: Sequence[QueuedJournal]) -> None:
        self.parts = tuple(parts)

    @property
    def lost(self) -> int:
        """Rows that could not be kept somewhere, since the start."""
        return sum(part.lost for part in self.parts)

    def start(self) -> None:
        """Open all and begin to write."""
        for part in self.parts:
            part.start()

    def record(self, row: PutRow) -> None:
        """Give a row to each."""
        for part in self.parts:
            part.record(row)

    def trouble(self) -> str:
        """Why rows cannot be written now somewhere; empty when they can."""
        return "; ".join(text for part in self.parts if (text := part.trouble()))

    def stop(self) -> bool:
        """Write what waits and end; False when that takes too long."""
        ended = [part.stop() for part in self.parts]  # each, whatever became of the others
        return all(ended)
