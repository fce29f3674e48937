"""DeviceInfo: what is known of a device besides its values (devdb.md, in our own words)."""

import math
from dataclasses import dataclass

from gateway.core.nan_equal import NanEqual

NAN = math.nan


@dataclass(frozen=True, slots=True, eq=False)
class PropertyInfo(NanEqual):
    """READING or SETTING of one device; limits are NaN when unknown."""

    length: int = 1  # elements
    text: bool = False  # display text in place of numbers (values.md 3.4)
    units: str = ""  # of the scaled value
    low: float = NAN  # display limits, in units
    high: float = NAN
    precision: int = 3  # digits after the point


@dataclass(frozen=True, slots=True)
class StatusBit:
    """One attribute of the STATUS word (values.md 4.1)."""

    order: int  # 0 on, 1 ready, 2 remote, 3 positive, 4 ramp, then the device's own
    name: str  # suffix of its PV: ON READY REMOTE POSITIVE RAMP, or the label in capitals
    mask: int
    match: int
    invert: bool
    true_text: str
    false_text: str
    description: str = ""  # what the bit is, in words


@dataclass(frozen=True, slots=True)
class Command:
    """One entry of the CONTROL table (values.md 4.3). Where only its name is known, that is what is set."""

    code: int | None  # order number; None: the database does not tell it (devdb.md 3.4)
    name: str
    long_name: str = ""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """All that is known of one device. A property that the device lacks is None, False or empty."""

    device: str  # canonical: upper case, with colon
    description: str = ""
    reading: PropertyInfo | None = None
    setting: PropertyInfo | None = None
    status: bool = False
    bits: tuple[StatusBit, ...] = ()
    commands: tuple[Command, ...] = ()
    analog: bool = False  # whether it has an ANALOG alarm block
    digital: bool = False
    exists: bool = True  # False where the source knows that there is no such device
