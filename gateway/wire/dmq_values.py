"""The keys, structs and the enum of DMQ's messages (dmq.md 6.3 and 6.6)."""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TypeVar

from gateway.core.blocks import ATTRIBUTES, AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.errors import ProtocolError
from gateway.wire import dpm_fields, pc
from gateway.wire.dpm_layout import Field, Layout
from gateway.wire.pc import INTEGER, Kind, pack_number, unpack_number

KEYS = {
    **dpm_fields.KEYS,  # a key is the hash of a name: those that both protocols have are equal
    "data_request": 25212,
    "value": -16032,
    "time": 26955,
    "return_time": 21190,
    "cycle_time": 4487,
    "unit": -16917,
    "facility_code": -22154,
    "error_number": 24367,
}
_ENUM = 0x80
T = TypeVar("T")


class Control(IntEnum):
    """The commands that the enum BasicControl has, by their ordinal in values.md 4.3."""

    RESET = 0
    ON = 1
    OFF = 2
    POSITIVE = 3
    NEGATIVE = 4
    RAMP = 5
    DC = 6


_CONTROL_IDS = {
    Control.RESET: 26767,
    Control.ON: 13987,
    Control.OFF: 1495,
    Control.POSITIVE: 10612,
    Control.NEGATIVE: 13679,
    Control.RAMP: -15441,
    Control.DC: -6841,
}
_CONTROLS = {number: control for control, number in _CONTROL_IDS.items()}


def _pack_control(value: object) -> bytes:
    if not isinstance(value, Control):
        raise ProtocolError(f"{value!r} is no command of BasicControl")
    return pack_number(_ENUM, _CONTROL_IDS[value])


def _unpack_control(data: bytes, at: int) -> tuple[Control, int]:
    number, end = unpack_number(_ENUM, data, at)
    if number not in _CONTROLS:
        raise ProtocolError(f"{number} at byte {at} is no command of BasicControl")
    return _CONTROLS[number], end


def _pack_pattern(value: object) -> bytes:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
        raise ProtocolError(f"{value!r} is no pattern of 32 bits")
    return pc.INT32.pack((value ^ 0x80000000) - 0x80000000)


def _unpack_pattern(data: bytes, at: int) -> tuple[int, int]:
    number, end = pc.INT32.unpack(data, at)
    assert isinstance(number, int)
    return number & 0xFFFFFFFF, end


CONTROL = Kind("BasicControl", _pack_control, _unpack_control)
PATTERN = Kind("pattern", _pack_pattern, _unpack_pattern)  # travels as int32: 0xffffffff is -1

_ALARM = {
    **dict.fromkeys(("alarm_enable", "alarm_status", "abort", "abort_inhibit"), pc.BOOL),
    **dict.fromkeys(("tries_needed", "tries_now"), pc.INT32),
}


def layout(make: Callable[..., T], name: str, kinds: Mapping[str, Kind], required: int) -> Layout[T]:
    """A layout of fields in wire order; those named first, `required` in number or more exactly, must be there."""
    table = tuple(
        Field(field, KEYS[field], pack_number(INTEGER, KEYS[field]), kind, place < required)
        for place, (field, kind) in enumerate(kinds.items())
    )
    return Layout(make, name, table, {field.key: place for place, field in enumerate(table)}, required)


def _struct(made: type[T], kinds: Mapping[str, Kind], required: int) -> Kind:
    fields = layout(made, made.__name__, kinds, required)

    def pack(value: object) -> bytes:
        if not isinstance(value, made):
            raise ProtocolError(f"{value!r} is no {made.__name__}")
        return fields.pack(value)

    return Kind(made.__name__, pack, fields.unpack)


BASIC_STATUS = _struct(BasicStatus, dict.fromkeys(ATTRIBUTES, pc.BOOL), 0)
ANALOG_ALARM = _struct(AnalogAlarm, {"minimum": pc.DOUBLE, "maximum": pc.DOUBLE, **_ALARM}, 8)
DIGITAL_ALARM = _struct(DigitalAlarm, {"nominal": PATTERN, "mask": PATTERN, **_ALARM}, 8)
