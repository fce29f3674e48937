"""StopSignal: SIGTERM and SIGINT as something that threads and loops can wait for, and work that they cut short."""

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self, TypeVar

from gateway.core.errors import AcgateError
from gateway.runtime.worker import StopToken, Worker

SIGNALS = (signal.SIGTERM, signal.SIGINT)
_STEP = 0.01  # s between two looks whether the work is done
T = TypeVar("T")


class Stopped(Exception):
    """A signal came before the work was done."""


class StopSignal:
    """Catches SIGTERM and SIGINT while its `with` lasts, which must be in the main thread; a second one ends at once.

    Waiters look at a pipe, since a handler may interrupt the main thread anywhere and must not take a lock.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._stopped = False
        self._kept: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # elsewhere only `stop` can end it
            self._kept = {number: signal.signal(number, self._caught) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._kept.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._reader)
        os.close(self._writer)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._stopped:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.stop()

    def stop(self) -> None:
        """As if a signal had come. From any thread; twice is once."""
        if not self._stopped:
            self._stopped = True
            os.write(self._writer, b"\0")  # never read: whoever waits now or later sees it

    @property
    def stopped(self) -> bool:
        """Whether a signal came."""
        return self._stopped

    def fileno(self) -> int:
        """Becomes readable, and stays so, when a signal came: for an asyncio loop's `add_reader`."""
        return self._reader

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the signal, at most `timeout` seconds; whether it came."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self._stopped:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            select.select([self._reader], [], [], left)
        return True


def unless_stopped(stop: StopSignal, work: Callable[[], T]) -> T:
    """What the work returns or raises; Stopped as soon as a signal comes.

    The work goes on then, on a thread of its own: whoever catches Stopped closes what it waits for.
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def attempt(_: StopToken) -> None:
        try:
            done.append(work())
        except AcgateError as error:  # the user's matter, told in one sentence, and no death of a worker
            failed.append(error)

    worker = Worker("start", attempt, failed.append)
    worker.start()
    while worker.alive:
        if stop.wait(_STEP):
            raise Stopped
    if failed:
        raise failed[0]
    return done[0]
