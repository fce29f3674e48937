"""AclBackend: ACL as the port Backend, over HTTP or SSH alike. It reads, watches by polling, and never writes."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence

from gateway.backends.acl_batches import Asked, Batches, Results
from gateway.backends.acl_session import AclSession
from gateway.backends.kerberos_port import Credentials
from gateway.backends.polling import Polling
from gateway.backends.quarantine import Quarantine
from gateway.backends.subscription import BoundedSubscription
from gateway.config.polled import FLOOR_S
from gateway.core.drf import DataRequest
from gateway.core.drf_events import DEFAULT
from gateway.core.errors import Closed
from gateway.core.ports import Capabilities, Clock, Health, LinkState, Subscription
from gateway.core.status import BAD_REQUEST, DISCONNECTED, REQTMO, Status
from gateway.core.values import Outcome, Reading, Setting, SettingResult
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker, Worker
from gateway.wire.acl import Command, commands_for, refusal
from gateway.wire.acl_answers import Failure
from gateway.wire.acl_values import reading_of

READ_ONLY = Status(7, -60)  # CLIB_READONLY
PATIENCE = 4.5  # s for one call of a poll
_POLL_S = 60.0  # for all calls of one poll
_RETRY = Backoff(first=5.0, cap=60.0)  # of devices that fail (acl.md 4.2)
_CLOSING = 1.5  # s, of the two that the port allows
_LOOK_S = 1.0  # between two looks at the devices that fail


def single(request: DataRequest) -> DataRequest:
    """The request for one reading now: who polls keeps the period, and ACL knows none."""
    return request.with_event(DEFAULT) if request.event.mode in ("P", "Q", "N") else request


class AclBackend:
    """One ACL interpreter. Reads, polls and retries of what failed have a session each, so that none holds up another.

    A device that failed in a poll is left out of the next ones, which tell its last failure, and is tried again alone
    until it works: one bad device costs the others no call but the one that found it.
    """

    capabilities = Capabilities(read=True, write=False, watch=True, polled=True)

    def __init__(
        self,
        name: str,
        make_session: Callable[[], AclSession],
        clock: Clock,
        *,
        floor_s: float = FLOOR_S,
        patience: float = PATIENCE,
        retry: Backoff = _RETRY,
        away: Backoff | None = None,
        chance: Callable[[], float] = random.random,
        credentials: Credentials | None = None,
    ) -> None:
        self._name, self._clock, self._patience, self._credentials = name, clock, patience, credentials
        self._lanes = self._reads, self._polls, self._retries = [Batches(make_session(), clock) for _ in range(3)]
        self._reading = threading.Lock()  # for one caller of `read` after the other
        self._polling = Polling(name, self._poll, refusal_of, clock, floor_s, away, chance)
        self._lock = threading.Lock()  # of the quarantine
        self._quarantine: Quarantine[Command, Failure] = Quarantine(retry, chance)
        self._retrier: Worker | None = None
        self._answered: bool | None = None  # whether the newest call was; None before the first
        self._closed = False

    @property
    def name(self) -> str:
        """The name it has in the configuration."""
        return self._name

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:
        """One Reading per request, in order; bounded by `timeout` seconds. Stamps are when the answers came."""
        deadline = self._clock.monotonic() + timeout
        if self._closed:
            raise Closed(f"the backend {self._name} is closed")
        if not self._reading.acquire(timeout=timeout):
            now_ns = self._clock.now_ns()
            return [Reading(request, None, now_ns, REQTMO, "other reads take too long") for request in requests]
        try:
            asked = self._reads.ask(_commands(requests), deadline, timeout)
        finally:
            self._reading.release()
        self._note(asked.results)
        return self._readings(requests, asked.results)

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:
        """Refuses each setting: the way in is for reading (acl.md 1.1, 7.5)."""
        del timeout
        reason = f"ACL is read here, never written; let another backend write: {{read: {self._name}, write: ...}}"
        return [SettingResult(setting, READ_ONLY, Outcome.REFUSED, reason, sent=False) for setting in settings]

    def watch(self, requests: Sequence[DataRequest]) -> Subscription:
        """Readings by polling; equal requests are read once. Raises Closed after close()."""
        subscription: BoundedSubscription = self._polling.watch(requests)
        return subscription

    def health(self) -> Health:
        """Its figures; each session is a connection."""
        connections = sum(lane.session.connected for lane in self._lanes)
        if self._closed or (not self._polling.requests and not connections):
            state = LinkState.DISCONNECTED
        else:
            state = LinkState.UP if self._answered else LinkState.CONNECTING
        return Health(
            state,
            connections,
            self._polling.requests,
            sum(lane.session.reconnects for lane in self._lanes),
            max(lane.last_error for lane in self._lanes)[1],
        )

    def expires_in(self) -> Mapping[str, float]:
        """Seconds that its ticket is good; see the port `Expiring`."""
        return {} if self._credentials is None else {"TICKET": self._credentials.expires_in()}

    def close(self) -> None:
        """Free every waiter, end every thread, within two seconds. Safe to call twice."""
        self._closed = True
        for lane in self._lanes:
            lane.session.close()
        with self._lock:
            retrier = self._retrier
        if retrier is not None:
            retrier.signal_stop()
        self._polling.close(_CLOSING)
        if retrier is not None:
            retrier.stop(_CLOSING)

    def _readings(self, requests: Sequence[DataRequest], results: Results) -> list[Reading]:
        now_ns = self._clock.now_ns()
        readings = []
        for request in requests:
            if reason := refusal_of(request):
                readings.append(Reading(request, None, now_ns, BAD_REQUEST, reason))
            else:
                answers = [results[command] for command in commands_for(single(request), units=False)]
                readings.append(reading_of(request, answers, now_ns))
        return readings

    def _note(self, results: Results) -> None:
        """Remember whether the service answers at all."""
        if results:
            self._answered = any(not isinstance(found, Failure) or found.name for found in results.values())

    def _poll(self, requests: Sequence[DataRequest]) -> list[Reading]:
        """A reading per request, without asking for what failed before and waits for its next attempt."""
        now = self._clock.monotonic()
        commands = _commands(requests)
        known: Results = {}
        with self._lock:
            for command in commands:
                if (reason := self._quarantine.reason(command, now)) is not None:
                    known[command] = reason
        asked = self._polls.ask([one for one in commands if one not in known], now + _POLL_S, self._patience)
        self._note(asked.results)
        self._lock_up(asked)
        return self._readings(requests, {**known, **asked.results})

    def _lock_up(self, asked: Asked) -> None:
        """Put into quarantine who spoiled a script for the others."""
        now = self._clock.monotonic()
        with self._lock:
            for command in asked.spoilers:
                found = asked.results[command]
                assert isinstance(found, Failure)  # it spoiled the script by it
                self._quarantine.failed(command, found, now)
            if len(self._quarantine) and self._retrier is None and not self._closed:
                self._retrier = SupervisedWorker(f"{self._name}-retry", self._retry, clock=self._clock)
                self._retrier.start()

    def _retry(self, stop: StopToken) -> None:
        """Try those that failed again, each alone, when its time has come."""
        while not stop.wait(_LOOK_S):
            with self._lock:
                due = self._quarantine.due(self._clock.monotonic())
            for command in due:
                if stop.stopped():
                    return
                deadline = self._clock.monotonic() + self._patience
                found = self._retries.ask([command], deadline, self._patience).results[command]
                now = self._clock.monotonic()
                with self._lock:
                    if not isinstance(found, Failure):
                        self._quarantine.released(command)
                    elif found.status == DISCONNECTED:
                        self._quarantine.postponed(command, now)
                    else:
                        self._quarantine.failed(command, found, now)


def _commands(requests: Sequence[DataRequest]) -> list[Command]:
    """What is asked for all requests that can be asked."""
    askable = (single(request) for request in requests if not refusal_of(request))
    return [command for request in askable for command in commands_for(request, units=False)]


def refusal_of(request: DataRequest) -> str | None:
    """Why a request cannot be asked through ACL; None when it can."""
    return refusal(single(request))
