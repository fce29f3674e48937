import time

from gateway.core.ports import Clock
from gateway.runtime.clock import SystemClock


def test_the_system_clock_tells_unix_time_in_nanoseconds() -> None:
    before = time.time_ns()
    clock: Clock = SystemClock()
    assert before <= clock.now_ns() <= time.time_ns()


def test_its_monotonic_seconds_never_go_back() -> None:
    clock = SystemClock()
    first = clock.monotonic()
    assert first <= clock.monotonic()
