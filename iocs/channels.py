"""Channels: every PV by its name. A group is made when a client first asks for a PV of it; a search makes nothing."""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, MutableMapping, Set
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from caproto.server import PVGroup

from gateway.access.judge import Refusal
from gateway.core.severity import Severity
from gateway.plan.family import family, find, scalar_row
from gateway.plan.model import DevicePlan, Plan, PvSpec, PvType, Role
from gateway.plan.record import record_type
from iocs.alarm import AlarmGroup
from iocs.blocks import judged
from iocs.channel import Channel
from iocs.control import ControlGroup
from iocs.diagnostics import DiagnosticsGroup, WriteGroup
from iocs.fast import messages as ca
from iocs.fast.conversions import STRING
from iocs.fast.encode import run_now
from iocs.filtered import FilteredChannel
from iocs.filters import BadFilter, Filter, State, parse_filters
from iocs.freeze import FrozenGroup
from iocs.further import Further
from iocs.group import DeviceGroup, Ioc
from iocs.history import HistoryGroup
from iocs.lock import LockGroup
from iocs.metadata import MetadataGroup
from iocs.put import Put
from iocs.pv_name import Asked, readings
from iocs.read_now import ReadNowGroup
from iocs.reading import ReadingGroup
from iocs.record_fields import BLOCK_FIELDS, LIMITS, FieldChannel, OfBlock, field_of
from iocs.row_channel import RowChannel
from iocs.served import Served
from iocs.setting import SettingGroup
from iocs.status import StatusGroup

GROUPS: tuple[type[DeviceGroup], ...] = (
    ReadingGroup, SettingGroup, StatusGroup, ControlGroup, AlarmGroup, HistoryGroup, FrozenGroup, WriteGroup, LockGroup,
    DiagnosticsGroup, ReadNowGroup, MetadataGroup,
)  # fmt: skip
GROUP_OF = {role: group for group in GROUPS for role in group.roles}
READBACK = f":{Role.READBACK.value}"
TEXTS = (PvType.STRING, PvType.TEXT)  # types that a name with `$` may mean


