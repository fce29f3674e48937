"""RouteBackend: an ordered choice of backends as one Backend: read here and write there, fail over and return."""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from gateway.backends.route_outlet import Tally
from gateway.backends.route_stream import Failover, RouteSubscription
from gateway.backends.steering import may_go_elsewhere, unanswered
from gateway.core.drf import DataRequest
from gateway.core.errors import Closed
from gateway.core.ports import Backend, Capabilities, Clock, Health, LinkState, Subscription
from gateway.core.route import Names, Route
from gateway.core.values import Reading, Setting, SettingResult

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class RouteBackend:
    """An adapter over adapters: it opens and closes none of them, and starts no thread.

    Streams take another backend as `RouteSubscription` says. A one-shot read asks the next backend for what the one
    before left unanswered. A setting goes to the next backend only when nothing has left this process: what was sent
    is never sent again, and its outcome is said. A backend that was found lost is asked last for the hold time.
    """

    def __init__(
        self,
        route: Route,
        backends: Mapping[str, Backend],
        clock: Clock,
        when: Failover,
        switched: Callable[[], None] = lambda: None,
    ) -> None:
        self._route, self._clock, self._when, self._switched = route, clock, when, switched
        self._backends = {name: backends[name] for name in route.names}
        self._lost_at = dict.fromkeys(route.names, -math.inf)  # s, monotonic: of one-shot calls
        self._slots: dict[DataRequest, int] = {}
        self._stream: RouteSubscription | None = None  # the newest: a gateway has one for each route
        self._lock = threading.Lock()  # of the streams
        self._streams: list[RouteSubscription] = []
        self._closed = False
        self.tally = Tally()

    @property
    def name(self) -> str:
        """The names of those that it reads from."""
        return "+".join(self._route.read)

    @property
    def capabilities(self) -> Capabilities:
        """What its preferred backends can do."""
        first = self._backends[self._route.read[0]].capabilities
        write = any(self._backends[name].capabilities.write for name in self._route.write)
        return Capabilities(first.read, write, first.watch, first.polled)

    def serving(self, request: DataRequest) -> str:
        """The name of the backend that serves a watched request now."""
        stream, slot = self._stream, self._slots.get(request)
        return self._route.read[0] if stream is None or slot is None else stream.serving(slot)

    def served(self) -> dict[str, int]:
        """How many of the watched requests each backend serves now, in the order of the route."""
        counts = dict.fromkeys(self._route.read, 0)
        if self._stream is not None:
            for place, count in enumerate(self._stream.counts()):
                counts[self._route.read[place]] = count
        return counts

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:
        """See the port; within `timeout` for all backends together."""

        def ask(backend: Backend, items: Sequence[DataRequest], seconds: float) -> list[Reading]:
            return backend.read(items, seconds)

        return self._in_turn(self._route.read, requests, timeout, ask, unanswered)

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:
        """See the port. Another backend is asked only when nothing of the call was sent."""

        def ask(backend: Backend, items: Sequence[Setting], seconds: float) -> list[SettingResult]:
            return backend.write(items, seconds)

        return self._in_turn(self._route.write, settings, timeout, ask, may_go_elsewhere, whole=True)

    def watch(self, requests: Sequence[DataRequest]) -> Subscription:
        """See the port."""
        self._check()
        if len(self._route.read) == 1:
            return self._backends[self._route.read[0]].watch(requests)
        backends = [self._backends[name] for name in self._route.read]
        stream = RouteSubscription(backends, requests, self._clock, self._when, self.tally, self._switched)
        self._slots = {request: slot for slot, request in enumerate(requests)}
        self._stream = stream
        with self._lock:
            self._streams = [*(one for one in self._streams if not one.closed), stream]
            closed = self._closed
        if closed:
            stream.close()
        return stream

    def health(self) -> Health:
        """The figures of its backends together; it is up as long as one of them is."""
        found = [backend.health() for backend in self._backends.values()]
        states = {one.state for one in found}
        best = (LinkState.UP, LinkState.DEGRADED, LinkState.CONNECTING, LinkState.DISCONNECTED)
        return Health(
            next(state for state in best if state in states),
            sum(one.connections for one in found),
            max(one.requests for one in found),
            sum(one.reconnects for one in found),
            next((one.last_error for one in found if one.last_error), ""),
        )

    def close(self) -> None:
        """End its streams; its backends belong to whoever opened them."""
        with self._lock:
            self._closed = True
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.close()

    def _check(self) -> None:
        if self._closed:
            raise Closed(f"the route {self.name} is closed")

    def _in_turn(
        self,
        names: Names,
        items: Sequence[Item],
        timeout: float,
        ask: Callable[[Backend, Sequence[Item], float], list[Answer]],
        open_still: Callable[[Answer], bool],
        whole: bool = False,
    ) -> list[Answer]:
        """Ask one backend after the other for what is open still; each gets its share of the time that is left.

        `whole`: a call goes on only when all of it is open still.
        """
        self._check()
        deadline = self._clock.monotonic() + timeout
        answers: dict[int, Answer] = {}
        left = list(range(len(items)))
        order = self._order(names)
        for turn, name in enumerate(order):
            seconds = deadline - self._clock.monotonic()
            if turn and seconds <= 0:
                break
            found = ask(self._backends[name], [items[place] for place in left], seconds / (len(order) - turn))
            answers.update(zip(left, found, strict=True))
            open_places = [place for place, answer in zip(left, found, strict=True) if open_still(answer)]
            if not open_places or (whole and len(open_places) < len(found)):
                break
            if len(open_places) == len(found):
                self._lost_at[name] = self._clock.monotonic()
            left = open_places
        return [answers[place] for place in range(len(items))]

    def _order(self, names: Names) -> list[str]:
        """Those first that were not found lost of late."""
        now = self._clock.monotonic()
        return sorted(names, key=lambda name: now - self._lost_at[name] < self._when.hold)
