"""LinkPool: a few links for one-shot calls, used again while they live (dpm-http.md 14.1)."""

import threading
from collections import deque
from collections.abc import Callable

from gateway.backends.dpm_link import DpmLink, LinkLost
from gateway.core.ports import Clock
from gateway.runtime.worker import StopToken, Worker

IDLE = 60.0  # s after which an unused link is closed: nobody reads its heartbeats, they pile up


def open_link(make: Callable[[], DpmLink], deadline: float) -> DpmLink:
    """A connected link. A server that closes without a byte may be passing: it is asked once more (2.3)."""
    for last in (False, True):
        link = make()
        try:
            link.connect(deadline)
        except LinkLost as error:
            link.close()
            if last or not error.silent:
                raise
        else:
            return link
    raise AssertionError("the second attempt returns or raises")


class LinkPool:
    """At most `size` links, lent to one caller each. Whoever borrows gives back or discards.

    A worker closes what is idle too long; it runs only while there are idle links.
    """

    def __init__(
        self,
        name: str,
        size: int,
        make: Callable[[], DpmLink],
        clock: Clock,
        connect: float,
        idle: float = IDLE,
    ) -> None:
        self._idle_time = idle
        self._name, self._size, self._make, self._clock, self._connect = name, size, make, clock, connect
        self._idle: deque[tuple[float, DpmLink]] = deque()  # since when, oldest first
        self._open = 0  # lent and idle ones
        self._closed = False
        self._changed = threading.Condition()
        self._tidier: Worker | None = None

    @property
    def open(self) -> int:
        """How many links there are now."""
        return self._open

    def borrow(self, deadline: float, fresh: bool = False) -> DpmLink:
        """A link that was alive a moment ago, or, when `fresh`, a new one; LinkLost when there is none in time."""
        while True:
            link = self._reserve(deadline, fresh)
            try:
                if link is None:
                    return open_link(self._make, min(deadline, self._clock.monotonic() + self._connect))
                link.drain()
            except LinkLost:
                self.discard(link)
                if link is None:
                    raise
            else:
                return link

    def give_back(self, link: DpmLink) -> None:
        """Take a link whose list is empty and stopped."""
        with self._changed:
            if not self._closed:
                self._idle.append((self._clock.monotonic(), link))
                if self._tidier is None:
                    self._tidier = Worker(f"{self._name}-idle", self._tidy)
                    self._tidier.start()
                self._changed.notify()
                return
        self.discard(link)

    def discard(self, link: DpmLink | None) -> None:
        """Close a link that was borrowed; None stands for one that could not be made."""
        if link is not None:
            link.close()
        with self._changed:
            self._open -= 1
            self._changed.notify()

    def settle(self, link: DpmLink, usable: bool) -> None:
        """Give back or discard."""
        if usable:
            self.give_back(link)
        else:
            self.discard(link)

    def close(self, timeout: float) -> None:
        """Close the idle links; those that are lent close when they are given back."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            while self._idle:
                self._drop_oldest()
            tidier = self._tidier
        if tidier is not None:
            tidier.stop(timeout)

    def drained(self, timeout: float) -> bool:
        """Whether all links are closed, or will be within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, timeout)

    def _reserve(self, deadline: float, fresh: bool) -> DpmLink | None:
        """An idle link; or None, and the right to make one."""
        with self._changed:
            left = max(0.0, deadline - self._clock.monotonic())
            free = self._changed.wait_for(lambda: self._closed or self._idle or self._open < self._size, left)
            if self._closed:
                raise LinkLost("the backend is closed")
            if not free:
                raise LinkLost(f"all {self._size} connections for {self._name} are in use")
            if self._idle and not fresh:
                return self._idle.pop()[1]  # the youngest, so that the others may age
            if self._open >= self._size:
                self._drop_oldest()
            self._open += 1
            return None

    def _drop_oldest(self) -> None:
        self._idle.popleft()[1].close()
        self._open -= 1
        self._changed.notify_all()

    def _tidy(self, token: StopToken) -> None:
        while not token.wait(self._idle_time / 4):
            with self._changed:
                while self._idle and self._clock.monotonic() - self._idle[0][0] > self._idle_time:
                    self._drop_oldest()
                if not self._idle:
                    self._tidier = None
                    return
