"""The circuit as a raw client sees it: channels, subscriptions, and what ends a circuit (users.md 4.1)."""

import struct
import threading
from dataclasses import replace

import numpy as np
import pytest

from gateway.core.status import DISCONNECTED
from tests.iocs.serving import ARRAY, BIG, READING, SECONDS, STAMP, WRITABLE, Serving, ca_settings, connected
from tests.plan.planning import planned
from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks
from tests.support.processes import until

pytestmark = pytest.mark.usefixtures("no_leaks")

ALLOCATION_FAILED, BAD_TYPE, BAD_COUNT, BAD_MONITOR, BAD_MASK = 48, 114, 176, 242, 330
ERROR, UNKNOWN, SID = 11, 4711, 1  # a command, an id that nobody has, the id of a circuit's first channel


def test_the_first_value_comes_at_once_then_updates_in_order() -> None:
    with connected() as (served, client):
        served.bring((0, 1.5))
        served.settle()
        number = client.subscribe(client.create("M:OUTTMP"))
        assert (1.5, 0, 0, SECONDS, 250_000_000) == client.update(number)
        for value in range(100):
            served.bring((0, float(value)), (0, value + 0.5))
        assert [half / 2 for half in range(200)] == [client.update(number).value for _ in range(200)]


def test_before_the_first_reading_a_pv_is_undefined() -> None:
    with connected() as (_, client):
        number = client.subscribe(client.create("M:OUTTMP"))
        assert (0.0, 17, 3, 0, 0) == client.update(number)


def test_one_client_has_several_subscriptions_to_one_pv() -> None:
    with connected() as (served, client):
        channel, again = client.create("M:OUTTMP"), client.create("M:OUTTMP.VAL")
        numbers = [
            client.subscribe(channel),
            client.subscribe(channel),
            client.subscribe(again),
            client.subscribe(again, ca.TIME_LONG),
        ]
        for number in numbers:
            client.update(number)
        served.bring((0, 1.0), (0, 2.0))
        for number in numbers:
            assert [1, 2] == [client.update(number).value for _ in range(2)]
        client.cancel(channel, numbers[0])
        served.bring((0, 3.0))
        assert [3.0, 3.0, 3.0] == [client.update(number).value for number in numbers[1:]]
        assert [] == client.waiting(numbers[0])


@pytest.mark.parametrize("data_type", [ca.TIME_DOUBLE, ca.TIME_LONG])
@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (ca.DBE_VALUE | ca.DBE_ALARM, [1.0, 2.0, "lost", 3.0]),
        (ca.DBE_VALUE, [1.0, 2.0, 3.0]),
        (ca.DBE_LOG, [1.0, 2.0, 3.0]),
        (ca.DBE_ALARM, [1.0, "lost", 3.0]),
        (ca.DBE_PROPERTY, []),
        (0xFFFF, [1.0, 2.0, "lost", 3.0]),
    ],
)
def test_a_subscription_gets_the_events_of_its_mask_only(mask: int, expected: list[object], data_type: int) -> None:
    with connected() as (served, client):
        number = client.subscribe(client.create("M:OUTTMP"), data_type, mask=mask)
        assert 3 == client.update(number).severity
        served.bring((0, 1.0))
        served.bring((0, 2.0))
        served.bring((0, None), status=DISCONNECTED)
        served.bring((0, 3.0))
        served.settle()
        client.settle()
        assert expected == ["lost" if u.severity == 3 else u.value for u in client.waiting(number)]


def test_a_lost_reading_keeps_the_value_and_the_stamp() -> None:
    with connected() as (served, client):
        number = client.subscribe(client.create("M:OUTTMP"))
        assert 0.0 == client.update(number).value
        served.bring((0, 7.0))
        served.bring((0, None), status=DISCONNECTED, stamp_ns=STAMP + 5)
        assert 7.0 == client.update(number).value
        lost = client.update(number)
        assert (7.0, 3, SECONDS, 250_000_000) == (lost.value, lost.severity, lost.seconds, lost.nanoseconds)


