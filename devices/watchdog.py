"""Is the silence too long (pure): one edge when a row falls silent, one when it is heard again.

What is periodic ages against the clock. What comes with a clock or state event ages against the event: that it has come
is known from the others that come with it, so where the event itself stops, nobody falls silent.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gateway.plan.model import Watch

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
TOGETHER = 1.0  # s within which all that comes with one event has come


def allowed_silence(watches: Sequence[Watch]) -> Floats:
    """Seconds that each watch may be silent: as configured, or by its event; infinite where that has no known rhythm.

    Monitor events (Q) are sent on change only: their silence says nothing.
    """
    return np.array([_allowed(watch) for watch in watches], np.float64)


def _allowed(watch: Watch) -> float:
    event = watch.request.event
    by_event = None if event.mode == "Q" else event.silence_s()
    seconds = by_event if watch.stale_after is None else watch.stale_after
    return np.inf if seconds is None else seconds


def companies(watches: Sequence[Watch]) -> Places:
    """The number of the event that each watch shares with others, -1 where there is none."""
    events = [watch.request.event for watch in watches]
    numbers: dict[str, int] = {}
    found = [numbers.setdefault(event.normal, len(numbers)) if event.mode in "ES" else -1 for event in events]
    return np.array(found, np.int64)


class Watchdog:
    """Remembers which of its rows are silent. Times are seconds of one monotonic clock, places count from 0.

    `company` are numbers of events that rows share, -1 for none.
    """

    def __init__(self, allowed_s: Floats, now: float, company: Places | None = None) -> None:
        self._allowed = allowed_s
        self._company = np.full(len(allowed_s), -1) if company is None else company
        self._shares = self._company >= 0
        self._grace_from = now
        self._silent: Flags = np.zeros(len(allowed_s), np.bool_)

    @property
    def silent(self) -> int:
        """How many rows are silent now."""
        return int(self._silent.sum())

    def grace(self, now: float) -> None:
        """Begin anew: nothing can have come before `now`."""
        self._grace_from = now

    def check(self, now: float, arrived: Floats, expected: Flags) -> tuple[Places, Places]:
        """The rows that fell silent since the last call, and those that were heard again.

        `arrived` is the time of each row's last value, -inf for none; `expected` is False where none is
        expected, because the row says already why it has no value: such a row does not fall silent.
        """
        since = np.maximum(arrived, self._grace_from)
        late = (now - since > self._allowed) | self._left_behind(arrived, since)
        fell = late & expected & ~self._silent
        heard = self._silent & (now - arrived <= self._allowed) & ~self._left_behind(arrived, arrived)
        self._silent = (self._silent | fell) & ~heard
        return np.flatnonzero(fell), np.flatnonzero(heard)

    def _left_behind(self, arrived: Floats, since: Floats) -> Flags:
        """The rows that did not come with their event while others did."""
        behind = np.zeros(len(arrived), np.bool_)
        if self._shares.any():
            mine = self._company[self._shares]
            newest = np.full(int(mine.max()) + 1, -np.inf)
            np.maximum.at(newest, mine, arrived[self._shares])
            with np.errstate(invalid="ignore"):  # of an event that nobody has come with the newest is -inf
                behind[self._shares] = newest[mine] - since[self._shares] > TOGETHER
        return behind
