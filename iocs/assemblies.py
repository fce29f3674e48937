"""Assemblies: the channels of several plans that are served as one, and the names on demand after them."""

import asyncio
from collections.abc import Iterable, Mapping, Set

from gateway.plan.family import find
from gateway.plan.model import DevicePlan
from iocs.channel import Channel
from iocs.channels import Channels, origin
from iocs.fast.circuit import Circuit
from iocs.fast.withdraw import leaving, withdraw
from iocs.further import Names
from iocs.group import DeviceGroup
from iocs.row_channel import RowChannel
from iocs.served import Served


class Assemblies:
    """What comes after the first plan; that one asks here for names that it has not."""

    def __init__(self, first: Channels) -> None:
        self.first = first
        self.later: list[Channels] = []
        self.on_demand: Names | None = None
        first.further = self

    @property
    def all(self) -> list[Channels]:
        """The channels of each plan."""
        return [self.first, *self.later]

    @property
    def made(self) -> Iterable[Channel]:
        """See Channels."""
        own = [channel for channels in self.later for channel in channels.made]
        return [*own, *(self.on_demand.made if self.on_demand else ())]

    def planned(self, name: str) -> bool:
        """Whether a plan has the name."""
        return any(channels.planned(name) for channels in self.all)

    def known(self, name: str) -> bool:
        """See Channels."""
        if any(channels.planned(name) for channels in self.later):
            return True
        return self.on_demand is not None and self.on_demand.known(name)

    def find(self, name: str) -> tuple[Served, bool] | None:
        """See Channels."""
        for channels in self.later:
            if channels.planned(name):
                return channels.find(name)
        return self.on_demand.find(name) if self.on_demand is not None else None

    def find_planned(self, name: str) -> tuple[Served, bool] | None:
        """The channel of a name that a plan has."""
        return next((channels.find(name) for channels in self.all if channels.planned(name)), None)

    def settling(self, name: str) -> "asyncio.Future[None] | None":
        """See Channels."""
        if self.on_demand is None or self.planned(name):
            return None
        return self.on_demand.settling(name)

    def devices(self) -> Mapping[str, DevicePlan]:
        """The devices of all plans as they are now, by name."""
        return {name: device for channels in self.all for name, device in channels.ioc.plan.devices.items()}

    def unlocked(self, device: str) -> None:
        """See Channels."""
        for channels in self.later:
            channels.unlocked(device)

    def redescribe(self, devices: Mapping[str, DevicePlan]) -> None:
        """Show devices as they are described from now on; those that are gone, or in another plan now, are left out."""
        for channels in self.all:
            plans = channels.ioc.plan.devices
            here = {name: one for name, one in devices.items() if name in plans and plans[name].rows() == one.rows()}
            if here:
                channels.redescribe(here)

    def retire(self, names: Set[str], circuits: Iterable[Circuit]) -> int:
        """Serve these devices no more, and tell the clients that have channels of them; how many clients those are."""
        touched = 0
        for circuit in circuits:
            touched += withdraw(circuit, lambda channel: self._of(channel) in names)
        for channels in self.all:
            channels.retire(names)
        return touched

    def touched(self, names: Set[str], circuits: Iterable[Circuit]) -> int:
        """How many clients have channels of these devices."""
        return sum(bool(leaving(circuit, lambda channel: self._of(channel) in names)) for circuit in circuits)

    def _of(self, channel: Served) -> str | None:
        """The device of a channel; None where it is of no plan."""
        if isinstance(channel, RowChannel):
            specs = (find(channels.ioc.plan, channel.pvname) for channels in self.all)
            return next((spec.device for spec in specs if spec is not None), None)
        group = origin(channel).group
        planned = isinstance(group, DeviceGroup) and any(group.ioc is channels.ioc for channels in self.all)
        return group.device.name if planned else None