def test_no_update_follows_the_answer_to_a_cancel() -> None:
    with connected() as (served, client):
        channel = client.create("M:OUTTMP")
        ended = threading.Event()

        def news() -> None:
            while not ended.wait(0.0005):
                served.bring((0, 1.0))

        source = threading.Thread(target=news)
        source.start()
        try:
            for _ in range(50):
                for data_type in (ca.TIME_DOUBLE, ca.TIME_LONG):
                    number = client.subscribe(channel, data_type)
                    client.update(number)
                    client.send(ca.pack(2, data_type, 0, channel.sid, number))
                    while client.take(1, p2=number).payload:
                        pass
                    client.settle()
                    assert [] == client.waiting(number)
        finally:
            ended.set()
            source.join()


def test_the_answer_to_a_cancel_is_an_update_without_payload() -> None:
    with connected() as (_, client):
        channel = client.create("M:OUTTMP")
        number = client.subscribe(channel)
        client.update(number)
        client.send(ca.pack(2, ca.TIME_DOUBLE, 0, channel.sid, number))
        assert (1, ca.TIME_DOUBLE, 0, channel.sid, number, b"") == client.take(1, p2=number)


def test_clearing_a_channel_with_monitors_hurts_no_other_channel() -> None:
    """users.md 4.c3: stock caproto sends nothing more to such a client."""
    with connected(READING, ARRAY) as (served, client):
        doomed, other = client.create("M:OUTTMP"), client.create("M:OUTTMP")
        gone = [client.subscribe(doomed), client.subscribe(doomed, ca.TIME_LONG)]
        kept = client.subscribe(other)
        for number in (*gone, kept):
            client.update(number)
        client.clear(doomed)
        served.bring((0, 1.0))
        assert 1.0 == client.update(kept).value
        assert [[], []] == [client.waiting(number) for number in gone]
        assert 1 == served.on_loop(lambda: len(served.store._listeners) + len(served.store._followers))


def test_a_subscription_id_is_free_again_after_cancel_and_after_clear() -> None:
    with connected() as (_, client):
        channel = client.create("M:OUTTMP")
        number = client.subscribe(channel)
        client.update(number)
        client.cancel(channel, number)
        client.ask_subscription(channel, number=number)
        client.update(number)
        client.clear(channel)
        client.ask_subscription(client.create("M:OUTTMP"), number=number)
        client.update(number)


def test_a_client_that_leaves_leaves_nothing_behind() -> None:
    with connected() as (served, bystander):
        for _ in range(20):
            with served.client() as client:
                channel = client.create("M:OUTTMP")
                for data_type in (ca.TIME_DOUBLE, ca.TIME_LONG):
                    client.update(client.subscribe(channel, data_type))
        bystander.settle()
        for _ in range(100):
            if len(served.server.circuits) == 1:
                break
            bystander.settle()
        assert 1 == served.on_loop(lambda: len(served.server.circuits))
        followers = 0 if served.fast else 1  # the channel itself, for as long as the gateway lives
        assert (0, followers) == served.on_loop(lambda: (len(served.store._listeners), len(served.store._followers)))


@pytest.mark.parametrize(
    "asked",
    [
        ca.pack(15, ca.DOUBLE, 1, UNKNOWN, 1),
        ca.pack(3, ca.DOUBLE, 1, UNKNOWN, 1),
        ca.pack(19, ca.DOUBLE, 1, UNKNOWN, 1, bytes(8)),
        ca.pack(1, ca.TIME_DOUBLE, 1, UNKNOWN, 1, bytes(16)),
        ca.pack(2, ca.TIME_DOUBLE, 1, SID, UNKNOWN),
        ca.pack(12, 0, 0, UNKNOWN, 1),
        ca.pack(99),
        b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n",
        ca.HEADER.pack(4, 0xFFFF, 6, 0, SID, 1) + struct.pack(">II", 0xFFFFFFF0, 1),
    ],
    ids=["get", "old get", "put", "subscribe", "cancel", "clear", "command", "http", "four gigabytes"],
)
def test_what_breaks_the_protocol_ends_its_own_circuit_and_no_other(asked: bytes) -> None:
    """users.md 4.c, 4.c2, 4.c4, 4.c5, 4.d."""
    with connected() as (served, bystander):
        number = bystander.subscribe(bystander.create("M:OUTTMP"))
        bystander.update(number)
        with served.client() as hostile:
            assert SID == hostile.create("M:OUTTMP").sid
            hostile.send(asked)
            assert hostile.closed_by_server()
        served.bring((0, 5.0))
        assert 5.0 == bystander.update(number).value


