"""Serving: the whole Channel Access side over a plan, on a free port of the loopback, in a thread of its own."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import TypeVar

import numpy as np

from devices.device import Device
from devices.feed import Feed
from devices.freezer import Freezer
from devices.moves import Moves
from devices.queues import PendingSetting, PullQueue, PushQueue
from devices.read_now import ReadNow
from devices.settings import SettingsWorkers
from devices.table import DeviceTable
from gateway.access.judge import Rules
from gateway.access.lease import Leases
from gateway.access.lock import Locks
from gateway.access.rate import RateLimit, Rates
from gateway.core.batch import ReadingBatch, batch_of
from gateway.core.errors import Refused
from gateway.core.put_row import PutRow
from gateway.core.status import OK, Status
from gateway.core.values import Reading, Value
from gateway.core.write_state import WriteState
from gateway.plan.model import Plan
from gateway.runtime.clock import SystemClock
from gateway.runtime.worker import StopToken, Worker
from iocs.channels import Channels
from iocs.diagnostics import GatewayGroup
from iocs.environment import CaSettings
from iocs.fast.server import CaServer
from iocs.freeze import FreezeGroup
from iocs.group import Ioc
from iocs.group_put import GroupPut, member_of
from iocs.guard import Guard
from iocs.lease import LeaseGroup
from iocs.publisher import Publisher
from iocs.serve import serve
from iocs.store import Store
from tests.plan.planning import planned
from tests.support.ca_client import PATIENCE, CaClient, free_port
from tests.support.scripted_backend import ScriptedBackend

T = TypeVar("T")
STAMP = 1_700_000_000_250_000_000  # ns, Unix
READING = '{device: "M:OUTTMP", properties: [reading]}'
ARRAY = '{device: "B:IRMS06[0:4]", properties: [reading], name: "B:IRMS06"}'
BIG = '{device: "N:H801[0:249999]", properties: [reading], name: "N:H801"}'  # 2 MB
WRITABLE = '{device: "Z:ACLTST", writable: true, properties: [reading, setting], low: 0, high: 100}'
SECONDS = 1_700_000_000 - 631_152_000  # of STAMP, since 1990


def ca_settings(**changes: object) -> CaSettings:
    """Settings of a server on a free port that announces itself to nobody."""
    plain = CaSettings(free_port(), ("127.0.0.1",), (), 15.0, frozenset(), (), 100_000, circuits_per_second=0)
    return replace(plain, **changes)  # type: ignore[arg-type]


def rules_that(writes: bool, **changed: object) -> Rules:
    """Rules that limit nothing but what is changed."""
    unlimited = RateLimit(0)
    rules = Rules(writes, Leases(3600), Locks(3600), Rates(unlimited, unlimited, unlimited))
    return replace(rules, **changed)  # type: ignore[arg-type]


class MemoryJournal:
    """Keeps the rows of puts where a test can look at them."""

    lost = 0

    def __init__(self) -> None:
        self.rows: list[PutRow] = []

    def record(self, row: PutRow) -> None:
        self.rows.append(row)

    def trouble(self) -> str:
        return ""

    def stop(self) -> bool:
        return True


@contextmanager
def connected(*entries: str, **changes: object) -> Iterator[tuple["Serving", CaClient]]:
    """A server over a plan of these devices, and a client of it; `changes` are of the server's settings."""
    with Serving(planned(*(entries or (READING,))), ca_settings(**changes)) as served, served.client() as client:
        yield served, client


