"""The messages of DMQ: bytes <-> message (dmq.md 6). H, D and Q have no body, so they are no messages.

Which table an id belongs to follows from direction and routing key: what a client sets is a reply message.
"""

from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import ClassVar, TypeAlias

import numpy as np

from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.errors import ProtocolError
from gateway.wire import dmq_values, pc
from gateway.wire.dmq_values import KEYS, Control, layout
from gateway.wire.dpm_fields import Int16, Int32, String, Strings
from gateway.wire.dpm_layout import Layout, layout_of
from gateway.wire.dpm_requests import ClearList, ServiceDiscovery
from gateway.wire.pc import Kind, array_of
from gateway.wire.sdd import Vocabulary

__all__ = [
    "AddToList",
    "ClearList",
    "ErrorSample",
    "Init",
    "OpenList",
    "OpenListReply",
    "ProcList",
    "ReadingRequest",
    "RemoveFromList",
    "Reply",
    "Request",
    "Sample",
    "SampleKind",
    "SampleValue",
    "ServiceDiscovery",
    "ServiceDiscoveryReply",
    "SettingRequest",
    "decode_init",
    "decode_reply",
    "decode_request",
    "decode_sample",
    "encode",
]

SampleValue: TypeAlias = (
    bytes | bool | int | float | str | pc.Doubles | Control | BasicStatus | AnalogAlarm | DigitalAlarm
    | tuple[bool, ...] | tuple[int, ...] | tuple[str, ...]
    | tuple[BasicStatus, ...] | tuple[AnalogAlarm, ...] | tuple[DigitalAlarm, ...]
)  # fmt: skip


