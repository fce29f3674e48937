"""Status -> EPICS STAT and SEVR: the table of values.md 9.1 and 9.2, for one status and for columns of them."""

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.batch import zeros
from gateway.core.remembered import constant
from gateway.core.status import Status

AlarmColumn: TypeAlias = npt.NDArray[np.uint16]


class Severity(IntEnum):
    """SEVR of Channel Access."""

    NO_ALARM = 0
    MINOR = 1
    MAJOR = 2
    INVALID = 3


class Stat(IntEnum):
    """STAT of Channel Access."""

    NO_ALARM = 0
    READ = 1
    WRITE = 2
    HIHI = 3
    HIGH = 4
    LOLO = 5
    LOW = 6
    STATE = 7
    COS = 8
    COMM = 9
    TIMEOUT = 10
    HWLIMIT = 11
    CALC = 12
    SCAN = 13
    LINK = 14
    SOFT = 15
    BAD_SUB = 16
    UDF = 17
    DISABLE = 18
    SIMM = 19
    READ_ACCESS = 20
    WRITE_ACCESS = 21


class Alarm(NamedTuple):
    """A condition as EPICS says it; the fields are the numbers of Severity and Stat."""

    severity: int
    status: int

    def __str__(self) -> str:
        return f"{severity_name(self.severity)}/{status_name(self.status)}"


NO_ALARM = Alarm(Severity.NO_ALARM, Stat.NO_ALARM)
UDF = Alarm(Severity.INVALID, Stat.UDF)  # created, nothing received yet
LOST = Alarm(Severity.INVALID, Stat.COMM)  # the link to the backend is lost
SILENT = Alarm(Severity.INVALID, Stat.TIMEOUT)  # silent for longer than allowed
WRONG_KIND = Alarm(Severity.INVALID, Stat.CALC)  # a reply of another kind than planned; also NaN and infinite
BAD_PLAN = Alarm(Severity.INVALID, Stat.LINK)  # its request is not valid
DISABLED = Alarm(Severity.INVALID, Stat.DISABLE)  # by configuration
TRIPPED = Alarm(Severity.MAJOR, Stat.STATE)  # READY is false (values.md 9.4)

# Class of a status -> STAT after a read and after a put. `pend` of a read that never had a value is UDF.
_TABLE: dict[str, tuple[Stat, Stat]] = {
    "info": (Stat.READ, Stat.WRITE),  # only when there is no value; with one there is no alarm
    "pend": (Stat.TIMEOUT, Stat.TIMEOUT),
    "stale": (Stat.TIMEOUT, Stat.TIMEOUT),
    "clip": (Stat.HWLIMIT, Stat.HWLIMIT),
    "part": (Stat.READ, Stat.WRITE),
    "tmo": (Stat.TIMEOUT, Stat.TIMEOUT),
    "comm": (Stat.COMM, Stat.COMM),
    "busy": (Stat.COMM, Stat.COMM),
    "conf": (Stat.LINK, Stat.LINK),
    "scale": (Stat.CALC, Stat.CALC),
    "priv": (Stat.READ_ACCESS, Stat.WRITE_ACCESS),
    "set": (Stat.WRITE, Stat.WRITE),
    "dis": (Stat.DISABLE, Stat.DISABLE),
    "data": (Stat.READ, Stat.WRITE),
    "bug": (Stat.SOFT, Stat.SOFT),
}
_FIRST = (Stat.DISABLE, Stat.LINK, Stat.COMM, Stat.TIMEOUT)  # among alarms of one severity (values.md 9.1)


def alarm_of(status: Status, has_value: bool, had_value: bool, write: bool = False) -> Alarm:
    """The alarm that a reading's status means, or, with `write`, that of a put on a PV without readback.

    `had_value`: whether an earlier reading brought one.
    """
    category = status.category
    if write:
        return NO_ALARM if status.number >= 0 else Alarm(Severity.INVALID, _TABLE[category][1])
    if has_value and status.number >= 0:
        return NO_ALARM if category == "info" else Alarm(Severity.MINOR, _TABLE[category][0])
    if category == "pend" and not had_value:
        return UDF
    return Alarm(Severity.INVALID, _TABLE[category][0])


@lru_cache(maxsize=256)
def no_alarms(count: int) -> AlarmColumn:
    """STAT or SEVR of so many rows without an alarm: one array for all who want it; it cannot be changed."""
    none: AlarmColumn = constant(np.zeros(count, np.uint16))
    return none


def alarm_columns(
    value: npt.NDArray[np.float64], facility: npt.NDArray[np.int16], number: npt.NDArray[np.int16]
) -> tuple[AlarmColumn, AlarmColumn]:
    """STAT and SEVR of rows that have values; a value that is not finite is INVALID, CALC."""
    finite = np.isfinite(value)
    all_finite = finite.all()
    if all_finite and (number is zeros(len(number)) or not number.any()):
        return no_alarms(len(value)), no_alarms(len(value))
    stat = np.zeros(len(value), np.uint16)
    sevr = np.zeros(len(value), np.uint16)
    remarked = number.nonzero()[0]
    if len(remarked):
        words, which = np.unique(facility[remarked] + 256 * number[remarked].astype(np.int32), return_inverse=True)
        alarms = [alarm_of(Status.from_packed(int(word)), has_value=True, had_value=True) for word in words]
        sevr[remarked] = np.array([alarm.severity for alarm in alarms], np.uint16)[which]
        stat[remarked] = np.array([alarm.status for alarm in alarms], np.uint16)[which]
    if not all_finite:
        strange = ~finite & (sevr < Severity.INVALID)
        sevr[strange], stat[strange] = WRONG_KIND
    return stat, sevr


def block_columns(
    value: npt.NDArray[np.float64], low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]
) -> AlarmColumn:
    """STAT of readings whose alarm block is bad: on which side of the limits, NaN where unknown, they are.

    That they are in alarm says the block, never the limits (values.md 5.6 and 9.3): who is back inside is in STATE.
    """
    below = np.where(value < low, np.uint16(Stat.LOLO), np.uint16(Stat.STATE))
    return np.where(value > high, np.uint16(Stat.HIHI), below)


def worst(*alarms: Alarm) -> Alarm:
    """The alarm that is shown when several hold; none is no alarm."""
    return max(alarms, key=_rank, default=NO_ALARM)


def _rank(alarm: Alarm) -> tuple[int, int]:
    return alarm.severity, -_FIRST.index(Stat(alarm.status)) if alarm.status in _FIRST else -len(_FIRST)


def severity_name(number: int) -> str:
    """The name of a severity, for people."""
    return Severity(number).name


def status_name(number: int) -> str:
    """The name of an alarm status, for people."""
    return Stat(number).name
