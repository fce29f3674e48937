"""OnDemand: devices that no configuration names, made when a client creates a channel, ended when unused.

A search makes nothing: it is answered from what the device database has said, which is asked in batches, and clients
search again. What is made for one name is a plan of one device with a table, a store and a queue of its own.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from devices.feeds import Feeds
from devices.read_now import ReadNow
from gateway.core.ports import Clock
from gateway.plan.family import find
from gateway.plan.known_names import AWAY, KnownNames
from gateway.plan.model import DevicePlan, Plan
from gateway.plan.on_demand import Wanted, allowed, plan_of, plausible, wanted
from iocs.channel import Channel
from iocs.channels import fits, origin
from iocs.filters import parse_filters
from iocs.group import DeviceGroup
from iocs.guard import Guard
from iocs.pv_name import readings
from iocs.row_channel import RowChannel
from iocs.served import Served
from iocs.world import Counts, Source, World

log = logging.getLogger("acgate.ondemand")
PACE = 0.2  # s between two questions to the device database
SWEEP = 1.0  # s between two looks for what nobody uses


class Circuits(Protocol):
    """Who has which channels."""

    def in_use(self) -> Iterable[Served]:
        """The channels of all clients."""
        ...


class Planned(Protocol):
    """The devices that have entries of their own."""

    def devices(self) -> Mapping[str, DevicePlan]:
        """By name."""
        ...

    def planned(self, name: str) -> bool:
        """Whether the name is a PV of one, or of the gateway itself."""
        ...

    def find_planned(self, name: str) -> tuple[Served, bool] | None:
        """The channel of such a name."""
        ...


class OnDemand:
    """Names that are served without an entry. Lives on the loop; `run` asks, and ends what is unused."""

    def __init__(
        self, source: Source, planned: Planned, feeds: Feeds, guard: Guard, reads: ReadNow, clock: Clock
    ) -> None:
        self._source, self._planned, self._feeds, self._guard, self._clock = source, planned, feeds, guard, clock
        self._reads = reads
        self._configured: dict[str, str]  # the name of each device's PV, by the device
        self.configure()
        self._names = KnownNames()
        self._worlds: dict[str, World] = {}
        self._asked = asyncio.Event()
        self._ended = Counts()  # of the worlds that are no more
        self.rate = 0.0  # readings per second, over the last second
        self.asking = False  # whether a question waits for its answer
        self.lookups = 0  # questions to the device database, since the start

    def configure(self) -> None:
        """Look anew at which devices have entries of their own."""
        self._configured = {}
        for name, device in self._planned.devices().items():
            self._configured.setdefault(device.info.device, name)

    @property
    def worlds(self) -> int:
        """Devices and requests that live now."""
        return len(self._worlds)

    @property
    def unknown(self) -> int:
        """Answers that there is no such device, since the start."""
        return self._names.refused

    @property
    def counts(self) -> Counts:
        """What has come and was lost since the start, of worlds that are no more too."""
        return sum((world.counts for world in self._worlds.values()), self._ended)

    @property
    def silent(self) -> int:
        """Watched requests that are silent for longer than their event allows."""
        return sum(world.feed.silent for world in self._worlds.values())

    @property
    def plans(self) -> Iterable[Plan]:
        """What lives now."""
        return [world.ioc.plan for world in self._worlds.values()]

    @property
    def made(self) -> Iterable[Channel]:
        """The channels that somebody has asked for."""
        return [channel for world in self._worlds.values() for channel in world.channels.made]

    def known(self, name: str) -> bool:
        """Whether the name is served now; makes nothing, and sees to it that the database is asked."""
        return any(self._is_served(wish, rest) for wish, rest in self._meant(name))

    def find(self, name: str) -> tuple[Served, bool] | None:
        """The channel of a name; its device begins to be acquired when it is the first."""
        for wish, rest in self._meant(name):
            if (alias := self._alias(wish, rest)) is not None:
                if self._planned.planned(alias):
                    return self._planned.find_planned(alias)
            elif (world := self._world(wish, rest)) is not None:
                return world.channels.find(wish.key + wish.suffix + rest)
        return None

    def settling(self, name: str) -> "asyncio.Future[None] | None":
        """What a channel's creation waits for: a client that reads at once is to have the first reading."""
        for wish, rest in self._meant(name):
            if self._alias(wish, rest) is None and (world := self._world(wish, rest)) is not None:
                return world.settling
        return None

    async def run(self, circuits: Circuits) -> None:
        """Ask and sweep until cancelled."""
        async with asyncio.TaskGroup() as work:
            work.create_task(self._ask())
            work.create_task(self._sweep(circuits))

    def _meant(self, name: str) -> Iterator[tuple[Wanted, str]]:
        """What a name can mean and policy allows, and what of it follows the PV: field and filters."""
        if not plausible(name):
            return
        for asked in readings(name):
            wish = wanted(asked.pv)
            if wish is not None and allowed(wish.request.device, self._source.section):
                yield wish, name[len(asked.pv) :]

    def _alias(self, wish: Wanted, rest: str) -> str | None:
        """The same of a configured device, whose entry says which PVs it has; None where there is none."""
        name = None if wish.own else self._configured.get(wish.request.device)
        return None if name is None else name + wish.suffix + rest

    def _is_served(self, wish: Wanted, rest: str) -> bool:
        if (alias := self._alias(wish, rest)) is not None:
            return self._planned.planned(alias)
        if (world := self._worlds.get(wish.key)) is not None:
            return world.channels.planned(wish.key + wish.suffix + rest)
        return self._plan(wish, rest) is not None

    def _plan(self, wish: Wanted, rest: str) -> Plan | None:
        """The plan of what would be made; None where it is unknown so far, has no such PV, or is too much."""
        info = self._names.info(wish.request.device, self._clock.monotonic())
        if info is None:
            if self._names.waiting:
                self._asked.set()
            return None
        if len(self._worlds) >= self._source.section.most:
            return None
        plan = plan_of(wish, self._source.config, self._source.section, info)
        if plan is None:
            return None
        inner = readings(wish.key + wish.suffix + rest)
        return plan if any(fits(asked, find(plan, asked.pv), self._filters) for asked in inner) else None

    def _filters(self, text: str) -> object:
        return parse_filters(text, self._clock.now_ns, lambda _: None) if text else None

    def _world(self, wish: Wanted, rest: str) -> World | None:
        """The world of a name, made when this is the first; None where it has no such PV."""
        world = self._worlds.get(wish.key)
        if world is None:
            plan = self._plan(wish, rest)
            if plan is None:
                return None
            world = self._worlds[wish.key] = World(plan, self._source, self._guard, self._reads, self._clock)
            self._feeds.add(world.feed)
            log.info("%s is served on demand", wish.key)
        return world if world.channels.planned(wish.key + wish.suffix + rest) else None

    async def _ask(self) -> None:
        """Ask the device database what waits: one question at a time, and not one upon the other."""
        while True:
            await self._asked.wait()
            devices = self._names.take(self._source.at_once)
            if not self._names.waiting:
                self._asked.clear()
            if not devices:
                continue
            self.lookups += 1
            self.asking = True
            answer = AWAY
            try:
                answer = await asyncio.to_thread(self._source.describe, devices)
            except Exception:  # the names are asked for again; what is served goes on
                log.exception("the device database could not be asked for %d names", len(devices))
            self._names.learn(devices, answer, self._clock.monotonic())
            self.asking = False
            await asyncio.sleep(PACE)

    async def _sweep(self, circuits: Circuits) -> None:
        while True:
            before, since = self.counts.updates, self._clock.monotonic()
            await asyncio.sleep(SWEEP)
            self.rate = (self.counts.updates - before) / max(self._clock.monotonic() - since, SWEEP)
            if self._worlds:
                self.end_unused(circuits.in_use())

    def end_unused(self, channels: Iterable[Served]) -> None:
        """End what none of these channels has belonged to for the time that it may linger."""
        used = {id(origin(one).group.ioc) for one in channels if not isinstance(one, RowChannel) and _of_device(one)}
        now, linger = self._clock.monotonic(), max(self._source.section.linger, SWEEP)
        for key, world in list(self._worlds.items()):
            if id(world.ioc) in used:
                world.unused_since = now
            elif now - world.unused_since > linger:
                del self._worlds[key]
                self._feeds.remove(world.feed)
                self._ended += world.counts
                world.end()
                log.info("%s is not used any more and ends", key)


def _of_device(channel: Served) -> bool:
    return isinstance(origin(channel).group, DeviceGroup)
