"""Who serves a device and how well (`:GW:*`), what became of its last write (`:WR:*`), and the gateway itself."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from caproto.server import PVGroup, pvproperty

from gateway.core.severity import NO_ALARM, Alarm, Severity, Stat
from gateway.plan.model import PvSpec, PvType, Role
from iocs.channel import Channel
from iocs.group import DeviceGroup
from iocs.own import own_channel

GETTING_LOW = Alarm(Severity.MINOR, Stat.LOW)
TOO_LOW = Alarm(Severity.MAJOR, Stat.LOLO)
WRAP = 0x7FFFFFFF  # counters are LONG and start anew
NEVER = -1.0  # age of a reading that never came


class DiagnosticsGroup(DeviceGroup):
    """Figures of one device."""

    roles = frozenset({Role.BACKEND, Role.AGE, Role.ERROR, Role.DROPS, Role.STALE})
    backend = pvproperty(doc="name of the backend that serves it now", read_only=True)
    age = pvproperty(doc="s since the stamp of the newest reading, -1 before the first", read_only=True)
    error = pvproperty(doc="the last error, empty when all is well", read_only=True)
    drops = pvproperty(doc="updates that were conflated or lost on the way to clients", read_only=True)
    stale = pvproperty(doc="whether no value came for longer than its event allows", read_only=True)

    @backend.startup
    async def backend(self, instance: Channel, async_lib: Any) -> None:
        """Be told when another backend serves."""
        self.ioc.served.append(instance)

    @backend.getter
    async def backend(self, instance: Channel) -> Any:
        """The backend's name in the configuration."""
        return self.ioc.serving(self.device.plan)

    @age.getter
    async def age(self, instance: Channel) -> Any:
        """Seconds; the source's clock may differ from ours, an age below 0 is shown as 0."""
        rows = self.device.plan.rows()  # the reading's first
        if not rows:
            return NEVER
        newest = self.ioc.table.snapshot(rows[0])
        return max(0.0, (self.ioc.clock.now_ns() - newest.stamp_ns) / 1e9) if newest.value is not None else NEVER

    @error.getter
    async def error(self, instance: Channel) -> Any:
        """Status and text of the newest reading that had none."""
        return self.device.last_error() if self._troubled() else ""

    def _troubled(self) -> bool:
        newest = self.ioc.table.snapshot
        return any(not newest(row).has_value for row in self.device.plan.rows())

    @drops.getter
    async def drops(self, instance: Channel) -> Any:
        """Counted in the push queue and at slow clients."""
        rows = self.device.plan.rows()
        return int(sum(self.ioc.store.dropped[row] + self.ioc.drops(row) for row in rows))

    @stale.startup
    async def stale(self, instance: Channel, async_lib: Any) -> None:
        """Be told of both edges."""
        self.ioc.table.on_edge(self.device.plan.rows()[0], partial(self.ioc.bring, instance.sample))

    @stale.getter
    async def stale(self, instance: Channel) -> Any:
        """Of the reading, or of what the device has in its place; whether the link or the device is silent."""
        return int(self.ioc.table.stale(self.device.plan.rows()[0]))


