"""Feeds: one supervised worker for many small feeds that come and go, so that threads do not grow with devices."""

import logging
import threading
from dataclasses import dataclass

from devices.feed import Feed
from gateway.core.ports import Clock
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker

_TURN = 0.1  # s between two turns in which each feed is asked for what has come
_BACKOFF = Backoff()
_log = logging.getLogger("acgate.ondemand")


@dataclass(slots=True, eq=False)
class _Place:
    """A feed as the worker has it."""

    feed: Feed
    begun: bool = False
    failures: int = 0  # one after the other
    rest_until: float = 0.0  # s, monotonic


class Feeds:
    """Takes feeds from any thread. One that fails says so in its readings and begins anew; the others go on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._places: dict[Feed, _Place] = {}
        self._leaving: list[Feed] = []
        self._ending = False
        self._worker = SupervisedWorker("acquisition on demand", self._run, self._died, clock=clock)

    def __len__(self) -> int:
        return len(self._places)

    def start(self) -> None:
        """Start the worker."""
        self._worker.start()

    def add(self, feed: Feed) -> None:
        """Serve a feed from now on."""
        with self._changed:
            self._places[feed] = _Place(feed)
            self._changed.notify_all()

    def remove(self, feed: Feed) -> None:
        """Serve it no more; the worker ends it, soon."""
        with self._changed:
            if self._places.pop(feed, None) is not None:
                self._leaving.append(feed)
                self._changed.notify_all()

    def signal_stop(self) -> None:
        """Tell the worker to end, without waiting."""
        self._worker.signal_stop()
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def stop(self, timeout: float) -> bool:
        """End the worker and all feeds, waiting `timeout` seconds at most; False when it still runs."""
        self.signal_stop()
        return self._worker.stop(timeout)

    def _died(self, death: BaseException) -> None:
        for place in self._here():
            place.begun = False
            place.feed.lost(death)

    def _here(self) -> list[_Place]:
        with self._changed:
            return list(self._places.values())

    def _run(self, token: StopToken) -> None:
        try:
            while not token.stopped():
                self._end_those_that_leave()
                for place in self._here():
                    self._turn(place)
                    if token.stopped():
                        return
                with self._changed:
                    new = any(not place.begun and not place.failures for place in self._places.values())
                    if not (self._ending or self._leaving or new):
                        self._changed.wait(_TURN)
        finally:
            self._end_those_that_leave()
            for place in self._here():
                place.feed.end()

    def _end_those_that_leave(self) -> None:
        with self._changed:
            leaving, self._leaving = self._leaving, []
        for feed in leaving:
            feed.end()

    def _turn(self, place: _Place) -> None:
        """One feed's turn: what it brings, or why it cannot."""
        now = self._clock.monotonic()
        if now < place.rest_until:
            return
        try:
            if not place.begun:
                place.feed.begin()
                place.begun = True
            place.feed.take(0.0)
            place.feed.look()
            place.failures = 0
        except Exception as death:  # noqa: BLE001 - of this feed; all others go on
            if not place.failures:
                _log.exception("the acquisition on demand from %s stopped and begins anew", place.feed.name)
            place.feed.end()
            place.feed.lost(death)
            place.begun = False
            place.rest_until = now + _BACKOFF.delay(place.failures, 0.5)
            place.failures += 1
