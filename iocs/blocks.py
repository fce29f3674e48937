"""AlarmBlocks: what the alarm blocks of devices say now, and what that means for readings (values.md 9.3).

Columns by row of the device table, on the loop only; a batch costs nothing while no device is in alarm.
"""

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace

import numpy as np
import numpy.typing as npt

from gateway.core.blocks import AlarmBlock, AlarmFlag, AnalogAlarm, DigitalAlarm
from gateway.core.errors import ProtocolError
from gateway.core.nan_equal import NanEqual
from gateway.core.severity import Alarm, Severity, Stat, block_columns
from gateway.plan.model import DevicePlan, Kind, Plan
from iocs.fast.rows import Alarms, Column

Index = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Limits(NanEqual):
    """The limits of a block, in units of the reading and in order, and what it means to be outside of them."""

    low: float = math.nan
    high: float = math.nan
    level: Severity = Severity.MAJOR  # NO_ALARM while the block is bypassed
    falling: bool = False  # the block's minimum is the upper one: its transform falls (values.md 5.3)

    @property
    def shown(self) -> tuple[float, float]:
        """As the CTRL types tell them: of a bypassed block they are none."""
        return (self.low, self.high) if self.level else (math.nan, math.nan)


UNKNOWN = Limits()
ShowLimits = Callable[[Limits], None]


def level_of(block: AlarmBlock) -> Severity:
    """How bad it is to be in alarm: an event is minor, an exception is not (devdb.md 5.3)."""
    return Severity.MINOR if block.has(AlarmFlag.EVENT) else Severity.MAJOR


