"""Rows: what came in a moment for one subscription, gathered into columns."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gateway.backends.dmq_readings import Answered, reading_of
from gateway.backends.dpm_readings import Arrived, SlotMap, is_word, stamps_of
from gateway.core.batch import ReadingBatch
from gateway.core.drf import DataRequest
from gateway.core.values import Reading
from gateway.wire.dmq import Sample, SampleKind
from gateway.wire.dmq_stream import Numbers


class Rows:
    """Answers in order of arrival, until somebody takes them; `waiting` is called for the first of each lot, or more.

    A reference is one request of the subscription, which may feed several slots; 0 is none.
    """

    def __init__(self, slots: Mapping[int, Sequence[int]], waiting: Callable[[], None]) -> None:
        self._slots, self._waiting = SlotMap(slots), waiting
        self.numbers = Numbers(waiting)  # taken from the stream, and those of ordinary answers
        self._others: list[tuple[int, int, Reading]] = []

    def add(self, ref: int, request: DataRequest, sample: Answered, now_ns: int) -> None:
        """An answer; a plain double, by far the most frequent one, never becomes a Reading."""
        if isinstance(sample, Sample) and sample.kind is SampleKind.DOUBLE and not is_word(request):
            assert isinstance(sample.value, float)
            self.numbers.add(ref, sample.time, sample.value)
            return
        reading = reading_of(request, sample, now_ns)
        if isinstance(reading.value, float) and isinstance(sample, Sample):
            self.numbers.add(ref, sample.time, reading.value)
        else:
            self.add_other(ref, reading)

    def add_other(self, ref: int, reading: Reading) -> None:
        """A reading that is no plain scalar."""
        self._others.append((len(self.numbers.refs), ref, reading))
        self._waiting()

    def take(self) -> ReadingBatch:
        """All of it as one batch."""
        numbers, others = self.numbers, tuple(self._others)
        ref, value = np.array(numbers.refs, np.int64), np.array(numbers.values, np.float64)
        stamp_ns = stamps_of(np.array(numbers.stamps_ms, np.int64), 1_000_000)
        numbers.clear()
        self._others = []
        return self._slots.batch(Arrived(ref, stamp_ns, value, np.zeros(len(ref), np.int16), others))
