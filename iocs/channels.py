"""Channels: every PV by its name. A group is made when a client first asks for a PV of it; a search makes nothing."""

from collections.abc import Iterable

from gateway.plan.family import family, find, scalar_row
from gateway.plan.model import Plan, PvSpec, PvType
from iocs.alarm import AlarmGroup
from iocs.channel import Channel
from iocs.control import ControlGroup
from iocs.diagnostics import DiagnosticsGroup, GatewayGroup, WriteGroup
from iocs.fast.encode import run_now
from iocs.group import DeviceGroup, Ioc
from iocs.history import HistoryGroup
from iocs.reading import ReadingGroup
from iocs.row_channel import RowChannel
from iocs.setting import SettingGroup
from iocs.status import StatusGroup

GROUPS: tuple[type[DeviceGroup], ...] = (
    ReadingGroup, SettingGroup, StatusGroup, ControlGroup, AlarmGroup, HistoryGroup, WriteGroup, DiagnosticsGroup,
)  # fmt: skip
GROUP_OF = {role: group for group in GROUPS for role in group.roles}
LONGEST_NAME = 256
TEXTS = (PvType.STRING, PvType.TEXT)  # types that a name with `$` may mean


class Channels:
    """The PVs of one plan, and those of the gateway itself."""

    def __init__(self, ioc: Ioc, gateway: GatewayGroup) -> None:
        self.ioc = ioc
        self._whole: dict[str, Channel] = dict(gateway.pvdb)
        self._rows: dict[str, RowChannel] = {}

    @property
    def made(self) -> Iterable[Channel]:
        """The channels that somebody has asked for, but for those that are only rows so far."""
        return self._whole.values()

    def known(self, name: str) -> bool:
        """Whether the name is served; makes nothing."""
        if name in self._rows or scalar_row(self.ioc.plan, name) is not None:
            return True
        base, long_string = _base(name)
        if base in self._whole:
            spec: PvSpec | None = self._whole[base].spec
        else:
            spec = find(self.ioc.plan, base) if len(base) <= LONGEST_NAME else None
        return spec is not None and (not long_string or spec.type in TEXTS)

    def find(self, name: str) -> tuple[Channel | RowChannel, bool] | None:
        """The channel of a name, and whether the name ends in `$`: a long string."""
        base, long_string = _base(name)
        if not long_string and (row := self._row(base)) is not None:
            return row, False
        if base not in self._whole and not self._make(self.ioc.plan, base):
            return None
        channel = self._whole[base]
        return None if long_string and channel.spec.type not in TEXTS else (channel, long_string)

    def whole(self, name: str) -> Channel:
        """The whole channel of a PV of the plan; KeyError for any other name."""
        if name not in self._whole:
            self._make(self.ioc.plan, name)
        return self._whole[name]

    def _row(self, name: str) -> RowChannel | None:
        """The row channel of a plain scalar; a few hundred bytes, where a whole channel takes thousands."""
        found = self._rows.get(name)
        if found is None and self.ioc.fast and (place := scalar_row(self.ioc.plan, name)) is not None:
            row, writable = place
            writable = writable and self.ioc.plan.writes
            found = self._rows[name] = RowChannel(name, row, writable, self.ioc.store, self.whole)
        return found

    def _make(self, plan: Plan, name: str) -> bool:
        spec = find(plan, name) if len(name) <= LONGEST_NAME else None
        if spec is None:
            return False
        group_class = GROUP_OF[spec.role]
        device = self.ioc.devices[spec.device]
        specs = [spec]  # a family is only asked for where a group has more than one PV: it takes a third of the time
        if len(group_class.roles) > 1:
            specs = [other for other in family(plan, device.plan) if other.role in group_class.roles]
        group = group_class(self.ioc, device, specs)
        for channel in group.channels():
            self._whole[channel.pvname] = channel
            channel.refresh()
            startup = getattr(channel, "server_startup", None)
            if startup is not None:
                run_now(startup(None))
        return True


def _base(name: str) -> tuple[str, bool]:
    """The PV behind a name with `.VAL` or `$`."""
    long_string = name.endswith("$")
    name = name[:-1] if long_string else name
    return name.removesuffix(".VAL").removesuffix("."), long_string
