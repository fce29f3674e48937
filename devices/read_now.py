"""ReadNow: a few workers that ask services for a reading when a client wants one now, and not with the next event."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from devices.feed import Feed
from gateway.core.errors import Closed, Refused
from gateway.core.ports import Clock
from gateway.core.values import Reading
from gateway.runtime.worker import StopToken, SupervisedWorker

LASTING = ("conf", "priv")  # classes of values.md 8 that another attempt would not change
_MOST = 1000  # wishes that may wait
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # s between two attempts
_PATIENCE = 1.0  # s between two looks at the token when nothing is wished for


@dataclass(slots=True, eq=False)
class Wish:
    """A reading of one row that is newer than a moment. What comes goes the way of all readings, by the feed.

    `failed` is called on a worker's thread where asking again is of no use; it must neither block nor raise.
    """

    feed: Feed
    row: int
    after_ns: int  # stamps above it are new enough; Unix, UTC
    deadline: float  # s, monotonic: nobody asks after it
    failed: Callable[[str], None]
    over: bool = False  # set by whoever wished: it has come, or nobody waits any more
    trouble: str = ""  # why the last attempt did not bring it
    _pause: float = field(default=_FIRST_PAUSE, init=False)
    _not_before: float = field(default=0.0, init=False)  # s, monotonic

    def answered(self, reading: Reading, now: float) -> bool:
        """Whether a reading ends the wish; if not, it is asked again, later and later."""
        if reading.value is not None and (reading.stamp_ns == 0 or reading.stamp_ns > self.after_ns):
            return True
        if reading.value is not None:
            self.trouble = f"the service sent one that is {(self.after_ns - reading.stamp_ns) / 1e9:.3f} s too old"
        else:
            self.trouble = f"{reading.status} {reading.message}".rstrip()
            if reading.status.category in LASTING:
                self.failed(self.trouble)
                return True
        self._not_before = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return False


Ask: TypeAlias = Callable[[int, int, float, Callable[[str], None]], Wish]  # row, and the rest of a Wish


class ReadNow:
    """Takes wishes from any thread; those for one row are served by one call. A slow device holds up one worker."""

    def __init__(self, clock: Clock, count: int = 4) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[Wish] = []
        self._ending = False
        self._workers = [SupervisedWorker(f"read now {n}", self._work, clock=clock) for n in range(count)]

    def ask(self, feed: Feed, row: int, after_ns: int, deadline: float, failed: Callable[[str], None]) -> Wish:
        """Serve a wish soon; Refused where too many wait."""
        wish = Wish(feed, row, after_ns, deadline, failed)
        with self._changed:
            if len(self._waiting) >= _MOST:
                raise Refused(f"{_MOST} readings are asked for already; try again")
            self._waiting.append(wish)
            self._changed.notify()
        return wish

    def start(self) -> None:
        """Start the workers."""
        for worker in self._workers:
            worker.start()

    def signal_stop(self) -> None:
        """Tell the workers to end, without waiting."""
        for worker in self._workers:
            worker.signal_stop()
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def stop(self, timeout: float) -> bool:
        """End the workers, waiting `timeout` seconds at most; False when one still runs."""
        self.signal_stop()
        deadline = self._clock.monotonic() + timeout
        ended = [worker.stop(max(0.0, deadline - self._clock.monotonic())) for worker in self._workers]
        return all(ended)

    def _work(self, token: StopToken) -> None:
        while not token.stopped():
            wishes = self._next()
            if not wishes:
                continue
            left = max(wish.deadline for wish in wishes) - self._clock.monotonic()
            try:
                reading = wishes[0].feed.fetch(wishes[0].row, max(left, 0.0))
            except BaseException as death:
                for wish in wishes:
                    wish.failed(f"the worker that asked failed ({type(death).__name__})")
                if isinstance(death, Closed) and token.stopped():
                    return
                raise
            now = self._clock.monotonic()
            again = [wish for wish in wishes if not wish.answered(reading, now)]
            with self._changed:
                self._waiting += again
                self._changed.notify()

    def _next(self) -> list[Wish]:
        """The wishes for one row whose turn it is; none when there are none for a while."""
        with self._changed:
            now = self._clock.monotonic()
            self._waiting = [wish for wish in self._waiting if not wish.over and wish.deadline > now]
            ripe = next((wish for wish in self._waiting if wish._not_before <= now), None)
            if ripe is None:
                if not self._ending:
                    soonest = min((wish._not_before - now for wish in self._waiting), default=_PATIENCE)
                    self._changed.wait(min(soonest, _PATIENCE))
                return []
            taken = [wish for wish in self._waiting if wish.feed is ripe.feed and wish.row == ripe.row]
            self._waiting = [wish for wish in self._waiting if wish not in taken]
            return taken
