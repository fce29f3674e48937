"""Readings and results as lines for people and as JSON for machines."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from gateway.core.batch import ReadingBatch
from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.drf import DataRequest
from gateway.core.status import Status
from gateway.core.values import Reading, SettingResult, TimedArray, Value

_SHOWN = 8  # elements of an array that people see


def readings(batch: ReadingBatch, requests: Sequence[DataRequest]) -> Iterator[Reading]:
    """The readings of a batch in order of arrival; `requests` are those of the subscription."""
    others = list(batch.others)
    for row in range(len(batch.slot) + 1):
        while others and others[0].after <= row:
            yield others.pop(0).reading
        if row < len(batch.slot):
            status = Status(int(batch.facility[row]), int(batch.number[row]))
            yield Reading(requests[int(batch.slot[row])], float(batch.value[row]), int(batch.stamp_ns[row]), status)


def stamp(stamp_ns: int) -> str:
    """Universal time to the millisecond; `-` where the source gave none."""
    if stamp_ns == 0:
        return "-"
    seconds, rest = divmod(stamp_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


def reading_line(text: str, reading: Reading, units: str = "") -> str:
    """One reading for people; `text` is the request as it was asked for."""
    if reading.value is None:
        return "  ".join(part for part in (text, str(reading.status), reading.message) if part)
    remark = "" if reading.status.good else str(reading.status)
    value = " ".join(part for part in (_value_text(reading.value), units) if part)
    return "  ".join(part for part in (text, value, remark, stamp(reading.stamp_ns)) if part)


def reading_json(text: str, reading: Reading, units: str = "") -> dict[str, object]:
    """One reading for machines; numbers that JSON does not have (NaN, infinities) are texts."""
    return {
        "drf": text,
        "request": str(reading.request),
        "value": None if reading.value is None else _value_json(reading.value),
        "units": units or None,
        "stamp_ns": reading.stamp_ns,
        "status": _status_json(reading.status),
        "message": reading.message or None,
    }


def result_line(text: str, result: SettingResult) -> str:
    """The outcome of a setting for people."""
    said = "" if result.status.facility == 0 and result.status.good else str(result.status)
    return "  ".join(part for part in (text, result.outcome.value, said, result.message) if part)


def result_json(text: str, result: SettingResult) -> dict[str, object]:
    """The outcome of a setting for machines."""
    return {
        "drf": text,
        "request": str(result.setting.request),
        "outcome": result.outcome.value,
        "status": _status_json(result.status),
        "message": result.message or None,
    }


def _status_json(status: Status) -> dict[str, object]:
    return {"facility": status.facility, "number": status.number, "name": status.name or None}


def _value_text(value: Value) -> str:
    match value:
        case float():
            return format(value, ".9g")
        case np.ndarray():
            shown = " ".join(format(float(item), ".6g") for item in value[:_SHOWN])
            return f"[{shown}{f' ... {len(value)} values' if len(value) > _SHOWN else ''}]"
        case TimedArray():
            return _value_text(value.values)
        case bytes():
            return value.hex(" ")
        case str():
            return value
        case tuple():
            return " | ".join(value)
        case BasicStatus():
            return " ".join(f"{name}={'yes' if state else 'no'}" for name, state in value.attributes().items())
        case AnalogAlarm() | DigitalAlarm():
            return " ".join(f"{name}={part}" for name, part in _fields(value).items())


def _value_json(value: Value) -> object:
    match value:
        case float():
            return _number(value)
        case np.ndarray():
            return [_number(item) for item in value.tolist()]
        case TimedArray():
            return {"values": _value_json(value.values), "stamps_ns": value.stamps_ns.tolist()}
        case bytes():
            return value.hex()
        case str():
            return value
        case tuple():
            return list(value)
        case BasicStatus():
            return value.attributes()
        case AnalogAlarm() | DigitalAlarm():
            return _fields(value)


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _fields(value: AnalogAlarm | DigitalAlarm) -> dict[str, object]:
    return {name: getattr(value, name) for name in type(value).__slots__}