class WriteGroup(DeviceGroup):
    """Outcome of the last write of one device; its monitors are told at once."""

    roles = frozenset({
        Role.WRITE_STATE, Role.WRITE_MESSAGE, Role.WRITE_WHO, Role.WRITE_TIME, Role.WRITE_LATENCY, Role.WRITE_ATTEMPTS,
        Role.WRITE_READBACK, Role.FOREIGN, Role.OWN,
    })  # fmt: skip
    write_state = pvproperty(doc="IDLE PENDING ACCEPTED VERIFIED UNCONFIRMED DENIED FAILED", read_only=True)
    write_message = pvproperty(doc="why, where it was not accepted", read_only=True)
    write_who = pvproperty(doc="user@host of the client", read_only=True)
    write_time = pvproperty(doc="when the state was entered, UTC", read_only=True)
    write_latency = pvproperty(doc="seconds from its sending to its outcome", read_only=True)
    write_attempts = pvproperty(doc="readbacks that were taken to confirm it", read_only=True)
    write_readback = pvproperty(doc="the last of them", read_only=True)
    foreign = pvproperty(doc="how often the setting was moved by somebody else", read_only=True)
    own = pvproperty(doc="the last value that was set through this gateway", read_only=True)

    @write_state.startup
    async def write_state(self, instance: Channel, async_lib: Any) -> None:
        """Be told of changes; of devices whose outcome nobody has asked for the loop is told nothing."""
        self.ioc.outcomes[self.device.name] = self
        self.device.changed = self.ioc.changed

    @write_state.getter
    async def write_state(self, instance: Channel) -> Any:
        """The number of the state."""
        return int(self.device.write_record.state)

    @write_message.getter
    async def write_message(self, instance: Channel) -> Any:
        """Facility, number and text, or the layer that refused."""
        return self.device.write_record.message

    @write_who.getter
    async def write_who(self, instance: Channel) -> Any:
        """As the client says."""
        return self.device.write_record.who

    @write_time.getter
    async def write_time(self, instance: Channel) -> Any:
        """ISO 8601 to the millisecond, empty before the first write."""
        at = self.device.write_record.time_ns
        return datetime.fromtimestamp(at / 1e9, UTC).isoformat(timespec="milliseconds") if at else ""

    @write_latency.getter
    async def write_latency(self, instance: Channel) -> Any:
        """NaN while nothing was sent or it has no outcome."""
        return _or_nan(self.device.write_record.latency)

    @write_attempts.getter
    async def write_attempts(self, instance: Channel) -> Any:
        """Of the last write; 0 where it was not to be confirmed."""
        return self.device.write_record.attempts

    @write_readback.getter
    async def write_readback(self, instance: Channel) -> Any:
        """NaN where the last write was not to be confirmed."""
        return _or_nan(self.device.write_record.readback)

    @foreign.getter
    async def foreign(self, instance: Channel) -> Any:
        """Since the start."""
        return self.device.foreign & WRAP

    @own.getter
    async def own(self, instance: Channel) -> Any:
        """None, and INVALID, before the first."""
        return self.device.own


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


Figure = Callable[[], float | int | str]


@dataclass(frozen=True, slots=True)
class Countdown:
    """A figure that is better large: MINOR below `low`, MAJOR below `lolo`."""

    ask: Callable[[], float]
    low: float
    lolo: float

    def __call__(self) -> float:
        """Its value now."""
        return self.ask()

    def alarm(self, value: float) -> Alarm:
        """What a value means."""
        return TOO_LOW if value < self.lolo else GETTING_LOW if value < self.low else NO_ALARM


@dataclass(frozen=True, slots=True)
class Document:
    """A figure that is a text of many parts."""

    ask: Callable[[], str]
    length: int  # characters at most

    def __call__(self) -> str:
        """What it says now."""
        return self.ask()


class GatewayGroup(PVGroup):  # type: ignore[misc]  # caproto has no types
    """The gateway's own PVs, each a figure that is asked for when somebody reads it."""

    def __init__(self, prefix: str, figures: Mapping[str, Figure], now: Callable[[], int]) -> None:
        self.figures, self.now = figures, now
        super().__init__(prefix=prefix)

    def _create_pvdb(self) -> None:
        """One PV per figure; its type is that of its first value."""
        for suffix, figure in self.figures.items():
            name, kind, length = self.prefix + suffix, *_type_of(figure)
            spec = PvSpec(name, Role.READING, kind, length, device="", row=-1)
            channel = own_channel(self, spec, figure, self.now)
            if isinstance(figure, Countdown):
                channel.judge_low(figure.low, figure.lolo, figure.alarm)
                channel.refresh()


def _type_of(figure: Figure) -> tuple[PvType, int]:
    if isinstance(figure, Document):
        return PvType.TEXT, figure.length
    value = figure()
    if isinstance(value, str):
        return PvType.TEXT, 256
    return (PvType.LONG if isinstance(value, int) else PvType.DOUBLE), 1
