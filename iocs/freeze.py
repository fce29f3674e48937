"""Frozen histories: `GW1:FREEZE:name` fires and arms, `X:HIST:FRZ:*` show what was kept (features.md N-10)."""

from functools import partial
from typing import Any

import numpy as np
from caproto.server import PVGroup, pvproperty

from devices.freezer import Freezer, FreezeState
from gateway.access.judge import Layer, Refusal
from gateway.core.ports import Clock
from gateway.core.write_state import WriteState
from gateway.plan.model import PvSpec, PvType, Role
from iocs.channel import Channel
from iocs.group import DeviceGroup
from iocs.guard import TO_FREEZE, Guard
from iocs.history import seconds_of
from iocs.own import own_channel
from iocs.put import Put, PutFailed

_STATES = tuple(state.name for state in FreezeState)
_WRAP = 0x7FFFFFFF


class FrozenGroup(DeviceGroup):
    """What is kept of one device; empty while nothing is. Reads take a copy, as of the history that goes on."""

    roles = frozenset({Role.FROZEN_VALUES, Role.FROZEN_TIMES, Role.FROZEN_COUNT, Role.FROZEN_AT, Role.FROZEN_BY})
    frozen_values = pvproperty(doc="values around the trigger, oldest first", read_only=True)
    frozen_times = pvproperty(doc="their stamps, POSIX seconds", read_only=True)
    frozen_count = pvproperty(doc="how many there are", read_only=True)
    frozen_at = pvproperty(doc="the time of the trigger, POSIX seconds; 0 while nothing is kept", read_only=True)
    frozen_by = pvproperty(doc="the name of the freeze", read_only=True)

    @frozen_values.getter
    async def frozen_values(self, instance: Channel) -> Any:
        """A copy of the values."""
        kept = self.ioc.frozen(self.device.name)
        return np.zeros(0) if kept is None else kept.values

    @frozen_times.getter
    async def frozen_times(self, instance: Channel) -> Any:
        """A copy of the stamps."""
        kept = self.ioc.frozen(self.device.name)
        return np.zeros(0) if kept is None else seconds_of(kept.stamps_ns)

    @frozen_count.getter
    async def frozen_count(self, instance: Channel) -> Any:
        """The count."""
        kept = self.ioc.frozen(self.device.name)
        return 0 if kept is None else len(kept.values)

    @frozen_at.getter
    async def frozen_at(self, instance: Channel) -> Any:
        """The stamp of the reading that fired it, or the time of the put."""
        kept = self.ioc.frozen(self.device.name)
        return 0.0 if kept is None else seconds_of(kept.trigger_ns)

    @frozen_by.getter
    async def frozen_by(self, instance: Channel) -> Any:
        """Its name in the configuration."""
        kept = self.ioc.frozen(self.device.name)
        return "" if kept is None else kept.by


class FreezeGroup(PVGroup):  # type: ignore[misc]  # caproto has no types
    """FREEZE, and FREEZE:name with :TIME and :COUNT for each freeze of the configuration; none without one.

    A put sets nothing in ACNET, so it works while writes are off; networks and access security hold for it.
    """

    def __init__(self, prefix: str, freezer: Freezer, guard: Guard, clock: Clock) -> None:
        self.freezer, self.guard, self.clock = freezer, guard, clock
        super().__init__(prefix=prefix)

    def _create_pvdb(self) -> None:
        freezer, now = self.freezer, self.clock.now_ns
        for name in freezer.names:
            state = self._spec(f":{name}", PvType.ENUM, writable=True, labels=_STATES)
            own_channel(self, state, partial(freezer.state, name), now, _put)
            at = self._spec(f":{name}:TIME", PvType.DOUBLE, units="s", precision=6)
            own_channel(self, at, partial(self._time, name), now)
            own_channel(self, self._spec(f":{name}:COUNT", PvType.LONG), partial(self._count, name), now)
        if freezer.names:
            own_channel(self, self._spec("", PvType.LONG, writable=True), self._not_armed, now, _put)

    def _spec(self, suffix: str, kind: PvType, **more: Any) -> PvSpec:
        name = f"{self.prefix}FREEZE{suffix}"
        return PvSpec(name, Role.READING, kind, 1, device="", row=-1, part=suffix[1:], sets_nothing=True, **more)

    def _time(self, name: str) -> float:
        return float(seconds_of(self.freezer.fired(name)[0]))

    def _count(self, name: str) -> int:
        return self.freezer.fired(name)[1] & _WRAP

    def _not_armed(self) -> int:
        return sum(self.freezer.state(name) is not FreezeState.ARMED for name in self.freezer.names)

    def changed(self) -> None:
        """Tell those who monitor; called on the loop."""
        for channel in self.pvdb.values():
            channel.sample()

    def command(self, channel: Channel, wish: int, put: Put) -> None:
        """Fire with any number but 0, which arms again; without a name, all of them."""
        guard, freezer, name = self.guard, self.freezer, channel.spec.part
        refusal = guard.may(channel.spec, put, TO_FREEZE)
        if refusal is None and name and wish and freezer.state(name) is not FreezeState.ARMED:
            reason = f"{name} is {freezer.state(name).name} already; put 0 first, which forgets what is kept"
            refusal = Refusal(Layer.VALUE, reason)
        judged = guard.begin(channel.spec, put, wish, None)
        if refusal is not None:
            guard.record(judged, refusal.layer.value, WriteState.DENIED, refusal.reason)
            raise PutFailed(str(refusal), refusal.layer)
        for one in (name,) if name else freezer.names:
            if wish:
                freezer.fire(one, self.clock.now_ns())
            else:
                freezer.arm(one)
        guard.record(judged, "", WriteState.ACCEPTED, "")


async def _put(group: FreezeGroup, channel: Channel, value: Any) -> None:
    group.command(channel, int(value[0]), value[1])
