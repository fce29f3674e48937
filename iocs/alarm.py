"""The ANALOG and DIGITAL alarm blocks as PVs: `:ALM:MIN`, `:DALM:MASK` and their like (values.md 5.6)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from caproto.server import pvproperty

from gateway.core.blocks import AlarmBlock, AlarmFlag, AnalogAlarm, DigitalAlarm
from gateway.core.errors import ProtocolError
from gateway.core.severity import WRONG_KIND, Alarm
from gateway.core.values import Setting, SettingValue, Value
from gateway.plan.model import Role
from iocs.channel import Channel
from iocs.group import DeviceGroup
from iocs.put import Put

Part = Callable[[Any], Any]
_PATTERNS = ("NOM", "MASK")
_RAW: dict[str, Part] = {  # of the 20 bytes
    "EVENT": lambda block: block.has(AlarmFlag.EVENT),
    "FTD": lambda block: block.ftd.word,
    "RAW": lambda block: block.encode(),
}
_BOTH: dict[str, Part] = {
    "ENABLE": lambda block: block.alarm_enable,
    "STATUS": lambda block: block.alarm_status,
    "ABORT": lambda block: block.abort,
    "ABORT_INHIBIT": lambda block: block.abort_inhibit,
    "TRIES_NEEDED": lambda block: block.tries_needed,
    "TRIES_NOW": lambda block: block.tries_now,
}
ANALOG: dict[str, Part] = {
    "MIN": lambda block: block.minimum,
    "MAX": lambda block: block.maximum,
    "NOM": lambda block: (block.minimum + block.maximum) / 2,
    "TOL": lambda block: (block.maximum - block.minimum) / 2,
    **_BOTH,
}
DIGITAL: dict[str, Part] = {"NOM": lambda block: block.nominal, "MASK": lambda block: block.mask, **_BOTH}


class AlarmGroup(DeviceGroup):
    """Both blocks, part by part; a block that cannot be read turns its own PVs INVALID and nothing else."""

    roles = frozenset({Role.ANALOG, Role.DIGITAL})
    analog = pvproperty(doc="a part of the analog alarm block")
    digital = pvproperty(doc="a part of the digital alarm block")

    @analog.startup
    async def analog(self, instance: Channel, async_lib: Any) -> None:
        """Every part follows the row of the block."""
        self.follow(instance, instance.spec.row, partial(_show, instance, ANALOG))

    @digital.startup
    async def digital(self, instance: Channel, async_lib: Any) -> None:
        """Every part follows the row of the block."""
        self.follow(instance, instance.spec.row, partial(_show, instance, DIGITAL))

    @analog.putter
    async def analog(self, instance: Channel, value: Any) -> None:
        """One edit of the block; the PV moves when the block was read again, which is never an echo."""
        await self._edit(instance, *value)

    @digital.putter
    async def digital(self, instance: Channel, value: Any) -> None:
        """The same; a pattern of 32 bits travels signed over Channel Access, and unsigned to the device."""
        await self._edit(instance, *value)

    async def _edit(self, channel: Channel, value: Any, put: Put) -> None:
        spec = channel.spec
        assert spec.write is not None, "a channel without a write form has no write access"
        wished: SettingValue = value
        if not isinstance(value, bytes):
            wished = float(value & 0xFFFFFFFF if spec.part in _PATTERNS and isinstance(value, int) else value)
        await self.ioc.put(self.device, spec, value, Setting(spec.write, wished), put, old=channel.held)


def _show(channel: Channel, parts: dict[str, Part], value: Value | None, stamp_ns: int, alarm: Alarm) -> None:
    part, shown = channel.spec.part, None
    if isinstance(value, AnalogAlarm | DigitalAlarm):
        shown = parts[part](value)
    elif isinstance(value, bytes):
        try:
            shown = _RAW[part](AlarmBlock.decode(value))
        except ProtocolError:
            alarm = WRONG_KIND
    channel.show(shown, stamp_ns, alarm)
