"""DriveLimits: limits of settings that are PVs, here or of other IOCs: asked at each put, and shown as they move."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping

from gateway.app.inputs import Inputs
from gateway.plan.model import DevicePlan
from iocs.channels import Channels

log = logging.getLogger("acgate.limits")
LOOK = 0.1  # s between two looks at PVs of this gateway; other IOCs tell by themselves
REST = 1.0  # s between two looks whether there are any


class DriveLimits:
    """On the loop. `channels` gives those of each plan; who sets `news` has the values looked at at once."""

    def __init__(self, inputs: Inputs, channels: Callable[[], Iterable[Channels]]) -> None:
        self._inputs, self._channels = inputs, channels
        self.news = asyncio.Event()
        self.values: dict[str, float | None] = {}  # at the last look; None of those without a valid one
        self._limited: list[tuple[Channels, Mapping[str, DevicePlan], list[DevicePlan]]] = []
        self._broken: set[str] = set()

    def value_of(self, name: str) -> float | None:
        """The value now; None when it has no valid one, and puts are refused."""
        try:
            value = self._inputs.value_of(name)
        except Exception:  # the gateway goes on, and nobody may set
            if name not in self._broken:
                log.exception("the limit %s cannot be had", name)
            self._broken.add(name)
            return None
        self._broken.discard(name)
        return value

    def shown(self, name: str) -> float | None:
        """The same at the last look: asks nobody, as a PV that is being made must not."""
        return self.values.get(name)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK if self.values else REST):
                    await self.news.wait()
            self.news.clear()

    def look(self) -> None:
        """Bring the values up to date, and have what they limit show them."""
        self._find()
        devices = [device for _, _, limited in self._limited for device in limited]
        names = {name for device in devices for name in device.drive.pvs}
        self._inputs.follow(names)
        now = {name: self.value_of(name) for name in names}
        moved = {name for name in names if name not in self.values or now[name] != self.values[name]}
        self.values = now
        for channels, _, limited in self._limited if moved else ():
            for device in limited:
                if not moved.isdisjoint(device.drive.pvs):
                    channels.limit(device.name)

    def _find(self) -> None:
        """The devices that are limited by PVs; looked for again only where a plan has others."""
        known = {id(channels): (devices, limited) for channels, devices, limited in self._limited}
        self._limited = []
        for channels in self._channels():
            devices = channels.ioc.plan.devices
            before, limited = known.get(id(channels), (None, []))
            if before is not devices:
                limited = [device for device in devices.values() if device.drive.pvs]
            self._limited.append((channels, devices, limited))
