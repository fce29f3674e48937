"""What a reload brings is served as rows, too: one circuit, several stores, none of which knows of the others."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from devices.read_now import ReadNow
from gateway.app.assembly import Assembly
from gateway.app.options import Options
from gateway.core.batch import batch_of
from gateway.core.status import OK
from gateway.core.values import Reading
from gateway.runtime.clock import SystemClock
from iocs.assemblies import Assemblies
from iocs.fast import messages as ca
from iocs.fast.circuit import Circuit
from iocs.fast.outbox import RowSink
from iocs.fast.server import CaServer
from iocs.guard import Guard
from iocs.row_channel import RowChannel
from tests.iocs.serving import STAMP, ca_settings, rules_that
from tests.plan.planning import planned
from tests.support.ca_client import LONG, CaClient, Channel
from tests.support.scripted_backend import ScriptedBackend

T = TypeVar("T")
FIRST = '{device: "M:OUTTMP", properties: reading}'
LATER = ('{device: "G:AMANDA", properties: reading}', '{device: "N:LGXS", properties: reading}')


class Stage:
    """A server over two assemblies, whose readings the test brings; on the loop of the test."""

    def __init__(self) -> None:
        clock = SystemClock()
        guard, reads = Guard(rules_that(True), clock), ReadNow(clock)
        self.first, self.later = (
            Assembly(planned(*entries), {"a": ScriptedBackend("a")}, clock, guard, Options(), reads, lambda _: -1.0)
            for entries in ((FIRST,), LATER)
        )
        self.channels = Assemblies(self.first.channels)
        self.channels.later = [self.later.channels]
        self.settings = ca_settings()
        self.server = CaServer(self.first.channels, self.first.store, self.settings)

    async def run(self, client: Callable[[CaClient], T]) -> T:
        """What the client does, in a thread; the server ends with it."""
        for assembly in (self.first, self.later):
            assembly.begin(asyncio.get_running_loop())
        await self.server.start()
        try:
            return await asyncio.to_thread(self._connected, client)
        finally:
            await self.server.stop()
            for assembly in (self.first, self.later):
                assembly.push.close()

    def _connected(self, client: Callable[[CaClient], T]) -> T:
        with CaClient(self.settings.port) as made:
            return client(made)

    def bring(self, assembly: Assembly, row: int, value: float) -> None:
        reading = Reading(assembly.plan.watches[row].request, value, STAMP, OK, "")
        assembly.push.put(assembly.table.accept(batch_of([(row, reading)]), np.arange(len(assembly.table))))

    @property
    def circuit(self) -> Circuit:
        (circuit,) = self.server.circuits
        return circuit


def test_monitors_of_all_assemblies_are_rows_and_each_hears_of_its_own() -> None:
    stage = Stage()

    def client(client: CaClient) -> None:
        names = ("M:OUTTMP", "G:AMANDA", "N:LGXS")
        monitors = [client.subscribe(client.create(name)) for name in names]
        for monitor in monitors:
            client.update(monitor)
        stage.bring(stage.first, 0, 1.0)
        stage.bring(stage.later, 0, 2.0)
        stage.bring(stage.later, 1, 3.0)
        assert [1.0, 2.0, 3.0] == [client.update(monitor).value for monitor in monitors]
        client.settle()
        assert not [message for message in client.inbox if message.command == ca.EVENT_ADD]
        assert all(isinstance(sink, RowSink) for sink in stage.circuit._sinks.values())
        found = stage.channels.find("G:AMANDA")
        assert found is not None
        assert isinstance(found[0], RowChannel)

    asyncio.run(stage.run(client))


def test_bursts_of_gets_take_each_value_from_its_own_store() -> None:
    stage = Stage()

    def client(client: CaClient) -> None:
        here, there = client.create("M:OUTTMP"), client.create("N:LGXS")
        monitors = [client.subscribe(channel) for channel in (here, there)]
        stage.bring(stage.first, 0, 1.5)
        stage.bring(stage.later, 1, 2.5)
        for monitor, value in zip(monitors, (1.5, 2.5), strict=True):
            while client.update(monitor).value != value:
                pass
        for channels in ([here] * 32, [here, there] * 16):
            assert [_value(channel, here) for channel in channels] == _got(client, channels)

    asyncio.run(stage.run(client))


def _value(channel: Channel, here: Channel) -> float:
    return 1.5 if channel is here else 2.5


def _got(client: CaClient, channels: list[Channel]) -> list[float]:
    """Many gets in one write, as libca sends them."""
    numbers = [client.next_id() for _ in channels]
    gets = (ca.pack(ca.READ_NOTIFY, 6, 1, one.sid, number) for one, number in zip(channels, numbers, strict=True))
    client.send(b"".join(gets))
    return [float(np.frombuffer(client.take(ca.READ_NOTIFY, p2=n).payload, ">f8")[0]) for n in numbers]


def test_what_a_slow_client_misses_is_counted_where_it_belongs_and_it_catches_up() -> None:
    stage = Stage()

    def client(client: CaClient) -> None:
        row = client.subscribe(client.create("N:LGXS"))
        sink = client.subscribe(client.create("N:LGXS:HIST:N"), LONG)
        again = client.subscribe(client.create("N:LGXS"))  # the same row and type once more: an ordinary one
        for monitor in (row, sink, again):
            client.take(ca.EVENT_ADD, p2=monitor)
        client.send(ca.pack(ca.EVENTS_OFF))
        client.settle()
        for value in (1.0, 2.0, 3.0):
            stage.bring(stage.later, 1, value)
            client.settle()
        assert (0, [0, 4]) == (stage.first.store.dropped.sum(), stage.later.store.dropped.tolist())
        client.send(ca.pack(ca.EVENTS_ON))
        assert [3.0, 3.0] == [client.update(monitor).value for monitor in (row, again)]

    asyncio.run(stage.run(client))


def test_nothing_holds_on_to_a_store_whose_devices_are_gone() -> None:
    stage = Stage()

    def client(client: CaClient) -> None:
        here, *there = (client.create(name) for name in ("M:OUTTMP", "G:AMANDA", "N:LGXS"))
        for channel in (here, *there):
            client.take(ca.EVENT_ADD, p2=client.subscribe(channel))
        stores = stage.circuit._feeds.keys()
        assert {stage.first.store, stage.later.store} == set(stores)
        gone = {"G:AMANDA", "N:LGXS"}
        assert 1 == stage.channels.touched(gone, stage.server.circuits)
        loop = stage.circuit.loop
        loop.call_soon_threadsafe(stage.channels.retire, gone, stage.server.circuits)
        for channel in there:
            client.take(ca.SERVER_DISCONNECT, p1=channel.cid)
        assert {stage.first.store} == set(stores)
        assert 0 == stage.channels.touched(gone, stage.server.circuits), "who was told is not touched again"

    asyncio.run(stage.run(client))
