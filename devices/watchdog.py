"""Is the silence too long (pure): one edge when a row falls silent, one when it is heard again."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gateway.plan.model import Watch

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


def allowed_silence(watches: Sequence[Watch]) -> Floats:
    """Seconds that each watch may be silent; infinite where the rhythm of its event is unknown.

    Monitor events (Q) are sent on change only: their silence says nothing.
    """
    events = [watch.request.event for watch in watches]
    allowed = [None if event.mode == "Q" else event.silence_s() for event in events]
    return np.array([np.inf if seconds is None else seconds for seconds in allowed], np.float64)


class Watchdog:
    """Remembers which of its rows are silent. Times are seconds of one monotonic clock, places count from 0."""

    def __init__(self, allowed_s: Floats, now: float) -> None:
        self._allowed = allowed_s
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
        late = now - np.maximum(arrived, self._grace_from) > self._allowed
        fell = late & expected & ~self._silent
        heard = self._silent & (now - arrived <= self._allowed)
        self._silent = (self._silent | fell) & ~heard
        return np.flatnonzero(fell), np.flatnonzero(heard)
