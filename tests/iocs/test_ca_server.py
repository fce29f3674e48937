"""The server as a whole: ports, searches, who is welcome, and the end."""

import asyncio
import contextlib
import socket
import threading
import time

import numpy as np
import pytest

from gateway.core.status import OK
from gateway.core.values import Outcome, Setting, SettingResult
from gateway.runtime.worker import Worker
from iocs.environment import Network
from iocs.fast import server as server_module
from iocs.fast.search import send_beacons
from iocs.fast.server import PortTaken
from tests.iocs.serving import Serving, ca_settings
from tests.plan.planning import planned
from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks
from tests.support.processes import until

pytestmark = pytest.mark.usefixtures("no_leaks")

READING = '{device: "M:OUTTMP", properties: [reading]}'
WRITABLE = '{device: "Z:ACLTST", writable: true, properties: [reading, setting]}'
BOTH = ("127.0.0.1", "127.0.0.2")


def test_a_search_is_answered_once_and_for_known_names_only() -> None:
    with Serving(planned(READING)) as served:
        version, found = ca.search(served.port, ["M:NOTHING", "M:OUTTMP"], sequence=77)
        assert (0, 1, 77) == (version.command, version.data_type, version.p1)
        assert (6, served.port, 1) == (found.command, found.data_type, found.p2)


@pytest.mark.parametrize("name", ["M:NOTHING", "", "M:OUTTMP.ZNAM", "M:OUTTMP.egu", "M:OUTTMP$", "x" * 5000])
def test_a_search_for_an_unknown_name_is_not_answered_and_makes_nothing(name: str) -> None:
    with Serving(planned(READING)) as served:
        assert [] == ca.search(served.port, [name], wait=0.1)
        assert 2 == len(ca.search(served.port, ["M:OUTTMP"]))
        assert ["GW1:FIGURE", "GW1:NAME"] == served.on_loop(lambda: sorted(c.pvname for c in served.channels.made))


def test_the_gateways_own_pvs_are_found() -> None:
    with Serving(planned(READING)) as served, served.client() as client:
        assert 2 == len(ca.search(served.port, ["GW1:NAME$"]))
        assert [97, 99, 103, 97, 116, 101, 0] == client.get(client.create("GW1:NAME"))
        assert 1.0 == client.get(client.create("GW1:FIGURE.VAL"))
        with pytest.raises(LookupError):
            client.create("GW1:FIGURE$")


def test_one_reply_comes_from_the_interface_that_was_asked() -> None:
    """users.md 1.19: stock caproto answers from each bound address."""
    with Serving(planned(READING), ca_settings(interfaces=BOTH)) as served:
        for host in BOTH:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
                link.settimeout(ca.PATIENCE)
                link.sendto(ca.pack(0, 1, 13, 5) + ca.pack(6, 5, 13, 1, 1, b"M:OUTTMP\0"), (host, served.port))
                assert (host, served.port) == link.recvfrom(65536)[1]
                link.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    link.recv(65536)


def test_a_datagram_of_60_kilobytes_gets_one_bounded_answer() -> None:
    with Serving(planned(READING)) as served:
        found = ca.search(served.port, ["M:OUTTMP"] * 1900, sequence=1)
        assert 0 < len(found) <= 513


def test_broken_datagrams_do_no_harm() -> None:
    with Serving(planned(READING)) as served, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        for junk in (b"", b"1234567", b"\xff" * 5000, bytes(16), ca.pack(6, 5, 13, 1, 1, b"\xff\xfe")[:-1]):
            link.sendto(junk, ("127.0.0.1", served.port))
        assert 2 == len(ca.search(served.port, ["M:OUTTMP"]))


def test_whom_the_allow_list_does_not_name_is_neither_answered_nor_served() -> None:
    settings = ca_settings(allowed=(Network("127.0.0.3/32"), Network("10.0.0.0/8")))
    with Serving(planned(READING), settings) as served:
        assert [] == ca.search(served.port, ["M:OUTTMP"], wait=0.1)
        with CaClient(served.port, hello=False) as client:
            assert client.closed_by_server()
            assert [] == client.inbox


