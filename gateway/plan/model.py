"""Plan: the complete, immutable description of every PV of one gateway.

A plan has few objects per device, however many PVs a device has: family.py makes the specifications of PVs when
somebody asks. What is acquired is a `Watch`; its place in `Plan.watches` is its row in the table of devices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from gateway.access.step import NO_LIMIT, StepLimit
from gateway.core.device_info import DeviceInfo, StatusBit
from gateway.core.drf import DataRequest, Property
from gateway.core.nan_equal import NanEqual
from gateway.core.route import Names, Route
from gateway.plan.drive import NO_DRIVE, Drive
from gateway.plan.trigger import FreezePlan


class Kind(Enum):
    """The kind of a request's values (values.md 2); it does not change while the plan lives."""

    SCALAR = "scalar"
    ARRAY = "array"
    TEXT = "text"
    TEXT_ARRAY = "text array"
    RAW = "raw"
    STATUS = "basic status"
    ANALOG = "analog alarm"
    DIGITAL = "digital alarm"


class Role(Enum):
    """What a PV is to its device; the value is the suffix of its name (contract.md 4)."""

    READING = ""
    SETPOINT = "SP"
    READBACK = "SP_RBV"
    STATUS_WORD = "STS"
    STATUS_BIT = "STS:"  # and the name of the bit
    COMMAND = "CMD"
    ANALOG = "ALM:"  # and a part of the analog alarm block
    DIGITAL = "DALM:"  # and a part of the digital alarm block
    HISTORY_VALUES = "HIST:V"
    HISTORY_TIMES = "HIST:T"
    HISTORY_COUNT = "HIST:N"
    FROZEN_VALUES = "HIST:FRZ:V"
    FROZEN_TIMES = "HIST:FRZ:T"
    FROZEN_COUNT = "HIST:FRZ:N"
    FROZEN_AT = "HIST:FRZ:TIME"
    FROZEN_BY = "HIST:FRZ:BY"
    WRITE_STATE = "WR:STATE"
    WRITE_MESSAGE = "WR:MSG"
    WRITE_WHO = "WR:WHO"
    WRITE_TIME = "WR:TIME"
    WRITE_LATENCY = "WR:LATENCY"
    WRITE_ATTEMPTS = "WR:ATTEMPTS"
    WRITE_READBACK = "WR:RBV"
    FOREIGN = "WR:FOREIGN"
    OWN = "WR:OWN"
    LOCK = "LOCK"
    LOCK_HOLDER = "LOCK:HOLDER"
    LOCK_LEFT = "LOCK:LEFT"
    LOCK_BREAK = "LOCK:BREAK"
    BACKEND = "GW:BACKEND"
    AGE = "GW:AGE"
    ERROR = "GW:ERR"
    DROPS = "GW:DROPS"
    STALE = "GW:STALE"
    READ_NOW = "GW:READNOW"
    READ_NOW_MESSAGE = "GW:READNOW:MSG"
    DESCRIBED = "META:TEXT"
    DESCRIBED_AGE = "META:AGE"


class PvType(Enum):
    """EPICS types that PVs have."""

    DOUBLE = "double"
    LONG = "long"
    ENUM = "enum"
    STRING = "string"  # up to 39 characters
    TEXT = "text"  # char waveform with a closing NUL
    BYTES = "bytes"  # unsigned char waveform


@dataclass(frozen=True, slots=True)
class Watch:
    """One request that is acquired for as long as the plan lives: one row of the device table."""

    request: DataRequest  # with an explicit event
    kind: Kind
    length: int  # elements; 1 for scalars, capacity in characters for text
    route: Names  # backends that may serve it, in order of preference
    stale_after: float | None = None  # s without a value; None: what its event allows


@dataclass(frozen=True, slots=True)
class Confirm:
    """How a write is confirmed by readback."""

    tolerance: float  # absolute, in units of the setting
    timeout: float  # s, from the backend's acceptance
    interval: float = 0.2  # s between two readbacks
    relative: float = 0.0  # fraction of what was wished for that is near enough, too
    delay: float = 0.0  # s from the acceptance to the first readback
    attempts: int | None = None  # readbacks at most; None: as many as the time allows
    by: str = "setting"  # or reading: which property of the device confirms a setting