class SampleKind(Enum):
    """The samples: message id, type of the value, and whether units and a format hint may be told (6.4, 6.5)."""

    BINARY = (-27130, pc.BINARY, False)
    BOOLEAN = (-12404, pc.BOOL, False)
    BOOLEAN_ARRAY = (9042, array_of(pc.BOOL), False)
    SHORT = (29694, pc.INT16, True)
    SHORT_ARRAY = (-13728, array_of(pc.INT16), True)
    INTEGER = (32100, pc.INT32, True)
    INTEGER_ARRAY = (27856, array_of(pc.INT32), True)
    LONG = (13506, pc.INT64, True)
    LONG_ARRAY = (-8876, array_of(pc.INT64), True)
    DOUBLE = (-32303, pc.DOUBLE, True)
    DOUBLE_ARRAY = (16395, pc.DOUBLES, True)
    STRING = (-29238, pc.STRING, False)
    STRING_ARRAY = (-32478, pc.STRINGS, False)
    BASIC_STATUS = (-17277, dmq_values.BASIC_STATUS, False)
    BASIC_STATUS_ARRAY = (13956, array_of(dmq_values.BASIC_STATUS), False)
    ANALOG_ALARM = (9249, dmq_values.ANALOG_ALARM, False)
    ANALOG_ALARM_ARRAY = (6328, array_of(dmq_values.ANALOG_ALARM), False)
    DIGITAL_ALARM = (-13831, dmq_values.DIGITAL_ALARM, False)
    DIGITAL_ALARM_ARRAY = (25840, array_of(dmq_values.DIGITAL_ALARM), False)
    BASIC_CONTROL = (25157, dmq_values.CONTROL, False)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A value: what a server reads, or what a client wants to be set. Times are milliseconds since 1970 UTC (7.1)."""

    kind: SampleKind
    value: SampleValue
    time: int  # 0: unknown
    return_time: int | None = None
    cycle_time: int | None = None  # opaque
    unit: str | None = None
    format_hint: int | None = None
    ref_id: int | None = None

    def __eq__(self, other: object) -> bool:
        """Equal fields; NaN equals nothing."""
        return isinstance(other, Sample) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]  # the value may be an array


@dataclass(frozen=True, slots=True)
class ErrorSample:
    """A status in place of a value; number 0 is success, 72/1 is PENDING (5.2, 8)."""

    facility_code: int
    error_number: int
    time: int  # ms since 1970 UTC
    return_time: int | None = None
    cycle_time: int | None = None
    message: str | None = None
    ref_id: int | None = None


@dataclass(frozen=True, slots=True)
class ReadingRequest:
    """The INIT of a reading job: its DRFs."""

    ID: ClassVar[int] = -22510
    data_request: Strings


@dataclass(frozen=True, slots=True)
class SettingRequest:
    """The INIT of a setting job: its DRFs."""

    ID: ClassVar[int] = 20446
    data_request: Strings


# Load balancing of another service, defined in the same protocol and never used over AMQP (6.5). ServiceDiscovery and
# ClearList are those of DPM, the others have other fields.


@dataclass(frozen=True, slots=True)
class OpenList:
    """Make a list."""

    ID: ClassVar[int] = 2076


@dataclass(frozen=True, slots=True)
class AddToList:
    """Put a request into a list."""

    ID: ClassVar[int] = 97
    list_id: Int32
    ref_id: Int32
    drf_request: String


@dataclass(frozen=True, slots=True)
class RemoveFromList:
    """Take a request out of a list."""

    ID: ClassVar[int] = -3807
    list_id: Int32
    ref_id: Int32


@dataclass(frozen=True, slots=True)
class ProcList:
    """Start a list."""

    ID: ClassVar[int] = 12593
    list_id: Int32


@dataclass(frozen=True, slots=True)
class ServiceDiscoveryReply:
    """I am, and so busy."""

    ID: ClassVar[int] = -12930
    load: Int16


@dataclass(frozen=True, slots=True)
class OpenListReply:
    """The list that was made."""

    ID: ClassVar[int] = 13470
    list_id: Int32


Init: TypeAlias = ReadingRequest | SettingRequest
Request: TypeAlias = Init | ServiceDiscovery | OpenList | AddToList | RemoveFromList | ClearList | ProcList
Reply: TypeAlias = Sample | ErrorSample | ServiceDiscoveryReply | OpenListReply

_TIMES = {"time": pc.INT64, "return_time": pc.INT64, "cycle_time": pc.INT64}
_UNITS = {"unit": pc.STRING, "format_hint": pc.INT16}
_REF = {"ref_id": pc.INT16}
_ERROR_ID = 1791


def _sample_layout(kind: SampleKind) -> Layout[Reply]:
    _, value, numeric = kind.value
    fields: dict[str, Kind] = {"value": value, **_TIMES, **(_UNITS if numeric else {}), **_REF}
    return layout(partial(Sample, kind), kind.name, fields, 2)


_REQUESTS: dict[int, Layout[Request]] = {
    made.ID: layout_of(made, KEYS)
    for made in (
        *(ReadingRequest, SettingRequest, ServiceDiscovery, OpenList),
        *(AddToList, RemoveFromList, ClearList, ProcList),
    )
}
_SAMPLES = {kind: _sample_layout(kind) for kind in SampleKind}
_ERROR: Layout[Reply] = layout(
    ErrorSample,
    "ErrorSample",
    {"facility_code": pc.INT32, "error_number": pc.INT32, **_TIMES, "message": pc.STRING, **_REF},
    3,
)
_REPLIES: dict[int, Layout[Reply]] = {
    **{kind.value[0]: found for kind, found in _SAMPLES.items()},
    _ERROR_ID: _ERROR,
    **{made.ID: layout_of(made, KEYS) for made in (ServiceDiscoveryReply, OpenListReply)},
}
_DMQ = Vocabulary.of(-289864039, _REQUESTS, _REPLIES)


def encode(message: Request | Reply) -> bytes:
    """The body of a message; a ProtocolError when a value has no place in its field."""
    if isinstance(message, Sample):
        return _DMQ.start(message.kind.value[0]) + _SAMPLES[message.kind].pack(message)
    if isinstance(message, ErrorSample):
        return _DMQ.start(_ERROR_ID) + _ERROR.pack(message)
    if isinstance(message, ServiceDiscoveryReply | OpenListReply):
        return _DMQ.start(message.ID) + _REPLIES[message.ID].pack(message)
    return _DMQ.start(message.ID) + _REQUESTS[message.ID].pack(message)


def decode_init(body: bytes) -> Init:
    """The body of an INIT. Raises ProtocolError only."""
    message = decode_request(body)
    if not isinstance(message, ReadingRequest | SettingRequest):
        raise ProtocolError(f"{type(message).__name__} opens no job")
    return message


def decode_sample(body: bytes) -> Sample | ErrorSample:
    """The body of S or R. Raises ProtocolError only."""
    message = decode_reply(body)
    if not isinstance(message, Sample | ErrorSample):
        raise ProtocolError(f"{type(message).__name__} is no sample")
    return message


def decode_request(body: bytes) -> Request:
    """The request in a body; bytes behind it are ignored. Raises ProtocolError only."""
    return _DMQ.decode_request(body)


def decode_reply(body: bytes) -> Reply:
    """The reply in a body; bytes behind it are ignored. Raises ProtocolError only."""
    return _DMQ.decode_reply(body)
