"""Config and Plan -> running parts, and their orderly end: the only place that sees all floors."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec

from devices.acquisition import Acquisition
from devices.device import Device
from devices.feed import Feed
from devices.feeds import Feeds
from devices.freezer import Freezer
from devices.moves import Moves
from devices.queues import PendingSetting, PullQueue, PushQueue
from devices.read_now import ReadNow, Wish
from devices.settings import SettingsWorkers
from devices.table import DeviceTable
from gateway.app.describe import teach
from gateway.app.figures import figures
from gateway.app.inputs import Inputs
from gateway.app.metadata import NEVER, Apply, Metadata, Refresh
from gateway.app.options import Options
from gateway.app.plan_sizes import count_pvs
from gateway.app.rules import AccessWatch
from gateway.backends.route import RouteBackend
from gateway.core.errors import Refused
from gateway.core.ports import Backend, Clock
from gateway.core.route import Names, Route
from gateway.plan.model import DevicePlan, Plan
from iocs.channels import Channels
from iocs.diagnostics import GatewayGroup
from iocs.environment import CaSettings
from iocs.fast.server import CaServer
from iocs.freeze import FreezeGroup
from iocs.group import Ioc
from iocs.guard import Guard
from iocs.lease import LeaseGroup
from iocs.links import Links
from iocs.on_demand import OnDemand
from iocs.publisher import Publisher
from iocs.serve import serve
from iocs.store import Store
from iocs.world import Source

log = logging.getLogger("acgate")
P = ParamSpec("P")
SETTLE_TIME = 5.0  # s to wait for a first answer of every device before we say ready
PUSH_ROWS = 1_000_000  # readings that may wait for the loop before they are conflated
PATIENCE = 1.5  # s for each kind of worker to end


@dataclass(slots=True)
class Ready:
    """What is told when everything listens."""

    ca_port: int
    pvs: int


class Gateway:
    """One gateway: made of a plan and its backends, run once. Closes the backends at its end."""

    def __init__(
        self,
        plan: Plan,
        backends: Mapping[str, Backend],
        clock: Clock,
        settings: CaSettings,
        guard: Guard,
        options: Options | None = None,
        metadata: Metadata | None = None,
        refresh: Callable[[Apply], Refresh] | None = None,
        names: Source | None = None,
    ) -> None:
        self.plan, self.backends, self.clock, self.settings = plan, dict(backends), clock, settings
        self.options = options or Options()
        self.metadata, self._refresh = metadata, refresh
        self._refreshing: Refresh | None = None
        self.routes: dict[Names, RouteBackend] = {}  # those with a choice, by the backends that they read from
        self.table = DeviceTable(plan.watches, plan.buffer, clock)
        self.devices = {name: Device(device, self.table) for name, device in plan.devices.items()}
        self.moves = Moves(self.devices.values(), plan.watches, clock)
        self.freezer = Freezer(plan, self.table, clock)
        self.store = Store(len(plan.watches))
        self.server: CaServer | None = None
        self.acquisitions: list[Acquisition] = []
        self.writers: list[SettingsWorkers] = []
        self._pull: dict[Route, PullQueue] = {}
        self.guard = guard
        self._names, self._feeds = names, Feeds(clock)
        self._reads, self._feed_of = ReadNow(clock), dict[int, Feed]()
        self.on_demand: OnDemand | None = None
        self.access: AccessWatch | None = None
        self.links = Links(self.options.client, self._news)

    async def run(self, stop: asyncio.Event, ready: Callable[[Ready], None]) -> None:
        """Serve until `stop` is set; raises PortTaken where the port is in use. All is closed when it returns."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(publisher.drain)

        push = PushQueue(PUSH_ROWS, wake)
        publisher = Publisher(push, self.store)
        ioc = Ioc(
            self.plan,
            self.table,
            self.store,
            self.clock,
            self.guard,
            self.devices,
            publisher.drain,
            push.dropped_of,
            self._write,
            _brought(loop, lambda device: ioc.written(device)),
            self._serving,
            self._ask,
            self.options.fast,
            self.freezer.slice_of,
            self.metadata.age_of if self.metadata is not None else lambda _: NEVER,
        )
        self.moves.told = _brought(loop, ioc.moved)
        prefix = f"{self.plan.gateway}:"
        self._assemble(push, _brought(loop, ioc.switched))
        own = GatewayGroup(prefix, figures(self, push, publisher), self.clock.now_ns)
        freezes = FreezeGroup(prefix, self.freezer, self.guard, self.clock)
        self.freezer.changed = _brought(loop, freezes.changed)
        channels = Channels(ioc, own, LeaseGroup(prefix, self.guard, self.clock), freezes)
        if self._names is not None:
            channels.further = self.on_demand = OnDemand(
                self._names, channels, self._feeds, self.guard, self._reads, self.clock
            )
        if self.options.access_path is not None:
            inputs = Inputs(channels, self.links)
            self.access = AccessWatch(
                self.guard.rules, self.options.access_path, inputs.value_of, self._reassess, inputs.follow
            )
        if self._refresh is not None:
            self._refreshing = self._refresh(partial(self._redescribed, loop, channels))
        try:
            begin = partial(self._begin, ready)
            await serve(channels, self.store, publisher, self.settings, begin, stop, self._refuse)
        finally:
            push.close()
            await asyncio.to_thread(self._close)

    def _assemble(self, push: PushQueue, switched: Callable[[], None]) -> None:
        """One acquisition for each choice of backends to read from, one set of writers for each route."""
        rows: dict[Names, list[int]] = {}
        for row, watch in enumerate(self.plan.watches):
            rows.setdefault(watch.route, []).append(row)
        for names, places in rows.items():
            backend = self.backends[names[0]]
            if len(names) > 1:
                self.routes[names] = RouteBackend(
                    Route(names, ()), self.backends, self.clock, self.options.failover, switched
                )
                backend = self.routes[names]
            sinks = [push, *(sink for sink in (self.moves, self.freezer) if sink.concerns(places))]
            self.acquisitions.append(Acquisition(backend, self.table, places, sinks, self.clock))
            self._feed_of |= dict.fromkeys(places, self.acquisitions[-1].feed)
        for route in dict.fromkeys(d.plan.route for d in self.devices.values() if d.plan.writable and self.plan.writes):
            self._pull[route] = queue = PullQueue(
                self.options.most_waiting, taken=self._taken, client_bound=self.options.most_waiting_of_client
            )
            backend = self.backends[route.names[0]]
            if len(route.names) > 1:
                backend = RouteBackend(route, self.backends, self.clock, self.options.failover)
            self.writers.append(
                SettingsWorkers(backend, queue, self.devices, self.clock, fetch=self._fetch, moves=self.moves)
            )

    def _serving(self, device: DevicePlan) -> str:
        """The backend that serves a device now; that of its reading, where its rows have several."""
        for row in device.rows()[:1]:
            watch = self.plan.watches[row]
            if watch.route in self.routes:
                return self.routes[watch.route].serving(watch.request)
        return device.route.read[0]

    def _redescribed(
        self, loop: asyncio.AbstractEventLoop, channels: Channels, devices: Mapping[str, DevicePlan]
    ) -> None:
        teach(self.backends, {plan.info.device: plan.info for plan in devices.values()})
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is connected any more
            loop.call_soon_threadsafe(channels.redescribe, devices)

    def _fetch(self, row: int, timeout: float) -> None:
        """Read a row now, and show what comes."""
        self._feed_of[row].fetch(row, timeout)

    def _ask(self, row: int, after_ns: int, deadline: float, failed: Callable[[str], None]) -> Wish:
        return self._reads.ask(self._feed_of[row], row, after_ns, deadline, failed)

    def _taken(self, pending: PendingSetting) -> None:
        self.devices[pending.device].queued(pending.who)

    def waiting_settings(self) -> int:
        """Settings that wait for a worker now, on all routes."""
        return sum(queue.waiting for queue in self._pull.values())

    def _write(self, pending: PendingSetting) -> None:
        """Queue a setting at the route of its device."""
        queue = self._pull.get(self.devices[pending.device].plan.route)
        if queue is None:
            raise Refused("writes are off")
        queue.put(pending)

    async def _begin(self, ready: Callable[[Ready], None], server: CaServer) -> None:
        """Start the workers once everything listens; ready when every row has an answer, or time is over."""
        self.server = server
        for acquisition in self.acquisitions:
            acquisition.start()
        for writer in self.writers:
            writer.start()
        self._reads.start()
        self.freezer.start()
        if self.on_demand is not None:
            self._feeds.start()
        if self._refreshing is not None:
            self._refreshing.start()
        deadline = self.clock.monotonic() + SETTLE_TIME
        while (waiting := self.table.unanswered()) and self.clock.monotonic() < deadline:
            await asyncio.sleep(0.05)
        if waiting:
            log.warning("%d of %d requests have not been answered yet", waiting, len(self.table))
        ready(Ready(self.settings.port, count_pvs(self.plan)))
        async with asyncio.TaskGroup() as work:
            if self.access is not None:
                work.create_task(self.access.run())
                work.create_task(self.links.run())
            if self.on_demand is not None:
                work.create_task(self.on_demand.run(server))

    def reload(self) -> None:
        """Read the access file again, on the loop; the configuration is read at a start only, which the log says."""
        if self.access is None:
            log.warning("reload: there is no access file; a change of the configuration needs a restart")
            return
        log.warning("reload: %s is read again; a change of the configuration needs a restart", self.access.path)
        self.access.ask()

    def _news(self) -> None:
        if self.access is not None:
            self.access.news.set()

    def _reassess(self) -> None:
        if self.server is not None:
            self.server.reassess()

    async def _refuse(self) -> None:
        """End the writers before the clients' circuits: whoever waits for a put gets an answer."""
        await asyncio.gather(*(asyncio.to_thread(writer.stop, PATIENCE) for writer in self.writers))

    def _close(self) -> None:
        if self._refreshing is not None and not self._refreshing.stop(PATIENCE):
            log.error("the look at the device database does not end")
        if self.metadata is not None:
            self.metadata.close()
        self._feeds.signal_stop()
        self._reads.signal_stop()
        self.freezer.signal_stop()
        for acquisition in self.acquisitions:
            acquisition.signal_stop()
        for acquisition in self.acquisitions:
            if not acquisition.stop(PATIENCE):
                log.error("the acquisition from %s does not end", acquisition.name)
        if not self._feeds.stop(PATIENCE):
            log.error("the acquisition on demand does not end")
        for backend in self.backends.values():
            backend.close()
        if not self.freezer.stop(PATIENCE):
            log.error("the worker that freezes histories does not end")
        if not self._reads.stop(PATIENCE):
            log.error("the workers that read when asked to do not end")
        if self.guard.journal is not None and not self.guard.journal.stop():
            log.error("the journal of puts does not end")


def _brought(loop: asyncio.AbstractEventLoop, call: Callable[P, object]) -> Callable[P, None]:
    """A call that is carried out on the loop, whatever thread makes it; when the loop has ended nobody misses it."""

    def bring(*args: P.args, **kwargs: P.kwargs) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(partial(call, *args, **kwargs))

    return bring
