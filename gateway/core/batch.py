"""ReadingBatch: what one socket read brought, as columns. The unit in which readings travel."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from gateway.core.remembered import constant
from gateway.core.values import Reading

Slots = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class OtherReading:
    """A reading that is not a plain scalar with a value, and its place among those that are."""

    slot: int
    after: int  # how many scalar rows of the same batch arrived before it
    reading: Reading


@dataclass(frozen=True, slots=True, eq=False)
class ReadingBatch:
    """Columns of plain scalars in order of arrival, all of one length, and the rest as Readings.

    `slot` is the index of the request in its subscription. A scalar row always has a value; its
    status may be a warning. Whatever has no value, or is no scalar, is in `others`. An adapter whose source
    repeats itself gives one and the same `slot` array each time, made read-only by `constant`: what depends on it
    alone is then computed once.
    """

    slot: Slots  # int32
    stamp_ns: npt.NDArray[np.int64]  # the source's, Unix, UTC; 0 when it gave none
    value: npt.NDArray[np.float64]
    facility: npt.NDArray[np.int16]
    number: npt.NDArray[np.int16]  # the error number; 0 good, above 0 a warning
    others: tuple[OtherReading, ...] = ()

    def __len__(self) -> int:
        """How many readings there are, scalars and others."""
        return len(self.slot) + len(self.others)


@lru_cache(maxsize=256)
def zeros(count: int) -> npt.NDArray[np.int16]:
    """So many zeros, one array for all who want them; it cannot be changed."""
    return constant(np.zeros(count, np.int16))


def one_stamp(stamp_ns: int, count: int) -> npt.NDArray[np.int64]:
    """A column of one stamp, that of a burst; it takes the room of one number and cannot be changed."""
    return constant(np.ndarray((count,), np.int64, np.array([stamp_ns]), 0, (0,)))


def stamp_of_all(stamps: npt.NDArray[np.int64]) -> int | None:
    """The stamp of a column that `one_stamp` made; None for any other, whatever is in it."""
    return int(stamps[0]) if stamps.strides == (0,) and len(stamps) else None


def scalar_batch(
    slot: Slots,
    stamp_ns: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    others: tuple[OtherReading, ...] = (),
) -> ReadingBatch:
    """A batch whose scalars all have the status 0/0, the usual case."""
    zero = zeros(len(slot))
    return ReadingBatch(slot, stamp_ns, value, zero, zero, others)


def batch_of(items: Sequence[tuple[int, Reading]]) -> ReadingBatch:
    """A batch made of single readings, each with its slot, in order of arrival."""
    slots: list[int] = []
    stamps: list[int] = []
    values: list[float] = []
    facilities: list[int] = []
    numbers: list[int] = []
    others: list[OtherReading] = []
    for slot, reading in items:
        if isinstance(reading.value, float):
            slots.append(slot)
            stamps.append(reading.stamp_ns)
            values.append(reading.value)
            facilities.append(reading.status.facility)
            numbers.append(reading.status.number)
        else:
            others.append(OtherReading(slot, len(slots), reading))
    return ReadingBatch(
        np.array(slots, np.int32),
        np.array(stamps, np.int64),
        np.array(values, np.float64),
        np.array(facilities, np.int16),
        np.array(numbers, np.int16),
        tuple(others),
    )


def merged(batches: Sequence[ReadingBatch]) -> ReadingBatch:
    """All of them as one, in order; a single one as it is."""
    if len(batches) == 1:
        return batches[0]
    others: list[OtherReading] = []
    before = 0
    for batch in batches:
        others += [OtherReading(other.slot, before + other.after, other.reading) for other in batch.others]
        before += len(batch.slot)
    return ReadingBatch(
        np.concatenate([batch.slot for batch in batches]),
        np.concatenate([batch.stamp_ns for batch in batches]),
        np.concatenate([batch.value for batch in batches]),
        np.concatenate([batch.facility for batch in batches]),
        np.concatenate([batch.number for batch in batches]),
        tuple(others),
    )


EMPTY = batch_of(())
