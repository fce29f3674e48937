"""The one place that asks the machine for the time."""

import time


class SystemClock:
    """The machine's clocks, as the port `Clock`."""

    __slots__ = ()

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC; it steps when somebody sets the machine's clock."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds of a clock that never steps."""
        return time.monotonic()
