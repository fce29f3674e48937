"""CONTROL: the commands of a device as one momentary enum."""

from typing import Any

from caproto.server import pvproperty

from gateway.core.severity import NO_ALARM
from gateway.core.values import Setting
from gateway.plan.model import Role
from iocs.channel import Channel
from iocs.group import DeviceGroup
from iocs.put import PutFailed


class ControlGroup(DeviceGroup):
    """Shows the last command sent, undefined before the first; nothing is ever sent but by a put (values.md 4.3)."""

    roles = frozenset({Role.COMMAND})
    command = pvproperty(doc="the commands that the device has")

    @command.putter
    async def command(self, instance: Channel, value: Any) -> None:
        """Send the code of the chosen label, or the name of a command whose code nobody knows."""
        index, put = value
        assert instance.spec.write is not None, "a channel without a write form has no write access"
        code, label = instance.spec.codes[index], instance.spec.labels[index]
        setting = Setting(instance.spec.write, code if isinstance(code, str) else float(code))
        try:
            await self.ioc.put(self.device, instance.spec, label, setting, put)
        except PutFailed as failure:
            if failure.alarm is not None:
                instance.show(None, 0, failure.alarm)
            raise
        instance.show(index, self.ioc.clock.now_ns(), NO_ALARM)
