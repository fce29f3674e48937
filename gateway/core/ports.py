"""The ports: what devices, IOCs and history know of the world. Adapters live on the floors above."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from gateway.core.batch import ReadingBatch
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.values import Reading, Setting, SettingResult

ANYTHING: Mapping[str, frozenset[Property]] = MappingProxyType({})


class Clock(Protocol):
    """Time, handed in: nothing else asks the machine for it."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never steps."""
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do at all; one row of the table that `acgate backends` prints."""

    read: bool
    write: bool
    watch: bool
    polled: bool = False  # watch is made of repeated reads


class LinkState(Enum):
    """The state of a backend's links, as operators see it."""

    DISCONNECTED = 0  # nothing is wished for, or nothing works
    CONNECTING = 1
    UP = 2
    DEGRADED = 3  # some links work


@dataclass(frozen=True, slots=True)
class Health:
    """A backend's figures, for its diagnostic PVs."""

    state: LinkState
    connections: int  # links that are open now
    requests: int  # canonical requests that are watched now
    reconnects: int  # since the start
    last_error: str = ""  # the newest one, for people


class Subscription(Protocol):
    """The bounded stream between a reader thread and an acquisition thread."""

    @property
    def dropped(self) -> int:
        """Readings lost because nobody took them, since the start."""
        ...

    def get(self, timeout: float) -> ReadingBatch:
        """The next batch; an empty one when `timeout` seconds are over. Raises Closed after close()."""
        ...

    def close(self) -> None:
        """End the stream and free a waiting getter. Safe to call twice and from any thread."""
        ...


@runtime_checkable
class DirectSubscription(Subscription, Protocol):
    """A subscription that can give its batches on the thread that brought them: a change of threads less."""

    def hand_to(self, taker: Callable[[ReadingBatch], None]) -> bool:
        """Give each batch to `taker` from now on, one at a time; False where `get` is the only way.

        What the taker raises ends the stream and leaves `get`, which otherwise only waits for the end.
        """
        ...


class Backend(Protocol):
    """One service behind one URL. Blocking, thread-safe; every wait is bounded.

    `read` and `write` return one item per item, in order; a call that failed is a failed item for each.
    A watched request whose link is lost yields a Reading without a value, and values again when the link is
    back; nobody has to watch again.
    """

    @property
    def name(self) -> str:
        """The name it has in the configuration."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do at all."""
        ...

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:
        """One reading per request, in order, within `timeout` seconds."""
        ...

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:
        """Send each setting at most once; one result per setting, in order, within `timeout` seconds."""
        ...

    def watch(self, requests: Sequence[DataRequest]) -> Subscription:
        """Readings of all requests from now on; their slots are places in `requests`."""
        ...

    def health(self) -> Health:
        """Its figures now."""
        ...

    def close(self) -> None:
        """Free every waiter, end every thread, within two seconds. Safe to call twice."""
        ...


@runtime_checkable
class DeviceInfoSource(Protocol):
    """Where units, limits and labels come from."""

    def describe(
        self, devices: Sequence[str], timeout: float, only: Mapping[str, frozenset[Property]] = ANYTHING
    ) -> dict[str, DeviceInfo]:
        """What is known of each device, by its canonical name; whatever could not be asked is left out.

        A device that does not exist is left out, or described as one with a reading alone that does not exist, so that
        the PV of a configured one can say so.
        `only` names, for some devices, the properties that matter: a source that has to ask may leave out the others.
        """
        ...


@runtime_checkable
class Expiring(Protocol):
    """A backend that has credentials which end."""

    def expires_in(self) -> Mapping[str, float]:
        """How many seconds each is still good, by what it is (`TICKET`, `TOKEN`); 0 when it is not. Never waits."""
        ...


@runtime_checkable
class Counting(Protocol):
    """A backend that has further figures of its own."""

    def counts(self) -> Mapping[str, int]:
        """Each by its name, such as `SESSIONS`; the names stay the same. Never waits."""
        ...


@runtime_checkable
class Learning(Protocol):
    """A backend whose values can be understood only with what the device database says."""

    def learn(self, infos: Mapping[str, DeviceInfo]) -> None:
        """Take what is known of devices, by canonical name; from any thread, at any time."""
        ...


class ReadingSink(Protocol):
    """Takes what was acquired: the push queue, history. Slots are rows of the device table."""

    def put(self, batch: ReadingBatch) -> None:
        """Take the batch; never block, never raise."""
        ...
