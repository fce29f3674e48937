"""The configuration is read again at SIGHUP: who is not concerned notices nothing, everybody else is told."""

import json
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from gateway.runtime.clock import SystemClock
from iocs.fast import messages as ca
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.support.ca_client import CaClient, search, update
from tests.support.leaks import check_leaks
from tests.support.processes import Site, until

STAYS = '  - {device: "M:OUTTMP", event: "p,50", properties: reading, backend: stays}\n'
GOES = '  - {device: "G:AMANDA", backend: stays}\n'
BEFORE = '  - {device: "Z:ACLTST", writable: true, backend: one}\n'
AFTER = '  - {device: "Z:ACLTST", writable: true, step: 3, backend: one}\n'
COMES = '  - {device: "N:LGXS", backend: stays}\n'


class Stage:
    """A gateway over services that play DPM three times, and its configuration."""

    def __init__(self, site: Site, services: dict[str, Services], devices: str = STAYS + GOES + BEFORE) -> None:
        self.site, self.services = site, services
        self.path, self.journal = site.folder / "gateway.yaml", site.folder / "puts.jsonl"
        self.write(devices)
        self.gateway = site.acgate("run", str(self.path), ready=True)
        self.generation = 1

    def write(self, devices: str, one: str = "one", more: str = "") -> None:
        """Another configuration; `one` says which services the backend of that name means."""
        urls = {name: self.services[who].addresses["dpm_http"] for name, who in (("stays", "stays"), ("one", one))}
        backends = ", ".join(f'{name}: {{url: "dpm+http://{url}"}}' for name, url in urls.items())
        self.path.write_text(
            f"gateway: {{name: GW1, interfaces: [127.0.0.1], writes: on, audit: {{file: puts.jsonl}}{more}}}\n"
            f"backends: {{{backends}}}\ndevices:\n{devices}"
        )

    def ask(self) -> None:
        self.gateway.process.send_signal(signal.SIGHUP)

    def reload(self) -> str:
        """Reload, and wait until it is done; what is said of it."""
        self.generation += 1
        self.ask()
        assert until(lambda: self.value("RELOAD:GENERATION") == self.generation, 20), self.gateway.report()
        assert until(lambda: self.said().startswith("OK"), 5)
        return self.said()

    def value(self, suffix: str) -> object:
        with CaClient(self.site.ca_port) as client:
            return client.get(client.create(f"GW1:{suffix}"))

    def said(self) -> str:
        with CaClient(self.site.ca_port) as client:
            signs = client.get(client.create("GW1:RELOAD:RESULT"))
            return bytes(signs if isinstance(signs, list) else [signs]).partition(b"\0")[0].decode("latin-1")


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, Services]]:
    made = {name: Services(shipped_facility(), SystemClock(), {"dpm_http": 0}) for name in ("stays", "one", "another")}
    with check_leaks():
        for one in made.values():
            one.start()
        yield made
        ended = [one.stop() for one in made.values()]
        assert all(ended)


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory, services: dict[str, Services]) -> Iterator[Stage]:
    with Site(tmp_path_factory.mktemp("reload")) as site:
        made = Stage(site, services)
        yield made
        made.gateway.end()


def disconnected(client: CaClient) -> list[int]:
    """The channels of which the server has said that they are gone."""
    return [message.p1 for message in client.inbox if message.command == ca.SERVER_DISCONNECT]


