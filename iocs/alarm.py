"""The ANALOG and DIGITAL alarm blocks as PVs: `:ALM:MIN`, `:DALM:MASK` and their like (values.md 5.6)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from caproto.server import pvproperty

from gateway.core.blocks import AnalogAlarm, DigitalAlarm
from gateway.core.severity import Alarm
from gateway.core.values import Value
from gateway.plan.model import Role
from iocs.channel import Channel
from iocs.group import DeviceGroup

Part = Callable[[Any], float]
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
    analog = pvproperty(doc="a part of the analog alarm block", read_only=True)
    digital = pvproperty(doc="a part of the digital alarm block", read_only=True)

    @analog.startup
    async def analog(self, instance: Channel, async_lib: Any) -> None:
        """Every part follows the row of the block."""
        self.follow(instance, instance.spec.row, partial(_show, instance, ANALOG[instance.spec.part]))

    @digital.startup
    async def digital(self, instance: Channel, async_lib: Any) -> None:
        """Every part follows the row of the block."""
        self.follow(instance, instance.spec.row, partial(_show, instance, DIGITAL[instance.spec.part]))


def _show(channel: Channel, part: Part, value: Value | None, stamp_ns: int, alarm: Alarm) -> None:
    shown = part(value) if isinstance(value, AnalogAlarm | DigitalAlarm) else None
    channel.show(shown, stamp_ns, alarm)
