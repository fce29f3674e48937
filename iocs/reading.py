"""READING: the value of a device, and the put on it that means its SETTING."""

from typing import Any

from caproto.server import pvproperty

from gateway.plan.model import Role
from iocs.channel import Channel
from iocs.group import DeviceGroup


class ReadingGroup(DeviceGroup):
    """One PV, named as the device (contract.md 4)."""

    roles = frozenset({Role.READING})
    reading = pvproperty(doc="READING, scaled; a put is a put on SETTING")

    @reading.startup
    async def reading(self, instance: Channel, async_lib: Any) -> None:
        """A plain scalar lives in its row of the store; everything else is told one by one.

        The limits follow the alarm block.
        """
        self.ioc.store.blocks.follow(instance.spec.row, instance.limit)
        if instance.row < 0:
            self.follow(instance, instance.spec.row, instance.show)

    @reading.putter
    async def reading(self, instance: Channel, value: Any) -> None:
        """The implicit conversion (drf.md 11): the reading itself never moves by a put."""
        await self.set(instance, *value)
