"""STATUS: the word, and one binary per bit."""

import math
from functools import partial
from typing import Any

from caproto.server import pvproperty

from gateway.core.blocks import BasicStatus, evaluate_bits, status_word
from gateway.core.severity import BAD_PLAN, TRIPPED, WRONG_KIND, Alarm, worst
from gateway.core.values import Value
from gateway.plan.model import Role
from iocs.channel import Channel
from iocs.group import DeviceGroup


class StatusGroup(DeviceGroup):
    """The status word as a number, and its attributes as two-state enums."""

    roles = frozenset({Role.STATUS_WORD, Role.STATUS_BIT})
    status_word = pvproperty(doc="STATUS word", read_only=True)
    status_bit = pvproperty(doc="one attribute of the STATUS word", read_only=True)

    @status_word.startup
    async def status_word(self, instance: Channel, async_lib: Any) -> None:
        """The word is a scalar of its own row."""
        self.follow(instance, instance.spec.row, instance.show)

    @status_bit.startup
    async def status_bit(self, instance: Channel, async_lib: Any) -> None:
        """A bit follows the structured status, or the word where only its definition is known."""
        self.follow(instance, instance.spec.row, partial(self._show_bit, instance))

    def _show_bit(self, channel: Channel, value: Value | None, stamp_ns: int, alarm: Alarm) -> None:
        bit = channel.spec.bit
        if value is None or bit is None:
            channel.show(None, stamp_ns, alarm)
            return
        state: bool | None
        if isinstance(value, float) and not math.isfinite(value):
            channel.show(None, stamp_ns, WRONG_KIND)
            return
        if isinstance(value, BasicStatus):
            state = value.attributes().get(bit.name.lower())
        else:
            state = evaluate_bits(status_word(value), 4, (bit,))[0]  # type: ignore[arg-type]  # the word is a scalar
        if state is None:
            channel.show(None, 0, BAD_PLAN)  # the device lacks the attribute
        elif bit.name == "READY" and not state:
            channel.show(0, stamp_ns, worst(alarm, TRIPPED))
        else:
            channel.show(int(state), stamp_ns, alarm)