def test_an_allowed_client_is_served() -> None:
    with Serving(planned(READING), ca_settings(allowed=(Network("127.0.0.0/8"),))) as served:
        assert 2 == len(ca.search(served.port, ["M:OUTTMP"]))
        with served.client() as client:
            client.create("M:OUTTMP")


def test_the_ignore_list_works() -> None:
    """users.md 4.f5: in stock caproto it never matches."""
    with Serving(planned(READING), ca_settings(ignored=frozenset({"127.0.0.1"}))) as served:
        assert [] == ca.search(served.port, ["M:OUTTMP"], wait=0.1)
        with CaClient(served.port, hello=False) as client:
            assert client.closed_by_server()


def test_a_taken_port_is_said_with_the_remedy_and_nothing_is_left_open() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken) as taken, Serving(planned(READING), ca_settings(port=port)):
            pass
    assert (
        f"Channel Access port {port} on 127.0.0.1 cannot be used: Address already in use; "
        "stop the other server, or set EPICS_CAS_SERVER_PORT to a free port"
    ) == str(taken.value)


def test_a_server_beside_which_searches_are_shared_is_warned_of_and_both_serve(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """users.md 1.18; with a real C IOC in tests/system/test_two_servers.py."""
    settings = ca_settings()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", settings.port))
        with Serving(planned(READING), settings) as served, served.client() as client:
            assert client.create("M:OUTTMP")
    assert f"another server answers searches on 127.0.0.1, UDP port {settings.port}, too" in caplog.text
    assert "give this gateway an address of its own" in caplog.text


def test_who_serves_alone_says_nothing_and_lets_others_share_its_searches(caplog: pytest.LogCaptureFixture) -> None:
    with Serving(planned(READING)) as served, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", served.port))
    assert "another server" not in caplog.text


def test_an_interface_that_does_not_exist_is_said_with_its_remedy() -> None:
    settings = ca_settings(interfaces=("127.0.0.1", "203.0.113.7"))
    with (
        pytest.raises(PortTaken, match=r"Cannot assign.*; correct gateway\.interfaces"),
        Serving(planned(READING), settings),
    ):
        pass


def test_the_end_closes_every_circuit_and_leaves_nothing() -> None:
    """Tasks are counted by Serving, sockets and threads by no_leaks."""
    with Serving(planned(READING)) as served:
        clients = [served.client() for _ in range(5)]
        for client in clients:
            client.update(client.subscribe(client.create("M:OUTTMP")))
    for client in clients:
        assert client.closed_by_server()
        client.link.close()


def test_a_stuck_client_does_not_hold_up_the_end() -> None:
    big = '{device: "N:H801[0:249999]", properties: [reading], name: "N:H801"}'
    with Serving(planned(big)) as served:
        client = served.client(receive_buffer=4096)
        channel = client.create("N:H801")
        client.send(ca.pack(15, ca.DOUBLE, 250_000, channel.sid, 1) * 10)
        client.read_some(ca.PATIENCE)
        began = time.monotonic()
    assert time.monotonic() - began < 3.0
    client.link.close()


def test_waiting_puts_are_answered_at_the_end() -> None:
    """users.md 2.16."""
    go = threading.Event()

    def stuck(setting: Setting) -> SettingResult:
        go.wait(ca.PATIENCE)
        return SettingResult(setting, OK, Outcome.ACCEPTED)

    try:
        with Serving(planned(WRITABLE)) as served:
            served.backend.on_write = stuck
            client = served.client()
            channel = client.create("Z:ACLTST:SP")
            asked = [client.ask_put(channel, float(n)) for n in range(10)]
            client.settle()
            served.loop.call_soon_threadsafe(served._stop.set)
            assert [160] * 10 == [client.take(19, p2=number).p1 for number in asked]
            go.set()
    finally:
        go.set()
        client.link.close()


def test_puts_that_nobody_answers_do_not_hold_up_the_end() -> None:
    plan = planned(WRITABLE)
    with Serving(plan) as served:
        client = served.client()
        channel = client.create("Z:ACLTST:SP")
        served.on_loop(lambda: setattr(served.ioc, "write", lambda _: None))
        client.ask_put(channel, 1.0)
        client.settle()
    assert client.closed_by_server()
    client.link.close()


def test_a_client_that_takes_nothing_and_one_that_says_nothing_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "STALLED", 0.1)
    monkeypatch.setattr(server_module, "SWEEP", 0.05)
    big = '{device: "N:H801[0:249999]", properties: [reading], name: "N:H801"}'
    with Serving(planned(big)) as served, served.client() as bystander:
        bystander.create("N:H801")
        with CaClient(served.port, hello=False) as mute:
            assert mute.closed_by_server()
        with served.client() as half:
            half.send(ca.pack(15, ca.DOUBLE, 1, 1, 1)[:10])
            assert half.closed_by_server()
        with served.client(receive_buffer=4096) as stuck:
            channel = stuck.create("N:H801")
            stuck.send(ca.pack(15, ca.DOUBLE, 250_000, channel.sid, 1) * 10)
            for _ in range(1000):
                if served.on_loop(lambda: len(served.server.circuits)) == 1:
                    break
                bystander.settle()
                threading.Event().wait(0.01)
            assert 1 == served.on_loop(lambda: len(served.server.circuits))
        bystander.settle()


