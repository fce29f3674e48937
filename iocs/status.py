"""STATUS: the word, and one binary per bit; the digital alarm block colours both."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from caproto.server import pvproperty

from gateway.core.alarm_block import SIZE
from gateway.core.blocks import AlarmBlock, DigitalAlarm, evaluate_bits, state_of
from gateway.core.device_info import StatusBit
from gateway.core.severity import BAD_PLAN, TRIPPED, WRONG_KIND, Alarm, Severity, Stat, worst
from gateway.core.values import Value
from gateway.plan.model import Role
from iocs.blocks import level_of
from iocs.channel import Channel
from iocs.group import DeviceGroup


class Judged(NamedTuple):
    """What a channel shows but for the digital alarm block: its alarm, and what the block means for it."""

    alarm: Alarm
    by_block: Callable[[DigitalAlarm], bool]  # whether it is in alarm by it


class StatusGroup(DeviceGroup):
    """The status word as a number, and its attributes as two-state enums."""

    roles = frozenset({Role.STATUS_WORD, Role.STATUS_BIT})
    status_word = pvproperty(doc="STATUS word", read_only=True)
    status_bit = pvproperty(doc="one attribute of the STATUS word", read_only=True)

    def __init__(self, *args: Any) -> None:
        self._block: DigitalAlarm | None = None
        self._level = Severity.MAJOR  # of its alarm, until the flags are known
        self._judged: dict[Channel, Judged] = {}
        super().__init__(*args)

    @status_word.startup
    async def status_word(self, instance: Channel, async_lib: Any) -> None:
        """The word is a scalar of its own row. It comes first, and has the group follow the alarm block."""
        if (row := self.device.plan.digital_row) >= 0:
            self.follow(instance, row, self._judge_all)
            self.follow(instance, self.device.plan.digital_raw_row, self._judge_all)
        self.follow(instance, instance.spec.row, partial(self._show_word, instance))

    @status_bit.startup
    async def status_bit(self, instance: Channel, async_lib: Any) -> None:
        """A bit follows the structured status, or the word where only its definition is known."""
        self.follow(instance, instance.spec.row, partial(self._show_bit, instance))

    def _show_word(self, channel: Channel, value: Value | None, stamp_ns: int, alarm: Alarm) -> None:
        self._show(channel, value, stamp_ns, alarm, _alarm_of_word)

    def _show_bit(self, channel: Channel, value: Value | None, stamp_ns: int, alarm: Alarm) -> None:
        bit = channel.spec.bit
        if value is None or bit is None:
            self._show(channel, None, stamp_ns, alarm)
            return
        if isinstance(value, float) and not math.isfinite(value):
            self._show(channel, None, stamp_ns, WRONG_KIND)
            return
        state = state_of(bit, value)
        if state is None:
            self._show(channel, None, 0, BAD_PLAN)  # the device lacks the attribute
        else:
            tripped = bit.name == "READY" and not state
            alarm = worst(alarm, TRIPPED) if tripped else alarm
            self._show(channel, int(state), stamp_ns, alarm, partial(_alarm_of_bit, bit, state))

    def _show(
        self,
        channel: Channel,
        value: Value | None,
        stamp_ns: int,
        alarm: Alarm,
        by_block: Callable[[DigitalAlarm], bool] = lambda _: False,
    ) -> None:
        self._judged[channel] = Judged(alarm, by_block)
        channel.show(value, stamp_ns, self._alarm(channel))

    def _alarm(self, channel: Channel) -> Alarm:
        alarm, by_block = self._judged[channel]
        if self._block is None or not by_block(self._block):
            return alarm
        return worst(alarm, Alarm(self._level, Stat.STATE))

    def _judge_all(self, value: Value | None, _: int, __: Alarm) -> None:
        """News of the block, as structure or as bytes; one that cannot be read leaves what it said last."""
        if isinstance(value, DigitalAlarm):
            self._block = value
        elif isinstance(value, bytes) and len(value) >= SIZE:
            self._level = level_of(AlarmBlock.decode(value))
        for channel in self._judged:
            if (alarm := self._alarm(channel)) != channel.alarm_now:
                channel.show(None, 0, alarm)


def _alarm_of_word(block: DigitalAlarm) -> bool:
    return block.alarm_enable and block.alarm_status


def _alarm_of_bit(bit: StatusBit, state: bool, block: DigitalAlarm) -> bool:
    """A bit is in alarm when the block is, watches it, and its state is not the nominal one (devdb.md 5.3)."""
    watched = bool(bit.mask & block.mask)
    if not watched or state == evaluate_bits(block.nominal & 0xFFFFFFFF, 4, (bit,))[0]:
        return False
    return _alarm_of_word(block)
