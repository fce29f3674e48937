"""RouteSubscription: one stream out of those of several backends, the preferred one as long as it works.

It has no thread: whoever gets readings from it does the switching on the way. Readings of the feeds that do not
serve are not passed on; the newest of each request is kept for the moment of the switch.
"""

import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.backends.newest import Newest
from gateway.backends.route_outlet import Outlet, Tally
from gateway.backends.steering import Steering, is_loss, overtaken
from gateway.core.batch import EMPTY, ReadingBatch
from gateway.core.drf import DataRequest
from gateway.core.errors import AcgateError
from gateway.core.ports import Backend, Clock, Subscription
from gateway.core.status import REQTMO
from gateway.core.values import Reading

_log = logging.getLogger(__name__)
_SLICE = 0.02  # s of waiting for one feed while others may bring something, too
_LONGEST = 0.25  # s of waiting at most between two looks at who is silent
_LOOKS = 0.05  # s between two looks at least: one costs time in proportion to the requests
_CHANCE = 2.0  # s in which an alternative must bring something before the next one is tried as well


@dataclass(frozen=True, slots=True)
class Failover:
    """When a route takes another backend; times in s."""

    hold: float = 30.0  # for which a preferred backend must work before it serves again
    grace: float = 2.0  # for which a loss is not told while another backend may take over
    warm: bool = False  # the alternatives are watched all the time


@dataclass(slots=True, eq=False)
class _Feed:
    """The stream of one backend; times in s, monotonic."""

    place: int  # in the route
    backend: Backend
    newest: Newest
    stream: Subscription | None = None
    opened: float = -math.inf  # when it was tried last
    heard: float = -math.inf  # when something came last
    dropped: int = 0  # by streams that are over


def patience(requests: Sequence[DataRequest]) -> float:
    """Seconds without any reading after which a backend counts as silent: what half of the requests allow.

    Infinite where no rhythm is known: then only the adapter can tell that its service is gone.
    """
    known = [allowed for one in requests if one.event.mode != "Q" and (allowed := one.event.silence_s()) is not None]
    return float(np.median(known)) if known else math.inf


