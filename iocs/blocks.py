"""AlarmBlocks: what the alarm blocks of devices say now, and what that means for readings (values.md 9.3).

Columns by row of the device table, on the loop only; a batch costs nothing while no device is in alarm.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gateway.core.blocks import AnalogAlarm, DigitalAlarm
from gateway.core.severity import IN_ALARM, Alarm, Severity, block_columns
from gateway.plan.model import Kind, Plan
from iocs.fast.rows import Alarms, Column

Index = npt.NDArray[np.int32]
Limits = tuple[float, float]  # lower and upper alarm limit in units of the reading; NaN when bypassed or unknown
UNKNOWN: Limits = (math.nan, math.nan)
ShowLimits = Callable[[float, float], None]


class AlarmBlocks:
    """The blocks of one plan. `of` says whose readings they judge."""

    def __init__(self, size: int) -> None:
        self._readings: dict[int, list[int]] = {}  # by row of a block: the rows of the readings that it judges
        self._low, self._high = np.full(size, math.nan), np.full(size, math.nan)  # of scalars
        self._analog, self._digital = np.zeros(size, bool), np.zeros(size, bool)  # in alarm now
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
            if row < 0 or plan.watches[row].request.field != "SCALED":
                continue
            for block in (device.analog_row, device.digital_row):
                if block >= 0 and row not in self._readings.setdefault(block, []):
                    self._readings[block].append(row)
            self._scalar[row] = plan.watches[row].kind is Kind.SCALAR

    def follow(self, row: int, show: ShowLimits) -> None:
        """Call `show` with the alarm limits of a reading now, where they are known, and whenever they change."""
        self._followers.setdefault(row, []).append(show)
        show(*self._limits.get(row, UNKNOWN))

    def take(self, block: int, value: AnalogAlarm | DigitalAlarm) -> list[int]:
        """Keep what a block says; the rows of the readings whose alarm may be another one now."""
        rows = self._readings.get(block, [])
        bad = value.alarm_enable and value.alarm_status
        changed = []
        for row in rows:
            column = self._analog if isinstance(value, AnalogAlarm) else self._digital
            news = bool(column[row]) != bad
            column[row] = bad
            (self._bad.add if self._analog[row] or self._digital[row] else self._bad.discard)(row)
            if isinstance(value, AnalogAlarm):
                news = self._keep_limits(row, value) or news
            if news:
                changed.append(row)
        return changed

    def _keep_limits(self, row: int, block: AnalogAlarm) -> bool:
        # with a falling transform the minimum comes out above the maximum (values.md 5.3)
        limits = UNKNOWN
        if block.alarm_enable:
            limits = min(block.minimum, block.maximum), max(block.minimum, block.maximum)
        if np.array_equal(limits, self._limits.get(row, UNKNOWN), equal_nan=True):
            return False
        self._limits[row] = limits
        if self._scalar[row]:
            self._low[row], self._high[row] = limits
        for show in self._followers.get(row, ()):
            show(*limits)
        return True

    def judge(self, index: Index, value: Column, status: Alarms, severity: Alarms) -> tuple[Alarms, Alarms]:
        """STAT and SEVR of readings, raised where their device is in alarm; a worse alarm stays."""
        if not self._bad:
            return status, severity
        at = np.flatnonzero(self._analog[index] | self._digital[index])
        if not len(at):
            return status, severity
        self._raised[index[at]] = milder = severity[at] < Severity.MAJOR
        at = at[milder]
        rows, status, severity = index[at], status.copy(), severity.copy()
        self._status[rows], self._severity[rows] = status[at], severity[at]
        side = block_columns(value[at], self._low[rows], self._high[rows])
        status[at] = np.where(self._analog[rows], side, IN_ALARM.status)
        severity[at] = IN_ALARM.severity
        return status, severity

    def judge_one(self, row: int, alarm: Alarm) -> Alarm:
        """The same for a reading that is no scalar, or has no value: it has no side of the limits."""
        self._raised[row] = raised = row in self._bad and alarm.severity < Severity.MAJOR
        if not raised:
            return alarm
        self._status[row], self._severity[row] = alarm.status, alarm.severity
        return IN_ALARM

    def again(self, row: int, value: float, shown: Alarm) -> Alarm:
        """The alarm of a reading after news of its block; `shown` is what it showed before."""
        alarm = Alarm(int(self._severity[row]), int(self._status[row])) if self._raised[row] else shown
        index = np.array([row], np.int32)
        status, severity = np.array([alarm.status], np.uint16), np.array([alarm.severity], np.uint16)
        self._raised[row] = False
        status, severity = self.judge(index, np.array([value]), status, severity)
        return Alarm(int(severity[0]), int(status[0]))
