"""Values of the facility as samples of DMQ, and samples as settings (dmq.md 5.3, 7). Pure."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.device_info import PropertyInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.status import INVLEN, Status
from gateway.core.values import SettingValue, TimedArray, Value
from gateway.wire.dmq import ErrorSample, Sample, SampleKind
from gateway.wire.dmq_states import INVALID_DATA_TYPE
from gateway.wire.dmq_values import Control
from simulator.device_spec import DeviceSpec
from simulator.facility import Facility

_LOOKED_UP = (Property.DESCRIPTION, Property.INDEX, Property.LONG_NAME, Property.ALARM_LIST_NAME)
UNKNOWN_DEVICE = Status(16, -20)  # no database record; the real code is not known (dmq.md 8)
_WIDTHS = (1, 2, 4)  # bytes of raw data that an integer can carry


def error_sample(status: Status, stamp_ns: int, message: str = "") -> ErrorSample:
    """A status in place of a value."""
    return ErrorSample(status.facility, status.number, stamp_ns // 1_000_000, message=message or None)


def refusal_sample(
    facility: Facility, request: DataRequest, status: Status, stamp_ns: int, unknown: Status
) -> ErrorSample:
    """Why an entry has no value; a look-up that failed is 0/0 with its reason (5.3)."""
    if facility.spec(request.device) is not None:
        return error_sample(status, stamp_ns)
    if request.property in _LOOKED_UP:
        return error_sample(Status(0, 0), stamp_ns, f"Device not found: {request.device}")
    return error_sample(unknown, stamp_ns, f"Device not found: {request.device}")


def units_of(request: DataRequest, spec: DeviceSpec | None) -> str | None:
    """The unit that travels with numbers, where there is scaling."""
    if spec is None or spec.scale.none:
        return None
    infos: dict[Property, PropertyInfo | None] = {Property.READING: spec.reading, Property.SETTING: spec.setting}
    info = infos.get(request.property) if request.property else None
    if info is None or info.text or request.field not in ("SCALED", "PRIMARY"):
        return None
    return (spec.scale.primary_units if request.field == "PRIMARY" else info.units) or None


def sample_of(request: DataRequest, value: Value, stamp_ns: int, unit: str | None = None) -> Sample:
    """A value as the sample that carries its kind; of a plot or a logger the values alone."""
    time = stamp_ns // 1_000_000
    if isinstance(value, TimedArray):
        value = value.values
    if isinstance(value, float) and request.property is Property.INDEX:
        return Sample(SampleKind.INTEGER, int(value), time)
    if isinstance(value, float):
        return Sample(SampleKind.DOUBLE, value, time, unit=unit)
    if isinstance(value, np.ndarray):
        return Sample(SampleKind.DOUBLE_ARRAY, value.astype(np.float64), time, unit=unit)
    if isinstance(value, str):
        return Sample(SampleKind.STRING, value, time)
    if isinstance(value, bytes):
        return Sample(SampleKind.BINARY, value, time)
    if isinstance(value, BasicStatus):
        return Sample(SampleKind.BASIC_STATUS, value, time)
    if isinstance(value, AnalogAlarm):
        return Sample(SampleKind.ANALOG_ALARM, value, time)
    if isinstance(value, DigitalAlarm):
        return Sample(SampleKind.DIGITAL_ALARM, value, time)
    return Sample(SampleKind.STRING_ARRAY, value, time)


def apply_sample(facility: Facility, request: DataRequest, sample: Sample, now_ns: int) -> Status:
    """Set what a sample says; an alarm is set field by field. The first status that is not good is the answer."""
    found = facility.check(request)
    if found.failed:
        return found
    wishes = list(_wishes(facility, request, sample))
    if not wishes:
        return INVALID_DATA_TYPE
    for wished, value in wishes:
        status = value if isinstance(value, Status) else facility.write(wished, value, now_ns)
        if not status.good:
            break
    return status


def _wishes(
    facility: Facility, request: DataRequest, sample: Sample
) -> Iterator[tuple[DataRequest, SettingValue | Status]]:
    """The settings of the facility that a sample stands for; none for samples that a setter cannot take (7.3)."""
    value = sample.value
    if isinstance(value, AnalogAlarm | DigitalAlarm):
        yield from _alarm_fields(request, value)
    elif isinstance(value, Control):
        yield request, float(value.value)
    elif isinstance(value, int | float) and request.field == "RAW":
        yield request, _raw(int(value), facility.octets(request))
    elif isinstance(value, int | float):
        yield request, float(value)
    elif isinstance(value, np.ndarray | str):
        yield request, value
    elif isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        yield request, tuple(str(item) for item in value)
    elif isinstance(value, tuple) and all(isinstance(item, int) for item in value):
        yield request, np.array(value, np.float64)


def _alarm_fields(request: DataRequest, alarm: AnalogAlarm | DigitalAlarm) -> Iterator[tuple[DataRequest, float]]:
    """There is no partial alarm on the wire: all five fields that can be set are (7.3)."""
    limits = (
        {"MIN": alarm.minimum, "MAX": alarm.maximum}
        if isinstance(alarm, AnalogAlarm)
        else {"NOM": alarm.nominal, "MASK": alarm.mask}
    )
    fields = {
        **limits,
        "ALARM_ENABLE": alarm.alarm_enable,
        "ABORT_INHIBIT": alarm.abort_inhibit,
        "TRIES_NEEDED": alarm.tries_needed,
    }
    for field, value in fields.items():
        yield replace(request, field=field), float(value)


def _raw(value: int, octets: int) -> bytes | Status:
    """The bytes of a raw integer, in the front end's order (values.md 3.3)."""
    if octets not in _WIDTHS or not -(1 << 8 * octets - 1) <= value < 1 << 8 * octets:
        return INVLEN
    return (value % (1 << 8 * octets)).to_bytes(octets, "little")