def test_a_header_that_announces_too_much_is_refused_before_its_payload_comes() -> None:
    with connected(largest=20_000) as (_, client):
        client.send(ca.HEADER.pack(4, 0xFFFF, 6, 0, 1, 1) + struct.pack(">II", 20_001, 1))
        assert client.closed_by_server()


def test_a_message_may_come_in_any_pieces() -> None:
    with connected() as (served, client):
        channel = client.create("M:OUTTMP")
        served.bring((0, 2.5))
        served.settle()
        for byte in ca.pack(15, ca.DOUBLE, 1, channel.sid, 77):
            client.send(bytes([byte]))
        assert 2.5 == ca.plain(ca.DOUBLE, 1, client.take(15, p2=77).payload)


def test_echo_comes_back_as_it_went() -> None:
    with connected() as (_, client):
        client.send(ca.pack(23, 1, 2, 3, 4, b"12345678"))
        assert (23, 1, 2, 3, 4, b"12345678") == client.take(23)


def test_channels_are_told_with_rights_type_and_count() -> None:
    with connected(READING, ARRAY, WRITABLE) as (_, client):
        told = [client.create(name) for name in ("M:OUTTMP", "B:IRMS06", "Z:ACLTST:SP", "Z:ACLTST:WR:STATE")]
        assert [(1, 6, 1), (1, 6, 5), (3, 6, 1), (1, 3, 1)] == [(c.rights, c.data_type, c.count) for c in told]


@pytest.mark.parametrize("name", ["", "M:NOTHING", "M:OUTTMP.ZNAM", "M:OUTTMP$", "M:OUTTMP.{", "M:OUTTMP" + "x" * 300])
def test_what_is_not_served_cannot_be_created(name: str) -> None:
    with connected() as (_, client):
        with pytest.raises(LookupError):
            client.create(name)
        client.create("M:OUTTMP")


def test_nothing_can_be_written_while_writes_are_off() -> None:
    with Serving(replace(planned(WRITABLE), writes=False)) as served, served.client() as client:
        assert 1 == client.create("Z:ACLTST:SP").rights


@pytest.mark.parametrize(
    ("data_type", "count", "status"), [(ca.TIME_DOUBLE, 2, BAD_COUNT), (35, 1, BAD_TYPE), (99, 1, BAD_TYPE)]
)
def test_a_subscription_to_what_cannot_be_is_refused_with_a_status(data_type: int, count: int, status: int) -> None:
    with connected() as (_, client):
        channel = client.create("M:OUTTMP")
        number = client.ask_subscription(channel, data_type, count)
        refusal = client.take(ERROR)
        assert (channel.cid, status) == (refusal.p1, refusal.p2)
        assert (1, number) == (ca.HEADER.unpack_from(refusal.payload)[0], ca.HEADER.unpack_from(refusal.payload)[5])
        client.settle()


def test_a_subscription_with_an_empty_mask_is_refused() -> None:
    with connected() as (_, client):
        channel = client.create("M:OUTTMP")
        client.ask_subscription(channel, mask=0)
        assert BAD_MASK == client.take(ERROR).p2
        client.send(ca.pack(1, ca.TIME_DOUBLE, 1, channel.sid, 50))
        assert BAD_MASK == client.take(ERROR).p2


