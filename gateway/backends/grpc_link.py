"""GrpcLink: the one channel to a server, made anew by the shared policy, and the words for what goes wrong with it."""

import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import grpc

from gateway.backends.dpm_link import LinkLost
from gateway.core.ports import Clock
from gateway.runtime.backoff import Backoff
from gateway.wire.daq import LARGEST, READ, SET

# What is known to work with the real server (dpm-grpc.md 1): it punishes pings more often than every five minutes.
OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 300_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.max_send_message_length", -1),
    ("SingleThreadedUnaryStream", 1),  # a reader takes its replies itself: no second thread between, a sixth less work
    ("grpc.enable_retries", 0),  # a setting is sent once
    ("grpc.enable_http_proxy", 0),  # the environment's proxy is for the web
    ("grpc.use_local_subchannel_pool", 1),  # the connection ends with the channel
    ("grpc.service_config_disable_resolution", 1),
)
_PREFIX = re.compile(
    "failed to connect to all addresses; last error: "
    r"(?:\w+: )?(?:ipv[46]:\S+: )?(?:Failed to connect to remote host: )?"
)
_UNREACHED = "failed to connect to all addresses"

HEALTHY = 30.0  # s
LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)  # the link is gone, or the server is (8.1)
REFUSED = (  # whoever asks again gets the same answer, until a person changes something
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """How a call ended that failed."""

    code: grpc.StatusCode
    text: str  # for people, with the address

    @property
    def reached(self) -> bool:
        """Whether the server may have got the call."""
        return not (self.code is grpc.StatusCode.UNAVAILABLE and "cannot connect" in self.text)


class RunningCall(Protocol):
    """A call of Read: iterate over its replies; grpc.RpcError at the end when it failed."""

    def __iter__(self) -> Iterator[bytes]:
        """The replies as they come."""
        ...

    def cancel(self) -> bool:
        """End it; from any thread, safe to call twice."""
        ...


Metadata = tuple[tuple[str, str], ...]


def read_call(channel: grpc.Channel, data: bytes, metadata: Metadata, timeout: float | None = None) -> RunningCall:
    """Begin a call of Read. ValueError where the channel was closed a moment ago."""
    return cast(RunningCall, channel.unary_stream(READ, None, None)(data, timeout=timeout, metadata=metadata))


def set_call(channel: grpc.Channel, data: bytes, metadata: Metadata, timeout: float) -> bytes:
    """The answer to Set. grpc.RpcError when it failed, ValueError where the channel was closed a moment ago."""
    return cast(bytes, channel.unary_unary(SET, None, None)(data, timeout=timeout, metadata=metadata))


class GrpcLink:
    """A channel that is made when it is wanted. Thread-safe.

    After a loss there is none until the delay of the backoff is over; the delays begin anew after 30 s in which the
    server answered (8.3).
    """

    def __init__(
        self, address: str, clock: Clock, backoff: Backoff, connect: float, chance: Callable[[], float] = random.random
    ) -> None:
        self.address = address
        self._clock, self._backoff, self._chance = clock, backoff, chance
        # the channel's own attempts are those of the first connection only: a lost channel is closed
        self._options = (*OPTIONS, ("grpc.min_reconnect_backoff_ms", int(connect * 1000)))
        self._changed = threading.Condition()
        self._channel: grpc.Channel | None = None
        self._attempt = 0
        self._retry_at = 0.0  # monotonic
        self._healthy_since: float | None = None  # monotonic
        self._closed = False

    @property
    def up(self) -> bool:
        """Whether there is a channel over which the server has answered."""
        return self._channel is not None and self._healthy_since is not None

    def retry_in(self) -> float:
        """Seconds until a channel may be made again; 0 when there is one, or now."""
        return 0.0 if self._channel is not None else max(0.0, self._retry_at - self._clock.monotonic())

    def channel(self, deadline: float) -> grpc.Channel:
        """The channel, as soon as there may be one; LinkLost at the monotonic time `deadline`, or when closed."""
        with self._changed:
            while not self._closed and (left := self.retry_in()) > 0:
                until_end = deadline - self._clock.monotonic()
                if until_end <= 0:
                    raise LinkLost(f"{self.address}: the connection was lost; the next attempt is in {left:.1f} s")
                self._changed.wait(min(left, until_end))
            if self._closed:
                raise LinkLost("the backend is closed")
            if self._channel is None:
                self._channel = grpc.insecure_channel(self.address, self._options)
            return self._channel

    def answered(self) -> None:
        """The server lives."""
        if self._healthy_since is None:
            self._healthy_since = self._clock.monotonic()

    def lost(self, channel: grpc.Channel) -> None:
        """This channel is of no use any more; does nothing where that is known already."""
        with self._changed:
            if channel is not self._channel:
                return
            self._channel = None
            healthy, self._healthy_since = self._healthy_since, None
            if healthy is not None and self._clock.monotonic() - healthy >= HEALTHY:
                self._attempt = 0
            self._retry_at = self._clock.monotonic() + self._backoff.delay(self._attempt, self._chance())
            self._attempt += 1
        channel.close()

    def failure(self, error: grpc.RpcError) -> Failure:
        """A failed call in words."""
        code, details = error.code(), error.details() or ""  # it is a grpc.Call, too
        if code is grpc.StatusCode.UNIMPLEMENTED:
            details = f"the server does not know the service of this version ({details})"
        elif details.startswith(_UNREACHED):
            details = f"cannot connect: {_PREFIX.sub('', details)}"
        return Failure(code, f"{self.address}: {details or 'no reason given'} [{code.name}]")

    def close(self) -> None:
        """Close the channel, which ends all calls, and free whoever waits for one. Safe to call twice."""
        with self._changed:
            self._closed = True
            channel, self._channel = self._channel, None
            self._changed.notify_all()
        if channel is not None:
            channel.close()
