"""Replies of a DPM server -> Values, Readings and batches (pure; dpm-http.md 8 and 9, values.md 2)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.batch import OtherReading, ReadingBatch, Slots, one_stamp, scalar_batch, stamp_of_all
from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.drf import DataRequest, Property
from gateway.core.remembered import Remembered, constant
from gateway.core.status import OK, Status
from gateway.core.values import Reading, TimedArray, Value
from gateway.wire import dpm
from gateway.wire.dpm_rows import ScalarColumns

WORD = 1 << 32
_LATEST = 2**63 - 1  # ns

DataReply: TypeAlias = (
    dpm.ScalarReply | dpm.ScalarArrayReply | dpm.RawReply | dpm.TextReply | dpm.TextArrayReply
    | dpm.TimedScalarArrayReply | dpm.AnalogAlarmReply | dpm.DigitalAlarmReply | dpm.BasicStatusReply
    | dpm.StatusReply
)  # fmt: skip

Ints: TypeAlias = npt.NDArray[np.int64]


def is_word(request: DataRequest) -> bool:
    """Whether its scalars are words of bits: 4 bytes arrive as a signed number, taken modulo 2^32 (values.md 4.2)."""
    return (request.property is Property.STATUS and request.field == "BIT_VALUE") or (
        request.property is Property.DIGITAL and request.field in ("NOM", "MASK")
    )


def stamp_of(milliseconds: int) -> int:
    """Nanoseconds from the milliseconds of the wire; 0, unknown, for what no clock can have meant."""
    return milliseconds * 1_000_000 if 0 < milliseconds <= _LATEST // 1_000_000 else 0


def stamps_of(count: Ints, nanoseconds: int) -> Ints:
    """Stamps of counts of so many nanoseconds each; 0 where a stamp would be no time at all."""
    latest = _LATEST // nanoseconds
    if (one := stamp_of_all(count)) is not None:
        return one_stamp(one * nanoseconds if 0 <= one <= latest else 0, len(count))
    if len(count) and (count.min() < 0 or count.max() > latest):
        count = np.where((count < 0) | (count > latest), 0, count)
    return count * nanoseconds


def _timed(reply: dpm.TimedScalarArrayReply) -> TimedArray:
    points = min(len(reply.data), len(reply.micros))
    return TimedArray(reply.data[:points], stamps_of(reply.micros[:points], 1000))


def _analog(reply: dpm.AnalogAlarmReply) -> AnalogAlarm:
    return AnalogAlarm(
        reply.minimum, reply.maximum, reply.alarm_enable, reply.alarm_status, reply.abort, reply.abort_inhibit,
        reply.tries_needed, reply.tries_now,
    )  # fmt: skip


def _digital(reply: dpm.DigitalAlarmReply) -> DigitalAlarm:
    return DigitalAlarm(
        reply.nominal % WORD, reply.mask % WORD, reply.alarm_enable, reply.alarm_status, reply.abort,
        reply.abort_inhibit, reply.tries_needed, reply.tries_now,
    )  # fmt: skip


def value_of(request: DataRequest, reply: DataReply) -> Value | None:
    """The value in a reply, whatever its status; None for a Status."""
    match reply:
        case dpm.ScalarReply(data=value):
            return value + WORD if value < 0 and is_word(request) else value
        case dpm.ScalarArrayReply() | dpm.RawReply() | dpm.TextReply() | dpm.TextArrayReply():
            return reply.data
        case dpm.TimedScalarArrayReply():
            return _timed(reply)
        case dpm.AnalogAlarmReply():
            return _analog(reply)
        case dpm.DigitalAlarmReply():
            return _digital(reply)
        case dpm.BasicStatusReply():
            return BasicStatus(reply.on, reply.ready, reply.remote, reply.positive, reply.ramp)
        case dpm.StatusReply():
            return None


def reading_of(request: DataRequest, reply: DataReply) -> Reading:
    """The Reading that a reply makes; an error status takes the value away."""
    status = OK  # alarm blocks and basic status have none: their arrival means good (8.1)
    if not isinstance(reply, dpm.AnalogAlarmReply | dpm.DigitalAlarmReply | dpm.BasicStatusReply):
        status = Status.from_packed(reply.status)
    value = None if status.failed else value_of(request, reply)
    return Reading(request, value, stamp_of(reply.timestamp), status)


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """What one receive brought for one list, its references known: columns, and Readings among them."""

    ref: Ints
    stamp_ns: Ints
    value: npt.NDArray[np.float64]
    status: npt.NDArray[np.int16]  # packed; never an error
    others: tuple[tuple[int, int, Reading], ...] = ()  # rows before it, reference, reading


def arrived_columns(columns: ScalarColumns, words: npt.NDArray[np.bool_] | None) -> Arrived:
    """Columns as they are on the wire; `words` says of each reference whether its scalars are words of bits, if any."""
    value = columns.value
    if words is not None:
        value = np.where(words[columns.ref_id] & (value < 0), value + WORD, value)
    return Arrived(columns.ref_id, stamps_of(columns.timestamp_ms, 1_000_000), value, columns.status)


def all_known(ref: Ints, size: int) -> bool:
    """Whether all references were given, those of 1 to `size` - 1."""
    return not len(ref) or bool(ref.min() > 0 and ref.max() < size)


def known_only(columns: ScalarColumns, size: int) -> tuple[ScalarColumns, Ints | None]:
    """The rows whose references were given, those of 1 to `size` - 1.

    Also how many known rows there are before each row, one more than rows; None when all are known.
    """
    ref = columns.ref_id
    if all_known(ref, size):
        return columns, None
    known = (ref > 0) & (ref < size)
    return columns.where(known), np.concatenate(([0], np.cumsum(known)))


def without_errors(arrived: Arrived, request_of: Callable[[int], DataRequest | None]) -> Arrived:
    """The same with rows of an error status turned into Readings without a value. Rare, so it may take its time."""
    bad = arrived.status < 0
    if not bad.any():
        return arrived
    good = ~bad
    good_before = np.concatenate(([0], np.cumsum(good)))
    # in order of arrival: a message that has `after` rows before it stands before row number `after`
    found = [((after, 0), ref, reading) for after, ref, reading in arrived.others]
    for row in np.flatnonzero(bad).tolist():
        ref, status = int(arrived.ref[row]), Status.from_packed(int(arrived.status[row]))
        if (request := request_of(ref)) is not None:
            found.append(((row, 1), ref, Reading(request, None, int(arrived.stamp_ns[row]), status)))
    found.sort(key=lambda item: item[0])
    return Arrived(
        arrived.ref[good], arrived.stamp_ns[good], arrived.value[good], arrived.status[good],
        tuple((int(good_before[place]), ref, reading) for (place, _), ref, reading in found),
    )  # fmt: skip


def remarked(status: npt.NDArray[np.int16]) -> bool:
    """Whether any of these packed statuses is a warning or an error."""
    return bool(status.any())


class SlotMap:
    """Which slots of one subscription a reference feeds: the join of references and slots, by arrays.

    One reference may feed several slots (equal requests are merged), and none.
    """

    def __init__(self, slots: Mapping[int, Sequence[int]]) -> None:
        size = max(slots, default=0) + 1
        self._count = np.zeros(size, np.int64)
        self._first = np.zeros(size, np.int64)
        flat: list[int] = []
        for ref, fed in slots.items():
            self._count[ref], self._first[ref] = len(fed), len(flat)
            flat += fed
        self._flat = np.array(flat or [0], np.int32)
        self._single = bool((self._count <= 1).all())
        self._whole = Remembered(self._of_all)
        self._remarked = Remembered(remarked)

    def slots_of(self, ref: int) -> list[int]:
        """The slots that one reference feeds."""
        if ref >= len(self._count):
            return []
        first = self._first[ref]
        found: list[int] = self._flat[first : first + self._count[ref]].tolist()
        return found

    def _of_all(self, ref: Ints) -> Slots | None:
        """The slots of these references, where each feeds exactly one; otherwise None."""
        if not self._single or (ref >= len(self._count)).any() or not self._count[ref].all():
            return None
        return constant(self._flat[self._first[ref]])

    def batch(self, arrived: Arrived) -> ReadingBatch:
        """What of it belongs to this subscription, in order of arrival."""
        if not arrived.others and (all_slots := self._whole.of(arrived.ref)) is not None:
            if not self._remarked.of(arrived.status):
                return scalar_batch(all_slots, arrived.stamp_ns, arrived.value)
            return _batch(all_slots, arrived.stamp_ns, arrived.value, arrived.status, ())
        ref = np.where(arrived.ref < len(self._count), arrived.ref, 0)  # reference 0 feeds nobody
        count = self._count[ref]
        rows = np.repeat(np.arange(len(ref)), count)
        within = np.arange(len(rows)) - (np.cumsum(count) - count)[rows]
        slot = self._flat[self._first[ref][rows] + within]
        others: tuple[OtherReading, ...] = ()
        if arrived.others:
            before = np.concatenate(([0], np.cumsum(count)))
            others = tuple(
                OtherReading(slot_, int(before[after]), reading)
                for after, number, reading in arrived.others
                for slot_ in self.slots_of(number)
            )
        return _batch(slot, arrived.stamp_ns[rows], arrived.value[rows], arrived.status[rows], others)


def _batch(
    slot: Slots, stamp_ns: Ints, value: npt.NDArray[np.float64], status: npt.NDArray[np.int16],
    others: tuple[OtherReading, ...],
) -> ReadingBatch:  # fmt: skip
    if not status.any():
        return scalar_batch(slot, stamp_ns, value, others)
    return ReadingBatch(slot, stamp_ns, value, status & np.int16(0xFF), status >> np.int16(8), others)


NO_ROWS: Ints = np.zeros(0, np.int64)


def arrived_readings(readings: Sequence[tuple[int, Reading]]) -> Arrived:
    """Single Readings, each with its reference, none of them a plain scalar."""
    return Arrived(
        NO_ROWS, NO_ROWS, np.zeros(0), np.zeros(0, np.int16), tuple((0, ref, reading) for ref, reading in readings)
    )


def arrived_points(ref: int, reply: dpm.TimedScalarArrayReply) -> Arrived:
    """The points of a plot as rows of their own: readings faster than 20 Hz come so (8.3)."""
    points = _timed(reply)
    count = len(points.values)
    status = np.full(count, reply.status, np.int16)
    return Arrived(np.full(count, ref, np.int64), points.stamps_ns, points.values, status)


def split(columns: Arrived, messages: Sequence[tuple[int, int, Reading | Arrived]]) -> Iterator[Arrived]:
    """Columns and what came among them, in order: one piece, and further ones where points of plots lie between.

    `messages` has the number of rows before each, its reference, and what it was.
    """
    begin = 0
    others: list[tuple[int, int, Reading]] = []
    for after, ref, found in messages:
        if isinstance(found, Reading):
            others.append((after - begin, ref, found))
            continue
        yield _piece(columns, begin, after, others)
        yield found
        begin, others = after, []
    yield _piece(columns, begin, len(columns.ref), others)


def _piece(columns: Arrived, begin: int, end: int, others: list[tuple[int, int, Reading]]) -> Arrived:
    if begin == 0 and end == len(columns.ref):
        return Arrived(columns.ref, columns.stamp_ns, columns.value, columns.status, tuple(others))
    rows = slice(begin, end)
    return Arrived(columns.ref[rows], columns.stamp_ns[rows], columns.value[rows], columns.status[rows], tuple(others))