def test_a_second_subscription_with_the_same_id_is_refused() -> None:
    with connected() as (served, client):
        channel = client.create("M:OUTTMP")
        number = client.subscribe(channel)
        client.ask_subscription(channel, ca.TIME_LONG, number=number)
        assert BAD_MONITOR == client.take(ERROR).p2
        client.update(number)
        served.bring((0, 1.0))
        assert 1.0 == client.update(number).value
        client.settle()
        assert [] == client.waiting(number)


def test_channels_and_subscriptions_of_a_circuit_are_capped() -> None:
    capped = Serving(planned(READING), ca_settings(channels=10, monitors=10))
    with capped as served, served.client() as client, served.client() as other:
        channels = [client.create("M:OUTTMP") for _ in range(10)]
        with pytest.raises(LookupError):
            client.create("M:OUTTMP")
        numbers = [client.subscribe(channels[0]) for _ in range(11)]
        assert ALLOCATION_FAILED == client.take(ERROR).p2
        client.cancel(channels[0], numbers[0])
        client.clear(channels[1])
        client.create("M:OUTTMP")
        client.subscribe(channels[0])
        client.settle()
        other.create("M:OUTTMP")


def test_channels_and_subscriptions_of_an_address_are_capped_and_free_again_at_the_end_of_its_circuits() -> None:
    with Serving(planned(READING), ca_settings(channels_per_address=10, monitors_per_address=5)) as served:
        with served.client() as first, served.client() as second:
            channels = [client.create("M:OUTTMP") for client in (first, second) for _ in range(5)]
            for client in (first, second):
                with pytest.raises(LookupError):
                    client.create("M:OUTTMP")
            numbers = [first.subscribe(channels[0]) for _ in range(5)]
            for number in numbers:  # the other circuit may be heard first
                first.update(number)
            second.ask_subscription(channels[9])
            assert ALLOCATION_FAILED == second.take(ERROR).p2
            first.cancel(channels[0], numbers[0])
            first.clear(channels[1])
            channel = second.create("M:OUTTMP")
            second.update(second.subscribe(channel))
        with served.client() as again:
            assert until(lambda: created(again, 10), ca.PATIENCE)


def created(client: CaClient, count: int) -> bool:
    """Whether so many channels can be had now."""
    try:
        for _ in range(count):
            client.create("M:OUTTMP")
    except LookupError:
        return False
    return True


def test_seventy_thousand_channels_on_one_circuit_are_capped_and_the_server_lives() -> None:
    """users.md 4.b: stock caproto hangs for ever at number 65 537."""
    with connected() as (served, client):
        asked = 70_000
        for start in range(0, asked, 1000):
            body = b"M:OUTTMP"
            client.send(b"".join(ca.pack(18, p1=start + n, p2=13, payload=body) for n in range(1000)))
            client.settle()
        client.settle()
        counts = {command: sum(m.command == command for m in client.inbox) for command in (18, 26)}
        assert {18: 60_000, 26: 10_000} == counts
        with served.client() as other:
            other.create("M:OUTTMP")


def test_events_off_conflates_and_events_on_brings_the_newest() -> None:
    with connected(READING, ARRAY) as (served, client):
        scalar, array = client.create("M:OUTTMP"), client.create("B:IRMS06")
        numbers = [client.subscribe(scalar), client.subscribe(scalar, ca.TIME_LONG), client.subscribe(array)]
        for number in numbers:
            client.update(number)
        client.send(ca.pack(8))
        client.settle()
        for value in range(50):
            served.bring((0, float(value)), (1, np.full(5, float(value))))
        served.settle()
        client.settle()
        assert [] == client.inbox
        client.send(ca.pack(9))
        client.settle()
        assert [[49.0], [49], [[49.0] * 5]] == [[u.value for u in client.waiting(number)] for number in numbers]
        served.bring((0, 50.0))
        assert 50.0 == client.update(numbers[0]).value
        assert [2 * 49, 49] == served.on_loop(served.store.dropped.tolist)


