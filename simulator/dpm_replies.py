"""Values of the facility as replies of DPM (dpm-http.md 8.3). Pure."""

import numpy as np

from gateway.core.blocks import AnalogAlarm, BasicStatus
from gateway.core.device_info import PropertyInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.status import Status
from gateway.core.values import TimedArray, Value
from gateway.wire import dpm
from simulator.device_spec import DeviceSpec

POINTS = 487  # of a logger reply (dpm-http.md 8.4)


def status_reply(ref_id: int, status: Status, now_ns: int) -> dpm.StatusReply:
    """An error in place of data; ref 0 means the list."""
    return dpm.StatusReply(ref_id, now_ns // 1_000_000, 0, status.packed)


def device_info_reply(ref_id: int, request: DataRequest, spec: DeviceSpec) -> dpm.DeviceInfoReply:
    """What precedes the data of a request; units for READING and SETTING only, and where there is scaling."""
    infos: dict[Property, PropertyInfo | None] = {Property.READING: spec.reading, Property.SETTING: spec.setting}
    info = infos.get(request.property) if request.property else None
    units = None
    if info is not None and not info.text and not spec.scale.none:
        units = spec.scale.primary_units if request.field == "PRIMARY" else info.units
    return dpm.DeviceInfoReply(ref_id, spec.index, spec.name, spec.description, units)


def data_reply(ref_id: int, value: Value, stamp_ns: int) -> dpm.Reply:
    """One value as the message that carries its kind."""
    stamp = stamp_ns // 1_000_000
    if isinstance(value, float):
        return dpm.ScalarReply(ref_id, stamp, 0, 0, value)
    if isinstance(value, np.ndarray):
        return dpm.ScalarArrayReply(ref_id, stamp, 0, 0, value)
    if isinstance(value, bytes):
        return dpm.RawReply(ref_id, stamp, 0, 0, value)
    if isinstance(value, str):
        return dpm.TextReply(ref_id, stamp, 0, 0, value)
    if isinstance(value, tuple):
        return dpm.TextArrayReply(ref_id, stamp, 0, 0, value)
    if isinstance(value, TimedArray):
        return dpm.TimedScalarArrayReply(ref_id, stamp, 0, 0, value.values, value.stamps_ns // 1000)
    if isinstance(value, BasicStatus):
        return dpm.BasicStatusReply(
            ref_id, stamp, 0, value.on, value.ready, value.remote, value.positive, value.ramp
        )  # fmt: skip
    rest = (
        value.alarm_enable,
        value.alarm_status,
        value.abort,
        value.abort_inhibit,
        value.tries_needed,
        value.tries_now,
    )
    if isinstance(value, AnalogAlarm):
        return dpm.AnalogAlarmReply(ref_id, stamp, 0, value.minimum, value.maximum, *rest)
    return dpm.DigitalAlarmReply(ref_id, stamp, 0, _signed(value.nominal), _signed(value.mask), *rest)


def _signed(pattern: int) -> int:
    """A pattern of 32 bits as int32: 0xffffffff travels as -1."""
    return (pattern & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
