"""Watching over DMQ: reading jobs that are opened again, whatever ends them (dmq.md 5.3, 5.9)."""

import logging
import threading
from collections.abc import Sequence

from gateway.backends.dmq_batch import Rows
from gateway.backends.dmq_channel import JobChannel
from gateway.backends.dmq_line import Line
from gateway.backends.dmq_read import JOB_SIZE, parts_of
from gateway.backends.dmq_readings import addressed
from gateway.backends.dpm_read import refusal
from gateway.backends.dpm_readings import is_word
from gateway.backends.subscription import BoundedSubscription
from gateway.core.batch import batch_of
from gateway.core.drf import DataRequest
from gateway.core.errors import Closed
from gateway.core.status import BAD_REQUEST, DISCONNECTED, Status
from gateway.core.values import Reading
from gateway.wire.dmq_connection import Answer, Event, Pending, Refusal
from gateway.wire.dmq_envelope import READING_PREFIX
from gateway.wire.dmq_states import INVALID_REQUEST, Kind

_log = logging.getLogger(__name__)
_BOUND = 100_000  # readings that may wait in a subscription
_GATHER = 0.003  # s in which readings gather once there is one; they go on as one batch
_ROUNDS = 4  # and at least so many of each request


class _Watch:
    """One subscription on the thread of the line: the slots that each entry feeds, and its jobs."""

    def __init__(self, line: Line, slots: dict[str, list[int]], requests: dict[str, DataRequest]) -> None:
        self.line, self.requests = line, requests
        self._refs = {entry: ref for ref, entry in enumerate(slots, 1)}
        self.subscription: BoundedSubscription | None = None  # set before the first job
        self._rows = Rows({self._refs[entry]: fed for entry, fed in slots.items()}, self._flush_later)
        self._flushing = False
        entries = tuple(slots)
        self.jobs = [_WatchJob(self, entries[first : first + JOB_SIZE]) for first in range(0, len(entries), JOB_SIZE)]

    def answered(self, answer: Answer) -> None:
        """A sample, which goes out with all others that come in a moment."""
        entry = answer.entry
        self._rows.add(self._refs[entry], self.requests[entry], answer.sample, self.line.now_ns())

    def failed(self, entries: tuple[str, ...], status: Status, message: str) -> None:
        """Entries without a value."""
        now_ns = self.line.now_ns()
        for entry in entries:
            reading = Reading(self.requests[entry], None, now_ns, status, message)
            self._rows.add_other(self._refs[entry], reading)

    def stream(self, exchange: str, entries: tuple[str, ...]) -> None:
        """Take plain numbers of these entries from the stream; words of bits are no plain numbers."""
        refs = {READING_PREFIX + one: self._refs[one] for one in entries if not is_word(self.requests[one])}
        self.line.stream.expect(exchange, refs, self._rows.numbers)

    def _flush_later(self) -> None:
        if not self._flushing:
            self._flushing = True
            if self.line.up:
                self.line.later(_GATHER, self.flush)
            else:
                self.line.post(self.flush)

    def flush(self) -> None:
        """Hand over what has come."""
        self._flushing = False
        if self.subscription is not None:
            self.subscription.put(self._rows.take())

    def divided(self, job: "_WatchJob", parts: list[tuple[str, ...]]) -> None:
        """Jobs for parts of its entries take the place of one that was refused."""
        self.jobs.remove(job)
        for part in parts:
            self.jobs.append(_WatchJob(self, part))
            self.jobs[-1].open()


