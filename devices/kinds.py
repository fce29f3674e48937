"""Whether an answer is of the kind that its PV was made for (pure; values.md 2 and 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gateway.core.batch import OtherReading, ReadingBatch, Slots, zeros
from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.remembered import constant
from gateway.core.span import Span, span_of
from gateway.core.status import SCALEFAIL, Status
from gateway.core.values import Reading, TimedArray, Value
from gateway.plan.model import Kind, Watch

Rows = npt.NDArray[np.int64]

_TYPES: dict[Kind, type] = {
    Kind.SCALAR: float,
    Kind.ARRAY: np.ndarray,
    Kind.TEXT: str,
    Kind.TEXT_ARRAY: tuple,
    Kind.RAW: bytes,
    Kind.STATUS: BasicStatus,
    Kind.ANALOG: AnalogAlarm,
    Kind.DIGITAL: DigitalAlarm,
}
_NAMES: dict[type, str] = {
    float: "a number",
    np.ndarray: "an array",
    TimedArray: "a plot",
    str: "a text",
    tuple: "texts",
    bytes: "raw bytes",
    BasicStatus: "a status",
    AnalogAlarm: "an analog alarm block",
    DigitalAlarm: "a digital alarm block",
}


def fit(kind: Kind, reading: Reading) -> Reading:
    """The reading as its row holds it.

    A scalar for an array becomes an array of length 1; any other kind than the one wished for is a failed
    scaling without a value (values.md 2), and so is nothing that has an error for its status.
    """
    value = reading.value
    if value is None:
        return reading
    if reading.status.failed:
        return replace(reading, value=None)
    if isinstance(value, _TYPES[kind]):
        return reading
    if kind is Kind.ARRAY and isinstance(value, float):
        return replace(reading, value=np.array([value]))
    text = f"{reading.request} was answered by {_name(value)}; its PV was made for {_NAMES[_TYPES[kind]]}"
    return replace(reading, value=None, status=SCALEFAIL, message=text)


def _name(value: Value) -> str:
    return next((name for known, name in _NAMES.items() if isinstance(value, known)), type(value).__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Where the slots of a batch lie in the table."""

    rows: Slots  # of each slot
    span: Span  # of the rows
    all_scalar: bool
    rings: Rows  # where all are scalar, their places in the rings
    ring_span: Span


def target_of(slot: Slots, row_of_slot: Rows, is_scalar: npt.NDArray[np.bool_], ring_of: Rows) -> Target:
    """The target of a batch with these slots; IndexError means a slot that was never asked for."""
    rows = row_of_slot[slot].astype(np.int32)
    if not slot.flags.writeable:
        constant(rows)  # so that what comes again here comes again on the floors above
    rings = ring_of[rows]
    return Target(rows, span_of(rows), bool(is_scalar[rows].all()), rings, span_of(rings))


def fitted(
    batch: ReadingBatch, target: Target, row_of_slot: Rows, watches: Sequence[Watch], is_scalar: npt.NDArray[np.bool_]
) -> ReadingBatch:
    """The batch in the same order, with rows for slots, and each row's reading of its row's kind.

    What is in the columns then belongs to a scalar row and has a value, and a scalar row has no value elsewhere.
    """
    rows, others = target.rows, list[OtherReading]()
    for other in batch.others:
        row = int(row_of_slot[other.slot])
        others.append(OtherReading(row, other.after, fit(watches[row].kind, other.reading)))
    if others and any(isinstance(other.reading.value, float) for other in others):
        moved = _with_floats_as_columns(replace(batch, slot=rows), others)
        return _without_misfits(moved, moved.slot, moved.others, watches, is_scalar)
    return _without_misfits(batch, rows, tuple(others), watches, None if target.all_scalar else is_scalar)


def _without_misfits(
    batch: ReadingBatch, rows: Slots, others: tuple[OtherReading, ...], watches: Sequence[Watch],
    is_scalar: npt.NDArray[np.bool_] | None,
) -> ReadingBatch:  # fmt: skip
    """The batch with `rows` for slots; scalars that cannot stay columns become Readings. None: all rows are scalar."""
    whole = ReadingBatch(rows, batch.stamp_ns, batch.value, batch.facility, batch.number, others)
    if is_scalar is None and batch.number is zeros(len(rows)):
        return whole
    good = batch.number >= 0
    if is_scalar is not None:
        good &= is_scalar[rows]
    if good.all():
        return whole
    kept = np.r_[0, np.cumsum(good)]  # how many stay before each place
    placed = [(other.after, 0, replace(other, after=int(kept[other.after]))) for other in others]
    for at in np.flatnonzero(~good).tolist():
        watch = watches[rows[at]]
        reading = fit(watch.kind, _reading_at(batch, at, watch))
        placed.append((at, 1, OtherReading(int(rows[at]), int(kept[at]), reading)))
    placed.sort(key=lambda item: item[:2])
    columns = (batch.stamp_ns[good], batch.value[good], batch.facility[good], batch.number[good])
    return ReadingBatch(rows[good], *columns, tuple(other for _, _, other in placed))


def _reading_at(batch: ReadingBatch, at: int, watch: Watch) -> Reading:
    status = Status(int(batch.facility[at]), int(batch.number[at]))
    return Reading(watch.request, float(batch.value[at]), int(batch.stamp_ns[at]), status)


def _with_floats_as_columns(batch: ReadingBatch, others: Sequence[OtherReading]) -> ReadingBatch:
    """The batch with those of `others` that are plain scalars in the columns, where they belong in time."""
    moved: list[tuple[OtherReading, float]] = []
    rest: list[OtherReading] = []
    for other in others:
        if isinstance(other.reading.value, float):
            moved.append((other, other.reading.value))
        else:
            rest.append(replace(other, after=other.after + len(moved)))
    places = [other.after for other, _ in moved]
    statuses = [other.reading.status for other, _ in moved]
    return ReadingBatch(
        np.insert(batch.slot, places, [other.slot for other, _ in moved]),
        np.insert(batch.stamp_ns, places, [other.reading.stamp_ns for other, _ in moved]),
        np.insert(batch.value, places, [value for _, value in moved]),
        np.insert(batch.facility, places, [status.facility for status in statuses]),
        np.insert(batch.number, places, [status.number for status in statuses]),
        tuple(rest),
    )
