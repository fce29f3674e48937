"""SETTING: what was asked for (SP) and what the front-end holds (SP_RBV)."""

from typing import Any

from caproto.server import pvproperty

from gateway.core.severity import NO_ALARM, Alarm
from gateway.core.values import Value
from gateway.core.write_state import WriteState
from gateway.plan.model import Role
from iocs.channel import Channel
from iocs.group import WRITE_FAILED, DeviceGroup


class SettingGroup(DeviceGroup):
    """Setpoint and readback.

    The setpoint starts as the first readback, and then moves by accepted puts, and after what somebody else has set.
    """

    roles = frozenset({Role.SETPOINT, Role.READBACK})
    setpoint = pvproperty(doc="SETTING, what was asked for")
    readback = pvproperty(doc="SETTING, what the front-end holds")

    @setpoint.startup
    async def setpoint(self, instance: Channel, async_lib: Any) -> None:
        """Wait for the first readback."""

        def first(value: Value | None, stamp_ns: int, _: Alarm) -> None:
            if value is None:
                return
            if instance.blank:  # or else a put was accepted before
                failed = self.device.write_record.state is WriteState.FAILED
                instance.show(value, stamp_ns, WRITE_FAILED if failed else NO_ALARM)
            self.ioc.store.unfollow(instance.spec.row, first)

        self.ioc.setpoints[self.device.name] = instance
        self.follow(instance, instance.spec.row, first)

    @readback.startup
    async def readback(self, instance: Channel, async_lib: Any) -> None:
        """A plain scalar lives in its row of the store."""
        if instance.row < 0:
            self.follow(instance, instance.spec.row, instance.show)

    @setpoint.putter
    async def setpoint(self, instance: Channel, value: Any) -> None:
        """Moves when the backend has accepted; a failure of the backend leaves a WRITE alarm until a put succeeds."""
        await self.set(instance, *value)
