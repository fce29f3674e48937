"""Samples of DMQ -> Values and Readings, and settings -> samples (pure; dmq.md 7)."""

from typing import TypeAlias

import numpy as np

from gateway.backends.dpm_lists import refusal as refused_anyway
from gateway.backends.dpm_readings import WORD, is_word, stamp_of
from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.drf import DataRequest, Property
from gateway.core.errors import ProtocolError
from gateway.core.status import BAD_REQUEST, INVLEN, OK, RETRY, Status
from gateway.core.values import Reading, Setting, SettingValue, Value
from gateway.wire.dmq import ErrorSample, Sample, SampleKind, encode
from gateway.wire.dmq_connection import status_of
from gateway.wire.dmq_envelope import READING_PREFIX, key_of
from gateway.wire.dmq_values import Control

Answered: TypeAlias = Sample | ErrorSample | None  # None: it came, and could not be understood
UNREADABLE = "the answer cannot be understood"
_RAW_WIDTHS = (1, 2, 4)  # bytes of raw data that DMQ can set: they travel as an integer (7.3)


def value_of(request: DataRequest, sample: Sample) -> Value | None:
    """The value in a sample; None for kinds that no reading has (7.2)."""
    value = sample.value
    match value:
        case Control():
            return float(value.value)
        case bool() | int() | float():
            number = float(value)
            return number + WORD if number < 0 and is_word(request) else number
        case str() | bytes() | BasicStatus() | AnalogAlarm() | DigitalAlarm():
            return value
        case np.ndarray():
            return value
    assert isinstance(value, tuple)
    if sample.kind is SampleKind.STRING_ARRAY:
        return tuple(str(item) for item in value)
    if all(isinstance(item, int) for item in value):
        return np.array(value, np.float64)
    return None


def reading_of(request: DataRequest, sample: Answered, now_ns: int) -> Reading:
    """The Reading that an answer makes; a status without time is stamped with ours."""
    if sample is None:
        return Reading(request, None, now_ns, RETRY, UNREADABLE)
    stamp_ns = stamp_of(sample.time)
    if isinstance(sample, ErrorSample):
        return Reading(request, None, stamp_ns or now_ns, status_of(sample), sample.message or "")
    value = value_of(request, sample)
    if value is None:
        return Reading(request, None, stamp_ns, RETRY, f"the server sent a {sample.kind.name}, which no reading has")
    return Reading(request, value, stamp_ns, OK)


def addressed(request: DataRequest) -> str | None:
    """Why a request cannot be asked over DMQ; None when it can."""
    try:
        key_of(READING_PREFIX, request.sent())
    except ProtocolError as error:
        return str(error)
    return None


def refusal(setting: Setting) -> tuple[Status, str] | None:
    """Why a setting is refused before the server is contacted; None when it may be sent."""
    if found := refused_anyway(setting):
        return found
    if reason := addressed(setting.request):
        return BAD_REQUEST, reason
    if isinstance(setting.value, bytes) and len(setting.value) not in _RAW_WIDTHS:
        return INVLEN, f"DMQ sets raw values of 1, 2 or 4 bytes, not {len(setting.value)}; set the scaled value"
    return None


def body_of(setting: Setting, now_ns: int) -> bytes:
    """The body of the S for a setting that was not refused."""
    kind, value = _kind_of(setting.request, setting.value)
    return encode(Sample(kind, value, now_ns // 1_000_000, ref_id=1))


def _kind_of(
    request: DataRequest, value: SettingValue
) -> tuple[SampleKind, bytes | int | float | str | tuple[str, ...] | np.ndarray | Control]:
    match value:
        case bytes():
            return SampleKind.INTEGER, int.from_bytes(value, "little", signed=True)
        case str():
            return SampleKind.STRING, value
        case tuple():
            return SampleKind.STRING_ARRAY, value
        case np.ndarray():
            return SampleKind.DOUBLE_ARRAY, value
    if request.property is Property.CONTROL and request.field != "RAW" and value in list(Control):
        return SampleKind.BASIC_CONTROL, Control(int(value))
    return SampleKind.DOUBLE, float(value)