def test_a_client_that_vanished_is_noticed_by_its_silence() -> None:
    """users.md 1.9: probes after 15 s, every 5 s, three times: gone within 60 s."""
    asked = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    with Serving(planned(READING)) as served, served.client() as client:
        client.settle()

        def options() -> tuple[int, ...]:
            (circuit,) = served.server.circuits
            link = circuit.transport.get_extra_info("socket")
            kept = link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            return (kept, *(link.getsockopt(socket.IPPROTO_TCP, option) for option in asked))

        assert served.on_loop(options) == (1, 15, 5, 3)


def test_a_client_that_hangs_up_at_once_does_no_harm() -> None:
    with Serving(planned(READING)) as served:
        for _ in range(150):  # below what one address may have, should the server see all before the first has gone
            link = socket.socket()
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset in place of a farewell
            link.connect(("127.0.0.1", served.port))
            link.close()
        with served.client() as client:
            client.create("M:OUTTMP")
            for _ in range(1000):
                if served.on_loop(lambda: len(served.server.circuits)) == 1:
                    break
        assert 1 >= served.on_loop(lambda: len(served.server.circuits))


def test_an_address_opens_so_many_circuits_in_a_second_and_others_are_served_meanwhile() -> None:
    with Serving(planned(READING), ca_settings(circuits_per_second=5)) as served:
        served.on_loop(lambda: None)
        refused = 0
        for _ in range(50):
            with CaClient(served.port, hello=False) as client:
                client.send(ca.pack(0, 0, 13))
                try:
                    client.take(0)
                except ConnectionError:
                    refused += 1
                    break
        assert refused
        assert 1 == served.on_loop(lambda: served.server.refused)
        with contextlib.closing(socket.socket()) as link:  # another address of this machine
            link.bind(("127.0.0.2", 0))
            link.settimeout(ca.PATIENCE)
            link.connect(("127.0.0.1", served.port))
            assert link.recv(16)
        assert until(lambda: greeted(served.port), ca.PATIENCE)  # in the next second


def greeted(port: int) -> bool:
    with CaClient(port, hello=False) as client:
        try:
            client.take(0)
        except ConnectionError:
            return False
    return True


