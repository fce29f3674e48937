"""LOCK: one client keeps the settings of a device to itself, and everybody sees who (features.md N-04)."""

from typing import Any

from caproto.server import pvproperty

from gateway.access.judge import Layer, Refusal
from gateway.core.write_state import WriteState
from gateway.plan.model import Role
from iocs.channel import Channel
from iocs.group import DeviceGroup
from iocs.put import Put, PutFailed


class LockGroup(DeviceGroup):
    """Put what for to LOCK to take it, an empty text to give it back; it ends with the circuit of its holder."""

    roles = frozenset({Role.LOCK, Role.LOCK_HOLDER, Role.LOCK_LEFT, Role.LOCK_BREAK})
    lock = pvproperty(doc="what the lock is for; put a text to take it, an empty one to give it back")
    lock_holder = pvproperty(doc="user@host of the holder, empty when it is free", read_only=True)
    lock_left = pvproperty(doc="s until the lock ends by itself", read_only=True)
    lock_break = pvproperty(doc="put 1 to break the lock of somebody else; for administrators")

    @lock.startup
    async def lock(self, instance: Channel, async_lib: Any) -> None:
        """Be told when a lock ends with its circuit."""
        self.ioc.locks[self.device.name] = self

    @lock.getter
    async def lock(self, instance: Channel) -> Any:
        """What the lock is for."""
        lock = self._holder()
        return "" if lock is None else lock.purpose or "locked"

    @lock_holder.getter
    async def lock_holder(self, instance: Channel) -> Any:
        """Who holds it."""
        lock = self._holder()
        return "" if lock is None else lock.who

    @lock_left.getter
    async def lock_left(self, instance: Channel) -> Any:
        """Seconds."""
        lock = self._holder()
        return 0.0 if lock is None else max(0.0, lock.until - self.ioc.clock.monotonic())

    @lock_break.getter
    async def lock_break(self, instance: Channel) -> Any:
        """Always 0."""
        return 0

    @lock.putter
    async def lock(self, instance: Channel, value: Any) -> None:
        """Take it, or give it back."""
        purpose, put = str(value[0]).strip(), value[1]
        guard, name, now = self.ioc.guard, self.device.name, self.ioc.clock.monotonic()
        refusal = guard.may_lock(instance.spec, self.device.plan, put)
        if refusal is None:
            locks = guard.rules.locks
            if purpose:
                locks.take(name, put.circuit, put.who, purpose[:100], now)
            else:
                locks.give_back(name, put.circuit, now)
        self._tell(instance, purpose, put, refusal)

    @lock_break.putter
    async def lock_break(self, instance: Channel, value: Any) -> None:
        """End the lock of whoever holds it."""
        wish, put = value
        refusal = self.ioc.guard.may_break(instance.spec, put)
        if refusal is None and int(wish) != 1:
            refusal = Refusal(Layer.VALUE, f"{instance.pvname} takes 1 only")
        if refusal is None:
            self.ioc.guard.rules.locks.break_(self.device.name)
        self._tell(instance, wish, put, refusal)

    def _holder(self) -> Any:
        return self.ioc.guard.rules.locks.holder(self.device.name, self.ioc.clock.monotonic())

    def _tell(self, instance: Channel, value: Any, put: Put, refusal: Refusal | None) -> None:
        """Write the journal, tell the monitors, and fail the put where it was refused."""
        judged = self.ioc.guard.begin(instance.spec, put, value, None)
        if refusal is not None:
            self.ioc.guard.record(judged, refusal.layer.value, WriteState.DENIED, refusal.reason)
            raise PutFailed(str(refusal), refusal.layer)
        self.ioc.guard.record(judged, "", WriteState.ACCEPTED, "")
        self.ioc.locked(self.device)
