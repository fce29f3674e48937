"""World: one device or request that is served without an entry, with a table, a store and a queue of its own."""

import asyncio
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import partial

from devices.device import Device
from devices.feed import Feed
from devices.queues import PendingSetting, PushQueue
from devices.read_now import ReadNow
from devices.table import DeviceTable
from gateway.config.config import Config, OnDemandConfig
from gateway.core.drf import DataRequest
from gateway.core.errors import Refused
from gateway.core.ports import Backend, Clock
from gateway.plan.known_names import Answer
from gateway.plan.model import DevicePlan, Plan
from gateway.runtime.loop_calls import LoopCalls
from iocs.channels import Channels
from iocs.group import Ioc
from iocs.guard import Guard
from iocs.publisher import Publisher
from iocs.store import Store

SETTLE = 0.5  # s that the first channel waits for the first reading
PUSH_ROWS = 10_000  # readings of one device that may wait for the loop before they are conflated


@dataclass(frozen=True, slots=True)
class Source:
    """Where descriptions and readings come from."""

    config: Config
    section: OnDemandConfig
    reader: Callable[[], Backend]  # the backend of one device
    describe: Callable[[list[str]], Answer]  # blocking
    at_once: int  # names in one question
    serving: Callable[[Backend, DataRequest], str]  # the name of the backend that serves a request now


@dataclass(frozen=True, slots=True)
class Counts:
    """Readings since the start."""

    updates: int = 0  # that were published
    drops: int = 0  # that no client was told of
    zero: int = 0  # without a stamp
    future: int = 0  # with a stamp ahead of our clock
    backward: int = 0  # with a stamp older than the one before

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


class World:
    """One device or request with everything it needs; lives on the loop, read from by the feeds' worker."""

    def __init__(self, plan: Plan, source: Source, guard: Guard, reads: ReadNow, clock: Clock) -> None:
        loop, backend, calls = asyncio.get_running_loop(), source.reader(), LoopCalls()
        calls.begin(loop)

        def serving(device: DevicePlan) -> str:
            return source.serving(backend, plan.watches[device.rows()[0]].request)

        self.table = DeviceTable(plan.watches, plan.buffer, clock)
        self._store = store = Store(len(plan.watches))
        self._push = PushQueue(PUSH_ROWS, partial(calls.bring, self._drain))
        self._publisher = Publisher(self._push, store)
        devices = {name: Device(device, self.table) for name, device in plan.devices.items()}
        self.feed = Feed(backend, self.table, range(len(plan.watches)), [self._push], clock)
        self.ioc = Ioc(
            plan, self.table, store, clock, guard, devices, self._publisher.drain, self._push.dropped_of, _read_only,
            calls.bring, serving, partial(reads.ask, self.feed), fast=False,
        )  # fmt: skip
        self.channels = Channels(self.ioc)
        self.unused_since = clock.monotonic()
        self._settled: asyncio.Future[None] | None = loop.create_future()
        self._patience = loop.call_later(SETTLE, self._settle)

    @property
    def settling(self) -> "asyncio.Future[None] | None":
        """Done at the first reading of every row, or when patience is over; None after that."""
        return self._settled

    @property
    def counts(self) -> Counts:
        """What has come so far."""
        strange, store = self.table.strange, self._store
        lost = self.feed.dropped + self._push.dropped + int(store.dropped.sum()) + store.dropped_elsewhere
        return Counts(self._publisher.published, lost, strange.zero, strange.future, strange.backward)

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
