"""The two queues between the threads and the loop: news go up (PushQueue), wishes go down (PullQueue)."""

import logging
import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import numpy as np

from devices.conflate import conflate
from gateway.core.batch import ReadingBatch
from gateway.core.errors import Closed, Refused
from gateway.core.status import RETRY, Status
from gateway.core.values import Setting
from gateway.core.write_state import WriteState

_log = logging.getLogger(__name__)


class PushQueue:
    """Batches from any thread to the loop; a `ReadingSink` whose slots are rows of the device table.

    While the loop keeps up every reading is delivered in order. When more than `bound_rows` readings wait, only
    the newest of each row is kept, and what is left out is counted. `wake` is called, on the thread that puts,
    when the queue was drained and is not empty any more: `loop.call_soon_threadsafe(...)`.
    """

    def __init__(self, bound_rows: int, wake: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._wake = wake
        self._bound = bound_rows
        self._limit = bound_rows
        self._batches: list[ReadingBatch] = []
        self._waiting = 0
        self._dropped = 0
        self._dropped_of = np.zeros(0, np.int64)
        self._high_water = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Readings that wait now."""
        return self._waiting

    @property
    def high_water(self) -> int:
        """The most readings that ever waited."""
        return self._high_water

    @property
    def dropped(self) -> int:
        """Readings left out because a newer one of their row waited, since the start."""
        return self._dropped

    def dropped_of(self, row: int) -> int:
        """The readings of one row that were left out, since the start."""
        with self._lock:
            return int(self._dropped_of[row]) if row < len(self._dropped_of) else 0

    def put(self, batch: ReadingBatch) -> None:
        """Take the batch; never blocks, never raises. After `close` it is thrown away."""
        if len(batch) == 0:
            return
        with self._lock:
            if self._closed:
                return
            was_drained = not self._batches
            self._batches.append(batch)
            self._waiting += len(batch)
            self._high_water = max(self._high_water, self._waiting)
            if self._waiting > self._limit:
                self._conflate()
        if was_drained:
            try:
                self._wake()
            except RuntimeError:  # the loop has ended: nobody will ever drain
                _log.info("the loop has ended; the push queue is closed")
                self.close()

    def drain(self) -> list[ReadingBatch]:
        """What came since the last call, in order; no row's readings ever change their order."""
        with self._lock:
            batches, self._batches = self._batches, []
            self._waiting = 0
            self._limit = self._bound
            return batches

    def close(self) -> None:
        """Throw away what waits and whatever comes. Safe to call twice and from any thread."""
        with self._lock:
            self._closed = True
            self._batches = []
            self._waiting = 0

    def _conflate(self) -> None:
        kept, rows = conflate(self._batches)
        self._batches = [kept]
        self._dropped += len(rows)
        self._waiting = len(kept)
        # with more rows than the bound each put would conflate again; so it grows while nobody drains
        self._limit = max(self._bound, 2 * self._waiting)
        if len(rows):
            counts = np.bincount(rows, minlength=len(self._dropped_of))
            counts[: len(self._dropped_of)] += self._dropped_of
            self._dropped_of = counts.astype(np.int64)


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """The one answer to a PendingSetting."""

    state: WriteState  # ACCEPTED VERIFIED UNCONFIRMED DENIED or FAILED
    status: Status
    message: str = ""  # for people
    readback: float | None = None  # the last one that was seen, where it was confirmed
    attempts: int = 0  # readbacks that were taken to confirm it
    worker_died: bool = False  # it failed here, by an exception, and not at the backend
    layer: str = ""  # that refused it here at the last moment; empty when it was sent

    @property
    def failed(self) -> bool:
        """Whether the put fails for the client."""
        return self.state in (WriteState.DENIED, WriteState.FAILED)


@dataclass(slots=True, eq=False)
class PendingSetting:
    """A setting on its way. `done` is called exactly once, on any thread; it must neither block nor raise."""

    setting: Setting
    device: str  # the name of its DevicePlan: settings of one device keep their order
    who: str  # user@host
    done: Callable[[WriteOutcome], None]
    id: str = ""  # of the put, in log lines
    client: Hashable = None  # whose it is
    left: Callable[[], float] = field(default=lambda: math.inf)  # s for which it may be sent; asked when it is its turn
    note: str = ""  # for people, beside its outcome: what it was changed from
    _begun: bool = field(default=False, init=False)
    _answered: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def answered(self) -> bool:
        """Whether `done` was called."""
        return self._answered

    def begin(self) -> bool:
        """The worker's last step before it is sent; False: it was withdrawn or answered, and must not be sent."""
        with self._lock:
            self._begun = not self._answered
            return self._begun

    def withdraw(self, outcome: WriteOutcome) -> bool:
        """Answer it if it was not sent yet; then it never will be. False: it is on its way, or was answered."""
        with self._lock:
            if self._begun or self._answered:
                return False
            self._answered = True
        self.done(outcome)
        return True

    def answer(self, outcome: WriteOutcome) -> bool:
        """Call `done`; False, and nothing happens, when it was answered before."""
        with self._lock:
            if self._answered:
                return False
            self._answered = True
        self.done(outcome)
        return True


def _ignore(_: PendingSetting) -> None:
    """Nobody wants to know."""


class PullQueue:
    """Settings from the loop to the settings workers of one route.

    Order is kept per device; a device is given to one worker at a time, and devices that wait take turns. Full
    means `bound` settings wait, or `device_bound` of one device (half of the bound when not given), so that one
    slow device does not use up all places, or `client_bound` of one client. `taken` is called for each setting that
    was taken, before any worker can see it; it must not block.
    """

    def __init__(
        self, bound: int, device_bound: int | None = None, taken: Callable[[PendingSetting], None] = _ignore,
        client_bound: int | None = None,
    ) -> None:  # fmt: skip
        self._lock = threading.Lock()
        self._bound = bound
        self._device_bound = (bound + 1) // 2 if device_bound is None else device_bound
        self._taken = taken
        self._client_bound = bound if client_bound is None else client_bound
        self._of_client: Counter[Hashable] = Counter()  # settings that wait, of clients that have any
        self._waiting: dict[str, deque[PendingSetting]] = {}
        self._ready: SimpleQueue[str | None] = SimpleQueue()  # devices with settings, none in work; None: it is closed
        self._in_work: dict[str, PendingSetting] = {}
        self._count = 0
        self._high_water = 0
        self._refused = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Settings that wait now; those in work are not counted."""
        return self._count

    @property
    def high_water(self) -> int:
        """The most settings that ever waited."""
        return self._high_water

    @property
    def refused(self) -> int:
        """Settings that were not taken, since the start."""
        return self._refused

    def put(self, pending: PendingSetting) -> None:
        """Take a setting, or raise Refused at once: it is full or closed, and `done` will not be called."""
        with self._lock:
            line = self._waiting.get(pending.device, ())
            if reason := self.refusal(pending.device, pending.client):
                self._refused += 1
                raise Refused(reason)
            self._taken(pending)
            self._waiting.setdefault(pending.device, deque()).append(pending)
            self._count += 1
            self._of_client[pending.client] += 1
            self._high_water = max(self._high_water, self._count)
            if not line and pending.device not in self._in_work:
                self._ready.put(pending.device)

    def get(self, timeout: float) -> PendingSetting | None:
        """The next setting of a device that is not in work; None when `timeout` seconds are over.

        Whoever gets one must call `done(device)` in the end. Raises Closed after `close`.
        """
        try:
            device = self._ready.get(timeout=timeout)
        except Empty:
            return None
        with self._lock:
            if device is None or self._closed:
                self._ready.put(None)  # for the others who wait
                raise Closed("the queue of settings is closed")
            line = self._waiting[device]
            pending = line.popleft()
            if not line:
                del self._waiting[device]
            self._count -= 1
            self._of_client[pending.client] -= 1
            if not self._of_client[pending.client]:
                del self._of_client[pending.client]
            self._in_work[device] = pending
            return pending

    def done(self, device: str) -> None:
        """The device's setting is no longer in work; its next one may be had, after those of other devices."""
        with self._lock:
            del self._in_work[device]
            if device in self._waiting:
                self._ready.put(device)

    def in_work(self) -> list[PendingSetting]:
        """The settings that workers have in hand now."""
        with self._lock:
            return list(self._in_work.values())

    def close(self) -> None:
        """Take nothing more and answer each waiter with a failure; what is in work is its worker's to answer."""
        with self._lock:
            self._closed = True
            left = list(self._clear())
            self._ready.put(None)
        outcome = WriteOutcome(WriteState.FAILED, RETRY, f"{RETRY}: the gateway ended before the setting was sent")
        for pending in left:
            pending.answer(outcome)

    def refusal(self, device: str, client: Hashable = None) -> str:
        """Why no setting of a device would be taken now; without a client, of one that has none waiting. Or empty."""
        line = len(self._waiting.get(device, ()))
        if self._closed:
            return "the gateway is ending and takes no more settings"
        if self._count >= self._bound:
            return f"{self._count} settings wait already; try again later"
        if line >= self._device_bound:
            return f"{line} settings of {device} wait already; try again later"
        if (of_client := self._of_client[client]) >= self._client_bound:
            return f"{of_client} settings of this client wait already; try again later"
        return ""

    def _clear(self) -> Iterator[PendingSetting]:
        for line in self._waiting.values():
            yield from line
        self._waiting.clear()
        self._of_client.clear()
        self._count = 0
