"""WatchList: one list of watched requests, kept alive through lost links (dpm-http.md 6, 13, 14.2).

All of its state belongs to its worker. Other threads send it orders, and wake it.
"""

import logging
import random
import select
from collections.abc import Callable, Mapping, Sequence

from gateway.backends.dpm_link import DpmLink, LinkLost
from gateway.backends.dpm_orders import Timeouts
from gateway.backends.dpm_readings import (
    Arrived,
    all_known,
    arrived_columns,
    arrived_points,
    known_only,
    reading_of,
    remarked,
    split,
    without_errors,
)
from gateway.backends.list_worker import ListWorker
from gateway.backends.wake import Wake
from gateway.core.drf import DataRequest
from gateway.core.ports import Clock, LinkState
from gateway.core.remembered import Remembered
from gateway.core.status import Status
from gateway.core.values import Reading
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken
from gateway.wire import dpm
from gateway.wire.dpm_connection import Received

_log = logging.getLogger(__name__)
_LONG = 3600.0  # s; a receive ends earlier, by the watchdog of the link


class WatchList(ListWorker):
    """A list and its link. `make(wake, cancelled)` makes a link that is not connected yet."""

    def __init__(
        self,
        name: str,
        make: Callable[[Wake, Callable[[], bool]], DpmLink],
        clock: Clock,
        timeouts: Timeouts,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._backoff = Backoff(cap=timeouts.backoff_cap)
        self._wake = Wake()
        super().__init__(name, clock, self._backoff, self._wake.set, self._wake.close)
        self._make, self._timeouts, self._chance = make, timeouts, chance
        self._remarked = Remembered(remarked)
        self._all_known = Remembered(lambda ref: all_known(ref, self._feeds.latest.size))

    def _run(self, token: StopToken) -> None:
        attempt = 0
        while not token.stopped():
            link = self._make(self._wake, token.stopped)
            try:
                self._serve(link, token)
            except LinkLost as error:
                attempt = 0 if self.state is LinkState.UP else attempt
                self._feeds.tell_lost(str(error))
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
        self._feeds.gone.clear()
        self._add(link, self._feeds.requests)
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
        self._all_known.forget()
        changes = self._carry_out()
        if link is not None:
            self._remove(link, changes.removed)
            if changes.added or len(self._feeds.gone) > len(self._feeds.requests):
                self._feeds.gone.clear()
                self._add(link, changes.added)

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
        columns, known_before = received.columns, None
        if not self._all_known.of(columns.ref_id):
            columns, known_before = known_only(columns, self._feeds.latest.size)
            self._feeds.note_strangers(len(received.columns) - len(columns))
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
            self._feeds.came_up(self.reconnects > 0)
        arrived = arrived_columns(columns, self._feeds.latest.words)
        if not found and not self._remarked.of(columns.status):
            self._feeds.send_out(arrived)
        else:
            for piece in split(arrived, found):
                self._feeds.send_out(without_errors(piece, self._feeds.request))
        if end is not None:
            raise end

    def _item(self, message: object) -> tuple[int, Reading | Arrived] | None:
        """The reference and the reading that a message brings, if any."""
        match message:
            case dpm.StartListReply(status=0):
                self._feeds.came_up(self.reconnects > 0)
            case dpm.StartListReply(status=status) | dpm.StatusReply(ref_id=0, status=status) if status:
                raise LinkLost(f"the server did not start the list: {Status.from_packed(status)}")
            case dpm.ListStatusReply(status=status) if status:
                _log.warning("%s: heartbeat with status %s", self.name, Status.from_packed(status))
            case dpm.AddToListReply(ref_id=ref, status=status):
                if status and (request := self._feeds.request(ref)) is not None:
                    return ref, Reading(request, None, self._clock.now_ns(), Status.from_packed(status))
            case (
                dpm.ScalarArrayReply() | dpm.RawReply() | dpm.TextReply() | dpm.TextArrayReply()
                | dpm.TimedScalarArrayReply() | dpm.AnalogAlarmReply() | dpm.DigitalAlarmReply()
                | dpm.BasicStatusReply() | dpm.StatusReply()
            ) if message.ref_id:  # fmt: skip
                request = self._feeds.request(message.ref_id)
                if request is None:
                    self._feeds.note_strangers(not 0 < message.ref_id < self._feeds.latest.size)
                elif isinstance(message, dpm.TimedScalarArrayReply):
                    return message.ref_id, arrived_points(message.ref_id, message)
                else:
                    return message.ref_id, reading_of(request, message)
        return None
