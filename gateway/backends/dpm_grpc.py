"""DpmGrpcBackend: DPM's DAQ service over gRPC as the port Backend (contract.md 3)."""

import random
from collections.abc import Callable, Mapping, Sequence

from gateway.backends.dpm_lists import Budget
from gateway.backends.dpm_orders import Timeouts
from gateway.backends.dpm_watching import Watching
from gateway.backends.grpc_link import GrpcLink
from gateway.backends.grpc_read import GrpcReader
from gateway.backends.grpc_values import Labels
from gateway.backends.grpc_watch_list import GrpcWatchList
from gateway.backends.grpc_write import GrpcWriter
from gateway.backends.jwt_tokens import Identity, TokenSource
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest
from gateway.core.ports import Capabilities, Clock, Health, LinkState, Subscription
from gateway.core.values import Reading, Setting, SettingResult
from gateway.runtime.backoff import Backoff

_CLOSING = 1.5  # s, of the two that the port allows


class DpmGrpcBackend:
    """One server and the one channel to it. Reading needs no token; settings do, and are refused here without one.

    A status comes in the words of its device, so `learn` what the device database says of its bits.
    """

    capabilities = Capabilities(read=True, write=True, watch=True)

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        *,
        clock: Clock,
        tokens: TokenSource | None = None,
        budget: Budget | None = None,
        timeouts: Timeouts | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name, self._has_tokens = name, tokens is not None
        timeouts, budget = timeouts or Timeouts(), budget or Budget()
        backoff = Backoff(cap=timeouts.backoff_cap)
        self._link = link = GrpcLink(f"{host}:{port}", clock, backoff, timeouts.connect, chance)
        self._identity = identity = Identity(tokens, clock, name)
        self._labels = labels = Labels()
        self._reader = GrpcReader(link, identity, labels, clock, budget.readers)
        self._writer = GrpcWriter(link, identity, clock)
        self._watching = Watching(
            lambda number: GrpcWatchList(f"{name}-{number}", link, identity, labels, clock, timeouts, chance),
            budget.connections,
            clock,
            direct=True,
        )

    @property
    def name(self) -> str:
        """The name it has in the configuration."""
        return self._name

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:
        """One Reading per request, in order; bounded by `timeout` seconds."""
        return self._reader.read(requests, timeout)

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:
        """One result per setting, in order; what was sent is never sent again."""
        return self._writer.write(settings, timeout)

    def watch(self, requests: Sequence[DataRequest]) -> Subscription:
        """A stream of readings; equal requests share one place in one call. Raises Closed after close()."""
        return self._watching.watch(requests)

    def learn(self, infos: Mapping[str, DeviceInfo]) -> None:
        """Take what is known of devices, to read their status."""
        self._labels.learn(infos)

    def expires_in(self) -> Mapping[str, float]:
        """Seconds that the token is still good; nothing where none is configured."""
        return {"TOKEN": self._identity.expires_in()} if self._has_tokens else {}

    def health(self) -> Health:
        """Its figures; there is one connection at most."""
        states = self._watching.states
        if not states:
            state = LinkState.UP if self._link.up else LinkState.DISCONNECTED
        elif all(found is LinkState.UP for found in states):
            state = LinkState.UP
        else:
            state = LinkState.DEGRADED if LinkState.UP in states else LinkState.CONNECTING
        return Health(
            state,
            int(self._link.up),
            self._watching.requests,
            self._watching.reconnects,
            max(self._watching.last_error, self._reader.last_error, self._writer.last_error)[1],
        )

    def close(self) -> None:
        """Free every waiter, end every thread, within two seconds. Safe to call twice."""
        self._watching.close(_CLOSING)
        self._link.close()
        self._identity.close()