class _WatchJob:
    """The listener of one job, and its return. A job with a `former` takes its place as soon as it is accepted."""

    def __init__(self, watch: _Watch, entries: tuple[str, ...], former: "_WatchJob | None" = None) -> None:
        self._watch, self._entries, self._former = watch, entries, former
        self._renewal: _WatchJob | None = None  # what shall take its place
        self._renew_at = 0.0  # monotonic s, not before
        self._channel: JobChannel | None = None
        self._timer: object | None = None
        self._attempt = 0
        self._told: Status | None = None  # what the subscription was told of the whole job, until values come
        self.up = False
        self._streams = False  # plain numbers come past this job

    def open(self) -> None:
        """Open it, if the line is up; it will be called again when the line comes up."""
        self._timer = None
        if self._watch.line.up and self._channel is None:
            self._streams = False
            self._channel = self._watch.line.open(Kind.READING, self._entries, self)

    def close(self) -> None:
        """Nobody watches any more."""
        if self._timer is not None:
            self._watch.line.cancel(self._timer)
        if self._channel is not None:
            self._channel.close()
        self._leave_renewal()

    def tick(self) -> None:
        """Renew it once the ticket was renewed: whether servers bear an old one is not known (dmq.md 4.4)."""
        line = self._watch.line
        due = self.up and self._renewal is None and line.now() >= self._renew_at
        if due and self._channel is not None and self._channel.outlived:
            self._renewal = _WatchJob(self._watch, self._entries, self)
            self._renewal.open()

    def heard(self, event: Event) -> None:
        """See Listener."""
        match event:
            case Pending():
                self._came_up()
            case Answer():
                self._came_up()
                self._watch.answered(event)
                if self._channel is not None and not self._streams:
                    self._streams = True
                    self._watch.stream(self._channel.exchange, self._entries)
            case Refusal():
                self._channel = None
                self._leave_renewal()
                if self._former is None and event.status == INVALID_REQUEST and len(self._entries) > 1:
                    self._watch.divided(self, parts_of(self._entries, event.message))
                else:
                    self._down(event.status, event.message)

    def _leave_renewal(self) -> None:
        if self._renewal is not None:
            self._renewal.close()
            self._renewal = None

    def returned(self, message_id: str) -> None:
        """Reading jobs send no settings."""

    def lost(self, status: Status, reason: str) -> None:
        """See Listener."""
        self._channel = None
        self._watch.line.note(reason)
        self._down(status, reason)

    def line_lost(self, reason: str) -> None:
        """The broker is away; a job that was open has been told already."""
        if self._timer is not None:
            self._watch.line.cancel(self._timer)
            self._timer = None
        self._tell(DISCONNECTED, reason)

    def _came_up(self) -> None:
        self.up, self._attempt, self._told = True, 0, None
        if (former := self._former) is not None:
            self._former = former._renewal = None
            self._watch.jobs[self._watch.jobs.index(former)] = self
            former.close()

    def _down(self, status: Status, reason: str) -> None:
        line = self._watch.line
        if self._former is not None:  # that one goes on
            self._former._renewal = None
            self._former._renew_at = line.now() + line.backoff.cap
            return
        self._tell(status, reason)
        if line.up:
            self._timer = line.later(line.backoff.delay(self._attempt, line.chance()), self.open)
            self._attempt += 1

    def _tell(self, status: Status, reason: str) -> None:
        """Every entry gets a reading without value, once for each loss."""
        self.up = False
        if self._told != status:
            self._told = status
            if self._watch.line.up:  # or else it is told once for all jobs
                _log.warning("%s: %d requests: %s", self._watch.line.name, len(self._entries), reason)
            self._watch.failed(self._entries, status, reason)


class Watching:
    """All subscriptions of one backend. A follower of the line; `watch` and `close` are for any thread."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._watches: set[_Watch] = set()
        self._lock = threading.Lock()
        self._subscriptions: set[BoundedSubscription] = set()
        self._closed = threading.Event()
        self._told = False  # that the broker is lost; once for each loss, further reasons are in the diagnostics

    def watch(self, requests: Sequence[DataRequest]) -> BoundedSubscription:
        """A subscription to requests; those that are not sent at all have their one reading in it already."""
        slots: dict[str, list[int]] = {}
        by_key: dict[str, str] = {}
        wanted: dict[str, DataRequest] = {}
        refused: list[tuple[int, Reading]] = []
        for slot, request in enumerate(requests):
            if reason := refusal(request) or addressed(request):
                refused.append((slot, Reading(request, None, self._line.now_ns(), BAD_REQUEST, reason)))
                continue
            entry = by_key.setdefault(request.key(), request.sent())
            wanted.setdefault(entry, request)
            slots.setdefault(entry, []).append(slot)
        watch = _Watch(self._line, slots, wanted)
        bound = max(_BOUND, _ROUNDS * len(requests))
        subscription = BoundedSubscription(bound, lambda: self._closing(subscription, watch), direct=True)
        subscription.put(batch_of(refused))
        watch.subscription = subscription
        with self._lock:
            if self._closed.is_set():
                raise Closed("the backend is closed")
            self._subscriptions.add(subscription)
        self._line.post(lambda: self._join(watch))
        return subscription

    def close(self) -> None:
        """End every subscription."""
        with self._lock:
            self._closed.set()
            subscriptions, self._subscriptions = self._subscriptions, set()
        for subscription in subscriptions:
            subscription.close()

    def _closing(self, subscription: BoundedSubscription, watch: _Watch) -> None:
        with self._lock:
            self._subscriptions.discard(subscription)
        self._line.post(lambda: self._leave(watch))

    def _join(self, watch: _Watch) -> None:
        assert watch.subscription is not None
        if not watch.subscription.closed:
            self._watches.add(watch)
            for job in list(watch.jobs):
                job.open()

    def _leave(self, watch: _Watch) -> None:
        self._watches.discard(watch)
        for job in watch.jobs:
            job.close()

    @property
    def requests(self) -> int:
        """Different requests that are watched now."""
        return sum(len(watch.requests) for watch in list(self._watches))

    @property
    def states(self) -> list[bool]:
        """Of each job, whether it is open."""
        return [job.up for watch in list(self._watches) for job in list(watch.jobs)]

    def line_up(self) -> None:
        """See Follower."""
        if self._told:
            self._told = False
            _log.info("%s: the link is back", self._line.name)
        for watch in list(self._watches):
            for job in list(watch.jobs):
                job.open()

    def line_lost(self, reason: str) -> None:
        """See Follower."""
        if self._watches and not self._told:
            self._told = True
            _log.warning("%s: %s", self._line.name, reason)
        for watch in list(self._watches):
            for job in list(watch.jobs):
                job.line_lost(reason)
            self._line.post(watch.flush)  # timers may be lost, too

    def tick(self) -> None:
        """See Follower."""
        for watch in list(self._watches):
            for job in list(watch.jobs):
                job.tick()
