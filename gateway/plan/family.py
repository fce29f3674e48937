"""The PVs of one device, made when somebody asks: all of them, or one by its name (contract.md 4)."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from gateway.core.device_info import PropertyInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.drf_events import NEVER
from gateway.core.write_state import WriteState
from gateway.plan.alarm_parts import ANALOG, DIGITAL, AlarmPart
from gateway.plan.model import DevicePlan, Kind, Plan, PvSpec, PvType, Role
from gateway.plan.names import MOST_LABELS, label, splits

_TYPES = {Kind.TEXT: PvType.TEXT, Kind.RAW: PvType.BYTES}  # the others are doubles
_SPAN = re.compile(r"(?P<what>HIST:[VTN]):(?P<number>[1-9][0-9]{0,6})(?P<seconds>S?)", re.ASCII)
_MESSAGE = 256  # characters of a long string, its NUL included
_DESCRIPTION = 8192  # the same, of all that is known of a device
_STANDARD = (
    5  # bits below whose masks nobody knows come from STATUS as the server evaluates it, the others from the word
)
_READBACK = f":{Role.READBACK.value}"
_WRITE_STATES = tuple(state.name for state in WriteState)


def all_pvs(plan: Plan) -> Iterator[PvSpec]:
    """Every PV of every device, in order of the configuration."""
    for device in plan.devices.values():
        yield from family(plan, device)


def family(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    """Every PV of the device, its reading first."""
    for part in _PARTS.values():
        yield from part(plan, device)


def find(plan: Plan, name: str) -> PvSpec | None:
    """The PV of that name, case and all; None when the plan has none. Makes few others on the way."""
    found = (member(plan, plan.devices[prefix], suffix) for prefix, suffix in splits(name) if prefix in plan.devices)
    return next((spec for spec in found if spec is not None), None)


def scalar_row(plan: Plan, name: str) -> tuple[int, bool] | None:
    """The row of a READING or READBACK that is one number, and whether it takes puts; None for every other name.

    Makes no specification: it is asked for each name that a client searches for.
    """
    device = plan.devices.get(name)
    if device is not None:
        row, writable = device.reading_row, device.writable and device.setting_row >= 0
    elif name.endswith(_READBACK) and (device := plan.devices.get(name.removesuffix(_READBACK))) is not None:
        row, writable = device.setting_row, False
    else:
        return None
    return (row, writable) if row >= 0 and plan.watches[row].kind is Kind.SCALAR else None


def member(plan: Plan, device: DevicePlan, suffix: str) -> PvSpec | None:
    """The PV of one device whose name ends in that suffix, which is empty for the reading."""
    part = _PARTS.get(suffix.partition(":")[0])
    if part is None:
        return None
    name = f"{device.name}:{suffix}" if suffix else device.name
    span = _SPAN.fullmatch(suffix)
    if span is not None:
        return _span(plan, device, name, span)
    return next((spec for spec in part(plan, device) if spec.name == name), None)


def _span(plan: Plan, device: DevicePlan, name: str, span: re.Match[str]) -> PvSpec | None:
    """A part of the circular buffer: its newest readings by number, or those of the last seconds."""
    whole = next((spec for spec in _history(plan, device) if spec.name == f"{device.name}:{span['what']}"), None)
    if whole is None:
        return None
    wished = int(span["number"])
    length = whole.length if span["seconds"] else min(whole.length, wished)
    return replace(whole, name=name, part=f"{wished}{span['seconds']}", length=length)


def _value(plan: Plan, device: DevicePlan, role: Role, row: int, info: PropertyInfo, writable: bool) -> PvSpec:
    """A PV that shows READING or SETTING. `writable` is said only where there is a setting."""
    watch = plan.watches[row]
    drive = (device.info.setting if writable else None) or PropertyInfo()
    return PvSpec(
        name=device.name if role is Role.READING else f"{device.name}:{role.value}",
        role=role,
        type=_TYPES.get(watch.kind, PvType.DOUBLE),
        length=watch.length,
        device=device.name,
        row=row,
        writable=writable,
        write=plan.watches[device.setting_row].request.for_writing() if writable else None,
        units=info.units,
        precision=info.precision,
        low=info.low,
        high=info.high,
        drive_low=drive.low if not writable or device.drive.low is None else device.drive.low,
        drive_high=drive.high if not writable or device.drive.high is None else device.drive.high,
        description=device.info.description,
    )


def _reading(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    if device.info.reading is not None:
        writable = device.writable and device.setting_row >= 0  # the implicit conversion
        yield _value(plan, device, Role.READING, device.reading_row, device.info.reading, writable)


def _setpoint(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    if device.info.setting is not None:
        yield _value(plan, device, Role.SETPOINT, device.setting_row, device.info.setting, device.writable)


def _readback(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    if device.info.setting is not None:
        yield _value(plan, device, Role.READBACK, device.setting_row, device.info.setting, False)


def _status(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    del plan
    if not device.info.status:
        return
    yield _plain(device, Role.STATUS_WORD, PvType.LONG, row=device.word_row)
    for bit in device.info.bits:
        yield PvSpec(
            name=f"{device.name}:{Role.STATUS_BIT.value}{bit.name}",
            role=Role.STATUS_BIT,
            type=PvType.ENUM,
            length=1,
            device=device.name,
            row=device.status_row if bit.order < _STANDARD and not bit.mask else device.word_row,
            labels=(label(bit.false_text), label(bit.true_text)),
            bit=bit,
            description=device.info.description,
        )


def _command(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    del plan
    commands = device.info.commands[:MOST_LABELS]
    if commands:
        yield PvSpec(
            name=f"{device.name}:{Role.COMMAND.value}",
            role=Role.COMMAND,
            type=PvType.ENUM,
            length=1,
            device=device.name,
            row=-1,
            writable=device.writable,
            write=DataRequest.parse(device.info.device).for_command() if device.writable else None,
            labels=tuple(label(command.name) for command in commands),
            codes=tuple(command.name if command.code is None else command.code for command in commands),
            description=device.info.description,
        )


def _analog(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    del plan
    if device.info.analog:
        reading = device.info.reading or PropertyInfo()
        yield from _parts(device, Role.ANALOG, Property.ANALOG, ANALOG, reading)


def _digital(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    del plan
    if device.info.digital:
        yield from _parts(device, Role.DIGITAL, Property.DIGITAL, DIGITAL, PropertyInfo())


def _parts(
    device: DevicePlan, role: Role, prop: Property, parts: Iterable[AlarmPart], shown: PropertyInfo
) -> Iterator[PvSpec]:
    """One PV per part of an alarm block; limits are in the units of the reading."""
    block, raw = device.block_rows(prop)
    for part in parts:
        limit = part.type is PvType.DOUBLE
        units, precision = (shown.units, shown.precision) if limit else ("", 0)
        row = raw if part.raw else block
        plain = _plain(device, role, part.type, part.length, row, units, precision, part.labels)
        writable = device.alarms_writable and bool(part.field)
        yield replace(
            plain,
            name=f"{device.name}:{role.value}{part.name}",
            part=part.name,
            writable=writable,
            write=DataRequest(device.info.device, prop, None, part.field, NEVER) if writable else None,
            drive_low=part.low,
            drive_high=part.high,
        )


def _history(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    info, row = device.info.reading, device.reading_row
    if info is None or plan.watches[row].kind is not Kind.SCALAR:
        return
    values = _plain(device, Role.HISTORY_VALUES, PvType.DOUBLE, plan.buffer, row, info.units, info.precision)
    yield values
    yield _plain(device, Role.HISTORY_TIMES, PvType.DOUBLE, plan.buffer, row, "s", 6)
    yield _plain(device, Role.HISTORY_COUNT, PvType.LONG, row=row)
    if device.name in plan.frozen:  # as many again may come after the trigger
        yield replace(values, name=f"{device.name}:{Role.FROZEN_VALUES.value}", role=Role.FROZEN_VALUES,
                      length=2 * plan.buffer)  # fmt: skip
        yield _plain(device, Role.FROZEN_TIMES, PvType.DOUBLE, 2 * plan.buffer, row, "s", 6)
        yield _plain(device, Role.FROZEN_COUNT, PvType.LONG, row=row)
        yield _plain(device, Role.FROZEN_AT, PvType.DOUBLE, row=row, units="s", precision=6)
        yield _plain(device, Role.FROZEN_BY, PvType.STRING, row=row)


def _write(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    if device.writable:
        yield _plain(device, Role.WRITE_STATE, PvType.ENUM, labels=_WRITE_STATES)
        for role in (Role.WRITE_MESSAGE, Role.WRITE_WHO, Role.WRITE_TIME):
            yield _plain(device, role, PvType.TEXT, _MESSAGE)
        yield _plain(device, Role.WRITE_LATENCY, PvType.DOUBLE, units="s", precision=3)
        yield _plain(device, Role.WRITE_ATTEMPTS, PvType.LONG)
    if device.writable and (info := device.info.setting) is not None:
        row = device.setting_row
        if plan.watches[row].kind is Kind.SCALAR:
            yield _plain(device, Role.WRITE_READBACK, PvType.DOUBLE, units=info.units, precision=info.precision)
        yield _plain(device, Role.FOREIGN, PvType.LONG)
        yield replace(_value(plan, device, Role.OWN, row, info, writable=False), row=-1)


def _lock(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    del plan
    if device.writable:
        purpose, breaking = (
            _plain(device, Role.LOCK, PvType.TEXT, _MESSAGE),
            _plain(device, Role.LOCK_BREAK, PvType.LONG),
        )
        yield replace(purpose, writable=True)
        yield _plain(device, Role.LOCK_HOLDER, PvType.TEXT, _MESSAGE)
        yield _plain(device, Role.LOCK_LEFT, PvType.DOUBLE, units="s")
        yield replace(breaking, writable=True)


def _gateway(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    del plan
    yield _plain(device, Role.BACKEND, PvType.STRING)
    yield _plain(device, Role.AGE, PvType.DOUBLE, units="s")
    yield _plain(device, Role.ERROR, PvType.STRING)
    yield _plain(device, Role.DROPS, PvType.LONG)
    if device.rows():
        yield _plain(device, Role.STALE, PvType.ENUM, labels=("fresh", "stale"))
        yield replace(_plain(device, Role.READ_NOW, PvType.LONG), writable=True, sets_nothing=True)
        yield _plain(device, Role.READ_NOW_MESSAGE, PvType.TEXT, _MESSAGE)


def _described(plan: Plan, device: DevicePlan) -> Iterator[PvSpec]:
    del plan
    yield _plain(device, Role.DESCRIBED, PvType.TEXT, _DESCRIPTION)
    yield _plain(device, Role.DESCRIBED_AGE, PvType.DOUBLE, units="s")


def _plain(
    device: DevicePlan,
    role: Role,
    kind: PvType,
    length: int = 1,
    row: int = -1,
    units: str = "",
    precision: int = 3,
    labels: tuple[str, ...] = (),
) -> PvSpec:
    """A PV that nobody sets and that has no limits."""
    return PvSpec(
        name=f"{device.name}:{role.value}",
        role=role,
        type=kind,
        length=length,
        device=device.name,
        row=row,
        labels=labels,
        units=units,
        precision=precision,
        description=device.info.description,
    )


_PARTS: dict[str, Callable[[Plan, DevicePlan], Iterator[PvSpec]]] = {  # by the first part of the suffix
    "": _reading,
    "SP": _setpoint,
    "SP_RBV": _readback,
    "STS": _status,
    "CMD": _command,
    "ALM": _analog,
    "DALM": _digital,
    "HIST": _history,
    "WR": _write,
    "LOCK": _lock,
    "GW": _gateway,
    "META": _described,
}
