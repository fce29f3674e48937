"""Newest: the last answer of a feed for each request, for the moment in which it begins to serve."""

import numpy as np

from gateway.backends.steering import Slots, is_loss, overtaken
from gateway.core.batch import OtherReading, ReadingBatch
from gateway.core.values import Reading


class Newest:
    """Columns for plain scalars, Readings for the rest; losses are forgotten, since they say nothing of the device."""

    def __init__(self, slots: int) -> None:
        self._scalar = np.zeros(slots, np.bool_)
        self._stamp_ns, self._value = np.zeros(slots, np.int64), np.zeros(slots)
        self._facility, self._number = np.zeros(slots, np.int16), np.zeros(slots, np.int16)
        self._others: dict[int, Reading] = {}

    def keep(self, batch: ReadingBatch) -> None:
        """Remember what the batch brings."""
        slots = batch.slot
        self._scalar[slots] = True
        self._stamp_ns[slots], self._value[slots] = batch.stamp_ns, batch.value
        self._facility[slots], self._number[slots] = batch.facility, batch.number
        if self._others:
            for slot in self._others.keys() & set(slots.tolist()):
                del self._others[slot]
        for other in batch.others:
            if overtaken(batch, other):
                continue
            self._scalar[other.slot] = False
            if is_loss(other.reading):
                self._others.pop(other.slot, None)
            else:
                self._others[other.slot] = other.reading

    def of(self, slots: Slots, floor: Slots) -> ReadingBatch:
        """The newest answers of these slots, as far as their stamps lie above `floor`; errors have no age."""
        rows = slots[self._scalar[slots] & (self._stamp_ns[slots] > floor)]
        others = []
        for slot, above in zip(slots.tolist(), floor.tolist(), strict=True):
            reading = self._others.get(slot)
            if reading is not None and (reading.value is None or reading.stamp_ns > above):
                others.append(OtherReading(slot, len(rows), reading))
        return ReadingBatch(
            rows.astype(np.int32), self._stamp_ns[rows], self._value[rows], self._facility[rows], self._number[rows],
            tuple(others),
        )  # fmt: skip

    def clear(self) -> None:
        """Forget everything."""
        self._scalar[:] = False
        self._others.clear()
