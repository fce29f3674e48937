"""Watched requests against a scripted server: merged, packed, guarded, brought back."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from gateway.backends.dpm_http import DpmHttpBackend
from gateway.backends.dpm_lists import Budget
from gateway.backends.dpm_orders import Timeouts
from gateway.core.batch import OtherReading
from gateway.core.drf import DataRequest
from gateway.core.errors import Closed
from gateway.core.ports import LinkState, Subscription
from gateway.core.status import BAD_REQUEST, DISCONNECTED, OK, Status
from gateway.runtime.worker import Worker
from gateway.wire import dpm
from tests.backends.conftest import QUICK, Make
from tests.backends.scripted_server import STAMP, Client, ScriptedServer, one_scalar
from tests.support.leaks import open_files


def parse(*texts: str) -> list[DataRequest]:
    return [DataRequest.parse(text) for text in texts]


def quiet(_client: Client, ref: int, text: str) -> list[dpm.Reply]:
    return [dpm.DeviceInfoReply(ref, 1, text.split(".")[0], "")]


def added(server: ScriptedServer) -> list[str]:
    return [one.drf_request for one in server.requests(dpm.AddToList) if isinstance(one, dpm.AddToList)]


class Seen:
    """Everything that a subscription brought, scalars and others, in order, as (slot, value, status)."""

    def __init__(self, stream: Subscription) -> None:
        self.stream = stream
        self.items: list[tuple[int, object, Status]] = []
        self.messages: list[str] = []

    def take(self, timeout: float = 0.05) -> None:
        batch = self.stream.get(timeout)
        rows = [
            (int(slot), float(value), Status(int(facility), int(number)))
            for slot, value, facility, number in zip(batch.slot, batch.value, batch.facility, batch.number, strict=True)
        ]
        others: list[OtherReading] = list(batch.others)
        for row in range(len(rows) + 1):
            while others and others[0].after == row:
                other = others.pop(0)
                self.items.append((other.slot, other.reading.value, other.reading.status))
                self.messages.append(other.reading.message)
            if row < len(rows):
                self.items.append(rows[row])
        assert not others

    def until(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f"not in {timeout} s; seen: {self.items}"
            self.take()

    def until_count(self, count: int, timeout: float = 5.0) -> None:
        self.until(lambda: len(self.items) >= count, timeout)
        assert len(self.items) == count


def test_values_come_with_their_slots_and_the_stamps_of_the_source(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    stream = backend.watch(parse("M:OUTTMP@p,1000", "G:AMANDA@p,500"))
    server.wait_for(lambda: len(added(server)) == 2)
    assert added(server) == ["M:OUTTMP.READING@P,1000,TRUE", "G:AMANDA.READING@P,500,TRUE"]
    seen = Seen(stream)
    seen.until_count(2)
    client = server.clients[0]
    client.scalar(2, 5.0, stamp=STAMP + 1)
    batch = stream.get(5)
    assert (batch.slot.tolist(), batch.value.tolist()) == ([1], [5.0])
    assert batch.stamp_ns.tolist() == [(STAMP + 1) * 1_000_000]


def test_equal_requests_share_one_reference_within_and_among_subscriptions(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    first = Seen(backend.watch(parse("m:outtmp@p,1000", "M:OUTTMP.READING@P,1S,TRUE")))
    first.until_count(2)
    second = Seen(backend.watch(parse("M:OUTTMP@P,1000")))
    second.until_count(1)
    assert (first.items, second.items) == ([(0, 72.5, OK), (1, 72.5, OK)], [(0, 72.5, OK)])
    assert (len(added(server)), len(server.clients), backend.health().requests) == (1, 1, 1)
    server.clients[0].scalar(1, 3.0)
    first.until_count(4)
    second.until_count(2)


def test_who_joins_is_told_the_newest_reading_of_every_kind(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.answer = quiet
    requests = parse("M:OUTTMP@p,1000", "N|LGXS@p,1000", "Z:NOTFND@p,1000", "Z:LATE@p,1000")
    first = Seen(backend.watch(requests))
    server.wait_for(lambda: len(added(server)) == 4)
    client = server.clients[0]
    client.scalar(1, 1.0)
    client.scalar(1, 2.0)
    client.send(dpm.BasicStatusReply(2, STAMP, 0, on=True), dpm.StatusReply(3, STAMP, 0, -3312))
    first.until_count(4)
    second = Seen(backend.watch(requests))
    second.until_count(3)
    assert sorted(slot for slot, _, _ in second.items) == [0, 1, 2]
    assert second.items[0] == (0, 2.0, OK)


def test_readings_that_are_no_scalars_keep_their_place_among_the_scalars(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    server.answer = quiet
    stream = backend.watch(parse("M:OUTTMP@p,1000", "M:OUTTMP[0:1]@p,1000"))
    server.wait_for(lambda: len(added(server)) == 2)
    many: list[dpm.Reply] = [dpm.ScalarReply(1, STAMP, 0, 0, float(number)) for number in range(10)]
    many.insert(4, dpm.ScalarArrayReply(2, STAMP, 0, 0, np.array([8.0, 9.0])))
    many.insert(7, dpm.StatusReply(1, STAMP, 0, -12543))
    server.clients[0].send(*many)
    seen = Seen(stream)
    seen.until_count(12)
    assert [slot for slot, _, _ in seen.items] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert [value for slot, value, _ in seen.items if slot == 0] == [
        0.0,
        1.0,
        2.0,
        3.0,
        4.0,
        5.0,
        None,
        6.0,
        7.0,
        8.0,
        9.0,
    ]


def test_points_of_a_plot_become_readings_of_their_own(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.answer = quiet
    stream = backend.watch(parse("M:OUTTMP@p,20"))
    server.wait_for(lambda: len(added(server)) == 1)
    micros = np.array([1_000_000, 1_020_000], np.int64)
    server.clients[0].send(dpm.TimedScalarArrayReply(1, STAMP, 0, 0, np.array([1.0, 2.0]), micros))
    batch = stream.get(5)
    assert (batch.value.tolist(), batch.stamp_ns.tolist()) == ([1.0, 2.0], [1_000_000_000, 1_020_000_000])


def test_an_unknown_device_fails_alone(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    bad = Status(16, -13)
    server.answer = lambda client, ref, text: (
        [dpm.StatusReply(ref, STAMP, 0, bad.packed)] if "NOTFND" in text else one_scalar(client, ref, text)
    )
    seen = Seen(backend.watch(parse("M:OUTTMP@p,1000", "Z:NOTFND@p,1000", "G:AMANDA@p,1000")))
    seen.until_count(3)
    assert seen.items == [(0, 72.5, OK), (1, None, bad), (2, 72.5, OK)]


def test_data_of_references_that_were_never_given_are_dropped_and_said_once(
    server: ScriptedServer, backend: DpmHttpBackend, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen(backend.watch(parse("M:OUTTMP@p,1000")))
    seen.until_count(1)
    client = server.clients[0]
    for _ in range(3):
        client.send(dpm.ScalarReply(99, STAMP, 0, 0, 1.0), dpm.TextReply(98, STAMP, 0, 0, "x"))
    client.scalar(1, 6.0)
    seen.until_count(2)
    assert seen.items[1] == (0, 6.0, OK)
    assert len([record for record in caplog.records if "never given" in record.message]) == 1


def test_history_is_refused_as_an_item(backend: DpmHttpBackend) -> None:
    seen = Seen(backend.watch(parse("M:OUTTMP<-LOGGER:1:2", "M:OUTTMP@p,1000")))
    seen.until_count(2)
    assert seen.items == [(0, None, BAD_REQUEST), (1, 72.5, OK)]


def test_five_thousand_requests_stay_within_the_budget(server: ScriptedServer, make: Make) -> None:
    backend = make(budget=Budget(connections=3), timeouts=Timeouts(connect=5.0, silence=20.0, backoff_cap=0.1))
    seen = Seen(backend.watch(parse(*[f"Z:D{number:04}@p,1000" for number in range(5000)])))
    seen.until_count(5000, 60)
    assert {slot for slot, _, _ in seen.items} == set(range(5000))
    assert len(server.clients) == 3
    assert (backend.health().connections, backend.health().requests) == (3, 5000)
    more = Seen(backend.watch(parse("Z:MORE@p,1000")))
    more.until_count(1)
    assert len(server.clients) == 3


def test_a_list_without_requests_ends_and_makes_room(server: ScriptedServer, make: Make) -> None:
    backend = make(budget=Budget(connections=1))
    first = backend.watch(parse("M:OUTTMP@p,1000"))
    Seen(first).until_count(1)
    first.close()
    server.wait_for(lambda: not server.living)
    assert backend.health().requests == 0
    Seen(backend.watch(parse("G:AMANDA@p,1000"))).until_count(1)
    assert len(server.clients) == 2


def test_a_request_that_nobody_watches_any_more_is_removed(server: ScriptedServer, make: Make) -> None:
    backend = make(budget=Budget(connections=1))
    first = backend.watch(parse("M:OUTTMP@p,1000"))
    Seen(first).until_count(1)
    second = Seen(backend.watch(parse("G:AMANDA@p,1000")))
    second.until_count(1)
    first.close()
    server.wait_for(lambda: bool(server.requests(dpm.RemoveFromList)))
    assert backend.health().requests == 1
    server.clients[0].scalar(1, 5.0)  # still on its way
    server.clients[0].scalar(2, 6.0)
    second.until(lambda: (0, 6.0, OK) in second.items)


def test_a_lost_link_is_told_once_and_values_come_again(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    seen = Seen(backend.watch(parse("M:OUTTMP@p,1000", "G:AMANDA@p,1000")))
    seen.until_count(2)
    server.clients[0].hang_up()
    seen.until_count(6)
    assert seen.items[2:] == [(0, None, DISCONNECTED), (1, None, DISCONNECTED), (0, 72.5, OK), (1, 72.5, OK)]
    assert "closed by the server" in seen.messages[0]
    health = backend.health()
    assert (health.state, health.reconnects) == (LinkState.UP, 1)
    assert "closed by the server" in health.last_error


def test_a_link_that_is_open_but_silent_is_lost(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    seen = Seen(backend.watch(parse("M:OUTTMP@p,1000")))
    seen.until_count(1)
    server.beat = 60.0
    begin = time.monotonic()
    seen.until_count(2)
    assert QUICK.silence - 0.3 <= time.monotonic() - begin <= QUICK.silence + 1.0
    assert seen.items[1] == (0, None, DISCONNECTED)
    assert "no byte for 1 s" in seen.messages[0]
    server.beat = 0.2
    seen.until(lambda: seen.items[-1] == (0, 72.5, OK))


def test_heartbeats_keep_a_link_without_data(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    seen = Seen(backend.watch(parse("M:OUTTMP@p,10000")))
    seen.until_count(1)
    end = time.monotonic() + 2 * QUICK.silence
    while time.monotonic() < end:
        seen.take(0.1)
    assert (len(seen.items), backend.health().reconnects, len(server.clients)) == (1, 0, 1)


@pytest.mark.parametrize(
    ("bytes_", "reason"),
    [
        (b"\x00\x00\x00\x31SDD\x02Q", "closed inside a frame"),
        (b"\x00\x00\x00\x00", "length 0"),
        (b"\x00\x00\x00\x03abc", "SDD"),
    ],
)
def test_garbage_ends_the_link_and_what_came_before_it_counts(
    server: ScriptedServer, backend: DpmHttpBackend, bytes_: bytes, reason: str
) -> None:
    seen = Seen(backend.watch(parse("M:OUTTMP@p,1000")))
    seen.until_count(1)
    client = server.clients[0]
    client.raw(client.connection.send(dpm.ScalarReply(1, STAMP, 0, 0, 5.0)) + bytes_)
    client.hang_up()
    seen.until_count(4)
    assert seen.items[1:] == [(0, 5.0, OK), (0, None, DISCONNECTED), (0, 72.5, OK)]
    assert reason in seen.messages[0]


@pytest.mark.parametrize("bad", [dpm.StatusReply(0, STAMP, 0, -11007), dpm.StartListReply(1, -2287)])
def test_a_list_that_does_not_start_is_tried_again(
    server: ScriptedServer, backend: DpmHttpBackend, bad: dpm.Reply
) -> None:
    def refuse_first(client: Client, request: dpm.Request) -> bool:
        if isinstance(request, dpm.StartList) and client.number == 0:
            client.send(bad)
            return True
        return False

    server.hook = refuse_first
    seen = Seen(backend.watch(parse("M:OUTTMP@p,1000")))
    seen.until_count(2)
    assert seen.items == [(0, None, DISCONNECTED), (0, 72.5, OK)]
    assert "did not start" in seen.messages[0]


def test_an_addtolist_reply_with_an_error_is_that_of_its_request(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    server.answer = lambda _client, ref, _text: [dpm.AddToListReply(1, ref, BAD_REQUEST.packed)]
    seen = Seen(backend.watch(parse("M:OUTTMP@p,1000")))
    seen.until_count(1)
    assert seen.items == [(0, None, BAD_REQUEST)]


def test_a_server_that_comes_later_is_found(make: Make) -> None:
    with ScriptedServer() as early:
        port = early.port
    backend = make(port=port)
    seen = Seen(backend.watch(parse("M:OUTTMP@p,1000")))
    seen.until_count(1)
    assert seen.items == [(0, None, DISCONNECTED)]
    assert backend.health().state is LinkState.CONNECTING
    joined = Seen(backend.watch(parse("M:OUTTMP@p,1000", "G:AMANDA@p,1000")))
    joined.until(lambda: {slot for slot, _, _ in joined.items} == {0, 1})
    with ScriptedServer(port, beat=0.2):
        seen.until(lambda: seen.items[-1] == (0, 72.5, OK))
        joined.until(lambda: {(0, 72.5, OK), (1, 72.5, OK)} <= set(joined.items))
        assert backend.health().state is LinkState.UP


def test_twenty_restarts_of_the_server_leave_no_thread_and_no_file(make: Make) -> None:
    with ScriptedServer() as early:
        port = early.port
    backend = make(port=port, budget=Budget(connections=2))
    streams = [Seen(backend.watch(parse("M:OUTTMP@p,1000"))), Seen(backend.watch(parse("G:AMANDA@p,1000")))]
    threads = files = 0
    for turn in range(20):
        with ScriptedServer(port, beat=0.2):
            for seen in streams:
                seen.until(lambda s=seen: bool(s.items) and s.items[-1] == (0, 72.5, OK))
        for seen in streams:
            seen.until(lambda s=seen: s.items[-1] == (0, None, DISCONNECTED))
        if turn == 0:
            threads, files = threading.active_count(), len(open_files())
    assert threading.active_count() <= threads
    assert len(open_files()) <= files + 2
    assert backend.health().reconnects == 38


def test_close_frees_a_getter_and_ends_all_within_two_seconds(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    stream = backend.watch(parse("M:OUTTMP@p,1000"))
    Seen(stream).until_count(1)
    ended = threading.Event()

    def wait(_: object) -> None:
        try:
            while True:
                stream.get(30)
        except Closed:
            ended.set()

    worker = Worker("getter", wait)
    worker.start()
    begin = time.monotonic()
    backend.close()
    assert ended.wait(2.0)
    assert time.monotonic() - begin < 2.0
    assert worker.stop(2.0)
    server.wait_for(lambda: not server.living)
    with pytest.raises(Closed):
        backend.watch(parse("M:OUTTMP@p,1000"))


def test_close_while_the_server_does_not_answer_takes_no_longer(server: ScriptedServer, make: Make) -> None:
    server.greet = lambda _client: None
    backend = make(timeouts=Timeouts(connect=30.0, silence=30.0))
    backend.watch(parse("M:OUTTMP@p,1000"))
    server.wait_for(lambda: bool(server.clients))
    begin = time.monotonic()
    backend.close()
    assert time.monotonic() - begin < 2.0


def test_a_backend_that_watches_nothing_is_disconnected(backend: DpmHttpBackend) -> None:
    assert backend.health().state is LinkState.DISCONNECTED
    backend.read(parse("M:OUTTMP"), 5)
    assert backend.health().state is LinkState.UP


def test_a_backend_of_which_some_lists_work_is_degraded(server: ScriptedServer, make: Make) -> None:
    backend = make(budget=Budget(connections=2))
    Seen(backend.watch(parse("M:OUTTMP@p,1000"))).until_count(1)
    server.greet = lambda client: client.hang_up()
    seen = Seen(backend.watch(parse("G:AMANDA@p,1000")))
    seen.until_count(1)
    assert seen.items == [(0, None, DISCONNECTED)]
    assert backend.health().state is LinkState.DEGRADED


def test_a_heartbeat_with_a_status_is_logged_and_ignored(
    server: ScriptedServer, backend: DpmHttpBackend, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen(backend.watch(parse("M:OUTTMP@p,1000")))
    seen.until_count(1)
    server.clients[0].send(dpm.ListStatusReply(1, Status(17, 2).packed), dpm.ScalarReply(1, STAMP, 0, 0, 1.0))
    seen.until_count(2)
    assert backend.health().reconnects == 0
    assert any("heartbeat with status" in record.message for record in caplog.records)


def test_a_warning_keeps_its_value_and_an_error_status_of_a_scalar_takes_it_away(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    seen = Seen(backend.watch(parse("M:OUTTMP@p,1000")))
    seen.until_count(1)
    server.clients[0].scalar(1, 1.0, Status(17, 2).packed)
    server.clients[0].scalar(1, 2.0, Status(14, -7).packed)
    seen.until_count(3)
    assert seen.items[1:] == [(0, 1.0, Status(17, 2)), (0, None, Status(14, -7))]


def test_a_frame_in_single_bytes_and_many_frames_at_once_are_the_same(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    def drip(client: Client, ref: int, text: str) -> list[dpm.Reply]:  # by the server's thread: nothing comes between
        for byte in client.connection.send(dpm.ScalarReply(ref, STAMP, 0, 0, 1.0)):
            client.raw(bytes([byte]))
        return [*quiet(client, ref, text), *(dpm.ScalarReply(ref, STAMP, 0, 0, float(n)) for n in range(2, 200))]

    server.answer = drip
    stream = backend.watch(parse("M:OUTTMP@p,1000"))
    seen = Seen(stream)
    seen.until_count(199)
    assert [value for _, value, _ in seen.items] == [float(number) for number in range(1, 200)]


def test_adding_to_a_list_that_runs_starts_it_anew(server: ScriptedServer, make: Make) -> None:
    backend = make(budget=Budget(connections=1))
    first = Seen(backend.watch(parse("M:OUTTMP@p,1000")))
    first.until_count(1)
    second = Seen(backend.watch(parse("G:AMANDA@p,1000")))
    second.until_count(1)
    first.until_count(2)
    assert (len(server.clients), len(server.requests(dpm.StartList))) == (1, 2)
    assert added(server) == ["M:OUTTMP.READING@P,1000,TRUE", "G:AMANDA.READING@P,1000,TRUE"]


def test_when_most_of_a_list_is_gone_it_is_started_anew_without_it(server: ScriptedServer, make: Make) -> None:
    backend = make(budget=Budget(connections=1))
    many = backend.watch(parse(*[f"Z:D{number}@p,1000" for number in range(5)]))
    Seen(many).until_count(5)
    kept = Seen(backend.watch(parse("G:AMANDA@p,1000")))
    kept.until_count(1)
    many.close()
    server.wait_for(lambda: len(server.requests(dpm.StartList)) == 3)
    assert list(server.clients[0].requests.values()) == ["G:AMANDA.READING@P,1000,TRUE"]
