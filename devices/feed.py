"""Feed: the readings of some requests on their way from a backend to the table and the sinks, without a thread."""

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from devices.table import DeviceTable
from devices.watchdog import Watchdog, allowed_silence, companies
from gateway.core.batch import ReadingBatch
from gateway.core.drf_events import IMMEDIATE
from gateway.core.ports import Backend, Clock, DirectSubscription, ReadingSink, Subscription
from gateway.core.remembered import constant
from gateway.core.status import DISCONNECTED, REQTMO
from gateway.core.values import Reading

_LASTING = ("conf", "priv", "dis")  # classes of values.md 8 that stay until somebody changes something: worth a line
_log = logging.getLogger("devices.acquisition")
PATIENCE = 0.25  # s between two looks of the watchdog when nothing comes


class Feed:
    """Whoever has a thread calls `begin`, then `take` and `look` again and again, and `end`; one thread at a time.

    The table takes a batch before any sink: who is told of a value finds it in the circular buffer. Each batch and
    each look of the watchdog goes to the sinks in order, on one thread at a time.
    """

    def __init__(
        self, backend: Backend, table: DeviceTable, rows: Sequence[int], sinks: Sequence[ReadingSink], clock: Clock
    ) -> None:
        self._backend = backend
        self._table = table
        self._rows = constant(np.array(rows, np.int64))
        self._requests = [table.watches[row].request for row in rows]
        self._sinks = tuple(sinks)
        self._clock = clock
        watches = [table.watches[row] for row in rows]
        self._watchdog, self._ages = (
            Watchdog(allowed_silence(watches), clock.monotonic(), companies(watches)) for _ in range(2)
        )
        self._every = constant(np.ones(len(rows), np.bool_))
        self._looked = -math.inf  # s, monotonic
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # of whoever passes something on
        self._subscription: Subscription | None = None
        self._dropped_before = 0  # by subscriptions that are over

    @property
    def name(self) -> str:
        """The name of its backend."""
        return self._backend.name

    @property
    def rows(self) -> tuple[int, ...]:
        """Its rows of the table."""
        return tuple(self._rows.tolist())

    @property
    def silent(self) -> int:
        """How many of its rows are silent for longer than their event allows."""
        return self._watchdog.silent

    @property
    def dropped(self) -> int:
        """Readings that its subscriptions lost because they came too fast, since the start."""
        with self._lock:
            now = 0 if self._subscription is None else self._subscription.dropped
            return self._dropped_before + now

    def begin(self) -> None:
        """Watch the requests; a backend that can, hands its batches over on its own threads from now on."""
        subscription = self._backend.watch(self._requests)
        with self._lock:
            self._subscription = subscription
        for watchdog in (self._watchdog, self._ages):
            watchdog.grace(self._clock.monotonic())
        if isinstance(subscription, DirectSubscription):
            subscription.hand_to(self._accept)  # where it will not, `get` gives the batches

    def take(self, timeout: float) -> None:
        """Take in the next batch, waiting `timeout` seconds at most. Raises Closed when the subscription is over."""
        with self._lock:
            subscription = self._subscription
        if subscription is not None:
            self._accept(subscription.get(timeout))

    def free(self) -> None:
        """Close the subscription, from any thread: whoever takes gets Closed."""
        with self._lock:
            subscription = self._subscription
        if subscription is not None:
            subscription.close()

    def end(self) -> None:
        """Close and forget the subscription. Safe to call twice."""
        with self._lock:
            subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()
            with self._lock:
                self._dropped_before += subscription.dropped

    def look(self) -> None:
        """Say of rows that are silent for too long that they are, and which are stale, for whatever reason."""
        now = self._clock.monotonic()
        if now - self._looked < PATIENCE:  # not with each batch: a look costs time in proportion to the rows
            return
        self._looked = now
        with self._turn:
            arrived, expected = self._table.news(self._rows)
            fell, _ = self._watchdog.check(now, arrived, expected)
            if len(fell):
                self._pass_on(self._table.lose(self._rows[fell], REQTMO, "silent for longer than its event allows"))
            stale, fresh = self._ages.check(now, arrived, self._every)
            self._table.age_out(self._rows[stale], self._rows[fresh])

    def fetch(self, row: int, timeout: float) -> Reading:
        """Ask the backend for one reading of a row now; where it is newer than what is known, it goes on as others do.

        Blocks for `timeout` seconds at most, on whatever thread wants it.
        """
        request = self._table.watches[row].request
        reading = self._backend.read([request.with_event(IMMEDIATE)], timeout)[0]
        with self._turn:
            self._pass_on(self._table.take(row, replace(reading, request=request)))
        return reading

    def lost(self, death: BaseException) -> None:
        """Give all rows a reading without a value: who served them has died, and begins anew."""
        reason = f"the acquisition from {self.name} stopped ({type(death).__name__}) and begins anew"
        with self._turn:
            self._pass_on(self._table.lose(self._rows, DISCONNECTED, reason))

    def _accept(self, batch: ReadingBatch) -> None:
        """Take in a batch; on the caller's thread, or on one of the backend."""
        if not len(batch):
            return
        with self._turn:
            news = self._table.accept(batch, self._rows)
            for other in news.others:
                reading = other.reading
                if reading.value is None and reading.status.category in _LASTING:
                    _log.warning("%s: %s", reading.request, f"{reading.status} {reading.message}".rstrip())
            self._pass_on(news)

    def _pass_on(self, news: ReadingBatch) -> None:
        if len(news):
            for sink in self._sinks:
                sink.put(news)