class RouteSubscription:
    """The port Subscription over several backends, in order of preference. One getter at a time.

    `switched` is called on the getter's thread when others serve, before anything that they bring goes out.
    """

    def __init__(
        self,
        backends: Sequence[Backend],
        requests: Sequence[DataRequest],
        clock: Clock,
        when: Failover,
        tally: Tally,
        switched: Callable[[], None],
    ) -> None:
        count = len(requests)
        self._name = "+".join(backend.name for backend in backends)
        self._tell_switched = switched
        self._requests, self._clock, self._when, self._tally = tuple(requests), clock, when, tally
        self._all = np.arange(count)
        self._feeds = [_Feed(place, backend, Newest(count)) for place, backend in enumerate(backends)]
        self._steering = Steering(count, len(backends), when.hold)
        self._outlet = Outlet(count, when.hold, when.grace, tally, clock.now_ns)
        self._patience = patience(requests)
        self._looked = -math.inf  # s, monotonic
        self._lock = threading.Lock()  # of opening and closing
        self._closed = False
        now = clock.monotonic()
        for feed in self._feeds if when.warm else self._feeds[:1]:
            self._open(feed, now)

    @property
    def dropped(self) -> int:
        """Readings that the feeds lost because nobody took them, since the start."""
        with self._lock:
            return sum(feed.dropped + (feed.stream.dropped if feed.stream is not None else 0) for feed in self._feeds)

    @property
    def closed(self) -> bool:
        """Whether somebody has closed it."""
        return self._closed

    def serving(self, slot: int) -> str:
        """The name of the backend that serves the slot; from any thread."""
        return self._feeds[int(self._steering.serving[slot])].backend.name

    def counts(self) -> list[int]:
        """How many slots each feed serves; from any thread."""
        found: list[int] = np.bincount(self._steering.serving, minlength=len(self._feeds)).tolist()
        return found

    def get(self, timeout: float) -> ReadingBatch:
        """See the port: the next batch of the feeds that serve."""
        end, left = self._clock.monotonic() + timeout, timeout
        while not self._outlet.ready:
            wait = min(left, _SLICE if len(self._open_feeds()) > 1 else _LONGEST)
            if not self._round(wait):
                left -= wait
            if left <= 0 or self._clock.monotonic() >= end:
                break
        return self._outlet.take() or EMPTY

    def close(self) -> None:
        """End all feeds and free the getter. Safe to call twice and from any thread."""
        with self._lock:
            self._closed = True
            streams = [feed.stream for feed in self._feeds if feed.stream is not None]
        for stream in streams:
            stream.close()

    def _open_feeds(self) -> list[tuple[_Feed, Subscription]]:
        return [(feed, feed.stream) for feed in self._feeds if feed.stream is not None]

    def _round(self, wait: float) -> bool:
        """Take what there is of every feed, waiting for one of them; then see whether somebody else should serve.

        False when nothing came, for as long as `wait`.
        """
        came = False
        feeds = self._open_feeds()
        busiest = feeds[-1][0].place
        if len(feeds) > 1 and not self._outlet.waits:
            busiest = int(np.argmax(self.counts()))
        for feed, stream in feeds:
            batch = stream.get(wait if feed.place == busiest else 0.0)
            if len(batch):
                came = True
                self._take(feed, batch)
        now = self._clock.monotonic()
        if now - self._looked >= _LOOKS:
            self._looked = now
            self._look(now)
        return came

    def _take(self, feed: _Feed, batch: ReadingBatch) -> None:
        now = feed.heard = self._clock.monotonic()
        slots = batch.slot.astype(np.int64)
        if batch.others:
            answered = [other.slot for other in batch.others if not is_loss(other.reading)]
            slots = np.concatenate([slots, np.array(answered, np.int64)])
        self._steering.answered(feed.place, slots, now)
        lost = [other.slot for other in batch.others if is_loss(other.reading) and not overtaken(batch, other)]
        if lost:
            self._steering.lost(feed.place, np.array(lost, np.int64))
        if self._steering.changed:
            self._switch(now)
        if len(self._open_feeds()) == 1 and not self._steering.serving.any():
            self._outlet.relieve(slots)
            self._outlet.pass_on(batch, None, now)
            return
        mine = self._steering.serving == feed.place
        self._outlet.relieve(slots[mine[slots]])
        self._outlet.pass_on(batch, mine, now)
        feed.newest.keep(batch)

    def _switch(self, now: float) -> None:
        """Let those serve who should; what they had brought before goes out, where it is news."""
        switched = self._steering.steer(now)
        self._tally.switches += len(switched)
        if len(switched):
            self._tell_switched()
        serving = self._steering.serving[switched]
        for place in np.unique(serving).tolist():
            feed, slots = self._feeds[place], switched[serving == place]
            _log.warning(
                "%s: %s serves %d of %d requests now", self._name, feed.backend.name, len(slots), len(self._all)
            )
            self._outlet.put(feed.newest.of(slots, self._outlet.hand_over(slots, now)))

    def _look(self, now: float) -> None:
        """Note who is silent, let others serve, open and close alternatives."""
        for feed, _ in self._open_feeds():
            if now - max(feed.heard, feed.opened) > self._patience:
                self._silent(feed, now)
        if self._steering.changed or self._steering.serving.any():  # or else nobody has anything to give back
            self._switch(now)
        self._outlet.look(now)
        self._tally.unserved = self._steering.unserved
        self._call_in(now)
        if not self._when.warm:
            self._dismiss(now)

    def _silent(self, feed: _Feed, now: float) -> None:
        """A feed of which nothing has come for too long has lost whatever it answered."""
        slots = self._steering.answering(feed.place)
        if not len(slots):
            return
        self._steering.lost(feed.place, slots)
        text = f"nothing has come from {feed.backend.name} for {self._patience:g} s"
        _log.warning("%s: %s", self._name, text)
        stamp_ns = self._clock.now_ns()
        for slot in slots[self._steering.serving[slots] == feed.place].tolist():
            self._outlet.lose(slot, Reading(self._requests[slot], None, stamp_ns, REQTMO, text), now)

    def _call_in(self, now: float) -> None:
        """Watch the next alternative when all that are preferred have lost a request."""
        for feed in self._feeds[1:]:
            if not self._steering.forsaken(feed.place):
                return
            if now - feed.opened < _CHANCE:
                continue
            if feed.stream is None:
                self._open(feed, now)
            elif not len(self._steering.answering(feed.place)):
                self._steering.lost(feed.place, self._all)  # it says nothing at all

    def _dismiss(self, now: float) -> None:
        """Close the alternatives that nobody needs and that have been open for the hold time."""
        if self._steering.unserved:
            return
        needed = int(self._steering.serving.max(initial=0))
        for feed, stream in self._open_feeds():
            if feed.place > needed and now - feed.opened >= self._when.hold:
                stream.close()
                with self._lock:
                    feed.dropped += stream.dropped
                    feed.stream = None
                self._steering.forget(feed.place)
                feed.newest.clear()

    def _open(self, feed: _Feed, now: float) -> None:
        feed.opened = now
        try:
            stream = feed.backend.watch(self._requests)
        except AcgateError as error:
            if feed.place == 0:
                raise
            _log.warning("%s: %s cannot take over: %s", self._name, feed.backend.name, error)
            self._steering.lost(feed.place, self._all)
            return
        with self._lock:
            feed.stream = stream
            closed = self._closed
        if closed:
            stream.close()
