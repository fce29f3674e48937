"""Refrains: the frames that a list sends in each period, learned when they come again (dpm-http.md 3, 5, 6).

A list answers its requests in the same order in every period. So one burst differs from the one before it only in
stamps, cycles and values; all other bytes, and where the values lie, are known. A burst that agrees with what was
learned is taken at once, without a look at single frames; what does not agree is left to the ordinary decoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.batch import one_stamp
from gateway.core.remembered import constant
from gateway.wire.dpm_rows import HEAD_SIZE, ScalarColumns, Shape, shape_of
from gateway.wire.pc import Int64s, Octets

Buffer: TypeAlias = bytes | memoryview
LEAST = 32  # frames of a burst that is worth to be learned
_RUNS = 16  # pieces of frames of one shape
_KEPT = 64  # beginnings that were heard once, and parts of a refrain
_ROOM = 65_536  # bytes of frames that a connection may learn, if its longest refrain does not need more
_TRIES = 4  # how often a refrain is learned anew that has not once come again


@dataclass(frozen=True, slots=True)
class _Run:
    """Frames of one shape, back to back."""

    first_row: int
    first_byte: int
    count: int
    size: int  # bytes of a frame
    place: int  # of the stamp, in the frame
    width: int  # bytes of the stamp


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Some frames of a refrain, as many as a read brought; its arrays never change."""

    begin: int  # first byte in the refrain
    size: int  # bytes
    ref_id: Int64s
    status: npt.NDArray[np.int16]
    runs: tuple[_Run, ...]  # from its own first row and byte on


class Refrain:
    """One burst as it was learned."""

    def __init__(self, data: bytes, columns: ScalarColumns, found: Sequence[tuple[_Run, Shape]]) -> None:
        self.tries, self.hits = 1, 0
        self._ref_id, self._status = columns.ref_id, columns.status
        self._runs = tuple(run for run, _ in found)
        ends = [run.first_byte + run.size * np.arange(1, run.count + 1) for run in self._runs]
        self._bounds = np.concatenate(([0], *ends))  # first byte of each frame, and where the last one ends
        self.count, self.size = len(self._bounds) - 1, int(self._bounds[-1])
        fixed = np.concatenate([np.tile(_constant_bytes(shape), run.count) for run, shape in found])
        self._fixed = fixed.tobytes()
        self._learned = (np.frombuffer(data, np.uint8, self.size) & fixed).tobytes()
        self._parts: dict[tuple[int, int], _Part] = {}

    def take(self, data: Buffer, at: int, first: int = 0) -> tuple[ScalarColumns, int, int] | None:
        """What lies at `at` if it is the refrain from frame `first` on: rows, bytes taken, and the next frame.

        None where the bytes are others, or no frame is whole.
        """
        room = len(data) - at + int(self._bounds[first])
        last = self.count if room >= self.size else int(np.searchsorted(self._bounds, room, "right")) - 1
        if last <= first:
            return None
        part = self._parts.get((first, last)) or self._part(first, last)
        if not self._agrees(data, at, part):
            return None
        self.hits += 1
        value = np.empty(last - first)
        for run in part.runs:
            rows, place = slice(run.first_row, run.first_row + run.count), at + run.first_byte + run.size - 8
            value[rows] = np.ndarray((run.count,), ">f8", data, place, (run.size,))
        stamps = _stamps(data, at, part.runs, last - first)
        return ScalarColumns(part.ref_id, stamps, part.status, value), part.size, last

    def _agrees(self, data: Buffer, at: int, part: _Part) -> bool:
        """Whether all bytes that do not change are those that were learned; the last ones are those of a value."""
        words = part.size // 8
        found = np.frombuffer(data, np.uint64, words, at)
        fixed = np.frombuffer(self._fixed, np.uint64, words, part.begin)
        learned = np.frombuffer(self._learned, np.uint64, words, part.begin)
        return not ((found & fixed) != learned).any()

    def _part(self, first: int, last: int) -> _Part:
        begin, runs = int(self._bounds[first]), []
        for run in self._runs:
            skipped = max(0, first - run.first_row)
            count = min(run.count, last - run.first_row) - skipped
            if count > 0:
                place = run.first_byte + skipped * run.size - begin
                runs.append(replace(run, first_row=run.first_row + skipped - first, first_byte=place, count=count))
        if len(self._parts) >= _KEPT:
            self._parts.clear()
        ref_id, status = constant(self._ref_id[first:last].copy()), constant(self._status[first:last].copy())
        size = int(self._bounds[last]) - begin
        part = self._parts[first, last] = _Part(begin, size, ref_id, status, tuple(runs))
        return part


