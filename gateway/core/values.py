"""What is read and what is written: Value, Reading, Setting, SettingResult (values.md 1, 2)."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.drf import DataRequest
from gateway.core.status import Status

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TimedArray:
    """Points of a plot or a logger, oldest first; both columns have the same length."""

    values: FloatArray
    stamps_ns: npt.NDArray[np.int64]  # Unix, UTC


Value: TypeAlias = (
    float | FloatArray | TimedArray | bytes | str | tuple[str, ...] | BasicStatus | AnalogAlarm | DigitalAlarm
)
SettingValue: TypeAlias = float | FloatArray | bytes | str | tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One answer to one request. Lost links, silence and refusals are Readings without a value."""

    request: DataRequest
    value: Value | None
    stamp_ns: int  # the source's, Unix, UTC; 0 when it gave none
    status: Status
    message: str = ""  # for people only


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A value that is wished for; `request` is in its write form."""

    request: DataRequest
    value: SettingValue


class Outcome(Enum):
    """What became of a setting. UNKNOWN is said, never repeated (dpm-http.md 10)."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class SettingResult:
    """The one answer to a setting."""

    setting: Setting
    status: Status
    outcome: Outcome
    message: str = ""
    sent: bool = True  # False only where it is certain that nothing of it has left this process
