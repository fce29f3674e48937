"""The newest reading of every table row as clients see it, and who listens: columns, on the loop only."""

import logging
from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.remembered import Remembered
from gateway.core.severity import UDF, Alarm
from gateway.core.span import span_of
from gateway.core.values import Value
from iocs.blocks import AlarmBlocks
from iocs.fast.rows import Alarms, Column, Readings, Stamps

log = logging.getLogger("acgate.store")
Index = npt.NDArray[np.int32]
NOWHERE: Index = np.zeros(0, np.int32)
Follower: TypeAlias = Callable[[Value | None, int, Alarm], None]  # value or None, stamp in ns, alarm


class RowListener(Protocol):
    """A client's feed."""

    def offer_rows(self, index: Index, readings: Readings) -> None:
        """Take news, in order; `readings` are of table rows `index`."""
        ...

    def single_out(self, row: int) -> None:
        """Serve a row the ordinary way from now on."""
        ...

    def flush(self) -> None:
        """Send what was offered."""
        ...


class Store:
    """Columns by table row. Rows that show no plain scalar keep their place and are never used."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.value = np.zeros(size)
        self.stamp_ns = np.zeros(size, np.int64)  # Unix, UTC; 0 before the first value
        self.status = np.full(size, UDF.status, np.uint16)  # EPICS STAT
        self.severity = np.full(size, UDF.severity, np.uint16)
        self.blocks = AlarmBlocks(size)
        self.dropped = np.zeros(size, np.int64)  # updates that slow clients never got
        self.dropped_elsewhere = 0  # the same of PVs without a row
        self.followed = np.zeros(size, bool)  # rows that somebody follows one by one
        self.singled = np.zeros(size, bool)  # rows that are no news of their own any more: each goes the ordinary way
        self.precision = np.zeros(size, np.int64)  # PREC of rows that are monitored as text
        self._spans = Remembered(span_of)
        self._listeners: dict[RowListener, int] = {}
        self._followers: dict[int, list[Follower]] = {}

    def readings(self, index: Index) -> Readings:
        """The newest readings of these rows."""
        columns = (self.value[index], self.stamp_ns[index], self.status[index], self.severity[index])
        return Readings(*columns, alone=True, digits=(self.precision, index))

    def listen(self, listener: RowListener) -> None:
        """Count one more row subscription of a circuit."""
        self._listeners[listener] = self._listeners.get(listener, 0) + 1

    def forget(self, listener: RowListener) -> None:
        """Count one row subscription less."""
        left = self._listeners.get(listener, 0) - 1
        if left > 0:
            self._listeners[listener] = left
        else:
            self._listeners.pop(listener, None)

    def single_out(self, row: int) -> None:
        """Serve a row the ordinary way from now on: its record has deadbands or limits, which rows have not."""
        if not self.singled[row]:
            self.singled[row] = True
            for listener in tuple(self._listeners):
                listener.single_out(row)

    def follow(self, row: int, follower: Follower) -> None:
        """Call `follower` at each reading of the row: the way of everything that is not a row subscription."""
        self._followers.setdefault(row, []).append(follower)
        self.followed[row] = True

    def unfollow(self, row: int, follower: Follower) -> None:
        """End `follow`."""
        left = self._followers[row]
        left.remove(follower)
        if not left:
            del self._followers[row]
            self.followed[row] = False

    def followed_in(self, index: Index) -> Index:
        """The places in `index` of the rows that somebody follows."""
        return np.flatnonzero(self.followed[index]).astype(np.int32) if self._followers else NOWHERE

    def tell(self, row: int, value: Value | None, stamp_ns: int, alarm: Alarm) -> None:
        """Call the followers of one row."""
        for follower in tuple(self._followers.get(row, ())):
            try:
                follower(value, stamp_ns, alarm)
            except Exception:  # the news ends here for one PV; all others shall have it
                log.exception("a reading of row %d could not be shown", row)

    def alarm(self, row: int) -> Alarm:
        """The alarm of one row as it is now."""
        return Alarm(int(self.severity[row]), int(self.status[row]))

    def put(self, index: Index, value: Column, stamp_ns: Stamps, status: Alarms, severity: Alarms) -> None:
        """Keep readings, in order of arrival, and offer each to every listener; encoded once for all of them."""
        rows = self._spans.of(index).index
        self.value[rows], self.stamp_ns[rows] = value, stamp_ns  # of a row that occurs twice the last one stays
        self.status[rows], self.severity[rows] = status, severity
        if self._listeners and len(index):
            alone, digits = len(self._listeners) == 1, (self.precision, index)
            readings = Readings(value, stamp_ns, status, severity, alone, digits)
            for listener in tuple(self._listeners):
                listener.offer_rows(index, readings)

    def flush(self) -> None:
        """Let every listener send what it was offered."""
        for listener in tuple(self._listeners):
            listener.flush()
