"""DmqBackend: the DataBroker over AMQP as the port Backend (contract.md 3, dmq.md)."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from gateway.backends.dmq_describe import describe
from gateway.backends.dmq_line import Line, LineTimes
from gateway.backends.dmq_read import Reader
from gateway.backends.dmq_sessions import SessionLimits
from gateway.backends.dmq_signer import SERVICE
from gateway.backends.dmq_watch import Watching
from gateway.backends.dmq_write import Writer
from gateway.backends.kerberos_port import Credentials
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.ports import ANYTHING, Capabilities, Clock, Health, LinkState, Subscription
from gateway.core.values import Reading, Setting, SettingResult
from gateway.runtime.amqp import Broker

_CLOSING = 0.9  # s, of the two that the port allows; the credentials may take one


class DmqBackend:
    """One DMQ server behind a broker. Nothing is answered without Kerberos, not even a read (P-09).

    `credentials` None signs nothing: only a simulator without keytab takes that.
    """

    capabilities = Capabilities(read=True, write=True, watch=True)

    def __init__(
        self,
        name: str,
        broker: Broker,
        *,
        clock: Clock,
        credentials: Credentials | None = None,
        service: str = SERVICE,
        limits: SessionLimits | None = None,
        times: LineTimes | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name, self._credentials = name, credentials
        self._line = Line(name, broker, credentials, service, clock, times or LineTimes(), chance)
        self._reader = Reader(self._line)
        self._writer = Writer(self._line, limits or SessionLimits())
        self._watching = Watching(self._line)
        self._line.followers += [self._watching, self._writer, self._reader]
        self._lock = threading.Lock()
        self._started = self._closed = False

    @property
    def name(self) -> str:
        """The name it has in the configuration."""
        return self._name

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:
        """One Reading per request, in order; bounded by `timeout` seconds."""
        self._begin()
        return self._reader.read(requests, timeout)

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:
        """One result per setting, in order; one at a time per device, each sent at most once."""
        self._begin()
        return self._writer.write(settings, timeout)

    def watch(self, requests: Sequence[DataRequest]) -> Subscription:
        """A stream of readings; equal requests share one entry of one job. Raises Closed after close()."""
        self._begin()
        return self._watching.watch(requests)

    def describe(
        self, devices: Sequence[str], timeout: float, only: Mapping[str, frozenset[Property]] = ANYTHING
    ) -> dict[str, DeviceInfo]:
        """What is known of each device by then, by its canonical name; none at all when the server is away."""
        self._begin()
        names = list(dict.fromkeys(DataRequest.parse(device).device for device in devices))
        return describe(self._reader, names, only, timeout)

    def expires_in(self) -> Mapping[str, float]:
        """See Expiring."""
        return {} if self._credentials is None else {"TICKET": self._credentials.expires_in()}

    def counts(self) -> Mapping[str, int]:
        """See Counting: the sessions for settings that are open now, and what became of them since the start."""
        found = asdict(self._writer.sessions.figures)
        return {"SESSIONS": len(self._writer.sessions)} | {f"SESSIONS:{k.upper()}": v for k, v in found.items()}

    def health(self) -> Health:
        """Its figures; there is one connection, whatever is read, written and watched."""
        states, up = self._watching.states, self._line.up
        if not self._started or self._closed:
            state = LinkState.DISCONNECTED
        elif not up:
            state = LinkState.CONNECTING
        elif all(states):
            state = LinkState.UP
        else:
            state = LinkState.DEGRADED if any(states) else LinkState.CONNECTING
        return Health(state, int(up), self._watching.requests, self._line.reconnects, self._line.last_error[1])

    def close(self) -> None:
        """Free every waiter, end every thread, within two seconds. Safe to call twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._reader.close()
        self._writer.close()
        self._watching.close()
        if self._credentials is not None:  # first, for the signer may wait for a ticket
            self._credentials.close()
        if self._started:
            self._line.stop(_CLOSING)

    def _begin(self) -> None:
        """The broker is contacted by the first who wants something of it."""
        with self._lock:
            if not self._started and not self._closed:
                self._started = True
                if self._credentials is not None:
                    self._credentials.start()
                self._line.start()