def test_what_a_batch_brings_twice_is_counted_as_dropped_while_events_are_off() -> None:
    with connected() as (served, client):
        number = client.subscribe(client.create("M:OUTTMP"))
        client.update(number)
        client.send(ca.pack(8))
        client.settle()
        served.bring((0, 1.0), (0, 2.0), (0, 3.0))
        served.settle()
        assert 2 == served.on_loop(lambda: int(served.store.dropped[0]))


def test_a_subscription_cancelled_while_events_are_off_brings_nothing_more() -> None:
    with connected() as (served, client):
        channel = client.create("M:OUTTMP")
        numbers = [client.subscribe(channel), client.subscribe(channel, ca.TIME_LONG)]
        client.send(ca.pack(8))
        for number in numbers:
            client.update(number)
        served.bring((0, 1.0))
        served.settle()
        for number in numbers:
            client.cancel(channel, number)
        client.send(ca.pack(9))
        client.settle()
        assert [] == client.inbox


def test_many_gets_of_a_large_array_that_nobody_reads_cost_no_memory() -> None:
    """users.md 4.b8: 2000 gets are 32 kB of requests and 4 GB of replies."""
    with connected(BIG, READING) as (served, bystander), served.client(receive_buffer=4096) as client:
        served.bring((0, np.arange(250_000.0)))
        served.settle()
        channel = client.create("N:H801")
        client.send(ca.pack(15, ca.DOUBLE, 0, channel.sid, 1) * 2000)
        (circuit,) = (c for c in served.server.circuits if c.peer.endswith(f":{client.link.getsockname()[1]}"))
        for _ in range(50):
            bystander.settle()
        assert served.on_loop(lambda: circuit.transport.get_write_buffer_size()) < 5_000_000
        assert 2_000_016 <= 8 + len(client.take(15).payload) + 8


def test_very_many_requests_at_once_are_all_answered_in_order() -> None:
    with connected() as (_, client):
        channel = client.create("M:OUTTMP")
        client.send(b"".join(ca.pack(15, ca.DOUBLE, 1, channel.sid, n) for n in range(20_000)))
        client.settle()
        assert list(range(20_000)) == [m.p2 for m in client.inbox if m.command == 15]


def test_closing_very_many_channels_with_monitors_takes_little_time() -> None:
    with connected() as (_, client):
        client.send(b"".join(ca.pack(18, p1=n, p2=13, payload=b"M:OUTTMP") for n in range(20_000)))
        client.settle()
        sids = [m.p2 for m in client.inbox if m.command == 18]
        body = struct.pack(">fffHH", 0, 0, 0, 5, 0)
        client.send(b"".join(ca.pack(1, ca.TIME_DOUBLE, 1, sid, sid, body) for sid in sids))
        client.settle()
        client.send(b"".join(ca.pack(12, p1=sid, p2=0) for sid in sids))
        client.settle()  # in time, or else it raises TimeoutError
        assert 20_000 == sum(m.command == 12 for m in client.inbox)


def test_a_tcp_search_is_answered_on_its_circuit() -> None:
    """A name server's client sends VERSION first, and once more (users.md 1.20)."""
    with connected() as (served, client):
        client.send(ca.pack(0, 0, 13) + ca.pack(6, 5, 13, 7, 7, b"M:OUTTMP\0"))
        answer = client.take(6)
        assert (served.port, 7, 0xFFFFFFFF) == (answer.data_type, answer.p2, answer.p1)
        client.send(ca.pack(6, 5, 13, 8, 8, b"M:NOTHING\0"))
        client.settle()
        assert not [m for m in client.inbox if m.command in (6, 14)]
        client.send(ca.pack(6, 10, 13, 9, 9, b"M:NOTHING\0"))
        assert (9, 9) == client.take(14)[3:5]


def test_channels_that_come_and_go_leave_no_ids_behind() -> None:
    with connected() as (served, client):
        kept = client.create("M:OUTTMP")
        for _ in range(300):
            client.clear(client.create("M:OUTTMP"))
        (circuit,) = served.server.circuits
        assert len(circuit._clients.rows) <= 128
        served.bring((0, 1.5))
        served.settle()
        assert client.get(kept) == 1.5