class Channels:
    """The PVs of one plan, and those of the gateway itself. `own` are groups of the latter."""

    def __init__(self, ioc: Ioc, *own: PVGroup) -> None:
        self.ioc = ioc
        self._whole: dict[str, Channel] = {name: channel for group in own for name, channel in group.pvdb.items()}
        self._rows: dict[str, RowChannel] = {}
        self._fields: WeakValueDictionary[str, FieldChannel] = WeakValueDictionary()
        self.further: Further | None = None  # asked last
        self._parts: WeakValueDictionary[str, Channel] = WeakValueDictionary()  # of histories, while somebody has them

    @property
    def made(self) -> Iterable[Channel]:
        """The channels that somebody has asked for, but for those that are only rows so far."""
        return [*self._whole.values(), *self._parts.values(), *(self.further.made if self.further else ())]

    def known(self, name: str) -> bool:
        """Whether the name is served; makes nothing."""
        return self.planned(name) or (self.further is not None and self.further.known(name))

    def planned(self, name: str) -> bool:
        """Whether the name is one of the plan or of the gateway itself."""
        if name in self._rows or scalar_row(self.ioc.plan, name) is not None:
            return True
        return any(self._fits(asked) for asked in readings(name))

    def find(self, name: str) -> tuple[Served, bool] | None:
        """The channel of a name, and whether a long string is asked for."""
        for asked in readings(name):
            if not any(asked[1:]) and (row := self._row(asked.pv)) is not None:
                return row, False
            if self._fits(asked):
                return self._found(asked)
        return self.further.find(name) if self.further is not None else None

    def settling(self, name: str) -> "asyncio.Future[None] | None":
        """What to wait for before a channel of that name is made; None where it can be made now."""
        if self.further is None or self.planned(name):
            return None
        return self.further.settling(name)

    def _found(self, asked: Asked) -> tuple[Served, bool]:
        channel: Channel | FieldChannel = self.whole(asked.pv)
        if asked.field:
            channel = self._field(self.whole(asked.pv), asked.field)
        filters = self._filters(asked.filters)
        if not filters:
            return channel, asked.long_string
        return FilteredChannel(channel, asked.long_string, filters), False

    def _field(self, channel: Channel, name: str) -> FieldChannel:
        """The field as all its clients share it, for as long as there is one."""
        key = f"{channel.pvname}.{name}"
        found = self._fields.get(key)
        if found is None:
            field = field_of(record_type(channel.spec), name)
            assert field is not None, "only fields that exist are made"
            found = self._fields[key] = FieldChannel(
                channel, name, field, self.ioc.guard, self._of_block(channel.spec, name)
            )
        return found

    def _of_block(self, spec: PvSpec, field: str) -> OfBlock | None:
        """Which PV of the alarm block a field of a reading is (N-08); None where there is none."""
        device = self.ioc.plan.devices.get(spec.device)
        if spec.role is not Role.READING or field not in BLOCK_FIELDS or device is None:
            return None
        if device.analog_row < 0 or not judged(self.ioc.plan, device):
            return None

        def part() -> Channel:
            upper = (field == "HIHI") != self.ioc.store.blocks.limits(spec.row).falling
            return self.whole(f"{device.name}:{Role.ANALOG.value}{'MAX' if upper else 'MIN'}")

        return OfBlock(self.ioc.plan.writes and device.writable and field in LIMITS, part)

    def _fits(self, asked: Asked) -> bool:
        """Whether there is such a PV, with such a field, and the filters are understood; makes nothing."""
        return fits(asked, self._spec(asked.pv), self._filters)

    def _spec(self, name: str) -> PvSpec | None:
        if name in self._whole:
            return self._whole[name].spec
        return find(self.ioc.plan, name)

    def _filters(self, text: str) -> list[Filter]:
        return parse_filters(text, self.ioc.clock.now_ns, self._state_of) if text else []

    def _state_of(self, name: str) -> State | None:
        """How to ask for the state of a binary PV; the PV is made when that is done first."""
        spec = self._spec(name)
        if spec is None or record_type(spec) not in ("bi", "bo"):
            return None

        def state() -> bool:
            channel = self.whole(name)
            channel.refresh()
            return bool(channel.shown(False).values[0])

        return state

    def whole(self, name: str) -> Channel:
        """The whole channel of a PV of the plan; KeyError for any other name."""
        for kept in (self._whole, self._parts):
            if (found := kept.get(name)) is not None:
                return found
        return self._make(self.ioc.plan, name)

    @property
    def restricts(self) -> bool:
        """Whether rights depend on the client, and may change."""
        return self.ioc.guard.restricts

    def rights(self, channel: Served, who: Put) -> int:
        """Access rights of one client: what the PV allows at all, less what access security and networks forbid."""
        rights = channel.rights()
        if self.ioc.guard.restricts:
            read, write = self.ioc.guard.access(channel.asg, channel.level, who.client)
            if isinstance(channel, Channel) and channel.spec.role is Role.READ_NOW:  # a way of reading
                write = read
            rights &= (ca.RIGHT_READ if read else 0) | (ca.RIGHT_WRITE if write else 0)
        return rights

    def value_of(self, name: str) -> float | None:
        """The value of a PV for access security; None when it is not served, not a number or INVALID."""
        found = self.find(name)
        if found is None:
            return None
        channel = origin(found[0])
        channel.refresh()
        value = channel.held
        valid = channel.alarm_now.severity < Severity.INVALID and isinstance(value, int | float)
        return float(value) if valid else None

    def ended(self, circuit: Hashable) -> None:
        """A circuit is gone: its lease and its locks end, and who monitors them is told."""
        for device in self.ioc.guard.ended(circuit):
            self.unlocked(device)

    def unlocked(self, device: str) -> None:
        """The lock of a device, of this plan or another, has ended: tell those who monitor it."""
        if device in self.ioc.devices:
            self.ioc.locked(self.ioc.devices[device])
        if self.further is not None:
            self.further.unlocked(device)

    def denied(self, channel: Served, value: Any, put: Put, refusal: Refusal | None) -> None:
        """A put never came to its device: tell the journal and the outcome PVs. None: for want of rights."""
        whole = origin(channel)
        spec = replace(whole.spec, name=channel.pvname)
        ioc = whole.group.ioc if isinstance(whole.group, DeviceGroup) else self.ioc
        if refusal is None:
            device = ioc.plan.devices.get(spec.device)
            refusal = ioc.guard.why_not(spec, channel.asg, channel.level, put, device.name if device else "")
        ioc.denied(spec, value, put, refusal)

    def add(self, group: PVGroup) -> None:
        """Serve the PVs of one more group of the gateway itself."""
        self._whole.update(group.pvdb)

    def retire(self, devices: Set[str]) -> None:
        """Serve these devices no more. Clients that have channels of them are not told here."""
        plan, ioc = self.ioc.plan, self.ioc
        for kept in (self._rows, self._whole, self._parts):
            for name in list(kept):
                if (spec := find(plan, name)) is not None and spec.device in devices:
                    del kept[name]
        for key, field in list(self._fields.items()):
            if field.base.spec.device in devices:
                del self._fields[key]
        ioc.plan = replace(plan, devices={name: one for name, one in plan.devices.items() if name not in devices})
        ioc.forget(devices)

    def redescribe(self, devices: Mapping[str, DevicePlan]) -> None:
        """Show devices as they are described from now on: PVs that are made, and those that will be."""
        ioc = self.ioc
        ioc.plan = replace(ioc.plan, devices={**ioc.plan.devices, **devices})
        for name, plan in devices.items():
            ioc.devices[name].plan = plan
            for spec in family(ioc.plan, plan):
                self._redescribe(ioc.shown(spec))

    def limit(self, device: str) -> None:
        """The PVs that limit the setting of a device have other values: show that."""
        for name in (device, f"{device}:{Role.SETPOINT.value}"):
            if name in self._whole:
                self._redescribe(self.ioc.shown(self.whole(name).spec))

    def _redescribe(self, spec: PvSpec) -> None:
        channel = self._whole.get(spec.name)
        if channel is not None and channel.spec != spec:
            channel.redescribe(spec)

    def _row(self, name: str) -> RowChannel | None:
        """The row channel of a plain scalar; a few hundred bytes, where a whole channel takes thousands."""
        found = self._rows.get(name)
        if found is None and self.ioc.fast and (place := scalar_row(self.ioc.plan, name)) is not None:
            row, writable = place
            writable = writable and self.ioc.plan.writes
            asg = self.ioc.plan.devices[name.removesuffix(READBACK)].group
            found = self._rows[name] = RowChannel(name, row, writable, self.ioc.store, self.whole, asg)
        return found

    def _make(self, plan: Plan, name: str) -> Channel:
        spec = find(plan, name)
        if spec is None:
            raise KeyError(name)
        group_class = GROUP_OF[spec.role]
        device = self.ioc.devices[spec.device]
        kept: MutableMapping[str, Channel] = self._whole
        specs = [spec]  # a family is only asked for where a group has more than one PV: it takes a third of the time
        if len(group_class.roles) > 1:
            specs = [other for other in family(plan, device.plan) if other.role in group_class.roles]
        if spec not in specs:  # a part of a history, of which there are too many to keep
            specs, kept = [spec], self._parts
        group = group_class(self.ioc, device, map(self.ioc.shown, specs))
        for channel in group.channels():
            kept[channel.pvname] = channel
            channel.refresh()
            startup = getattr(channel, "server_startup", None)
            if startup is not None:
                run_now(startup(None))
        return group.pvdb[name]  # type: ignore[no-any-return]


def fits(asked: Asked, spec: PvSpec | None, filters: Callable[[str], object]) -> bool:
    """Whether a PV has what is asked for; `filters` raises BadFilter for those that are not understood."""
    if spec is None:
        return False
    text = spec.type in TEXTS and (spec.length == 1 or spec.type is PvType.TEXT)
    if asked.field:
        field = field_of(record_type(spec), asked.field)
        if field is None:
            return False
        text = field.type == STRING
    if asked.long_string and not text:
        return False
    try:
        filters(asked.filters)
    except BadFilter:
        return False
    return True


def origin(channel: Served) -> Channel:
    """The whole channel that something is a view of."""
    if isinstance(channel, RowChannel):
        return channel.whole
    return channel if isinstance(channel, Channel) else origin(channel.base)
