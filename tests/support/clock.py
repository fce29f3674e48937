"""ManualClock: time that passes when a test says so."""

import threading


class ManualClock:
    """The port `Clock` under the control of a test; both clocks go together, `step` moves only the wall clock."""

    def __init__(self, now_ns: int = 1_700_000_000_000_000_000, monotonic: float = 1000.0) -> None:
        self._lock = threading.Lock()
        self._now_ns = now_ns
        self._monotonic = monotonic

    def now_ns(self) -> int:
        with self._lock:
            return self._now_ns

    def monotonic(self) -> float:
        with self._lock:
            return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now_ns += round(seconds * 1e9)
            self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock; the other one never steps."""
        with self._lock:
            self._now_ns += round(seconds * 1e9)
