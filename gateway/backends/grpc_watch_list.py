"""GrpcWatchList: one call of Read for a list of watched requests, kept alive through losses (dpm-grpc.md 5, 8.3, 9).

All of its state belongs to its worker. Other threads send it orders, and ring its bell. The requests of a call are
fixed: when some are added it is begun anew, and the server is free of the former one.
"""

import logging
import random
from collections.abc import Callable

import grpc
import numpy as np

from gateway.backends.dpm_link import LinkLost
from gateway.backends.dpm_orders import Timeouts
from gateway.backends.dpm_readings import Arrived, Ints, arrived_readings
from gateway.backends.grpc_call import Bell, ReadCall
from gateway.backends.grpc_link import HEALTHY, LOST, REFUSED, Failure, GrpcLink, Metadata
from gateway.backends.grpc_values import Labels, arrived
from gateway.backends.jwt_tokens import Identity
from gateway.backends.list_worker import ListWorker
from gateway.core.errors import ProtocolError
from gateway.core.ports import Clock, LinkState
from gateway.core.status import RETRY
from gateway.core.values import Reading
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken
from gateway.wire import daq
from gateway.wire.daq_replies import decode_replies

_log = logging.getLogger(__name__)
_GATHER = 0.003  # s in which replies may gather once there is one: they are decoded together
_LATER = 30.0  # s until a server that refuses, or that has finished with a list, is asked again
_LONGEST_SILENCE, _PERIODS = 10.0, 5  # of a stream whose requests have answered before (8.3)


class _Troubled(LinkLost):
    """The server answers, and will not serve; `pause` is how many seconds to leave it alone."""

    def __init__(self, reason: str, pause: float) -> None:
        super().__init__(reason)
        self.pause = pause


