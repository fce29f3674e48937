"""What is known of a device, and how long ago the device database said it (`:META:*`)."""

from typing import Any

from caproto.server import pvproperty

from gateway.plan.about import about
from gateway.plan.model import Role
from iocs.channel import Channel
from iocs.group import DeviceGroup


class MetadataGroup(DeviceGroup):
    """The description of one device, whole: the limits of Channel Access cut nothing here."""

    roles = frozenset({Role.DESCRIBED, Role.DESCRIBED_AGE})
    described = pvproperty(doc="description, units, limits, bits and commands, a line each", read_only=True)
    described_age = pvproperty(doc="s since the device database said it, -1 when it never did", read_only=True)

    @described.getter
    async def described(self, instance: Channel) -> Any:
        """Text of several lines."""
        return about(self.device.plan.info)

    @described_age.getter
    async def described_age(self, instance: Channel) -> Any:
        """Seconds."""
        return self.ioc.described(self.device.plan.info.device)
