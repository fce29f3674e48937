"""The bounded stream between a reader thread and an acquisition thread: the port Subscription."""

import threading
from collections import deque
from collections.abc import Callable

from gateway.core.batch import EMPTY, ReadingBatch
from gateway.core.errors import Closed


class BoundedSubscription:
    """Batches in order of arrival, at most `bound` readings of them; the oldest batches give way and are counted.

    A batch that is larger than the bound by itself is still delivered: a bound below the number of watched
    requests would otherwise hide the first answer of all. `on_close` is called once, by the thread that closes.
    """

    def __init__(self, bound: int, on_close: Callable[[], None] | None = None) -> None:
        self._bound = bound
        self._on_close = on_close
        self._batches: deque[ReadingBatch] = deque()
        self._held = 0  # readings in _batches
        self._dropped = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def dropped(self) -> int:
        """Readings lost because nobody took them, since the start."""
        return self._dropped

    @property
    def closed(self) -> bool:
        """Whether somebody has closed it."""
        return self._closed

    def put(self, batch: ReadingBatch) -> None:
        """Take the batch, unless it is empty or the stream is closed; never blocks."""
        size = len(batch)
        if not size:
            return
        with self._changed:
            if self._closed:
                return
            self._batches.append(batch)
            self._held += size
            while self._held > self._bound and len(self._batches) > 1:
                lost = len(self._batches.popleft())
                self._held -= lost
                self._dropped += lost
            self._changed.notify()

    def get(self, timeout: float) -> ReadingBatch:
        """The next batch; an empty one when `timeout` seconds are over. Raises Closed after close()."""
        with self._changed:
            self._changed.wait_for(lambda: self._batches or self._closed, timeout)
            if self._closed:
                raise Closed("the subscription is closed")
            if not self._batches:
                return EMPTY
            batch = self._batches.popleft()
            self._held -= len(batch)
            return batch

    def close(self) -> None:
        """End the stream and free every waiting getter. Safe to call twice and from any thread."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._batches.clear()
            self._held = 0
            self._changed.notify_all()
        if self._on_close is not None:
            self._on_close()
