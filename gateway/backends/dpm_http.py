"""DpmHttpBackend: DPM over TCP, the PC binary protocol, as the port Backend (contract.md 3)."""

import random
from collections.abc import Callable, Mapping, Sequence

from gateway.backends.dpm_describe import describe
from gateway.backends.dpm_link import Address, DpmLink
from gateway.backends.dpm_lists import Budget
from gateway.backends.dpm_orders import Timeouts
from gateway.backends.dpm_pool import LinkPool
from gateway.backends.dpm_read import Reader
from gateway.backends.dpm_watch_list import WatchList
from gateway.backends.dpm_watching import Watching
from gateway.backends.dpm_write import Writer
from gateway.backends.kerberos_port import Credentials
from gateway.backends.wake import Wake
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.ports import ANYTHING, Capabilities, Clock, Health, LinkState, Subscription
from gateway.core.values import Reading, Setting, SettingResult

WRITE_TIMEOUT = 8.0  # s, for callers: above the 5 s in which a silent front end becomes a status (dpm-http.md 10)
_CLOSING = 1.5  # s, of the two that the port allows


class DpmHttpBackend:
    """One DPM server. Reads need no credentials; writes are refused by a server that wants them (17/-17).

    `describe` asks DPM itself: it knows which properties exist, units and descriptions, but neither lengths,
    limits nor the masks of status bits. `role` is the list property of settings (dpm-http.md 12); with
    `credentials`, which it closes at its end, each link for settings logs in before the first one (11).
    """

    capabilities = Capabilities(read=True, write=True, watch=True)

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        *,
        clock: Clock,
        role: str | None = None,
        credentials: Credentials | None = None,
        budget: Budget | None = None,
        timeouts: Timeouts | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name, self._clock = name, clock
        self._address = Address(host, port)
        self._timeouts = timeouts or Timeouts()
        budget = budget or Budget()
        self._closing = Wake()  # set once, at close: frees all callers that wait
        self._closed = False
        connect = self._timeouts.connect
        self._readers = LinkPool(f"{name}-read", budget.readers, self._one_shot_link, clock, connect)
        self._writers = LinkPool(f"{name}-write", budget.writers, self._one_shot_link, clock, connect)
        self._reader = Reader(self._readers, clock)
        self._credentials = credentials
        if credentials is not None:
            credentials.start()
        self._writer = Writer(self._writers, clock, role, credentials)
        self._watching = Watching(
            lambda number: WatchList(f"{name}-{number}", self._link, clock, self._timeouts, chance),
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
        """One result per setting, in order; what was sent is never sent again. See WRITE_TIMEOUT."""
        return self._writer.write(settings, timeout)

    def watch(self, requests: Sequence[DataRequest]) -> Subscription:
        """A stream of readings; equal requests share one place in one list. Raises Closed after close()."""
        return self._watching.watch(requests)

    def describe(
        self, devices: Sequence[str], timeout: float, only: Mapping[str, frozenset[Property]] = ANYTHING
    ) -> dict[str, DeviceInfo]:
        """What is known of each device by then, by its canonical name; none at all when the server is away."""
        names = list(dict.fromkeys(DataRequest.parse(device).device for device in devices))
        return describe(self._reader, names, only, self._clock, self._clock.monotonic() + timeout)

    def health(self) -> Health:
        """Its figures; one-shot links count as connections too."""
        states = self._watching.states
        one_shot = self._readers.open + self._writers.open
        if not states:
            state = LinkState.UP if one_shot else LinkState.DISCONNECTED
        elif all(found is LinkState.UP for found in states):
            state = LinkState.UP
        else:
            state = LinkState.DEGRADED if LinkState.UP in states else LinkState.CONNECTING
        return Health(
            state,
            self._watching.connections + one_shot,
            self._watching.requests,
            self._watching.reconnects,
            max(self._watching.last_error, self._reader.last_error, self._writer.last_error)[1],
        )

    def expires_in(self) -> Mapping[str, float]:
        """Seconds that its ticket is good; see the port `Expiring`."""
        return {} if self._credentials is None else {"TICKET": self._credentials.expires_in()}

    def close(self) -> None:
        """Free every waiter, end every thread, within two seconds. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._closing.set()
        if self._credentials is not None:
            self._credentials.close()
        self._watching.close(_CLOSING)
        for pool in (self._readers, self._writers):
            pool.close(_CLOSING)
        if self._readers.drained(0.5) and self._writers.drained(0.5):
            self._closing.close()

    def _link(self, wake: Wake, cancelled: Callable[[], bool]) -> DpmLink:
        return DpmLink(self._address, self._clock, self._timeouts.silence, wake, cancelled)

    def _one_shot_link(self) -> DpmLink:
        return self._link(self._closing, lambda: self._closed)