def test_devices_come_and_go_and_change_while_the_others_stay(stage: Stage) -> None:
    watcher = stage.site.client("rights_pyepics", "Z:ACLTST:SP", stdin=True)
    with CaClient(stage.site.ca_port) as client:
        stays, goes, changes = (client.create(name) for name in ("M:OUTTMP", "G:AMANDA", "Z:ACLTST:SP"))
        field = client.create("G:AMANDA.EGU")
        monitor = client.subscribe(stays)
        lost = [client.subscribe(channel) for channel in (goes, changes)]
        assert 1 == client.put(changes, 5.0)
        assert until(lambda: {"connected": 1} in watcher.lines(), 20), watcher.report()
        threads = stage.gateway.threads()
        stage.write(STAYS + AFTER + COMES)
        assert "OK: 1 added, 1 removed, 1 changed; 2 clients lost channels" == stage.reload()
        client.take(ca.SERVER_DISCONNECT, p1=goes.cid)
        client.take(ca.SERVER_DISCONNECT, p1=changes.cid)
        client.take(ca.SERVER_DISCONNECT, p1=field.cid)
        client.inbox[:] = [one for one in client.inbox if one.p2 not in lost]
        assert ca.NO_WRITE_ACCESS == client.put(changes, 6.0), "a put that crossed the news has its answer"
        with pytest.raises(LookupError):
            client.create("G:AMANDA")
        assert not search(stage.site.ca_port, ["G:AMANDA"], wait=0.2)
        assert len(search(stage.site.ca_port, ["N:LGXS"])) == 2
        assert isinstance(client.get(client.create("N:LGXS")), float)
        again = client.create("Z:ACLTST:SP")
        assert until(lambda: client.get(again) == 5.0, 20), "what the front end holds"
        assert [ca.PUT_FAILED, ca.NORMAL] == [client.put(again, value) for value in (9.0, 7.0)], "3 V is the most"
        assert until(lambda: [line for line in watcher.lines() if "connected" in line][-2:] == GONE_AND_BACK, 20)
        _nothing_was_lost(client, monitor)
        assert not disconnected(client)
        assert not [one for one in client.inbox if one.command == 1 and one.p2 in lost]
        stage.write(STAYS + BEFORE + GOES)
        assert "OK: 1 added, 1 removed, 1 changed; 2 clients lost channels" == stage.reload()
        # the workers of what has gone end beside the reload; those that asyncio blocks in stay, some six of them
        assert until(lambda: stage.gateway.threads() <= threads + 6, 20), stage.gateway.threads()
        assert isinstance(client.get(client.create("G:AMANDA")), float)
    assert "Traceback" not in stage.gateway.err


GONE_AND_BACK = [{"connected": 0}, {"connected": 1}]


def _nothing_was_lost(client: CaClient, monitor: int) -> None:
    """Every reading of the device's buffer between two that the client was told of was told to it."""
    times = client.get(client.create("M:OUTTMP:HIST:T"))
    newest = times[-1]
    updates = []
    while not updates or _seconds(updates[-1]) < newest:
        updates.append(client.take(1, p2=monitor))
    told = {round(_seconds(one), 5) for one in updates}
    missed = [time for time in times if _seconds(updates[0]) < time and round(time, 5) not in told]
    assert not missed, f"{len(missed)} of {len(times)} readings"


def _seconds(message: object) -> float:
    news = update(message)
    return news.seconds + 631_152_000 + news.nanoseconds / 1e9


def test_a_configuration_that_is_wrong_changes_nothing_and_is_said(stage: Stage) -> None:
    with CaClient(stage.site.ca_port) as client:
        goes = client.create("G:AMANDA")
        stage.write(STAYS + '  - {device: "no device"}\n')
        stage.ask()
        assert until(lambda: "gateway.yaml:5: " in stage.said(), 20), stage.gateway.report()
        assert "what ran before goes on" in stage.gateway.err
        assert (1, True) == (stage.value("RELOAD:GENERATION"), isinstance(client.get(goes), float))
        stage.write(STAYS + GOES + BEFORE, more=", lease: on")
        said = "OK: 0 added, 0 removed, 0 changed; 0 clients lost channels; only a restart changes gateway.lease"
        assert said == stage.reload()
        assert not disconnected(client)


def test_a_backend_that_has_moved_takes_its_devices_with_it_and_no_others(stage: Stage) -> None:
    with CaClient(stage.site.ca_port) as client:
        stays, moves = client.create("M:OUTTMP"), client.create("Z:ACLTST:SP")
        assert 1 == client.put(moves, 5.0)
        stage.write(STAYS + GOES + BEFORE, one="another")
        assert "OK: 0 added, 0 removed, 1 changed; 1 clients lost channels" == stage.reload()
        client.take(ca.SERVER_DISCONNECT, p1=moves.cid)
        assert 1 == client.put(client.create("Z:ACLTST:SP"), 6.0)
        held = [
            [float(np.ravel(one.value)[0]) for one in services.facility.settings() if one.status.good][-1]
            for services in (stage.services["one"], stage.services["another"])
        ]
        assert [5.0, 6.0] == held
        assert isinstance(client.get(stays), float)
        assert not disconnected(client)


