"""OnDemand: devices that no configuration names, made when a client creates a channel, ended when unused.

A search makes nothing: it is answered from what the device database has said, which is asked in batches, and clients
search again. What is made for one name is a plan of one device with a table, a store and a queue of its own.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from devices.device import Device
from devices.feed import Feed
from devices.feeds import Feeds
from devices.queues import PendingSetting, PushQueue
from devices.read_now import ReadNow
from devices.table import DeviceTable
from gateway.config.config import Config, OnDemandConfig
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest
from gateway.core.errors import Refused
from gateway.core.ports import Backend, Clock
from gateway.plan.family import find
from gateway.plan.known_names import KnownNames
from gateway.plan.model import DevicePlan, Plan
from gateway.plan.on_demand import Wanted, allowed, plan_of, plausible, wanted
from iocs.channel import Channel
from iocs.channels import Channels, fits, origin
from iocs.filters import parse_filters
from iocs.group import DeviceGroup, Ioc
from iocs.guard import Guard
from iocs.publisher import Publisher
from iocs.pv_name import readings
from iocs.row_channel import RowChannel
from iocs.served import Served
from iocs.store import Store

log = logging.getLogger("acgate.ondemand")
PACE = 0.2  # s between two questions to the device database
SETTLE = 0.5  # s that the first channel waits for the first reading
SWEEP = 1.0  # s between two looks for what nobody uses
PUSH_ROWS = 10_000  # readings of one device that may wait for the loop before they are conflated


class Circuits(Protocol):
    """Who has which channels."""

    def in_use(self) -> Iterable[Served]:
        """The channels of all clients."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Where descriptions and readings come from."""

    config: Config
    section: OnDemandConfig
    reader: Callable[[], Backend]  # the backend of one device
    describe: Callable[[list[str]], Mapping[str, DeviceInfo] | None]  # blocking; None: nobody could be asked
    at_once: int  # names in one question
    serving: Callable[[Backend, DataRequest], str]  # the name of the backend that serves a request now


class World:
    """One device or request with everything it needs; lives on the loop, read from by the feeds' worker."""

    def __init__(self, plan: Plan, source: Source, guard: Guard, reads: ReadNow, clock: Clock) -> None:
        loop, backend = asyncio.get_running_loop(), source.reader()

        def wake() -> None:
            loop.call_soon_threadsafe(self._drain)

        def serving(device: DevicePlan) -> str:
            return source.serving(backend, plan.watches[device.rows()[0]].request)

        self.table = DeviceTable(plan.watches, plan.buffer, clock)
        store = Store(len(plan.watches))
        self._push = PushQueue(PUSH_ROWS, wake)
        self._publisher = Publisher(self._push, store)
        devices = {name: Device(device, self.table) for name, device in plan.devices.items()}
        self.feed = Feed(backend, self.table, range(len(plan.watches)), [self._push], clock)
        self.ioc = Ioc(
            plan, self.table, store, clock, guard, devices, self._publisher.drain, self._push.dropped_of, _read_only,
            lambda _: None, serving, partial(reads.ask, self.feed), fast=False,
        )  # fmt: skip
        self.channels = Channels(self.ioc)
        self.unused_since = clock.monotonic()
        self._settled: asyncio.Future[None] | None = loop.create_future()
        self._patience = loop.call_later(SETTLE, self._settle)

    @property
    def settling(self) -> "asyncio.Future[None] | None":
        """Done at the first reading of every row, or when patience is over; None after that."""
        return self._settled

    def _drain(self) -> None:
        self._publisher.drain()
        if self._settled is not None and not self.table.unanswered():
            self._settle()

    def _settle(self) -> None:
        self._patience.cancel()
        if self._settled is not None:
            self._settled.set_result(None)
            self._settled = None

    def end(self) -> None:
        """Take no more readings; whoever waits goes on."""
        self._push.close()
        self._settle()


def _read_only(_: PendingSetting) -> None:
    raise Refused("what is made on demand is read only; give the device an entry of its own")


class OnDemand:
    """Names that are served without an entry. Lives on the loop; `run` asks, and ends what is unused."""

    def __init__(
        self, source: Source, planned: Channels, feeds: Feeds, guard: Guard, reads: ReadNow, clock: Clock
    ) -> None:
        self._source, self._planned, self._feeds, self._guard, self._clock = source, planned, feeds, guard, clock
        self._reads = reads
        self._configured: dict[str, str] = {}  # the name of each device's PV, by the device
        for name, device in planned.ioc.plan.devices.items():
            self._configured.setdefault(device.info.device, name)
        self._names = KnownNames()
        self._worlds: dict[str, World] = {}
        self._asked = asyncio.Event()
        self.lookups = 0  # questions to the device database, since the start

    @property
    def worlds(self) -> int:
        """Devices and requests that live now."""
        return len(self._worlds)

    @property
    def unknown(self) -> int:
        """Answers that there is no such device, since the start."""
        return self._names.refused

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
                    return self._planned.find(alias)
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
            answer: Mapping[str, DeviceInfo] | None = None
            try:
                answer = await asyncio.to_thread(self._source.describe, devices)
            except Exception:  # the names are asked for again; what is served goes on
                log.exception("the device database could not be asked for %d names", len(devices))
            self._names.learn(devices, answer, self._clock.monotonic())
            await asyncio.sleep(PACE)

    async def _sweep(self, circuits: Circuits) -> None:
        while True:
            await asyncio.sleep(SWEEP)
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
                world.end()
                log.info("%s is not used any more and ends", key)


def _of_device(channel: Served) -> bool:
    return isinstance(origin(channel).group, DeviceGroup)
