"""The defects of stock caproto 1.3.0 that we must not have (performance.md 1; users.md 1.8), each by its name."""

import gc
import resource
import threading
import time
import tracemalloc

import numpy as np
import pytest

from gateway.core.batch import ReadingBatch, scalar_batch
from gateway.core.status import OK
from gateway.core.values import Outcome, Setting, SettingResult
from tests.iocs.serving import STAMP, Serving
from tests.plan.planning import planned
from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")


def synthetic(count: int) -> list[str]:
    return [f'{{device: "S:D{n:05}", properties: [reading]}}' for n in range(count)]


def round_of(rows: int, value: float) -> ReadingBatch:
    """One reading of each of the first rows."""
    return scalar_batch(np.arange(rows, dtype=np.int32), np.full(rows, STAMP, np.int64), np.full(rows, value))


def subscribe_all(client: CaClient, count: int, data_type: int = ca.TIME_DOUBLE) -> list[int]:
    return [client.subscribe(client.create(f"S:D{n:05}"), data_type) for n in range(count)]


def test_defect_1_a_stuck_client_stops_nobody_else_and_gets_the_newest_values_when_it_reads_again() -> None:
    count, rounds, array = 1000, 400, '{device: "N:H801[0:4095]", properties: [reading], name: "N:H801"}'
    with (
        Serving(planned(*synthetic(count), array)) as served,
        served.client(receive_buffer=4096) as stuck,
        served.client() as good,
    ):
        numbers = subscribe_all(stuck, count)
        numbers.append(stuck.subscribe(stuck.create("N:H801"), ca.TIME_DOUBLE))
        stuck.settle()
        stuck.inbox.clear()
        heartbeat = good.subscribe(good.create("S:D00007"))
        good.update(heartbeat)
        begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for value in range(1, rounds + 1):
            served.bring_batch(round_of(count, float(value)))
            served.bring((count, np.full(4096, float(value))))
            assert float(value) == good.update(heartbeat).value
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begin  # kB; 29 MB were offered to each client
        assert grown < 15_000
        (slow,) = served.on_loop(lambda: [c for c in served.server.circuits if c.dropped])
        assert served.on_loop(lambda: slow.transport.get_write_buffer_size()) < 2_000_000
        stuck.settle()
        newest = {m.p2: ca.update(m).value for m in stuck.inbox if m.command == 1}
        assert {float(rounds)} == {newest[number] for number in numbers[:-1]}
        assert [float(rounds)] * 4096 == newest[numbers[-1]]
        stuck.inbox.clear()
        served.bring_batch(round_of(count, -1.0))
        assert -1.0 == stuck.update(numbers[0]).value


def test_defect_2_scattered_updates_are_not_held_back_to_be_sent_together() -> None:
    count, updates = 100, 400
    with Serving(planned(*synthetic(count))) as served, served.client() as client:
        numbers = subscribe_all(client, count)
        for number in numbers:
            client.update(number)
        ended = threading.Event()

        def scatter() -> None:
            for n in range(updates):
                served.bring((n * 37 % count, time.perf_counter()))
                ended.wait(0.005)

        source = threading.Thread(target=scatter)
        source.start()
        delays = []
        for n in range(updates):
            value = client.update(numbers[n * 37 % count]).value
            assert isinstance(value, float)
            delays.append(time.perf_counter() - value)
        source.join()
        delays.sort()
        assert delays[updates // 2] < 0.05  # s; stock caproto: 0.5
        assert delays[updates * 99 // 100] < 0.25


@pytest.mark.parametrize("data_type", [ca.TIME_DOUBLE, ca.TIME_LONG])
def test_defect_3_a_subscription_does_not_remember_what_it_has_sent(data_type: int) -> None:
    count, rounds = 200, 3000 if data_type == ca.TIME_DOUBLE else 40
    size = 40 if data_type == ca.TIME_DOUBLE else 32
    with Serving(planned(*synthetic(count))) as served, served.client() as client:
        subscribe_all(client, count, data_type)
        client.settle()

        def bring(many: int) -> None:
            for value in range(many):
                served.bring_batch(round_of(count, float(value)))
                left = count * size
                while left:
                    left -= len(client.link.recv(left))

        bring(20)
        gc.collect()
        tracemalloc.start()
        try:
            bring(5)
            before, _ = tracemalloc.get_traced_memory()
            bring(rounds)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert after - before < 300_000  # bytes; stock caproto: 185 MB


def test_defect_4_the_reply_to_a_search_carries_its_sequence_number() -> None:
    with Serving(planned(*synthetic(1))) as served:
        for sequence in (1, 2, 0xFFFFFFFF):
            version, _ = ca.search(served.port, ["S:D00000"], sequence)
            assert (0, 1, sequence) == (version.command, version.data_type, version.p1)


def test_defect_of_overtaking_puts_are_applied_in_the_order_they_came() -> None:
    with (
        Serving(planned('{device: "Z:ACLTST", writable: true, properties: [reading, setting]}')) as served,
        served.client() as first,
        served.client() as second,
    ):
        applied: list[object] = []

        def apply(setting: Setting) -> SettingResult:
            applied.append(setting.value)
            ended.wait(0.002 if len(applied) % 2 else 0.0)  # a slow put must not be overtaken by a quick one
            return SettingResult(setting, OK, Outcome.ACCEPTED)

        ended = threading.Event()
        served.backend.on_write = apply
        clients = [(first, first.create("Z:ACLTST:SP"), 0.0), (second, second.create("Z:ACLTST"), 1000.0)]
        asked = []
        for n in range(20):
            for client, channel, base in clients:
                asked.append((client, client.ask_put(channel, base + n)))
        assert {1} == {client.take(19, p2=number).p1 for client, number in asked}
        assert [float(n) for n in range(20)] == [value for value in applied if value < 1000]  # type: ignore[operator]
        assert [1000.0 + n for n in range(20)] == [value for value in applied if value >= 1000]  # type: ignore[operator]
        assert applied[-1] == first.get(clients[0][1])
