"""Watching by polling: a stream for services that have none, made of repeated reads.

Requests of one period are read together, on a grid that all share, so that they go in as few calls as possible. Who is
late leaves out what it missed. While the service is away it is asked at the delays of a backoff.
"""

import math
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from gateway.backends.subscription import BoundedSubscription
from gateway.config.polled import FLOOR_S, polling_reason
from gateway.core.batch import batch_of
from gateway.core.drf import DataRequest
from gateway.core.errors import Closed
from gateway.core.ports import Clock
from gateway.core.status import BAD_EVENT, BAD_REQUEST, DISCONNECTED, REQTMO
from gateway.core.values import Reading
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker, Worker

_BOUND = 100_000  # readings that may wait in a subscription
_ROUNDS = 4  # and at least so many of each request
_IDLE_S = 3600.0
_UNANSWERED = (DISCONNECTED, REQTMO)  # a request that is answered once is asked again after these

Read = Callable[[Sequence[DataRequest]], list[Reading]]  # bounded by itself
Refusal = Callable[[DataRequest], str | None]


@dataclass(slots=True, eq=False)
class _Entry:
    """One canonical request and who watches it."""

    request: DataRequest
    due: float  # s, monotonic
    period_s: float | None  # None: once
    slots: dict[BoundedSubscription, list[int]] = field(default_factory=dict)


class Polling:
    """Reads for all subscriptions of one backend, in one worker that lives while anything is watched."""

    def __init__(
        self,
        name: str,
        read: Read,
        refusal: Refusal,
        clock: Clock,
        floor_s: float = FLOOR_S,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name, self._read, self._refusal, self._clock, self._floor_s = name, read, refusal, clock, floor_s
        self._backoff, self._chance = backoff or Backoff(cap=3.0), chance
        self._changed = threading.Condition()
        self._entries: dict[str, _Entry] = {}
        self._subscriptions: set[BoundedSubscription] = set()
        self._worker: Worker | None = None
        self._closed = False

    @property
    def requests(self) -> int:
        """Canonical requests that are watched now."""
        return len(self._entries)

    def watch(self, requests: Sequence[DataRequest]) -> BoundedSubscription:
        """A subscription to requests; those that cannot be polled have their one reading in it already."""
        subscription = BoundedSubscription(max(_BOUND, _ROUNDS * len(requests)), lambda: self._leave(subscription))
        refused: list[tuple[int, Reading]] = []
        with self._changed:
            if self._closed:
                raise Closed(f"the backend {self._name} is closed")
            self._subscriptions.add(subscription)
            for slot, request in enumerate(requests):
                if (reading := self._refused(request)) is not None:
                    refused.append((slot, reading))
                elif request.event.mode != "N":
                    self._entry(request).slots.setdefault(subscription, []).append(slot)
            if self._entries and self._worker is None:
                self._worker = SupervisedWorker(f"{self._name}-poll", self._run, clock=self._clock)
                self._worker.start()
            self._changed.notify_all()
        subscription.put(batch_of(refused))
        return subscription

    def close(self, timeout: float) -> bool:
        """End the worker and every subscription; False when the worker still runs. Safe to call twice."""
        with self._changed:
            self._closed = True
            subscriptions, self._subscriptions = self._subscriptions, set()
            self._entries.clear()
            worker = self._worker
            self._changed.notify_all()
        for subscription in subscriptions:
            subscription.close()
        return worker is None or worker.stop(timeout)

    def _refused(self, request: DataRequest) -> Reading | None:
        if reason := polling_reason(request.event, self._floor_s):
            return Reading(request, None, self._clock.now_ns(), BAD_EVENT, reason)
        if reason := self._refusal(request):
            return Reading(request, None, self._clock.now_ns(), BAD_REQUEST, reason)
        return None

    def _entry(self, request: DataRequest) -> _Entry:
        """The entry of a request, due at once or, if it is new and says so, with its next period."""
        key, event, now = request.key(), request.event, self._clock.monotonic()
        if key in self._entries:  # who joins is told soon, too
            self._entries[key].due = min(self._entries[key].due, now)
        else:
            period_s = None if event.mode == "I" else max(self._floor_s, (event.period_ms or 1000 * FLOOR_S) / 1000)
            due = _next(now, period_s) if period_s is not None and event.immediate is False else now
            self._entries[key] = _Entry(request, due, period_s)
        return self._entries[key]

    def _leave(self, subscription: BoundedSubscription) -> None:
        with self._changed:
            self._subscriptions.discard(subscription)
            for key, entry in list(self._entries.items()):
                entry.slots.pop(subscription, None)
                if not entry.slots:
                    del self._entries[key]

    def _run(self, stop: StopToken) -> None:
        failures = 0
        while not stop.stopped() and (due := self._await_due()) is not None:
            readings = self._read([entry.request for entry in due])
            self._deliver(due, readings)
            if all(reading.status == DISCONNECTED for reading in readings):
                stop.wait(self._backoff.delay(failures, self._chance()))
                failures += 1
            else:
                failures = 0

    def _await_due(self) -> list[_Entry] | None:
        """The entries that are due, each with its next time set; None at the end."""
        with self._changed:
            while not self._closed:
                now = self._clock.monotonic()
                if due := [entry for entry in self._entries.values() if entry.due <= now]:
                    for entry in due:
                        entry.due = _following(now, entry.period_s)
                    return due
                soonest = min((entry.due for entry in self._entries.values()), default=math.inf)
                self._changed.wait(min(_IDLE_S, soonest - now))
        return None

    def _deliver(self, entries: Sequence[_Entry], readings: Sequence[Reading]) -> None:
        with self._changed:
            news: dict[BoundedSubscription, list[tuple[int, Reading]]] = {}
            for entry, reading in zip(entries, readings, strict=True):
                for subscription, slots in entry.slots.items():
                    told = news.setdefault(subscription, [])
                    told += ((slot, replace(reading, request=entry.request)) for slot in slots)
                if entry.period_s is None and reading.status in _UNANSWERED:
                    entry.due = self._clock.monotonic() + FLOOR_S
                elif entry.period_s is None:
                    entry.slots.clear()
            for key in [key for key, entry in self._entries.items() if not entry.slots]:
                del self._entries[key]
        for subscription, told in news.items():
            subscription.put(batch_of(told))


def _next(now: float, period_s: float) -> float:
    """The next time on the grid of a period, which all requests of that period share."""
    return (math.floor(now / period_s) + 1) * period_s


def _following(now: float, period_s: float | None) -> float:
    """When one that is read now is due again; who begins shortly before a time of the grid is not read twice."""
    return math.inf if period_s is None else _next(now + period_s / 4, period_s)
