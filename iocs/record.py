"""Record: what a client may set of a PV that is not its value: deadbands, alarm limits, texts. Local to the gateway.

Nothing of it reaches a device, and nothing of it survives a restart.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from gateway.core.severity import Alarm, Severity, Stat, worst

EVERY = -1.0  # a deadband below 0: every reading is news
SIDES = (  # limit, severity, condition, and which way is out, the worse ones first
    ("HIHI", "HHSV", Stat.HIHI, 1), ("LOLO", "LLSV", Stat.LOLO, -1),
    ("HIGH", "HSV", Stat.HIGH, 1), ("LOW", "LSV", Stat.LOW, -1),
)  # fmt: skip

PLACES = (("HIHI", "HHSV", 2), ("HIGH", "HSV", 3), ("LOW", "LSV", 4), ("LOLO", "LLSV", 5))  # among the limits of CTRL


def beyond(old: float, new: float, deadband: float) -> bool:
    """Whether a value is news by a deadband, as recGblCheckDeadband judges it."""
    if math.isfinite(old) and math.isfinite(new):
        return abs(old - new) > deadband
    if math.isnan(old) != math.isnan(new) or math.isinf(old) != math.isinf(new):
        return True
    return deadband < 0 or (math.isinf(new) and old != new)


@dataclass(slots=True, eq=False)
class Record:
    """The fields of one PV that somebody has set, and the state of its alarm by limits."""

    set: dict[str, Any] = field(default_factory=dict)  # by name of the field
    _last: float = math.nan  # the limit that the alarm now was raised by

    @property
    def every(self) -> bool:
        """Whether every reading is news, for monitors and archivers alike, and none is judged by limits of ours."""
        return self.mdel < 0 and self.adel < 0 and not self.judges

    @property
    def mdel(self) -> float:
        """The deadband of monitors."""
        return float(self.set.get("MDEL", EVERY))

    @property
    def adel(self) -> float:
        """The deadband of archivers."""
        return float(self.set.get("ADEL", EVERY))

    @property
    def judges(self) -> bool:
        """Whether a client has given severities to limits."""
        return any(self.set.get(severity) for _, severity, _, _ in SIDES)

    def limits(self, known: tuple[float, ...]) -> tuple[float, ...]:
        """The limits of CTRL types with those that were set; an alarm limit without severity is none."""
        told = list(known)
        for place, name in enumerate(("HOPR", "LOPR")):
            if name in self.set:
                told[place] = float(self.set[name])
        for name, severity, place in PLACES:
            if name in self.set or severity in self.set:
                limit = self.set.get(name, known[place])
                told[place] = float(limit) if self.set.get(severity, math.isfinite(known[place])) else math.nan
        return tuple(told)

    def judge(self, value: float, alarm: Alarm) -> Alarm:
        """The alarm of a value with the limits that clients have set; a worse one stays.

        A limit that raised an alarm holds until the value is back by more than HYST, as in an ai record.
        """
        hysteresis = float(self.set.get("HYST", 0.0))
        for name, severity, condition, way in SIDES:
            limit, level = float(self.set.get(name, 0.0)), int(self.set.get(severity, 0))
            held = self._last == limit and way * value >= way * limit - hysteresis
            if level and (way * value >= way * limit or held):
                self._last = limit
                return worst(alarm, Alarm(Severity(level), condition))
        self._last = math.nan
        return alarm