def _stamps(data: Buffer, at: int, runs: Sequence[_Run], count: int) -> Int64s:
    """The stamps of all frames; those of a burst are one."""
    first = [_stamp_at(data, at + run.first_byte + run.place, run.width) for run in runs]
    columns = []
    alike = first.count(first[0]) == len(first)
    for run in runs:
        # eight bytes that end with the stamp; those before it are the same in every frame
        begin = at + run.first_byte + run.place + run.width - 8
        column = np.ndarray((run.count,), np.int64, data, begin, (run.size,))
        alike = alike and bool((column == column[0]).all())
        columns.append(column)
    if alike:
        return one_stamp(first[0], count)
    stamps = np.empty(count, np.int64)
    for run, column in zip(runs, columns, strict=True):
        rows = stamps[run.first_row : run.first_row + run.count]
        rows[:] = column.view(">i8")
        rows <<= 64 - 8 * run.width  # the bytes before it are shifted out, and the sign comes back with it
        rows >>= 64 - 8 * run.width
    return stamps


def _stamp_at(data: Buffer, at: int, width: int) -> int:
    return int.from_bytes(bytes(data[at : at + width]), "big", signed=True)


class Refrains:
    """What one connection has heard twice, by the reference that it begins with."""

    def __init__(self) -> None:
        self._known: dict[bytes, Refrain] = {}
        self._heard: set[bytes] = set()  # what came once
        self._next: tuple[Refrain, int] | None = None  # the refrain, and its frame, at which a read ended

    @property
    def known(self) -> bool:
        """Whether anything was learned."""
        return bool(self._known)

    def take(self, data: Buffer) -> tuple[list[ScalarColumns], int]:
        """Refrains at the start of `data`, one after the other, and the number of bytes they take."""
        taken: list[ScalarColumns] = []
        at = 0
        while at < len(data):
            found = None
            if self._next is not None:
                refrain, first = self._next
                found = refrain.take(data, at, first)
            if found is None and (begun := self._known.get(_key(data, at) or b"")) is not None:
                refrain, found = begun, begun.take(data, at)
            if found is None:
                break
            columns, size, last = found
            self._next = (refrain, last) if last < refrain.count else None
            taken.append(columns)
            at += size
        return taken, at

    def hear(self, data: bytes, starts: Sequence[int], sizes: Sequence[int], columns: ScalarColumns) -> None:
        """Frames that were decoded one by one, all of them Scalar replies and nothing else in `data`.

        Where a read brought several periods, the first one is learned.
        """
        again = np.flatnonzero(columns.ref_id[1:] == columns.ref_id[:1])
        count = int(again[0]) + 1 if len(again) else len(starts)
        if count < LEAST or (key := _key(data, 0)) is None:
            return
        before = self._known.get(key)
        if before is not None and before.tries > _TRIES + before.hits:
            return  # it never comes twice
        if before is None and key not in self._heard:
            if len(self._heard) >= _KEPT:
                self._heard.clear()
            self._heard.add(key)
            return
        if (found := _runs(data, starts[:count], sizes[:count])) is None:
            return
        learned = Refrain(data, columns, found)
        if sum(refrain.size for refrain in self._known.values()) > max(_ROOM, 4 * learned.size):
            self._known.clear()
        self._known[key] = learned
        if before is not None:
            learned.tries, learned.hits = before.tries + 1, before.hits


def _key(data: Buffer, at: int) -> bytes | None:
    """The first frame up to its reference; None where that is no Scalar reply or not whole."""
    tag = at + HEAD_SIZE
    if tag >= len(data) or not 0x10 < data[tag] <= 0x18:
        return None
    return bytes(data[at : tag + 1 + data[tag] - 0x10])


def _constant_bytes(shape: Shape) -> Octets:
    """255 where a frame of this shape is the same each time: all but stamp, cycle and value."""
    fixed = shape.fixed.copy()
    for place in (0, 3):  # reference and status
        first, width = shape.places[place]
        fixed[first : first + width] = 255
    return fixed


def _runs(data: bytes, starts: Sequence[int], sizes: Sequence[int]) -> list[tuple[_Run, Shape]] | None:
    """The frames as runs of one shape each; None where they change too often or are none in a standard shape."""
    octets, lengths = np.frombuffer(data, np.uint8), np.array(sizes)
    found: list[tuple[_Run, Shape]] = []
    row = 0
    while row < len(sizes):
        first, size = starts[row], sizes[row]
        shape = shape_of(data[first : first + size])
        if shape is None or len(found) >= _RUNS:
            return None
        others = np.flatnonzero(lengths[row:] != size)
        count = int(others[0]) if len(others) else len(sizes) - row
        matrix = octets[first : first + count * size].reshape(count, size)
        misfits = np.flatnonzero(((matrix ^ shape.template) & shape.fixed).any(axis=1))
        count = int(misfits[0]) if len(misfits) else count
        found.append((_Run(row, first, count, size, *shape.places[1]), shape))
        row += count
    return found
