"""DeviceTable: what the gateway knows of every request of a plan, as columns of one table.

A row is the place of a watch in `Plan.watches`. The scalars of a batch are taken in by a few numpy calls,
however many rows they touch; everything else is one object per row.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from devices.circular_buffer import CircularBuffer, Points, Rings
from devices.kinds import Target, fitted, target_of
from devices.stamps import StrangeStamps, stamps_before
from gateway.core.batch import EMPTY, OtherReading, ReadingBatch, Slots, batch_of, stamp_of_all
from gateway.core.ports import Clock
from gateway.core.remembered import Remembered, constant
from gateway.core.status import PEND, Status
from gateway.core.values import Reading, Value
from gateway.plan.model import Kind, Watch

Rows = npt.NDArray[np.int64]
_ARRAY_BYTES = 1_000_000  # what the buffer of one array row may take


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What is known of one row now."""

    value: Value | None  # the last good one, None when there never was one
    stamp_ns: int  # of that value, Unix, UTC; of the first news while there is no value
    status: Status  # of the newest reading; 17/1 before the first
    has_value: bool  # whether the newest reading had a value
    message: str  # for people; of the newest reading, where it had no value
    seen: int  # readings so far, with and without a value


class DeviceTable:
    """The table of devices: many writers and readers, one lock that is held briefly.

    `depth` is the number of readings in each scalar's circular buffer. A stamp of 0 becomes the local time of
    arrival (values.md 10); what is strange about stamps is counted in `strange`.
    """

    def __init__(self, watches: Sequence[Watch], depth: int, clock: Clock) -> None:
        rows = len(watches)
        self.watches = tuple(watches)
        self.clock = clock
        self.strange = StrangeStamps()
        self._lock = threading.Lock()
        self._is_scalar = np.array([watch.kind is Kind.SCALAR for watch in watches], np.bool_)
        self._ring_of = np.cumsum(self._is_scalar) - 1  # place of a scalar row in the rings
        self._rings = Rings(int(self._is_scalar.sum()), depth)
        self._buffers = {
            row: CircularBuffer(max(1, min(depth, _ARRAY_BYTES // (8 * max(1, watch.length)))), watch.length)
            for row, watch in enumerate(watches)
            if watch.kind is Kind.ARRAY
        }
        self._value = np.full(rows, np.nan)
        self._objects: dict[int, Value] = {}  # the last good values of rows that are no scalars
        self._stamp_ns = np.zeros(rows, np.int64)
        self._facility = np.full(rows, PEND.facility, np.int16)
        self._number = np.full(rows, PEND.number, np.int16)
        self._has_value = np.zeros(rows, np.bool_)
        self._had_value = np.zeros(rows, np.bool_)
        self._seen = np.zeros(rows, np.int64)
        self._arrived = np.full(rows, -np.inf)  # s, monotonic, of the last value
        self._stale = np.zeros(rows, np.bool_)
        self._edges: dict[int, list[Callable[[], None]]] = {}  # who is told when a row becomes stale or fresh
        self._messages: dict[int, str] = {}
        self._errors: dict[int, str] = {}
        self._place = np.zeros(rows, np.int64)  # scratch of `_accept_others`
        self._every_row = constant(np.arange(rows))
        self._targets = Remembered(self._target_of)

    def __len__(self) -> int:
        return len(self.watches)

    def accept(self, batch: ReadingBatch, row_of_slot: Rows) -> ReadingBatch:
        """Take in a batch; what is news, in the same order, with rows for slots.

        Left out are readings without a value that only repeat the one before. IndexError means a slot that
        was never asked for.
        """
        now_ns, now = self.clock.now_ns(), self.clock.monotonic()
        with self._lock:
            target = self._targets.of(batch.slot, row_of_slot)
            mapped = fitted(batch, target, row_of_slot, self.watches, self._is_scalar)
            stamps = mapped.stamp_ns
            if not (stamp_of_all(stamps) or stamps.all()):
                missing = stamps == 0
                stamps = np.where(missing, now_ns, stamps)
                self.strange.missing(int(missing.sum()))
            if len(mapped.slot):
                self._accept_scalars(mapped, stamps, now, target if mapped.slot is target.rows else None)
            if stamps is mapped.stamp_ns and not mapped.others:
                return mapped
            others = self._accept_others(mapped, now_ns, now)
        return ReadingBatch(mapped.slot, stamps, mapped.value, mapped.facility, mapped.number, others)

    def lose(self, rows: Rows, status: Status, message: str) -> ReadingBatch:
        """Give each of the rows a reading without a value; what of that is news."""
        items = [(row, Reading(self.watches[row].request, None, 0, status, message)) for row in rows.tolist()]
        return self.accept(batch_of(items), self._every_row)

    def take(self, row: int, reading: Reading) -> ReadingBatch:
        """Take in a reading that was asked for, unless a newer one came first or it has no value; what is news."""
        if reading.value is None or 0 < reading.stamp_ns <= self._stamp_ns[row]:
            return EMPTY
        return self.accept(batch_of([(row, reading)]), self._every_row)

    def snapshot(self, row: int) -> Snapshot:
        """What is known of a row now, of one piece."""
        with self._lock:
            value: Value | None = None
            if self._had_value[row]:
                value = float(self._value[row]) if self._is_scalar[row] else self._objects[row]
            return Snapshot(
                value,
                int(self._stamp_ns[row]),
                Status(int(self._facility[row]), int(self._number[row])),
                bool(self._has_value[row]),
                self._messages.get(row, ""),
                int(self._seen[row]),
            )

    def unanswered(self) -> int:
        """How many rows have had no reading yet, neither with nor without a value."""
        with self._lock:
            return int((self._seen == 0).sum())

    def news(self, rows: Rows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """For the watchdog: when the last value came (s, monotonic; -inf never), and whether one is expected.

        None is expected of a row that already says that it has no value.
        """
        with self._lock:
            return self._arrived[rows], self._has_value[rows] | (self._seen[rows] == 0)

    def age(self, row: int) -> float:
        """Seconds since the last value came; infinite when none ever did."""
        return self.clock.monotonic() - float(self._arrived[row])

    def age_out(self, stale: Rows, fresh: Rows) -> None:
        """The rows that are stale from now on, and those that are not any more."""
        self._stale[stale], self._stale[fresh] = True, False
        if self._edges:
            for row in (*stale.tolist(), *fresh.tolist()):
                for told in self._edges.get(row, ()):
                    told()

    def stale(self, row: int) -> bool:
        """Whether no value came for longer than the event of the row allows, for whatever reason."""
        return bool(self._stale[row])

    def on_edge(self, row: int, told: Callable[[], None]) -> None:
        """Call `told` each time when the row becomes stale or fresh, on the thread that sees it; it must not block."""
        self._edges.setdefault(row, []).append(told)

    def last_error(self, row: int) -> str:
        """Status and message of the last reading that had no value, however long ago; empty when there was none."""
        return self._errors.get(row, "")

    def last(self, row: int, n: int) -> Points:
        """The newest `n` readings of a scalar or an array; of other kinds nothing is kept."""
        if (buffer := self._buffers.get(row)) is not None:
            return buffer.last(n)
        if not self._is_scalar[row]:
            return _NOTHING
        with self._lock:
            return self._rings.last(int(self._ring_of[row]), n)

    def since(self, row: int, index: int) -> Points:
        """What came from `index` on, as far as it is still held; of other kinds than scalars and arrays nothing."""
        if (buffer := self._buffers.get(row)) is not None:
            return buffer.since(index)
        if not self._is_scalar[row]:
            return _NOTHING
        with self._lock:
            return self._rings.since(int(self._ring_of[row]), index)

    def _target_of(self, slot: Slots, row_of_slot: Rows) -> Target:
        return target_of(slot, row_of_slot, self._is_scalar, self._ring_of)

    def _accept_scalars(self, batch: ReadingBatch, stamps: Rows, now: float, target: Target | None) -> None:
        """`target` is that of the batch; None where its rows are others since it was fitted."""
        rows = batch.slot
        if target is None:
            target = target_of(rows, self._every_row, self._is_scalar, self._ring_of)
        span = target.span
        self._rings.append(target.rings, stamps, batch.value, target.ring_span)
        index = span.index
        known = self._stamp_ns[index]
        self.strange.look(stamps, known if span.once else stamps_before(rows, stamps, known), self.clock.now_ns())
        self._value[index] = batch.value  # of a row that occurs twice the last one stays
        self._stamp_ns[index] = stamps
        self._facility[index] = batch.facility
        self._number[index] = batch.number
        self._has_value[index] = True
        self._had_value[index] = True
        self._arrived[index] = now
        if span.once:
            self._seen[index] += 1
        else:
            np.add.at(self._seen, rows, 1)
        if self._messages:
            for row in self._messages.keys() & set(rows.tolist()):
                del self._messages[row]

    def _accept_others(self, batch: ReadingBatch, now_ns: int, now: float) -> tuple[OtherReading, ...]:
        news = []
        self._place[[o.slot for o in batch.others]] = -1
        self._place[batch.slot] = np.arange(len(batch.slot))  # the last scalar of each row
        for other in batch.others:
            row, reading = other.slot, other.reading
            if reading.stamp_ns == 0:
                reading = replace(reading, stamp_ns=now_ns)
                if reading.value is not None:
                    self.strange.missing(1)
            if reading.value is not None:
                self._keep_object(row, reading, reading.value, now)
            elif not self._lost(row, reading, outdated=self._place[row] >= other.after):
                continue
            news.append(replace(other, reading=reading))
        return tuple(news)

    def _keep_object(self, row: int, reading: Reading, value: Value, now: float) -> None:
        self._objects[row] = value
        self.strange.look(np.array([reading.stamp_ns]), self._stamp_ns[row : row + 1], self.clock.now_ns())
        if isinstance(value, np.ndarray):
            self._buffers[row].append(reading.stamp_ns, value)
        self._stamp_ns[row] = reading.stamp_ns
        self._facility[row], self._number[row] = reading.status.facility, reading.status.number
        self._has_value[row] = self._had_value[row] = True
        self._arrived[row] = now
        self._seen[row] += 1
        self._messages.pop(row, None)

    def _lost(self, row: int, reading: Reading, outdated: bool) -> bool:
        """Note a reading without a value; False when it says nothing new.

        `outdated`: the same batch brings a value after it.
        """
        status = reading.status
        self._seen[row] += 1
        text = f"{status}: {reading.message}" if reading.message else str(status)
        self._errors[row] = text
        if outdated:
            return True
        same = (self._facility[row], self._number[row]) == (status.facility, status.number)
        if same and self._seen[row] > 1 and not self._has_value[row] and self._messages.get(row) == reading.message:
            return False
        self._facility[row], self._number[row] = status.facility, status.number
        self._has_value[row] = False
        self._messages[row] = reading.message
        if not self._had_value[row]:
            self._stamp_ns[row] = reading.stamp_ns
        return True


_NOTHING = Points(np.zeros(0), np.zeros(0, np.int64), 0, 0)
