"""The parts of an alarm block that become PVs, `:ALM:MIN` and the like (contract.md 4, values.md 5.6)."""

import math
from dataclasses import dataclass

from gateway.core.alarm_block import SIZE
from gateway.core.nan_equal import NanEqual
from gateway.plan.model import Plan, PvType, Role


@dataclass(frozen=True, slots=True, eq=False)
class AlarmPart(NanEqual):
    """One part; a limit is a double in units of the reading, a switch has the labels of 0 and 1."""

    name: str  # last part of the PV name
    type: PvType
    labels: tuple[str, ...] = ()
    field: str = ""  # that is set; empty where a client cannot (values.md 5.6 and 5.7)
    low: float = math.nan  # limits of a put
    high: float = math.nan
    raw: bool = False  # stands in the 20 bytes only, not in the structure
    length: int = 1


_BOTH = (
    AlarmPart("ENABLE", PvType.ENUM, ("bypassed", "active"), "ALARM_ENABLE"),
    AlarmPart("STATUS", PvType.ENUM, ("good", "in alarm")),
    AlarmPart("ABORT", PvType.ENUM, ("no abort", "abort")),
    AlarmPart("ABORT_INHIBIT", PvType.ENUM, ("allowed", "inhibited"), "ABORT_INHIBIT"),
    AlarmPart("TRIES_NEEDED", PvType.LONG, (), "TRIES_NEEDED", 0, 255),
    AlarmPart("TRIES_NOW", PvType.LONG),
    AlarmPart("EVENT", PvType.ENUM, ("exception", "event"), raw=True),
    AlarmPart("FTD", PvType.LONG, (), "ALARM_FTD", 0, 0xFFFF, raw=True),
    AlarmPart("RAW", PvType.BYTES, (), "RAW", raw=True, length=SIZE),
)
ANALOG = (
    *(AlarmPart(name, PvType.DOUBLE, (), name) for name in ("MIN", "MAX", "NOM")),
    AlarmPart("TOL", PvType.DOUBLE, (), "TOL", low=0),
    *_BOTH,
)
DIGITAL = (AlarmPart("NOM", PvType.LONG, (), "NOM"), AlarmPart("MASK", PvType.LONG, (), "MASK"), *_BOTH)
_LIMITS = {"HIHI": "MAX", "LOLO": "MIN"}


def part_of(plan: Plan, name: str) -> str:
    """The PV that a name means: of HIHI and LOLO of a reading with an alarm block a part of that, else the name."""
    device_name, _, field = name.rpartition(".")
    device = plan.devices.get(device_name)
    if device is None or device.analog_row < 0 or field not in _LIMITS:
        return name
    return f"{device_name}:{Role.ANALOG.value}{_LIMITS[field]}"
