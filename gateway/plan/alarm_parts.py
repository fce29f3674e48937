"""The parts of an alarm block that become PVs, `:ALM:MIN` and the like (contract.md 4, values.md 5.6)."""

from dataclasses import dataclass

from gateway.plan.model import PvType


@dataclass(frozen=True, slots=True)
class AlarmPart:
    """One part; a limit is a double in units of the reading, a switch has the labels of 0 and 1."""

    name: str  # last part of the PV name, and the field of the data request where it has one
    type: PvType
    labels: tuple[str, ...] = ()


_BOTH = (
    AlarmPart("ENABLE", PvType.ENUM, ("bypassed", "active")),
    AlarmPart("STATUS", PvType.ENUM, ("good", "in alarm")),
    AlarmPart("ABORT", PvType.ENUM, ("no abort", "abort")),
    AlarmPart("ABORT_INHIBIT", PvType.ENUM, ("allowed", "inhibited")),
    AlarmPart("TRIES_NEEDED", PvType.LONG),
    AlarmPart("TRIES_NOW", PvType.LONG),
)
ANALOG = (*(AlarmPart(name, PvType.DOUBLE) for name in ("MIN", "MAX", "NOM", "TOL")), *_BOTH)
DIGITAL = (AlarmPart("NOM", PvType.LONG), AlarmPart("MASK", PvType.LONG), *_BOTH)