@dataclass(frozen=True, slots=True, eq=False)
class PvSpec(NanEqual):
    """One PV. Limits are NaN when unknown; `row` is -1 for PVs that show no watch of their own."""

    name: str
    role: Role
    type: PvType
    length: int  # elements, 1 for scalars
    device: str  # name of its DevicePlan
    row: int
    writable: bool = False
    write: DataRequest | None = None  # the write form, where a put means a setting
    labels: tuple[str, ...] = ()  # of an enum
    codes: tuple[int | str, ...] = ()  # of a command enum: what is set for each label, its number or its name
    bit: StatusBit | None = None
    part: str = ""  # of an alarm block, as alarm_parts.py names it; of a history: how many readings, or 10S
    units: str = ""
    precision: int = 3
    low: float = float("nan")
    high: float = float("nan")
    drive_low: float = float("nan")  # limits of a put
    drive_high: float = float("nan")
    description: str = ""
    sets_nothing: bool = False  # of a device: a put to it is no setting, and is judged apart

    @property
    def driven(self) -> bool:
        """Whether a put to it is held by the drive limits of its device."""
        return self.writable and self.role in (Role.READING, Role.SETPOINT) and self.type is PvType.DOUBLE

    @property
    def level(self) -> int:
        """Security level: the value of a device is 0, and its alarm block 1, as HIHI is in an EPICS record."""
        return int(self.role in (Role.ANALOG, Role.DIGITAL))


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """One configured device. Rows index `Plan.watches`; -1 where the device lacks the property."""

    name: str  # of its reading PV, the prefix of the others
    info: DeviceInfo
    route: Route
    writable: bool
    confirm: Confirm | None
    write_timeout: float  # s
    alarms_writable: bool = False  # which a writable device has to say for itself (values.md 5.7)
    skip_if_equal: bool = False  # whether a setting that is there already is not sent again
    group: str = "DEFAULT"  # access security group
    step: StepLimit = NO_LIMIT
    drive: Drive = NO_DRIVE
    reading_row: int = -1
    setting_row: int = -1
    word_row: int = -1  # STATUS.BIT_VALUE
    status_row: int = -1  # STATUS
    analog_row: int = -1  # ANALOG
    digital_row: int = -1  # DIGITAL
    analog_raw_row: int = -1  # the 20 bytes of ANALOG
    digital_raw_row: int = -1  # the 20 bytes of DIGITAL
    place: str = ""  # file and line of its configuration

    def rows(self) -> tuple[int, ...]:
        """Its rows of the device table."""
        values = self.reading_row, self.setting_row, self.word_row, self.status_row
        blocks = self.analog_row, self.digital_row, self.analog_raw_row, self.digital_raw_row
        return tuple(row for row in (*values, *blocks) if row >= 0)

    def block_rows(self, prop: Property | None) -> tuple[int, ...]:
        """The rows of one of its alarm blocks: the structure and the 20 bytes; none for every other property."""
        if prop is Property.ANALOG:
            return self.analog_row, self.analog_raw_row
        return (self.digital_row, self.digital_raw_row) if prop is Property.DIGITAL else ()


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """Settings of several devices that one put sends, one number each."""

    name: str
    members: tuple[str, ...]  # names of devices, in order
    precheck: bool  # whether one that is refused keeps back all
    group: str = "DEFAULT"  # access security group of its own PVs


@dataclass(frozen=True, slots=True)
class Plan:
    """Every PV of one gateway."""

    gateway: str  # prefix of the diagnostic PVs
    writes: bool  # False refuses every put
    buffer: int  # depth of the circular buffers, in readings
    watches: tuple[Watch, ...]
    devices: Mapping[str, DevicePlan] = field(default_factory=dict)  # by name
    freezes: tuple[FreezePlan, ...] = ()
    frozen: frozenset[str] = frozenset()  # names of devices that one of them keeps
    groups: tuple[GroupPlan, ...] = ()
