"""WatchList: one list of watched requests, kept alive through lost links (dpm-http.md 6, 13, 14.2).

All of its state belongs to its worker. Other threads send it orders, and wake it.
"""

import logging
import random
import select
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from gateway.backends.dpm_latest import Latest
from gateway.backends.dpm_link import DpmLink, LinkLost
from gateway.backends.dpm_orders import Join, Leave, Timeouts
from gateway.backends.dpm_readings import (
    Arrived,
    SlotMap,
    arrived_columns,
    arrived_points,
    arrived_readings,
    known_only,
    reading_of,
    split,
    without_errors,
)
from gateway.backends.subscription import BoundedSubscription
from gateway.backends.wake import Wake
from gateway.core.drf import DataRequest
from gateway.core.ports import Clock, LinkState
from gateway.core.status import DISCONNECTED, Status
from gateway.core.values import Reading
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker
from gateway.wire import dpm
from gateway.wire.dpm_connection import Received

_log = logging.getLogger(__name__)
_LONG = 3600.0  # s; a receive ends earlier, by the watchdog of the link


class WatchList:
    """A list and its link. `make(wake, cancelled)` makes a link that is not connected yet."""

    def __init__(
        self,
        name: str,
        make: Callable[[Wake, Callable[[], bool]], DpmLink],
        clock: Clock,
        timeouts: Timeouts,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name, self._make, self._clock, self._timeouts, self._chance = name, make, clock, timeouts, chance
        self._backoff = Backoff(cap=timeouts.backoff_cap)
        self._wake = Wake()
        self._orders: deque[Join | Leave] = deque()
        self._requests: dict[int, DataRequest] = {}
        self._gone: dict[int, DataRequest] = {}  # nobody watches them, but the server may still send them
        self._maps: dict[BoundedSubscription, SlotMap] = {}
        self._latest = Latest()
        self._strangers = 0  # replies to references that were never given
        self._told = False  # the subscriptions know that the link is lost
        self._worker = SupervisedWorker(name, self._run, self._died, self._backoff, clock)
        self._started = False
        self.state = LinkState.CONNECTING
        self.connected = False
        self.reconnects = -1  # the first connection is none
        self.last_error = (0.0, "")  # when, on the monotonic clock, and what

    def start(self) -> None:
        """Start the worker, once."""
        if not self._started:
            self._started = True
            self._worker.start()

    def order(self, order: Join | Leave) -> None:
        """Give an order; from any thread, never blocks."""
        self._orders.append(order)
        self._wake.set()

    def signal_stop(self) -> None:
        """Tell the worker to end, without waiting."""
        self._worker.signal_stop()
        self._wake.set()

    def stop(self, timeout: float) -> None:
        """End the worker and give the link back."""
        self.signal_stop()
        if self._worker.stop(timeout):
            self._wake.close()
        else:
            _log.error("the worker %s did not end within %g s", self.name, timeout)

    def _run(self, token: StopToken) -> None:
        attempt = 0
        while not token.stopped():
            link = self._make(self._wake, token.stopped)
            try:
                self._serve(link, token)
            except LinkLost as error:
                attempt = 0 if self.state is LinkState.UP else attempt
                self._tell_lost(str(error))
            finally:
                self.connected = False
                link.close()
            self._pause(token, self._backoff.delay(attempt, self._chance()))
            attempt += 1

    def _serve(self, link: DpmLink, token: StopToken) -> None:
        """One life of a link. Returns when stopped, raises LinkLost when it is over."""
        link.connect(self._clock.monotonic() + self._timeouts.connect)
        self.connected = True
        self.reconnects += 1
        self._obey(None)
        self._gone.clear()
        self._add(link, self._requests)
        while not token.stopped():
            received = link.receive(self._clock.monotonic() + _LONG)
            if received is not None:
                self._take(received)
            if self._orders or received is None:  # a socket that is always readable must not starve the orders
                self._obey(link)

    def _pause(self, token: StopToken, seconds: float) -> None:
        """Wait, and obey orders meanwhile."""
        end = self._clock.monotonic() + seconds
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        while not token.stopped() and (left := end - self._clock.monotonic()) > 0:
            if poll.poll(left * 1000 + 1):
                self._obey(None)

    def _obey(self, link: DpmLink | None) -> None:
        """Carry out the orders that came; None: there is no link, the next one starts with all requests."""
        self._wake.clear()
        added: dict[int, DataRequest] = {}
        removed: list[int] = []
        while self._orders:
            order = self._orders.popleft()
            if isinstance(order, Join):
                self._requests.update(order.new)
                added.update(order.new)
                slots = self._maps[order.subscription] = SlotMap(order.slots)
                self._latest.grow(max(order.slots) + 1, order.new)
                order.subscription.put(slots.batch(self._latest.of(sorted(order.slots.keys() - order.new.keys()))))
                if self._told:
                    self._send_out(self._lost_readings(list(order.new)))
            else:
                self._maps.pop(order.subscription, None)
                removed += order.gone
                for ref in order.gone:
                    self._gone[ref] = self._requests.pop(ref)
                    self._latest.forget(ref)
        if link is not None:
            self._remove(link, [ref for ref in removed if added.pop(ref, None) is None])
            if added or len(self._gone) > len(self._requests):
                self._gone.clear()
                self._add(link, added)

    def _add(self, link: DpmLink, requests: Mapping[int, DataRequest]) -> None:
        """Add requests and start the list, in one send; the server starts all of it anew (6.2)."""
        messages: list[dpm.Request] = [dpm.AddToList(link.list_id, ref, one.sent()) for ref, one in requests.items()]
        self._send(link, [*messages, dpm.StartList(link.list_id)])

    def _remove(self, link: DpmLink, refs: Sequence[int]) -> None:
        if refs:
            self._send(link, [dpm.RemoveFromList(link.list_id, ref) for ref in refs])

    def _send(self, link: DpmLink, messages: list[dpm.Request]) -> None:
        link.send(messages, self._clock.monotonic() + self._timeouts.silence)

    def _take(self, received: Received) -> None:
        """Give what came to the subscriptions, in order; LinkLost when the server says that the list is none."""
        columns, known_before = known_only(received.columns, self._latest.size)
        self._note_strangers(len(received.columns) - len(columns))
        found: list[tuple[int, int, Reading | Arrived]] = []
        end: LinkLost | None = None
        for after, message in received.messages:
            try:
                item = self._item(message)
            except LinkLost as error:
                end = error
                break
            if item is not None:
                found.append((after if known_before is None else int(known_before[after]), *item))
        if len(columns) or found:
            self._came_up()
        for piece in split(arrived_columns(columns, self._latest.words), found):
            self._send_out(without_errors(piece, self._request))
        if end is not None:
            raise end

    def _item(self, message: object) -> tuple[int, Reading | Arrived] | None:
        """The reference and the reading that a message brings, if any."""
        match message:
            case dpm.StartListReply(status=0):
                self._came_up()
            case dpm.StartListReply(status=status) | dpm.StatusReply(ref_id=0, status=status) if status:
                raise LinkLost(f"the server did not start the list: {Status.from_packed(status)}")
            case dpm.ListStatusReply(status=status) if status:
                _log.warning("%s: heartbeat with status %s", self.name, Status.from_packed(status))
            case dpm.AddToListReply(ref_id=ref, status=status):
                if status and (request := self._request(ref)) is not None:
                    return ref, Reading(request, None, self._clock.now_ns(), Status.from_packed(status))
            case (
                dpm.ScalarArrayReply() | dpm.RawReply() | dpm.TextReply() | dpm.TextArrayReply()
                | dpm.TimedScalarArrayReply() | dpm.AnalogAlarmReply() | dpm.DigitalAlarmReply()
                | dpm.BasicStatusReply() | dpm.StatusReply()
            ) if message.ref_id:  # fmt: skip
                request = self._request(message.ref_id)
                if request is None:
                    self._note_strangers(not 0 < message.ref_id < self._latest.size)
                elif isinstance(message, dpm.TimedScalarArrayReply):
                    return message.ref_id, arrived_points(message.ref_id, message)
                else:
                    return message.ref_id, reading_of(request, message)
        return None

    def _request(self, ref: int) -> DataRequest | None:
        return self._requests.get(ref) or self._gone.get(ref)

    def _send_out(self, arrived: Arrived) -> None:
        self._latest.keep(arrived)
        for subscription, slots in self._maps.items():
            subscription.put(slots.batch(arrived))

    def _came_up(self) -> None:
        if self.state is not LinkState.UP:
            self.state = LinkState.UP
            self._told = False
            if self.reconnects:
                _log.info("%s: the link is back", self.name)

    def _note_strangers(self, count: int) -> None:
        if count and not self._strangers:
            _log.warning("%s: the server sends references that were never given; they are dropped", self.name)
        self._strangers += count

    def _tell_lost(self, reason: str) -> None:
        """Every request gets a reading without value, once for each loss."""
        self.last_error = (self._clock.monotonic(), reason)
        self.state = LinkState.CONNECTING
        if not self._told:
            self._told = True
            _log.warning("%s: %s", self.name, reason)
            self._send_out(self._lost_readings(list(self._requests)))

    def _lost_readings(self, refs: Sequence[int]) -> Arrived:
        now = self._clock.now_ns()
        return arrived_readings(
            [
                (ref, Reading(self._requests[ref], None, now, DISCONNECTED, self.last_error[1]))
                for ref in refs
                if ref in self._requests
            ]
        )

    def _died(self, death: BaseException) -> None:
        """On the dying thread, before the worker is started again."""
        self._tell_lost(f"the worker of this list died: {death!r}")
