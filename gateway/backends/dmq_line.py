"""Line: the connection of a DMQ backend to its broker, with all jobs on it. One thread, that of the link."""

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from gateway.backends.dmq_channel import JobChannel, Listener
from gateway.backends.dmq_signer import Signer
from gateway.backends.kerberos_port import Credentials
from gateway.core.ports import Clock
from gateway.runtime.amqp import AmqpLink, Broker
from gateway.runtime.backoff import Backoff
from gateway.wire.dmq_connection import ClientJob
from gateway.wire.dmq_states import Kind, Timers
from gateway.wire.dmq_stream import SampleStream

TICK = 0.25  # s between two looks at heartbeats and idle sessions
_NOWHERE = bytes((127, 0, 0, 1))


@dataclass(frozen=True, slots=True)
class LineTimes:
    """Seconds that the outside is given."""

    connect: float = 5.0
    beat: float = 5.0
    silence: float = 30.0
    backoff_cap: float = 30.0


class Follower(Protocol):
    """Who has to know of the line as a whole. Everything is called on its thread."""

    def line_up(self) -> None:
        """Jobs can be opened."""
        ...

    def line_lost(self, reason: str) -> None:
        """The broker is lost, or still away; the jobs were told before."""
        ...

    def tick(self) -> None:
        """A quarter of a second is over, and the line is up."""
        ...


class Line:
    """Opens jobs while the broker is there. `post`, `start` and `stop` are for any thread."""

    def __init__(
        self,
        name: str,
        broker: Broker,
        credentials: Credentials | None,
        service: str,
        clock: Clock,
        times: LineTimes,
        chance: Callable[[], float],
    ) -> None:
        self.name = name
        self.backoff, self.chance = Backoff(cap=times.backoff_cap), chance
        self._clock, self._timers = clock, Timers(times.beat, times.silence)
        self.stream = SampleStream()
        self._link = AmqpLink(
            name, broker, self, clock, screen=self.stream, timeout=times.connect, backoff=self.backoff, chance=chance
        )
        self._signer = Signer(name, credentials, service, self._link.post)
        self._jobs: set[JobChannel] = set()
        self._host = _NOWHERE
        self.followers: list[Follower] = []  # complete before `start`
        self.last_error = (0.0, "")  # when, on the monotonic clock, and what

    def start(self) -> None:
        """Connect, and keep connected; once."""
        self._signer.start()
        self._link.start()

    def stop(self, timeout: float) -> bool:
        """Drop all jobs and end both threads; False when one did not end in time. Safe to call twice."""
        self._link.post(self._drop_all)
        ended = self._link.stop(timeout)
        return self._signer.stop(0.3) and ended

    def _drop_all(self) -> None:
        for job in list(self._jobs):
            job.end()

    def post(self, action: Callable[[], None]) -> None:
        """Do something on the thread of the line."""
        self._link.post(action)

    def later(self, seconds: float, action: Callable[[], None]) -> object:
        """Do something after so many seconds; give what is returned to `cancel`."""
        return self._link.later(seconds, action)

    def cancel(self, timer: object) -> None:
        """Do not do it."""
        self._link.cancel(timer)

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return self._clock.now_ns()

    @property
    def up(self) -> bool:
        """Whether jobs can be opened."""
        return self._link.up

    @property
    def reconnects(self) -> int:
        """How often the broker came back."""
        return max(0, self._link.ups - 1)

    def hurry(self) -> None:
        """Somebody waits for the broker now."""
        self._link.hurry()

    def note(self, reason: str) -> None:
        """Remember what went wrong."""
        self.last_error = (self._clock.monotonic(), reason)

    def open(self, kind: Kind, entries: tuple[str, ...], listener: Listener) -> JobChannel:
        """A job of these requests, on its way: nothing is heard of it before this returns. The line must be up."""
        job = ClientJob(kind, entries, self.now(), self._timers)
        channel = JobChannel(self._link, self._signer, self._host, job, listener, self._ended, self.now)
        self._jobs.add(channel)
        self._link.post(channel.open)
        return channel

    def _ended(self, channel: JobChannel) -> None:
        self._jobs.discard(channel)
        self.stream.forget(channel.exchange)

    def link_up(self) -> None:
        """See Owner."""
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((self._link.broker.host, self._link.broker.port))  # sends nothing, chooses our address
            self._host = socket.inet_aton(probe.getsockname()[0])
        for follower in self.followers:
            follower.line_up()
        self._tick(self._link.ups)

    def link_lost(self, reason: str) -> None:
        """See Owner; the channels of all jobs were closed before."""
        self.note(reason)
        for follower in self.followers:
            follower.line_lost(reason)

    def _tick(self, ups: int) -> None:
        if not self._link.up or self._link.ups != ups:  # a new connection has ticks of its own
            return
        for job in list(self._jobs):
            job.tick()
        for follower in self.followers:
            follower.tick()
        self._link.later(TICK, lambda: self._tick(ups))
