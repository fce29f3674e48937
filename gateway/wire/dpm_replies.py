"""The replies of a DPM server, fields in wire order (dpm-http.md section 5)."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.wire.dpm_fields import (
    Binary,
    Bool,
    ByContent,
    Double,
    Doubles,
    Int16,
    Int32,
    Int64,
    Micros,
    SettingStatuses,
    String,
    Strings,
)


@dataclass(frozen=True, slots=True)
class ServiceDiscoveryReply:
    """A server that is there, and its load. ACNET only."""

    ID: ClassVar[int] = -12930
    load: Int16
    service_location: String


@dataclass(frozen=True, slots=True)
class OpenListReply:
    """The first message of every connection."""

    ID: ClassVar[int] = 13470
    list_id: Int32


@dataclass(frozen=True, slots=True)
class AddToListReply:
    """What became of an AddToList. ACNET only, but a client must understand it."""

    ID: ClassVar[int] = -29780
    list_id: Int32
    ref_id: Int64
    status: Int16


@dataclass(frozen=True, slots=True)
class RemoveFromListReply:
    """What became of a RemoveFromList. ACNET only."""

    ID: ClassVar[int] = -3046
    list_id: Int32
    ref_id: Int64
    status: Int16


@dataclass(frozen=True, slots=True)
class StartListReply:
    """All DeviceInfo and Status messages of a StartList were sent; data may come before or after."""

    ID: ClassVar[int] = -27136
    list_id: Int32
    status: Int16


@dataclass(frozen=True, slots=True)
class ListStatusReply:
    """The heartbeat."""

    ID: ClassVar[int] = 29552
    list_id: Int32
    status: Int16


@dataclass(frozen=True, slots=True)
class StatusReply:
    """A reference has an error instead of data; reference 0 means the list or the session."""

    ID: ClassVar[int] = -10579
    ref_id: Int64
    timestamp: Int64
    cycle: Int64
    status: Int16


@dataclass(frozen=True, slots=True)
class DeviceInfoReply:
    """What the database knows of a reference; once per accepted request and start, before its data."""

    ID: ClassVar[int] = 28653
    ref_id: Int64
    di: Int32
    name: String
    description: String
    units: String | None = None
    format_hint: Int16 | None = None


@dataclass(frozen=True, slots=True)
class ScalarReply:
    """One number. `timestamp` is in milliseconds since 1970 UTC here and in all data replies."""

    ID: ClassVar[int] = -10581
    ref_id: Int64
    timestamp: Int64
    cycle: Int64
    status: Int16
    data: Double


@dataclass(frozen=True, slots=True, eq=False)
class ScalarArrayReply(ByContent):
    """Several numbers, float64[n]."""

    ID: ClassVar[int] = 23036
    ref_id: Int64
    timestamp: Int64
    cycle: Int64
    status: Int16
    data: Doubles


@dataclass(frozen=True, slots=True)
class RawReply:
    """The bytes of a request for RAW, in the order of the front end."""

    ID: ClassVar[int] = -12450
    ref_id: Int64
    timestamp: Int64
    cycle: Int64
    status: Int16
    data: Binary


@dataclass(frozen=True, slots=True)
class TextReply:
    """One text."""

    ID: ClassVar[int] = -28878
    ref_id: Int64
    timestamp: Int64
    cycle: Int64
    status: Int16
    data: String


@dataclass(frozen=True, slots=True)
class TextArrayReply:
    """Several texts."""

    ID: ClassVar[int] = 12923
    ref_id: Int64
    timestamp: Int64
    cycle: Int64
    status: Int16
    data: Strings


@dataclass(frozen=True, slots=True)
class AnalogAlarmReply:
    """An analog alarm block, limits in engineering units."""

    ID: ClassVar[int] = 30088
    ref_id: Int64
    timestamp: Int64
    cycle: Int64
    minimum: Double
    maximum: Double
    alarm_enable: Bool
    alarm_status: Bool
    abort: Bool
    abort_inhibit: Bool
    tries_needed: Int32
    tries_now: Int32


@dataclass(frozen=True, slots=True)
class DigitalAlarmReply:
    """A digital alarm block; nominal and mask are signed, 0xffffffff arrives as -1."""

    ID: ClassVar[int] = -14437
    ref_id: Int64
    timestamp: Int64
    cycle: Int64
    nominal: Int32
    mask: Int32
    alarm_enable: Bool
    alarm_status: Bool
    abort: Bool
    abort_inhibit: Bool
    tries_needed: Int32
    tries_now: Int32


@dataclass(frozen=True, slots=True)
class BasicStatusReply:
    """The attributes of a STATUS property; the device lacks those that are absent."""

    ID: ClassVar[int] = -3335
    ref_id: Int64
    timestamp: Int64
    cycle: Int64
    on: Bool | None = None
    ready: Bool | None = None
    remote: Bool | None = None
    positive: Bool | None = None
    ramp: Bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TimedScalarArrayReply(ByContent):
    """Points in time, `micros` int64[n] in microseconds since 1970 UTC; an empty one ends logger data (8.4)."""

    ID: ClassVar[int] = 31282
    ref_id: Int64
    timestamp: Int64
    cycle: Int64
    status: Int16
    data: Doubles
    micros: Micros


@dataclass(frozen=True, slots=True)
class ApplySettingsReply:
    """What became of each setting; match by reference, not by position."""

    ID: ClassVar[int] = 17344
    status: SettingStatuses


@dataclass(frozen=True, slots=True)
class AuthenticateReply:
    """The name of the service and the next token; no token when the context is complete (section 11)."""

    ID: ClassVar[int] = 7286
    service_name: String | None = None
    token: Binary | None = None


Reply = (
    ServiceDiscoveryReply
    | OpenListReply
    | AddToListReply
    | RemoveFromListReply
    | StartListReply
    | ListStatusReply
    | StatusReply
    | DeviceInfoReply
    | ScalarReply
    | ScalarArrayReply
    | RawReply
    | TextReply
    | TextArrayReply
    | AnalogAlarmReply
    | DigitalAlarmReply
    | BasicStatusReply
    | TimedScalarArrayReply
    | ApplySettingsReply
    | AuthenticateReply
)
