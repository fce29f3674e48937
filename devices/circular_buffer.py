"""Circular buffers: fixed memory, and an index that only grows.

`CircularBuffer` holds one stream, `Rings` the streams of many rows as one matrix. The index of a reading is its
number in its stream, from 0; a reader keeps the `next_index` it was given and asks for what came `since` then.
"""

import threading
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.core.span import Span

Floats = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int64]
Rows = npt.NDArray[np.integer]


class Points(NamedTuple):
    """A copy of a part of a stream, oldest first."""

    values: Floats  # one per stamp; of arrays a matrix
    stamps_ns: Stamps  # Unix, UTC
    next_index: int  # the index of the reading that will follow
    missed: int  # readings that were asked for, and overwritten already


class CircularBuffer:
    """The newest `depth` readings of one stream, for one writer and any number of readers.

    With a width each reading is an array: a shorter one is filled up with NaN, a longer one is cut.
    """

    def __init__(self, depth: int, width: int | None = None) -> None:
        self._lock = threading.Lock()
        self._values: Floats = np.zeros(depth if width is None else (depth, width))
        self._stamps: Stamps = np.zeros(depth, np.int64)
        self._width = width
        self._count = 0

    @property
    def depth(self) -> int:
        """How many readings it holds at most."""
        return len(self._stamps)

    @property
    def count(self) -> int:
        """How many readings there have ever been: the index of the next one."""
        return self._count

    def append(self, stamp_ns: int, value: float | Floats) -> None:
        """Add one reading."""
        with self._lock:
            place = self._count % self.depth
            if self._width is None:
                self._values[place] = value
            else:
                array = np.ravel(value)[: self._width]
                self._values[place, : len(array)] = array
                self._values[place, len(array) :] = np.nan
            self._stamps[place] = stamp_ns
            self._count += 1

    def last(self, n: int) -> Points:
        """The newest `n` readings, fewer when there are not so many."""
        with self._lock:
            first = self._count - max(0, min(n, self._count, self.depth))
            return self._copy(first, 0)

    def since(self, index: int) -> Points:
        """What came from `index` on, as far as it is still held."""
        with self._lock:
            wished = min(max(0, index), self._count)
            first = max(wished, self._count - self.depth)
            return self._copy(first, first - wished)

    def _copy(self, first: int, missed: int) -> Points:
        places = np.arange(first, self._count) % self.depth
        return Points(self._values[places], self._stamps[places], self._count, missed)


class Rings:
    """Circular buffers of equal depth for `rows` scalar streams.

    It has no lock: whoever owns it, the device table, guards it. A line of the matrix holds one reading of each row,
    so that a batch is written to one place of memory, and memory is only touched as readings come.
    """

    def __init__(self, rows: int, depth: int) -> None:
        self.depth = depth
        self._values: Floats = np.zeros((depth, rows))
        self._stamps: Stamps = np.zeros((depth, rows), np.int64)
        self._counts: Stamps = np.zeros(rows, np.int64)

    def append(self, rows: Rows, stamps_ns: Stamps, values: Floats, span: Span) -> None:
        """Add a batch in order of arrival, in columns of one length, with the span of its rows."""
        if len(rows) == 0:
            return
        if span.once:
            index = span.index
            counts = self._counts[index]
            place: int | Stamps = int(counts[0]) % self.depth
            if not (counts == counts[0]).all():
                place = counts % self.depth
                index = rows
            self._values[place, index] = values
            self._stamps[place, index] = stamps_ns
            self._counts[index] += 1
            return
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        lengths = np.diff(np.r_[starts, len(ordered)])
        rank = np.arange(len(ordered)) - np.repeat(starts, lengths)  # how often the row occurred before
        places = (self._counts[ordered] + rank) % self.depth
        self._values[places, ordered] = values[order]  # where one place is meant twice the last, newest value stays
        self._stamps[places, ordered] = stamps_ns[order]
        self._counts[ordered[starts]] += lengths

    def count(self, row: int) -> int:
        """How many readings the row has ever had: the index of its next one."""
        return int(self._counts[row])

    def last(self, row: int, n: int) -> Points:
        """The newest `n` readings of a row, fewer when there are not so many."""
        count = self.count(row)
        return self._copy(row, count - max(0, min(n, count, self.depth)), count, 0)

    def since(self, row: int, index: int) -> Points:
        """What came to a row from `index` on, as far as it is still held."""
        count = self.count(row)
        wished = min(max(0, index), count)
        first = max(wished, count - self.depth)
        return self._copy(row, first, count, first - wished)

    def _copy(self, row: int, first: int, count: int, missed: int) -> Points:
        places = np.arange(first, count) % self.depth
        return Points(self._values[places, row], self._stamps[places, row], count, missed)