class AlarmBlocks:
    """The blocks of one plan. `of` says whose readings they judge."""

    def __init__(self, size: int) -> None:
        self._readings: dict[int, list[int]] = {}  # by row of a block: the rows of the readings that it judges
        self._raw_analog: set[int] = set()  # rows of the 20 bytes of analog blocks
        self._low, self._high = np.full(size, math.nan), np.full(size, math.nan)  # of scalars
        self._analog, self._digital = np.zeros(size, bool), np.zeros(size, bool)  # in alarm now
        self._analog_level = np.full(size, Severity.MAJOR, np.uint16)  # of an alarm; MAJOR until the flags are known
        self._digital_level = np.full(size, Severity.MAJOR, np.uint16)
        self._side = np.full(size, Stat.NO_ALARM, np.uint16)  # that the flags of an analog block tell
        self._bad: set[int] = set()  # rows of readings in alarm
        self._raised = np.zeros(size, bool)  # what is shown is more than the reading's own alarm, which is
        self._status, self._severity = np.zeros(size, np.uint16), np.zeros(size, np.uint16)
        self._scalar = np.zeros(size, bool)
        self._limits: dict[int, Limits] = {}
        self._followers: dict[int, list[ShowLimits]] = {}

    def of(self, plan: Plan) -> None:
        """Learn which row of a block judges which readings: those in engineering units."""
        for device in plan.devices.values():
            row = device.reading_row
            if not judged(plan, device):
                continue
            for block in (device.analog_row, device.digital_row, device.analog_raw_row, device.digital_raw_row):
                if block >= 0 and row not in self._readings.setdefault(block, []):
                    self._readings[block].append(row)
            self._raw_analog.add(device.analog_raw_row)
            self._scalar[row] = plan.watches[row].kind is Kind.SCALAR

    def follow(self, row: int, show: ShowLimits) -> None:
        """Call `show` with the alarm limits of a reading now, where they are known, and whenever they change."""
        self._followers.setdefault(row, []).append(show)
        show(self.limits(row))

    def limits(self, row: int) -> Limits:
        """The alarm limits of a reading."""
        return self._limits.get(row, UNKNOWN)

    def take(self, block: int, value: AnalogAlarm | DigitalAlarm | bytes) -> list[int]:
        """Keep what a block says; the rows of the readings whose alarm may be another one now."""
        rows = self._readings.get(block, [])
        if not rows:
            return []
        if isinstance(value, bytes):
            return self._take_flags(block, value)
        bad = value.alarm_enable and value.alarm_status
        changed = []
        for row in rows:
            column = self._analog if isinstance(value, AnalogAlarm) else self._digital
            news = bool(column[row]) != bad
            column[row] = bad
            (self._bad.add if self._analog[row] or self._digital[row] else self._bad.discard)(row)
            if isinstance(value, AnalogAlarm):
                if not bad:
                    self._side[row] = Stat.NO_ALARM  # of the alarm that is over
                news = self._keep_limits(row, value) or news
            if news:
                changed.append(row)
        return changed

    def _take_flags(self, row_of_block: int, raw: bytes) -> list[int]:
        """What only the 20 bytes tell: whether it is an event, and on which side the reading is."""
        try:
            block = AlarmBlock.decode(raw)
        except ProtocolError:  # the PVs of the block say so
            return []
        analog = row_of_block in self._raw_analog
        levels = self._analog_level if analog else self._digital_level
        level, changed = level_of(block), []
        for row in self._readings[row_of_block]:
            news = bool(levels[row] != level)
            levels[row] = level
            if analog:
                side = side_of(block) if self._analog[row] else Stat.NO_ALARM
                news = news or bool(self._side[row] != side)
                self._side[row] = side
                if (known := self._limits.get(row)) is not None and known.level:
                    self._show(row, replace(known, level=level))
            if news:
                changed.append(row)
        return changed

    def _keep_limits(self, row: int, block: AnalogAlarm) -> bool:
        # with a falling transform the minimum comes out above the maximum (values.md 5.3)
        low, high = min(block.minimum, block.maximum), max(block.minimum, block.maximum)
        level = Severity(int(self._analog_level[row])) if block.alarm_enable else Severity.NO_ALARM
        return self._show(row, Limits(low, high, level, block.minimum > block.maximum))

    def _show(self, row: int, limits: Limits) -> bool:
        """Keep and show other limits; False when they are the same."""
        if np.array_equal(astuple(limits), astuple(self.limits(row)), equal_nan=True):
            return False
        self._limits[row] = limits
        if self._scalar[row]:
            self._low[row], self._high[row] = limits.shown
        for show in self._followers.get(row, ()):
            show(limits)
        return True

    def judge(self, index: Index, value: Column, status: Alarms, severity: Alarms) -> tuple[Alarms, Alarms]:
        """STAT and SEVR of readings, raised where their device is in alarm; a worse alarm stays."""
        if not self._bad:
            return status, severity
        at = np.flatnonzero(self._analog[index] | self._digital[index])
        if not len(at):
            return status, severity
        by_analog = np.where(self._analog[index[at]], self._analog_level[index[at]], 0)
        by_digital = np.where(self._digital[index[at]], self._digital_level[index[at]], 0)
        level = np.maximum(by_analog, by_digital)
        self._raised[index[at]] = milder = severity[at] < level
        at, level, analog = at[milder], level[milder], (by_analog >= by_digital)[milder]
        rows, status, severity = index[at], status.copy(), severity.copy()
        self._status[rows], self._severity[rows] = status[at], severity[at]
        told = self._side[rows]
        side = np.where(told, told, block_columns(value[at], self._low[rows], self._high[rows]))
        status[at] = np.where(analog, side, Stat.STATE)
        severity[at] = level
        return status, severity

    def judge_one(self, row: int, alarm: Alarm) -> Alarm:
        """The same for a reading that is no scalar, or has no value: only the flags can tell its side."""
        if row not in self._bad:
            self._raised[row] = False
            return alarm
        return self._judged(row, math.nan, alarm)

    def again(self, row: int, value: float, shown: Alarm) -> Alarm:
        """The alarm of a reading after news of its block; `shown` is what it showed before."""
        alarm = Alarm(int(self._severity[row]), int(self._status[row])) if self._raised[row] else shown
        self._raised[row] = False
        return self._judged(row, value, alarm)

    def _judged(self, row: int, value: float, alarm: Alarm) -> Alarm:
        status, severity = np.array([alarm.status], np.uint16), np.array([alarm.severity], np.uint16)
        status, severity = self.judge(np.array([row], np.int32), np.array([value]), status, severity)
        return Alarm(int(severity[0]), int(status[0]))


def judged(plan: Plan, device: DevicePlan) -> bool:
    """Whether alarm blocks judge the reading of a device: their limits are in engineering units."""
    return device.reading_row >= 0 and plan.watches[device.reading_row].request.field == "SCALED"


def side_of(block: AlarmBlock) -> Stat:
    """Where the front end says that the reading is; NO_ALARM where it does not say."""
    high, low = block.has(AlarmFlag.HIGH), block.has(AlarmFlag.LOW)
    if not block.has(AlarmFlag.BAD) or high == low:
        return Stat.NO_ALARM
    return Stat.HIHI if high else Stat.LOLO
