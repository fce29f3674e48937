"""Assembly: a plan and everything that serves its devices; a gateway has one, and one more for what reloads add."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Set
from functools import partial
from typing import ParamSpec

from devices.acquisition import Acquisition
from devices.device import Device
from devices.feed import Feed
from devices.freezer import Freezer
from devices.moves import Moves
from devices.queues import PendingSetting, PullQueue, PushQueue
from devices.read_now import ReadNow, Wish
from devices.settings import SettingsWorkers
from devices.table import DeviceTable
from gateway.app.options import Options
from gateway.backends.route import RouteBackend
from gateway.core.errors import Refused
from gateway.core.ports import Backend, Clock
from gateway.core.route import Names, Route
from gateway.plan.model import DevicePlan, Plan
from gateway.runtime.loop_calls import LoopCalls
from iocs.channels import Channels
from iocs.group import Ioc
from iocs.guard import Guard
from iocs.publisher import Publisher
from iocs.store import Store
from iocs.world import Counts

log = logging.getLogger("acgate")
P = ParamSpec("P")
PUSH_ROWS = 1_000_000  # readings that may wait for the loop before they are conflated
PATIENCE = 1.5  # s for each kind of worker to end
LEAVING = "the configuration of {} is being loaded anew; try again"


class Assembly:
    """Lives on the loop from `begin` on; `backends` are by name, and belong to whoever opened them."""

    def __init__(
        self,
        plan: Plan,
        backends: Mapping[str, Backend],
        clock: Clock,
        guard: Guard,
        options: Options,
        reads: ReadNow,
        described: Callable[[str], float],
    ) -> None:
        self.plan, self.backends, self._clock, self._options, self._reads = plan, backends, clock, options, reads
        self._calls = LoopCalls()
        self.routes: dict[Names, RouteBackend] = {}  # those with a choice, by the backends that they read from
        self.table = DeviceTable(plan.watches, plan.buffer, clock)
        self.devices = {name: Device(device, self.table) for name, device in plan.devices.items()}
        self.moves = Moves(self.devices.values(), plan.watches, clock)
        self.freezer = Freezer(plan, self.table, clock)
        self.store = Store(len(plan.watches))
        self.push = PushQueue(PUSH_ROWS, self.brought(self._drain))
        self.publisher: Publisher = Publisher(self.push, self.store)
        self.ioc: Ioc = Ioc(
            plan,
            self.table,
            self.store,
            clock,
            guard,
            self.devices,
            self.publisher.drain,
            self.push.dropped_of,
            self._write,
            self._calls.bring,
            self._serving,
            self._ask,
            options.fast,
            self.freezer.slice_of,
            described,
        )
        self.moves.told = self.brought(self.ioc.moved)
        self.channels = Channels(self.ioc)
        self.acquisitions: list[Acquisition] = []
        self._writers: dict[Route, SettingsWorkers] = {}
        self._lost = 0  # readings that acquisitions had lost that are over
        self.leaving: Set[str] = frozenset()  # devices that take no puts any more
        self._pull: dict[Route, PullQueue] = {}
        self._feed_of = dict[int, Feed]()
        self._assemble()

    def _assemble(self) -> None:
        """One acquisition for each choice of backends to read from, one set of writers for each route."""
        rows: dict[Names, list[int]] = {}
        for row, watch in enumerate(self.plan.watches):
            rows.setdefault(watch.route, []).append(row)
        for names, places in rows.items():
            backend = self.backends[names[0]]
            if len(names) > 1:
                self.routes[names] = RouteBackend(
                    Route(names, ()), self.backends, self._clock, self._options.failover,
                    self.brought(self.ioc.switched),
                )  # fmt: skip
                backend = self.routes[names]
            sinks = [self.push, *(sink for sink in (self.moves, self.freezer) if sink.concerns(places))]
            self.acquisitions.append(Acquisition(backend, self.table, places, sinks, self._clock))
            self._feed_of |= dict.fromkeys(places, self.acquisitions[-1].feed)
        for route in dict.fromkeys(d.plan.route for d in self.devices.values() if d.plan.writable and self.plan.writes):
            self._pull[route] = queue = PullQueue(
                self._options.most_waiting, taken=self._taken, client_bound=self._options.most_waiting_of_client
            )
            backend = self.backends[route.names[0]]
            if len(route.names) > 1:
                backend = RouteBackend(route, self.backends, self._clock, self._options.failover)
            self._writers[route] = SettingsWorkers(
                backend, queue, self.devices, self._clock, fetch=self._fetch, moves=self.moves
            )

    @property
    def writers(self) -> list[SettingsWorkers]:
        """The settings workers of all routes."""
        return list(self._writers.values())

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """News come to this loop from now on."""
        self._calls.begin(loop)

    def start(self) -> None:
        """Start the workers."""
        for acquisition in self.acquisitions:
            acquisition.start()
        for writer in self.writers:
            writer.start()
        self.freezer.start()

    def unanswered(self) -> int:
        """Requests whose first reading has not come."""
        return self.table.unanswered()

    def full(self) -> dict[str, str]:
        """The devices of which no further setting would be queued now, and why."""
        found = {name: LEAVING.format(name) for name in self.leaving if name in self.devices}
        for route, queue in self._pull.items():
            if 2 * queue.waiting < self._options.most_waiting:  # of which one device may have half
                continue
            here = (name for name, one in self.devices.items() if one.plan.route == route)
            found |= {name: reason for name in here if (reason := queue.refusal(name))}
        return found

    def waiting_settings(self) -> int:
        """Settings that wait for a worker now, on all routes."""
        return sum(queue.waiting for queue in self._pull.values())

    @property
    def counts(self) -> Counts:
        """What has come so far: readings lost before the table, in the push queue, or at slow clients are drops."""
        early = self._lost + sum(acquisition.dropped for acquisition in self.acquisitions)
        lost = early + self.push.dropped + int(self.store.dropped.sum()) + self.store.dropped_elsewhere
        strange = self.table.strange
        return Counts(self.publisher.published, lost, strange.zero, strange.future, strange.backward)

    def unwanted(self) -> int:
        """Requests that are acquired beside others though their devices are gone."""
        rows = {row for device in self.ioc.plan.devices.values() for row in device.rows()}
        return sum(row not in rows for one in self.acquisitions for row in one.rows)

    def busy(self) -> bool:
        """Whether a put to a device that leaves is under way."""
        return any(self.ioc.under_way[name] for name in self.leaving)

    def unused(self) -> bool:
        """Whether none of its devices is served any more."""
        return not self.ioc.plan.devices

    def stop_writers(self) -> None:
        """End the writers; whoever waits for a put gets an answer. Blocks."""
        for writer in self.writers:
            if not writer.stop(PATIENCE):
                log.error("the workers that carry settings do not end")

    def signal_stop(self) -> None:
        """Tell the acquisitions to end, without waiting."""
        self.push.close()
        self.freezer.signal_stop()
        for acquisition in self.acquisitions:
            acquisition.signal_stop()

    def stop(self) -> None:
        """End the acquisitions. Blocks."""
        self.signal_stop()
        for acquisition in self.acquisitions:
            if not acquisition.stop(PATIENCE):
                log.error("the acquisition from %s does not end", acquisition.name)
        if not self.freezer.stop(PATIENCE):
            log.error("the worker that freezes histories does not end")

    def thin(self) -> None:
        """End the workers that serve none of its devices any more. Blocks; nobody puts to devices that are gone."""
        here = self.ioc.plan.devices.values()
        rows = {row for device in here for row in device.rows()}
        idle = [one for one in self.acquisitions if rows.isdisjoint(one.rows)]
        self.acquisitions = [one for one in self.acquisitions if one not in idle]
        routes = self._writers.keys() - {device.route for device in here if device.writable}
        writers = [self._writers.pop(route) for route in routes]
        for acquisition in idle:
            if not acquisition.stop(PATIENCE):
                log.error("the acquisition from %s does not end", acquisition.name)
            self._lost += acquisition.dropped
        for writer in writers:
            writer.stop(PATIENCE)
        if self.unused():
            self.push.close()

    def brought(self, call: Callable[P, object]) -> Callable[P, None]:
        """A call that is carried out on the loop, whatever thread makes it; when the loop is over nobody misses it."""

        def bring(*args: P.args, **kwargs: P.kwargs) -> None:
            self._calls.bring(partial(call, *args, **kwargs))

        return bring

    def _drain(self) -> None:
        self.publisher.drain()

    def _serving(self, device: DevicePlan) -> str:
        """The backend that serves a device now; that of its reading, where its rows have several."""
        for row in device.rows()[:1]:
            watch = self.plan.watches[row]
            if watch.route in self.routes:
                return self.routes[watch.route].serving(watch.request)
        return device.route.read[0]

    def _fetch(self, row: int, timeout: float) -> None:
        """Read a row now, and show what comes."""
        self._feed_of[row].fetch(row, timeout)

    def _ask(self, row: int, after_ns: int, deadline: float, failed: Callable[[str], None]) -> Wish:
        return self._reads.ask(self._feed_of[row], row, after_ns, deadline, failed)

    def _taken(self, pending: PendingSetting) -> None:
        self.devices[pending.device].queued(pending.who)

    def _write(self, pending: PendingSetting) -> None:
        """Queue a setting at the route of its device."""
        if pending.device in self.leaving:
            raise Refused(LEAVING.format(pending.device))
        queue = self._pull.get(self.devices[pending.device].plan.route)
        if queue is None:
            raise Refused("writes are off")
        queue.put(pending)