class Serving:
    """The real parts of floors 4 and 5; `bring` gives readings as an acquisition would, `backend` takes the puts.

    `fast` is whether plain scalars are rows; tests/iocs/conftest.py runs every test both ways.
    """

    fast = True

    def __init__(self, plan: Plan, settings: CaSettings | None = None, **rules: object) -> None:
        self.plan, self.settings = plan, settings or ca_settings()
        self.clock = SystemClock()
        self.journal = MemoryJournal()
        self.guard = Guard(rules_that(plan.writes, **rules), self.clock, self.journal)
        self.table = DeviceTable(plan.watches, plan.buffer, self.clock)
        self.devices = {name: Device(device, self.table) for name, device in plan.devices.items()}
        self.store = Store(len(plan.watches))
        self.backend = ScriptedBackend("a")
        self.serves = "a"  # what :GW:BACKEND shows
        self.pull = PullQueue(100, taken=self._taken)
        self.moves = Moves(self.devices.values(), plan.watches, self.clock)
        self.freezer = Freezer(plan, self.table, self.clock)
        self.writers = SettingsWorkers(
            self.backend, self.pull, self.devices, self.clock, 2, fetch=self.fetch, moves=self.moves
        )
        self.reads = ReadNow(self.clock, 1)
        self.figure = 1.0  # what the gateway's own PV GW1:FIGURE shows
        self._ready = threading.Event()
        self._death: BaseException | None = None
        self._worker = Worker("test server", self._run, self._died)

    def __enter__(self) -> "Serving":
        self._worker.start()
        assert self._ready.wait(PATIENCE), "the server does not start"
        if self._death is not None:
            self._worker.stop(PATIENCE)
            raise self._death
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        assert self._worker.stop(PATIENCE)
        assert self._death is None
        assert self.tasks_left == 0

    @property
    def port(self) -> int:
        return self.settings.port

    def client(self, receive_buffer: int = 0) -> CaClient:
        return CaClient(self.port, receive_buffer=receive_buffer)

    def on_loop(self, function: Callable[[], T]) -> T:
        """Call a function on the loop and wait for what it returns."""
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.loop.call_soon_threadsafe(lambda: answer.set_result(function()))
        return answer.result(PATIENCE)

    def row(self, device: str) -> int:
        return self.plan.devices[device].reading_row

    def bring(self, *items: tuple[int, Value | None], stamp_ns: int = STAMP, status: Status = OK) -> None:
        """Readings of rows, in order, as one batch."""
        watches = self.plan.watches
        self.bring_batch(batch_of([(row, Reading(watches[row].request, v, stamp_ns, status, "")) for row, v in items]))

    def fetch(self, row: int, timeout: float) -> None:
        """What the writers want to be read anew."""
        self.feed.fetch(row, timeout)

    def bring_batch(self, batch: ReadingBatch) -> None:
        news = self.table.accept(batch, np.arange(len(self.table)))
        self.push.put(news)
        self.moves.put(news)
        self.freezer.put(news)

    def settle(self) -> None:
        """Wait until all that was brought has been published."""
        self.on_loop(lambda: None)

    def _tell(self, function: Callable[[], None]) -> None:
        self.loop.call_soon_threadsafe(function)

    def _taken(self, pending: PendingSetting) -> None:
        device = self.devices[pending.device]
        if device.write_record.state is not WriteState.PENDING:
            device.queued(pending.who)

    def _write(self, pending: PendingSetting) -> None:
        if not self.plan.writes:
            raise Refused("writes are off")
        self.pull.put(pending)

    def _run(self, _: StopToken) -> None:
        asyncio.run(self._serve())

    def _died(self, death: BaseException) -> None:
        self._death = death
        self._ready.set()

    async def _serve(self) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.push = PushQueue(100_000, lambda: self._tell(self.publisher.drain))
        self.publisher = Publisher(self.push, self.store)
        self.feed = Feed(self.backend, self.table, range(len(self.table)), [self.push], self.clock)
        self.ioc = Ioc(
            self.plan,
            self.table,
            self.store,
            self.clock,
            self.guard,
            self.devices,
            self.publisher.drain,
            self.push.dropped_of,
            self._write,
            self._tell,
            lambda _: self.serves,
            partial(self.reads.ask, self.feed),
            self.fast,
            self.freezer.slice_of,
        )
        self.moves.told = lambda *moved: self._tell(partial(self.ioc.moved, *moved))
        freezes = FreezeGroup("GW1:", self.freezer, self.guard, self.clock)
        self.freezer.changed = lambda: self._tell(freezes.changed)
        own = GatewayGroup("GW1:", {"FIGURE": lambda: self.figure, "NAME": lambda: "acgate"}, self.clock.now_ns)
        self.channels = Channels(self.ioc, own, LeaseGroup("GW1:", self.guard, self.clock), freezes)
        for group in self.plan.groups:
            member = partial(member_of, SimpleNamespace(all=[self.channels]))
            self.channels.add(GroupPut(group, member, self.guard, self.clock, self.plan.writes))
        self.writers.start()
        self.reads.start()
        self.freezer.start()
        try:
            await serve(
                self.channels, self.store, self.publisher, self.settings, self._begin, self._stop, self._end_writers
            )
        finally:
            self.push.close()
            await asyncio.to_thread(self.writers.stop, PATIENCE)
            await asyncio.to_thread(self.reads.stop, PATIENCE)
            await asyncio.to_thread(self.freezer.stop, PATIENCE)
            self.tasks_left = len(asyncio.all_tasks()) - 1

    async def _begin(self, server: CaServer) -> None:
        self.server = server
        self._ready.set()

    async def _end_writers(self) -> None:
        await asyncio.to_thread(self.writers.stop, 0.2)
