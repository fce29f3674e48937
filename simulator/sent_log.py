"""What the simulator says it sent: one CSV line per value, the truth that a test compares with."""

import csv
import threading
from pathlib import Path

import numpy as np

from gateway.core.drf import DataRequest
from gateway.core.values import TimedArray, Value

FLUSH_S = 0.5


class SentLog:
    """A CSV file `stamp_ms,device,property,value`, a line per value and client it was sent to.

    Floats are written so that they read back exactly, elements of arrays with blanks between them, bytes in
    hexadecimal. Thread-safe.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(("stamp_ms", "device", "property", "value"))
        self._flushed = 0.0

    def add(self, stamp_ms: int, request: DataRequest, value: Value) -> None:
        """A value was sent in answer to a request."""
        with self._lock:
            self._writer.writerow((stamp_ms, request.device, request.property_word, _text(value)))

    def flush(self, monotonic: float) -> None:
        """Bring what was written to the file, if the last time is half a second ago."""
        if monotonic - self._flushed >= FLUSH_S:
            with self._lock:
                self._flushed = monotonic
                self._file.flush()

    def close(self) -> None:
        """Write the rest and close the file. Safe to call twice."""
        with self._lock:
            self._file.close()


def _text(value: Value) -> str:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, np.ndarray):
        return " ".join(map(repr, value.tolist()))
    if isinstance(value, TimedArray):
        return " ".join(map(repr, value.values.tolist()))
    return value.hex() if isinstance(value, bytes) else str(value)