def flood(port: int, names: int) -> None:
    """Searches for so many names that nobody has, from an address of their own, as fast as they go."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("127.0.0.9", 0))
        for start in range(0, names, 25):
            asked = [ca.pack(6, 5, 13, n, n, f"Q:X{n:05d}".encode() + b"\0") for n in range(start, start + 25)]
            link.sendto(ca.pack(0, 0, 13) + b"".join(asked), ("127.0.0.1", port))


def test_a_flood_of_searches_for_unknown_names_makes_nothing_and_others_find_theirs() -> None:
    with Serving(planned(READING)) as served:
        kept = served.on_loop(lambda: (len(asyncio.all_tasks()), len(list(served.channels.made))))
        storm = Worker("storm", lambda _: flood(served.port, 50_000), lambda _: None)
        storm.start()
        for _ in range(20):
            assert until(lambda: len(ca.search(served.port, ["M:OUTTMP"], wait=1.0)) == 2, ca.PATIENCE)
        assert storm.stop(ca.PATIENCE * 3)
        assert kept == served.on_loop(lambda: (len(asyncio.all_tasks()), len(list(served.channels.made))))


def test_who_could_not_connect_finds_nothing_until_there_is_room() -> None:
    """users.md 2.10: a server that answers searches and takes no circuit hangs displays."""
    with Serving(planned(READING), ca_settings(circuits=1)) as served:
        assert len(ca.search(served.port, ["M:OUTTMP"])) == 2
        with contextlib.closing(socket.socket()) as link:  # of another address: whoever has a circuit may search on
            link.bind(("127.0.0.2", 0))
            link.connect(("127.0.0.1", served.port))
            assert link.recv(16)
            assert [] == ca.search(served.port, ["M:OUTTMP"], wait=0.1)
        assert until(lambda: len(ca.search(served.port, ["M:OUTTMP"], wait=0.1)) == 2, ca.PATIENCE)
        with served.client() as client:
            client.settle()
            assert len(ca.search(served.port, ["M:OUTTMP"])) == 2


def test_an_address_searches_for_so_many_names_in_a_second_and_others_find_theirs() -> None:
    with Serving(planned(READING), ca_settings(searches_per_second=100)) as served:
        for _ in range(3):
            flood(served.port, 1000)
        assert len(ca.search(served.port, ["M:OUTTMP"])) == 2
        assert served.on_loop(lambda: served.server.searches.refused) >= 60
        assert until(lambda: len(ca.search(served.port, ["M:OUTTMP"], wait=0.2)) == 2, ca.PATIENCE)


def test_beacons_are_counted_and_come_ever_less_often() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as repeater:
        repeater.bind(("127.0.0.1", 0))
        repeater.settimeout(ca.PATIENCE)
        with Serving(planned(READING), ca_settings(beacons=(repeater.getsockname(),), beacon_period=0.05)) as served:
            messages = [ca.cut(repeater.recv(1000))[0][0] for _ in range(4)]
        assert [(13, 13, served.port, n, 0) for n in range(4)] == [m[:5] for m in messages]


def test_beacons_that_cannot_be_sent_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def announce() -> None:
        task = asyncio.create_task(send_beacons((("203.0.113.300", 5065),), 5064, 0.01))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(announce())
    assert 1 == len([record for record in caplog.records if "no beacons to 203.0.113.300:5065" in record.message])


def test_a_task_of_the_server_that_dies_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    with Serving(planned(READING), ca_settings(beacons=(("127.0.0.1", 70_000),))) as served:
        served.settle()
        assert 2 == len(ca.search(served.port, ["M:OUTTMP"]))
    assert any("died" in record.message for record in caplog.records)


def test_only_figures_are_sampled_and_only_changes_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iocs.serve.SAMPLE_PERIOD", 0.01)
    array = '{device: "B:IRMS06[0:1]", properties: [reading], name: "B:IRMS06"}'
    with Serving(planned(array)) as served, served.client() as client:
        served.bring((0, np.array([1.0, float("nan")])))
        served.settle()
        monitors = [client.subscribe(client.create(name)) for name in ("B:IRMS06", "GW1:FIGURE")]
        for number in monitors:
            client.update(number)
        marker = client.subscribe(client.create("GW1:NAME"), ca.TIME_CHAR)
        client.update(marker)
        served.figure = 2.0
        assert 2.0 == client.update(monitors[1]).value
        served.figure = 3.0
        assert 3.0 == client.update(monitors[1]).value
        client.settle()
        assert [[], [], []] == [client.waiting(number) for number in (*monitors, marker)]


def test_a_figure_that_cannot_be_had_is_said_once_and_the_gateway_lives(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iocs.serve.SAMPLE_PERIOD", 0.01)
    with Serving(planned(READING)) as served, served.client() as client:
        figure, name = client.create("GW1:FIGURE"), client.create("GW1:NAME")
        numbers = client.subscribe(figure), client.subscribe(name, ca.TIME_CHAR)
        assert 1.0 == client.update(numbers[0]).value
        served.figure = 2.0
        assert 2.0 == client.update(numbers[0]).value
        served.figure = "broken"  # type: ignore[assignment]
        for _ in range(500):
            if caplog.records:
                break
            threading.Event().wait(0.01)
        client.settle()
        assert ["GW1:FIGURE cannot be sampled and will not be any more"] == [r.message for r in caplog.records]
