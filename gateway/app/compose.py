"""Config and Plan -> running parts, and their orderly end: the only place that sees all floors."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from devices.feeds import Feeds
from devices.read_now import ReadNow
from gateway.app.assembly import PATIENCE, Assembly
from gateway.app.describe import teach
from gateway.app.drive_limits import DriveLimits
from gateway.app.figures import figures
from gateway.app.inputs import Inputs
from gateway.app.metadata import NEVER, Apply, Metadata, Refresh
from gateway.app.options import Options
from gateway.app.plan_sizes import count_pvs
from gateway.app.reload import Reload
from gateway.app.rules import AccessWatch
from gateway.core.ports import Backend, Clock
from gateway.plan.diff import Changes
from gateway.plan.model import DevicePlan, Plan
from iocs.assemblies import Assemblies
from iocs.diagnostics import GatewayGroup
from iocs.environment import CaSettings
from iocs.fast.server import CaServer
from iocs.forecast import ForecastGroup
from iocs.freeze import FreezeGroup
from iocs.group_put import GroupPut, member_of
from iocs.guard import Guard
from iocs.lease import LeaseGroup
from iocs.links import Links
from iocs.on_demand import OnDemand
from iocs.serve import serve
from iocs.world import Counts, Source

log = logging.getLogger("acgate")
SETTLE_TIME = 5.0  # s to wait for a first answer of every device before we say ready


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
        self.backends, self.clock, self.settings = dict(backends), clock, settings
        self.options = options or Options()
        self.metadata, self._refresh = metadata, refresh
        self._refreshing: Refresh | None = None
        self.server: CaServer | None = None
        self.guard = guard
        self._names, self._feeds, self._reads = names, Feeds(clock), ReadNow(clock)
        self.first = self._assembly(plan, self.backends, self.options)
        self.assemblies = [self.first]
        self.channels = Assemblies(self.first.channels)
        self.on_demand: OnDemand | None = None
        self.access: AccessWatch | None = None
        self.links = Links(self.options.client, self._news)
        self._limiting = Links(self.options.client, self._look_at_limits)
        self.limits = DriveLimits(Inputs(self.first.channels, self._limiting), lambda: self.channels.all)
        guard.limit_of, guard.limit_shown = self.limits.value_of, self.limits.shown
        self.reloading: Reload | None = None
        self.past = Counts()  # of assemblies that are no more
        self.born = clock.monotonic()
        self._figures: set[str] = set()
        self._ending: list[Assembly] = []  # that serve nobody any more
        self._unwanted: list[Backend] = []  # that others have taken the names of

    def assembly(self, plan: Plan, backends: Mapping[str, Backend]) -> Assembly:
        """One more assembly, not started."""
        return self._assembly(plan, backends, self.options)

    def _assembly(self, plan: Plan, backends: Mapping[str, Backend], options: Options) -> Assembly:
        described = self.metadata.age_of if self.metadata is not None else lambda _: NEVER
        return Assembly(plan, backends, self.clock, self.guard, options, self._reads, described)

    async def run(self, stop: asyncio.Event, ready: Callable[[Ready], None]) -> None:
        """Serve until `stop` is set; raises PortTaken where the port is in use. All is closed when it returns."""
        first = self.first
        first.begin(asyncio.get_running_loop())
        prefix, freezer = f"{first.plan.gateway}:", first.freezer
        self._show_figures()
        first.channels.add(LeaseGroup(prefix, self.guard, self.clock))
        freezes = FreezeGroup(prefix, freezer, self.guard, self.clock)
        freezer.changed = first.brought(freezes.changed)
        first.channels.add(freezes)
        for group in first.plan.groups:
            members = partial(member_of, self.channels)
            first.channels.add(GroupPut(group, members, self.guard, self.clock, first.plan.writes))
        if self.reloading is not None:
            first.channels.add(ForecastGroup(prefix, self.reloading.foresee, self.guard, self.clock, self.settings))
        if self._names is not None:
            self.channels.on_demand = self.on_demand = OnDemand(
                self._names, self.channels, self._feeds, self.guard, self._reads, self.clock
            )
        if self.options.access_path is not None:
            inputs = Inputs(first.channels, self.links)
            self.access = AccessWatch(
                self.guard.rules, self.options.access_path, inputs.value_of, self._reassess, inputs.follow
            )
        if self._refresh is not None:
            self._refreshing = self._refresh(self._redescribed)
        try:
            begin = partial(self._begin, ready)
            await serve(first.channels, first.store, self, self.settings, begin, stop, self._refuse)
        finally:
            await asyncio.to_thread(self._close)

    def _redescribed(self, devices: Mapping[str, DevicePlan], generation: int) -> None:
        teach(self.backends, {plan.info.device: plan.info for plan in devices.values()})
        self.first.brought(self._show_described)(devices, generation)

    def _show_described(self, devices: Mapping[str, DevicePlan], generation: int) -> None:
        """Show news of the device database, unless a reload came between: devices of that name may be others now."""
        if self.reloading is None or self.reloading.generation == generation:
            self.channels.redescribe(devices)

    async def _begin(self, ready: Callable[[Ready], None], server: CaServer) -> None:
        """Start the workers once everything listens; ready when every row has an answer, or time is over."""
        self.server = server
        self.first.start()
        self._reads.start()
        if self.on_demand is not None:
            self._feeds.start()
        if self._refreshing is not None:
            self._refreshing.start()
        deadline = self.clock.monotonic() + SETTLE_TIME
        while (waiting := self.first.unanswered()) and self.clock.monotonic() < deadline:
            await asyncio.sleep(0.05)
        if waiting:
            log.warning("%d of %d requests have not been answered yet", waiting, len(self.first.table))
        ready(Ready(self.settings.port, count_pvs(self.first.plan)))
        async with asyncio.TaskGroup() as work:
            if self.access is not None:
                work.create_task(self.access.run())
                work.create_task(self.links.run())
            work.create_task(self.limits.run())
            work.create_task(self._limiting.run())
            if self.on_demand is not None:
                work.create_task(self.on_demand.run(server))
            if self.reloading is not None:
                work.create_task(self.reloading.run())

    def drain(self) -> None:
        """Publish all that waits."""
        self.first.publisher.drain()

    def count(self, now: float) -> None:
        """Bring the rates of all assemblies up to date."""
        for assembly in self.assemblies:
            assembly.publisher.count(now)

    def reload(self) -> None:
        """Read the access file and the configuration again, on the loop."""
        if self.access is not None:
            self.access.ask()
        if self.reloading is not None:
            self.reloading.ask()

    def plans(self) -> list[Plan]:
        """See Running."""
        return [assembly.ioc.plan for assembly in self.assemblies]

    def hold(self, devices: frozenset[str]) -> None:
        """See Running."""
        for assembly in self.assemblies:
            assembly.leaving = devices

    def busy(self) -> bool:
        """See Running."""
        return any(assembly.busy() for assembly in self.assemblies)

    def exchange(self, changes: Changes, fresh: Assembly | None, opened: Mapping[str, Backend]) -> int:
        """See Running."""
        assert self.server is not None, "there is no reload before it serves"
        touched = self.channels.retire(changes.gone, self.server.circuits)
        self.channels.redescribe(changes.described)
        self._unwanted += [self.backends[name] for name in opened if name in self.backends]
        self.backends |= opened
        if fresh is not None:
            self.assemblies.append(fresh)
        unused = [one for one in self.assemblies[1:] if one.unused()]
        self.assemblies = [one for one in self.assemblies if one not in unused]
        self.channels.later = [one.channels for one in self.assemblies[1:]]
        self._ending += unused
        self.past = sum((one.counts for one in unused), self.past)
        self._show_figures()
        if self.on_demand is not None:
            self.on_demand.configure()
        self.hold(frozenset())
        self._look_at_limits()
        return touched

    def touched(self, devices: frozenset[str]) -> int:
        """See Running."""
        return self.channels.touched(devices, self.server.circuits) if self.server is not None else 0

    def tidy(self) -> None:
        """See Running."""
        for assembly in [*self.assemblies, *self._ending]:
            assembly.thin()
        self._ending.clear()
        kept = self._names.section.route.names if self._names is not None else ()
        over = [backend for backend in self._unwanted if backend.name not in kept]  # what lives on demand goes on
        self._unwanted = [backend for backend in self._unwanted if backend.name in kept]
        for backend in over:
            backend.close()

    def _show_figures(self) -> None:
        """Serve the gateway's own PVs, of which there are more when there are more backends."""
        news = {name: figure for name, figure in figures(self).items() if name not in self._figures}
        self._figures |= news.keys()
        self.first.channels.add(GatewayGroup(f"{self.first.plan.gateway}:", news, self.clock.now_ns))

    def follow(self, renew: Callable[[Refresh], None]) -> None:
        """See Running."""
        if self._refreshing is not None:
            renew(self._refreshing)

    def _news(self) -> None:
        if self.access is not None:
            self.access.news.set()

    def _look_at_limits(self) -> None:
        self.limits.news.set()

    def _reassess(self) -> None:
        if self.server is not None:
            self.server.reassess()

    async def _refuse(self) -> None:
        """End the writers before the clients' circuits: whoever waits for a put gets an answer."""
        await asyncio.gather(*(asyncio.to_thread(one.stop_writers) for one in self.assemblies))

    def _close(self) -> None:
        if self._refreshing is not None and not self._refreshing.stop(PATIENCE):
            log.error("the look at the device database does not end")
        if self.metadata is not None:
            self.metadata.close()
        self._feeds.signal_stop()
        self._reads.signal_stop()
        for assembly in self.assemblies:
            assembly.signal_stop()
        for assembly in self.assemblies:
            assembly.stop()
        if not self._feeds.stop(PATIENCE):
            log.error("the acquisition on demand does not end")
        for backend in [*self.backends.values(), *self._unwanted]:
            backend.close()
        if not self._reads.stop(PATIENCE):
            log.error("the workers that read when asked to do not end")
        if self.guard.journal is not None and not self.guard.journal.stop():
            log.error("the journal of puts does not end")