class GrpcWatchList(ListWorker):
    """A list of requests and the call that serves it."""

    def __init__(
        self,
        name: str,
        link: GrpcLink,
        identity: Identity,
        labels: Labels,
        clock: Clock,
        timeouts: Timeouts,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._bell = Bell()
        super().__init__(name, clock, Backoff(cap=timeouts.backoff_cap), self._bell.ring)
        self._link, self._identity, self._labels = link, identity, labels
        self._timeouts, self._chance = timeouts, chance
        self._slow = Backoff()  # for what is wrong with the server and not with the link
        self._failures = 0
        self._fresh = True  # no answer yet, or none since the last loss
        self._refs: Ints = np.zeros(0, np.int64)  # of the running call, by index
        self._begun = self._heard = self._values = 0.0  # when the call began, anything came, a value came; monotonic
        self._delivered = np.zeros(0, np.bool_)  # by index, in this call
        self._periods = np.zeros(0)  # s, by index; infinite for all but periodic requests
        self._repeats = False  # whether any request of the call brings more than one reading
        self._once: set[int] = set()  # references that are answered once
        self._done: set[int] = set()  # those of them that were
        self._ping: ReadCall | None = None

    def _run(self, token: StopToken) -> None:
        while not token.stopped():
            self._obey()
            pause = 0.0
            try:
                pause = self._serve(token)
            except LinkLost as error:
                self._done.clear()
                self._fresh = True
                self._feeds.tell_lost(str(error))
                pause = max(self._link.retry_in(), error.pause if isinstance(error, _Troubled) else 0.0)
            self._pause(token, pause)

    def _serve(self, token: StopToken) -> float:
        """One life of a call; how long to wait before the next, unless orders come. LinkLost when it was lost."""
        refs = [ref for ref in self._feeds.requests if ref not in self._done]
        if not refs:
            return _LATER
        channel = self._link.channel(self._clock.monotonic())
        requests = [self._feeds.requests[ref] for ref in refs]
        self._refs = np.array(refs, np.int64)
        self._once = {ref for ref, one in zip(refs, requests, strict=True) if one.event.mode == "I"}
        self._repeats = any(one.event.repeats for one in requests)
        self._delivered = np.zeros(len(refs), np.bool_)
        periods = [one.event.period_ms if one.event.mode == "P" else None for one in requests]
        self._periods = np.array([np.inf if period is None else period / 1000 for period in periods])
        self._begun = self._heard = self._values = self._clock.monotonic()
        self._feeds.gone.clear()
        request = daq.encode_read(one.sent() for one in requests)
        call = self._begin(channel, request, self._identity.for_reading(), "reader")
        try:
            return self._follow(call, token)
        finally:
            self.connected = False
            for one in (call, self._ping):
                if one is not None:
                    one.close()
            self._ping = None

    def _begin(self, channel: grpc.Channel, request: bytes, metadata: Metadata, what: str) -> ReadCall:
        try:
            return ReadCall(self._link, channel, request, metadata, self._bell, f"{self.name}-{what}")
        except ValueError:  # another list has just found out that the channel is of no use
            raise LinkLost(f"{self._link.address}: the connection was lost") from None

    def _follow(self, call: ReadCall, token: StopToken) -> float:
        while not token.stopped():
            self._bell.wait(self._next_look())
            ended = call.ended  # before its replies are taken: none come after it
            if not ended and call.alive:
                token.wait(_GATHER)
            if replies := call.take():
                self._take(replies)
            if ended:
                return self._ended(call)
            if self._orders and self._obey():
                return 0.0
            self._mind(call)
        return 0.0

    def _obey(self) -> bool:
        """Carry out the orders that came; whether the call must be begun anew."""
        changes = self._carry_out()
        self._done.difference_update(changes.removed)
        return bool(changes.added) or len(self._feeds.gone) > len(self._feeds.requests)

    def _pause(self, token: StopToken, seconds: float) -> None:
        """Wait, and obey orders meanwhile; new requests end it where the link is up."""
        end = self._clock.monotonic() + seconds
        while not token.stopped() and (left := end - self._clock.monotonic()) > 0:
            self._bell.wait(left)
            if self._orders and self._obey() and self._feeds.state is LinkState.UP:
                return

    def _take(self, messages: list[bytes]) -> None:
        """Give what came to the subscriptions, in order."""
        try:
            replies = decode_replies(messages)
        except ProtocolError as error:
            raise self._troubled(f"{self._link.address}: {error}") from None
        feeds = self._feeds
        now_ns = self._clock.now_ns()
        came, strangers = arrived(replies, self._refs, feeds.latest.words, feeds.request, self._labels, now_ns)
        feeds.note_strangers(strangers)
        self._answered()
        if len(came.ref) or came.others:
            self._values = self._heard
            if self._values - self._begun > HEALTHY:
                self._failures = 0
            index = replies.index if not strangers else replies.index[replies.index < len(self._refs)]
            self._delivered[index] = True
            for _, number, sample in replies.others:
                if sample.value is not None and number < len(self._refs):
                    self._delivered[number] = True
            if self._once:
                self._done |= self._once & {*came.ref.tolist(), *(ref for _, ref, _ in came.others)}
            feeds.send_out(came)

    def _answered(self) -> None:
        """The server lives."""
        self._heard = self._clock.monotonic()
        self.reconnects += self._fresh
        self._fresh, self.connected = False, True
        self._link.answered()
        self._feeds.came_up(self.reconnects > 0)

    def _ended(self, call: ReadCall) -> float:
        """What an ended call means: an error, or that all is done; then how long to wait before it is asked again."""
        if call.dropped:
            _log.warning("%s: %d replies came faster than they could be taken; they are lost", self.name, call.dropped)
        if call.failure is not None:
            if call.failure.code in REFUSED and call.metadata:
                # a token that is not taken, or has ended, must not cost the readings, which need none (4)
                _log.warning("%s: %s; reading goes on without a token", self.name, call.failure.text)
                self._identity.refused(call.metadata)
                return 0.0
            raise self._failed(call, call.failure)
        self._answered()
        if self._repeats and self._delivered.any():
            self._link.lost(call.channel)
            raise LinkLost(f"{self._link.address}: the server has ended the stream")
        unanswered = self._once - self._done
        self._done |= unanswered
        self._feeds.send_out(self._incomplete(unanswered))
        return _LATER

    def _incomplete(self, refs: set[int]) -> Arrived:
        now_ns = self._clock.now_ns()
        found = ((ref, self._feeds.request(ref)) for ref in sorted(refs))
        text = "incomplete response: the server has closed the call"
        return arrived_readings([(ref, Reading(one, None, now_ns, RETRY, text)) for ref, one in found if one])

    def _failed(self, call: ReadCall, failure: Failure) -> LinkLost:
        """A failed call as a loss, with the pause that its code asks for (8.1)."""
        if failure.code in REFUSED:
            return _Troubled(failure.text, _LATER)
        self._link.lost(call.channel)
        return LinkLost(failure.text) if failure.code in LOST else self._troubled(failure.text)

    def _troubled(self, text: str) -> _Troubled:
        """Something is wrong with the server or its answers: the pauses grow while it goes on."""
        self._failures += 1
        return _Troubled(text, self._slow.delay(self._failures - 1, self._chance()))

    def _next_look(self) -> float:
        """Seconds until `_mind` has something to do."""
        return max(0.01, self._limit() / 3 - (self._clock.monotonic() - self._heard)) if self._ping is None else 0.2

    def _limit(self) -> float:
        """Seconds without any sign that mean that the server is dead."""
        return self._timeouts.silence if self.state is LinkState.UP else self._timeouts.connect

    def _mind(self, call: ReadCall) -> None:
        """Look whether the silence is too long; LinkLost when it is. A server that is only quiet answers a ping."""
        now = self._clock.monotonic()
        limit, quiet = self._limit(), now - self._heard
        if self._ping is not None and (self._ping.alive or quiet < limit / 3):
            if self._ping.alive:
                self._answered()
            self._ping.close()
            self._ping = None
        elif quiet >= limit:
            self._link.lost(call.channel)
            raise LinkLost(f"{self._link.address}: no sign of the server for {limit:g} s")
        elif self._ping is None and quiet >= limit / 3:
            # a list of nothing: whatever a server answers, it lives (5.2)
            self._ping = self._begin(call.channel, daq.encode_read(()), call.metadata, "ping")
        rhythm = self._periods[self._delivered].min(initial=np.inf)
        if now - self._values > max(_LONGEST_SILENCE, _PERIODS * rhythm):
            raise LinkLost(f"{self._link.address}: the stream is silent, though the server lives")