def test_a_put_under_way_has_one_answer_and_one_row_before_its_device_changes(stage: Stage) -> None:
    with CaClient(stage.site.ca_port) as client:
        changes = client.create("Z:ACLTST:SP")
        assert 1 == client.put(changes, 5.0)
        stage.services["one"].faults.command("dpm_http", "silent")
        waiting = client.ask_put(changes, 6.0)
        assert until(lambda: stage.value("QUEUE:PUT") == 0, 5)
        stage.write(STAYS + GOES + AFTER)
        stage.ask()
        answer = client.take(ca.WRITE_NOTIFY, p2=waiting, timeout=20)
        assert ca.PUT_FAILED == answer.p1
        client.take(ca.SERVER_DISCONNECT, p1=changes.cid)
        stage.services["one"].faults.command("dpm_http", "none")
        assert until(lambda: stage.value("RELOAD:GENERATION") == 2, 20)
    rows = [json.loads(line) for line in stage.journal.read_text().splitlines()]
    assert [("5.0", "ACCEPTED"), ("6.0", "FAILED")] == [(row["new"], row["outcome"]) for row in rows]


NEVER = '  - {device: "N:H801", event: "e,fe", writable: true, backend: one}\n'  # an event that does not come
SLOW = '  - {device: "Z:STUCK", writable: true, confirm: {tolerance: 0.1, timeout: 120}, backend: one}\n'


def test_a_put_that_is_not_answered_in_time_ends_the_reload_and_nothing_else(slow: Stage) -> None:
    with CaClient(slow.site.ca_port) as client:
        setpoint, stays = client.create("Z:STUCK:SP"), client.create("G:AMANDA")
        waiting = client.ask_put(setpoint, 6.0)
        slow.write(STAYS + COMES + SLOW.replace("writable", "step: 3, writable"))
        slow.ask()
        assert until(lambda: slow.said().startswith("a put to a device that has changed is not answered"), 40)
        assert "within 15 s; try again" in slow.said()
        assert 1 == slow.value("RELOAD:GENERATION")
        assert isinstance(client.get(stays), float)
        assert not disconnected(client)
        assert not search(slow.site.ca_port, ["N:LGXS"], wait=0.2)
        client.ask_put(setpoint, 7.0)  # taken again: it waits for the one before
        assert until(lambda: slow.value("QUEUE:PUT") == 1, 10)
        assert not [one for one in client.inbox if one.command == ca.WRITE_NOTIFY and one.p2 == waiting]


@pytest.fixture
def slow(tmp_path_factory: pytest.TempPathFactory, services: dict[str, Services]) -> Iterator[Stage]:
    """A gateway of which puts to Z:STUCK are under way for two minutes."""
    with Site(tmp_path_factory.mktemp("slow")) as site:
        made = Stage(site, services, STAYS + GOES + SLOW)
        yield made
        for name in ("one", "another"):
            services[name].faults.command("dpm_http", "none")
        if made.gateway.process.poll() is None:
            made.gateway.end()


@pytest.mark.parametrize("moment", ["reading", "opening", "settling", "waiting"])
def test_a_signal_in_the_middle_of_a_reload_ends_the_gateway_as_it_should(slow: Stage, moment: str) -> None:
    with CaClient(slow.site.ca_port) as client:
        setpoint = client.create("Z:STUCK:SP")
        threads = slow.gateway.threads()
        if moment in ("reading", "opening"):
            slow.services["one" if moment == "reading" else "another"].faults.command("dpm_http", "silent")
        if moment == "waiting":
            number = client.ask_put(setpoint, 6.0)
            slow.write(STAYS + GOES)
        else:
            slow.write(STAYS + GOES + SLOW + NEVER, one="another" if moment == "opening" else "one")
        slow.ask()
        if moment == "waiting":
            further: list[int] = []

            def leaves() -> bool:
                further.append(client.ask_put(setpoint, 7.0))
                client.settle()
                return any(one.command == ca.WRITE_NOTIFY and one.p2 in further for one in client.inbox)

            assert until(leaves, 20), "the device takes no further put"
        else:
            assert until(lambda: slow.gateway.threads() > threads + (4 if moment == "settling" else 0), 20)
        assert 1 == slow.value("RELOAD:GENERATION")
        slow.gateway.end()
        if moment == "waiting":
            assert ca.PUT_FAILED == client.take(ca.WRITE_NOTIFY, p2=number).p1
    assert "Traceback" not in slow.gateway.err
