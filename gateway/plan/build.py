"""build_plan: what was configured and what is known of the devices -> the Plan."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from gateway.access.step import StepLimit
from gateway.config.config import Config, DeviceConfig
from gateway.config.drive_section import DriveSection
from gateway.config.problems import raise_all
from gateway.core.alarm_block import SIZE
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.drf_events import DrfEvent, parse_event
from gateway.core.errors import BadConfig, BadInput
from gateway.core.route import Names
from gateway.plan.drive import NO_DRIVE, Drive
from gateway.plan.family import family, find, member
from gateway.plan.freezes import freeze_of, notes_of
from gateway.plan.groups import group_of
from gateway.plan.known import known
from gateway.plan.limits import limits
from gateway.plan.model import Confirm, DevicePlan, Kind, Plan, Watch
from gateway.plan.names import name_reason, pv_name, splits


def build_plan(config: Config, infos: Mapping[str, DeviceInfo]) -> tuple[Plan, list[str]]:
    """The plan and its warnings; raises ConfigErrors with every PV that cannot be.

    `infos` are by canonical device name; a device that is not in it gets what is conventional.
    """
    building = _Building(infos, parse_event(config.gateway.alarm_event))
    for device in config.devices:
        building.add(device)
    section = config.gateway
    plan = Plan(section.name, section.writes, section.buffer, tuple(building.watches), building.devices)
    building.check_collisions(plan)
    building.look_elsewhere(plan)
    raise_all(building.problems)
    freezes = []
    for freeze in config.freezes:
        try:
            freezes.append(freeze_of(freeze, plan))
            building.warnings += notes_of(freezes[-1], plan)
        except BadConfig as problem:
            building.problems.append(problem)
    groups = []
    for group in config.groups:
        try:
            groups.append(group_of(group, plan))
        except BadConfig as problem:
            building.problems.append(problem)
    raise_all(building.problems)
    frozen = frozenset(name for freeze in freezes for name in freeze.devices)
    return replace(plan, freezes=tuple(freezes), frozen=frozen, groups=tuple(groups)), building.warnings


_Key: TypeAlias = tuple[Names, str, Kind, int, float | None]  # backends, key of the request, kind, length, stale after


class _Building:
    """A plan that grows device by device."""

    def __init__(self, infos: Mapping[str, DeviceInfo], alarm_event: DrfEvent) -> None:
        self._infos, self._alarm_event = infos, alarm_event
        self._rows: dict[_Key, int] = {}
        self._sources: dict[str, DeviceConfig] = {}  # by PV name
        self.watches: list[Watch] = []
        self.devices: dict[str, DevicePlan] = {}
        self.problems: list[BadInput] = []
        self.warnings: list[str] = []

    def add(self, config: DeviceConfig) -> None:
        """Plan one device, or note why that cannot be."""
        name = pv_name(config.request, config.entry.name)
        if name in self.devices:
            first = self._sources[name].place
            self.problems.append(_wrong(config, f"duplicate PV {name!r}, first in {first}; give one of them a 'name'"))
            return
        if config.entry.name is not None and (reason := name_reason(config.entry.name)):
            self.problems.append(_wrong(config, reason))
            return
        info = known(config, self._infos.get(config.request.device))
        if any(value is not None and value.length == 0 for value in (info.reading, info.setting)):
            reason = f"how long {config.request} is, nobody knows; add 'length', or write both ends of the range"
            self.problems.append(_wrong(config, reason))
            return
        self._sources[name] = config
        self.devices[name] = device = self._device(name, config, info)
        self._warn(config, device)

    def _device(self, name: str, config: DeviceConfig, info: DeviceInfo) -> DevicePlan:
        entry, request, confirm = config.entry, config.request, config.entry.confirm
        word = replace(request, property=Property.STATUS, range=None, field="BIT_VALUE")
        status = replace(word, field=None)
        return DevicePlan(
            name=name,
            info=info,
            route=config.route,
            writable=entry.writable,
            skip_if_equal=entry.skip_if_equal,
            alarms_writable=entry.writable and entry.alarms_writable,
            confirm=Confirm(**confirm.model_dump()) if confirm else None,
            write_timeout=entry.write_timeout,
            group=entry.group,
            step=StepLimit(entry.step or math.inf, entry.slew or math.inf),
            drive=_drive(entry.drive),
            reading_row=self._value_row(config, Property.READING, info.reading),
            setting_row=self._value_row(config, Property.SETTING, info.setting),
            word_row=self._row(config, word, Kind.SCALAR, 1, entry.stale_after) if info.status else -1,
            status_row=self._row(config, status, Kind.STATUS, 1, entry.stale_after) if info.status else -1,
            analog_row=self._block_row(config, Property.ANALOG, Kind.ANALOG) if info.analog else -1,
            digital_row=self._block_row(config, Property.DIGITAL, Kind.DIGITAL) if info.digital else -1,
            analog_raw_row=self._raw_row(config, Property.ANALOG) if info.analog else -1,
            digital_raw_row=self._raw_row(config, Property.DIGITAL) if info.digital else -1,
            place=config.place,
        )

    def _value_row(self, config: DeviceConfig, prop: Property, info: PropertyInfo | None) -> int:
        if info is None:
            return -1
        request = replace(config.request, property=prop)
        if request.field == "RAW":
            kind = Kind.RAW
        elif info.text:
            kind = Kind.TEXT
        else:
            kind = Kind.SCALAR if info.length == 1 else Kind.ARRAY
        return self._row(config, request, kind, info.length, config.entry.stale_after)

    def _block_row(self, config: DeviceConfig, prop: Property, kind: Kind) -> int:
        request = replace(config.request, property=prop, range=None, field="ALL", event=self._alarm_event)
        return self._row(config, request, kind)

    def _raw_row(self, config: DeviceConfig, prop: Property) -> int:
        """What the structure does not tell: event or exception, the side, when it is sampled (values.md 5.6)."""
        request = replace(config.request, property=prop, range=None, field="RAW", event=self._alarm_event)
        return self._row(config, request, Kind.RAW, SIZE)

    def _row(
        self, config: DeviceConfig, request: DataRequest, kind: Kind, length: int = 1, stale: float | None = None
    ) -> int:
        """The row of the watch; requests that mean the same share one."""
        key = (config.route.read, request.key(), kind, length, stale)
        row = self._rows.setdefault(key, len(self.watches))
        if row == len(self.watches):
            self.watches.append(Watch(request, kind, length, config.route.read, stale))
        return row

    def _warn(self, config: DeviceConfig, device: DevicePlan) -> None:
        said = list(limits(device))
        found = self._infos.get(config.request.device)
        whole = found.reading.length if found and found.reading and not found.reading.text else 1
        if whole > 1 and config.request.range is None and device.info.reading is not None:
            name = config.request.device
            said.append(
                f"{name} has {whole} elements and a request without range is the first; write {name}[0:{whole - 1}]"
            )
        if device.writable and device.setting_row < 0 and not device.info.commands:
            said.append("is writable, but has neither SETTING nor CONTROL")
        period_ms, stale_after = config.request.event.period_ms, config.entry.stale_after
        if period_ms is not None and stale_after is not None and stale_after <= period_ms / 1000:
            said.append(f"is stale between any two readings: 'stale_after' {stale_after:g} s is within its period")
        if config.entry.alarms_writable and not device.writable:
            said.append("'alarms_writable' has no effect on a device that is not writable")
        if device.confirm and (device.setting_row < 0 or not device.writable):
            said.append("'confirm' has no effect on a device without a writable SETTING")
        elif device.confirm and device.confirm.by == "reading" and device.info.reading is None:
            said.append("it has no READING that could confirm a setting; leave out 'by: reading'")
        if config.request.field == "RAW" and _is_guessed(config) and device.setting_row >= 0 and device.writable:
            length = self.watches[device.setting_row].length
            name = config.request.device
            said.append(
                f"how many bytes its raw SETTING has, nobody said, so a put takes exactly {length}; write a range of "
                f"bytes, such as {name}{{0:2}}.RAW, or add 'length'"
            )
        if config.entry.drive.model_fields_set and (device.setting_row < 0 or not device.writable):
            said.append("'drive' has no effect on a device without a writable SETTING")
        self.warnings += (f"{config.place}: {config.entry.device}: {sentence}" for sentence in said)

    def look_elsewhere(self, plan: Plan) -> None:
        """Warn of limits that are PVs of other IOCs, or of nobody."""
        for name, device in self.devices.items():
            for pv in device.drive.pvs:
                if not pv.startswith(f"{plan.gateway}:") and find(plan, pv.partition(".")[0]) is None:
                    reason = f"its limit {pv} is no PV of this gateway; it is looked for at other IOCs"
                    self.warnings.append(f"{device.place}: {name}: {reason}")

    def check_collisions(self, plan: Plan) -> None:
        """Note devices of which a PV has the name of one that another device brings along."""
        for name, config in self._sources.items():
            for prefix, suffix in splits(name):
                if suffix and prefix in self.devices and (clash := _clash(plan, prefix, name)):
                    first = self._sources[prefix].place
                    reason = f"duplicate PV {clash!r}, part of {prefix} in {first}; give one of them a 'name'"
                    self.problems.append(_wrong(config, reason))


def _is_guessed(config: DeviceConfig) -> bool:
    """Whether neither a range of bytes nor the entry says how many bytes of raw data there are."""
    span = config.request.range
    return config.entry.length is None and (span is None or not span.byte)


def _drive(section: DriveSection) -> Drive:
    if not section.model_fields_set:
        return NO_DRIVE
    low, high = section.low, section.high
    return Drive(
        low if isinstance(low, float) else None,
        high if isinstance(high, float) else None,
        low if isinstance(low, str) else "",
        high if isinstance(high, str) else "",
        section.outside == "clamp",
    )


def _clash(plan: Plan, outer: str, inner: str) -> str | None:
    """The first PV of the device `inner` that `outer`, whose name is the beginning of its name, has too."""
    names = (spec.name for spec in family(plan, plan.devices[inner]))
    return next((name for name in names if member(plan, plan.devices[outer], name[len(outer) + 1 :])), None)


def _wrong(config: DeviceConfig, reason: str) -> BadConfig:
    return BadConfig(config.file, config.line, "device" if config.entry.name is None else "name", reason)
