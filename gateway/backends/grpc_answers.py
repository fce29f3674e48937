"""What a one-shot Read brings for each of its requests: the first answer counts (dpm-grpc.md 5; pure)."""

from collections.abc import Sequence

import numpy as np

from gateway.backends.grpc_values import Labels, reading_of
from gateway.core.drf import DataRequest
from gateway.core.status import OK, Status
from gateway.core.values import Reading, TimedArray
from gateway.wire.daq_replies import END, NO_DATA, Replies, Sample

_HISTORY = ("LOGGER", "LOGGERDURATION")  # sources that are answered in pieces, up to an end mark (5.6)


def is_history(request: DataRequest) -> bool:
    """Whether the answer is a piece of history."""
    return request.source is not None and request.source.partition(":")[0].upper() in _HISTORY


class Answers:
    """Grows by replies, one message at a time, until it is complete."""

    def __init__(self, requests: Sequence[DataRequest], labels: Labels) -> None:
        self._requests, self._labels = requests, labels
        self._readings: dict[int, Reading] = {}
        self._points: dict[int, list[tuple[int, float]]] = {}  # of history: stamp and value
        self.strangers = 0  # replies for nobody

    @property
    def complete(self) -> bool:
        """Whether every request has its answer."""
        return len(self._readings) == len(self._requests)

    @property
    def missing(self) -> list[int]:
        """The indices without an answer."""
        return [index for index in range(len(self._requests)) if index not in self._readings]

    def of(self, index: int) -> Reading | None:
        """The answer for an index."""
        return self._readings.get(index)

    def take(self, replies: Replies, now_ns: int) -> None:
        """What one message brought: one reading of a request, or several samples of it."""
        if len(replies.index):
            self._rows(int(replies.index[0]), replies, now_ns)
        for _, index, sample in replies.others:
            if index >= len(self._requests):
                self.strangers += 1
            elif index not in self._readings:
                self._other(index, sample, now_ns)

    def _rows(self, index: int, replies: Replies, now_ns: int) -> None:
        if index >= len(self._requests):
            self.strangers += 1
            return
        if index in self._readings:
            return
        stamps, values = replies.stamp_ns.tolist(), replies.value.tolist()
        if is_history(self._requests[index]):
            self._points.setdefault(index, []).extend(zip(stamps, values, strict=True))
        elif len(values) == 1:
            status = Status.from_packed(int(replies.status[0]))
            self._put(index, Sample(values[0], stamps[0], status), now_ns)
        else:
            points = TimedArray(replies.value, replies.stamp_ns)
            self._readings[index] = Reading(self._requests[index], points, stamps[-1] or now_ns, OK)

    def _other(self, index: int, sample: Sample, now_ns: int) -> None:
        if is_history(self._requests[index]) and sample in (END, NO_DATA):
            points = self._points.pop(index, [])
            stamps = np.array([stamp for stamp, _ in points], np.int64)
            values = np.array([value for _, value in points], np.float64)
            newest = points[-1][0] if points else now_ns
            self._readings[index] = Reading(self._requests[index], TimedArray(values, stamps), newest, OK)
        elif sample is not END:
            self._put(index, sample, now_ns)

    def _put(self, index: int, sample: Sample, now_ns: int) -> None:
        self._readings[index] = reading_of(self._requests[index], sample, self._labels, now_ns)
