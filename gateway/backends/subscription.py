"""The bounded stream between a reader thread and an acquisition thread: the port Subscription."""

import threading
from collections import deque
from collections.abc import Callable

from gateway.core.batch import EMPTY, ReadingBatch, merged
from gateway.core.errors import Closed

_FEW = 1000  # readings that are worth to be given as one


class BoundedSubscription:
    """Batches in order of arrival, at most `bound` readings of them; the oldest batches give way and are counted.

    Small batches that wait are given as one, so that whoever is late catches up. An adapter whose every `put` is what a
    read of its socket brought says `direct`: then a taker may have them on the adapter's own thread, without a
    change of threads; who cannot keep up reads more at once.

    A batch that is larger than the bound by itself is still delivered: a bound below the number of watched
    requests would otherwise hide the first answer of all. `on_close` is called once, by the thread that closes.
    """

    def __init__(self, bound: int, on_close: Callable[[], None] | None = None, direct: bool = False) -> None:
        self._bound = bound
        self._on_close = on_close
        self._direct = direct
        self._taker: Callable[[ReadingBatch], None] | None = None
        self._failure: Exception | None = None  # of the taker
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
            if self._closed or self._failure is not None:
                return
            if self._taker is not None:
                self._give(batch)
                return
            self._batches.append(batch)
            self._held += size
            while self._held > self._bound and len(self._batches) > 1:
                lost = len(self._batches.popleft())
                self._held -= lost
                self._dropped += lost
            self._changed.notify()

    def hand_to(self, taker: Callable[[ReadingBatch], None]) -> bool:
        """Give each batch to `taker` from now on, those that wait at once; False where `get` is the only way.

        It is called on the adapter's threads, one batch at a time, and must neither block nor come back here. What it
        raises ends the stream for the getter, and for nobody else.
        """
        if not self._direct:
            return False
        with self._changed:
            self._taker = taker
            while self._batches and self._taker is not None:
                self._give(self._batches.popleft())
            self._held = 0
        return True

    def _give(self, batch: ReadingBatch) -> None:
        assert self._taker is not None
        try:
            self._taker(batch)
        except Exception as error:  # noqa: BLE001 - the stream ends here, and `get` reports it to the taker's owner
            self._failure, self._taker = error, None
            self._batches.clear()
            self._changed.notify_all()

    def get(self, timeout: float) -> ReadingBatch:
        """The next batch, or several small ones as one; an empty one when `timeout` seconds are over.

        Raises Closed after close(), and what a taker raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._batches or self._closed or self._failure, timeout)
            if self._closed:
                raise Closed("the subscription is closed")
            if self._failure is not None:
                raise self._failure
            if not self._batches:
                return EMPTY
            size, taken = 0, list[ReadingBatch]()
            while self._batches and (not taken or size + len(self._batches[0]) <= _FEW):
                taken.append(self._batches.popleft())
                size += len(taken[-1])
            self._held -= size
        return merged(taken)

    def close(self) -> None:
        """End the stream and free every waiting getter. Safe to call twice and from any thread."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._taker = None
            self._batches.clear()
            self._held = 0
            self._changed.notify_all()
        if self._on_close is not None:
            self._on_close()
