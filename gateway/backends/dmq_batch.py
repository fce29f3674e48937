"""Rows: what one turn of the AMQP loop brought for one subscription, gathered into columns."""

from collections.abc import Sequence

import numpy as np

from gateway.backends.dmq_readings import Answered, reading_of
from gateway.backends.dpm_readings import is_word, stamp_of
from gateway.core.batch import OtherReading, ReadingBatch, scalar_batch
from gateway.core.drf import DataRequest
from gateway.core.values import Reading
from gateway.wire.dmq import Sample, SampleKind


class Rows:
    """Answers in order of arrival, until somebody takes them. One entry may feed several slots."""

    def __init__(self) -> None:
        self._slots: list[int] = []
        self._stamps: list[int] = []
        self._values: list[float] = []
        self._others: list[OtherReading] = []

    def add(self, slots: Sequence[int], request: DataRequest, sample: Answered, now_ns: int) -> None:
        """An answer; a plain double, by far the most frequent one, never becomes a Reading."""
        if isinstance(sample, Sample) and sample.kind is SampleKind.DOUBLE and not is_word(request):
            assert isinstance(sample.value, float)
            self._row(slots, stamp_of(sample.time), sample.value)
            return
        reading = reading_of(request, sample, now_ns)
        if isinstance(reading.value, float):
            self._row(slots, reading.stamp_ns, reading.value)
        else:
            self.add_other(slots, reading)

    def add_other(self, slots: Sequence[int], reading: Reading) -> None:
        """A reading that is no plain scalar."""
        self._others += (OtherReading(slot, len(self._slots), reading) for slot in slots)

    def _row(self, slots: Sequence[int], stamp_ns: int, value: float) -> None:
        for slot in slots:
            self._slots.append(slot)
            self._stamps.append(stamp_ns)
            self._values.append(value)

    def take(self) -> ReadingBatch:
        """All of it as one batch."""
        batch = scalar_batch(
            np.array(self._slots, np.int32),
            np.array(self._stamps, np.int64),
            np.array(self._values, np.float64),
            tuple(self._others),
        )
        self._slots, self._stamps, self._values, self._others = [], [], [], []
        return batch
