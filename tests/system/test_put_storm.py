"""Twenty clients put to two hundred setpoints for a minute while backends drop, rules change, reloads come, leases end.

Who puts what is known by its value: each is used once. Afterwards what the clients were told, what the journal says and
what reached the devices are held against each other.
"""

import contextlib
import json
import random
import re
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gateway.runtime.clock import SystemClock
from iocs.fast import messages as ca
from simulator.facility import load_facility
from simulator.services import Services
from tests.support.ca_client import CHAR, DOUBLE, CaClient, Channel, Message
from tests.support.leaks import check_leaks
from tests.support.processes import Running, Site

SECONDS, CLIENTS, DEVICES, LEASE = 60.0, 20, 200, 3.0
PACE = 0.25  # s between two puts of three
SLACK = 0.5  # s from the last look at a lease until the setting is at the device; 20 clients keep the machine busy
EVERYBODY = "ASG(DEFAULT) { RULE(1,WRITE) }\n"
_EVEN = ", ".join(f"user{number}" for number in range(0, CLIENTS, 2))
SOME = f"UAG(some) {{{_EVEN}}}\nASG(DEFAULT) {{ RULE(1,READ) RULE(1,WRITE){{UAG(some)}} }}\n"


@dataclass
class Storming:
    """One client: what it has put, and what it was told."""

    number: int
    port: int
    chance: random.Random
    puts: dict[int, float] = field(default_factory=dict)  # id: value
    answers: list[tuple[float, int]] = field(default_factory=list)  # value, status of each put reply
    values: int = 0
    channels: dict[str, Channel] = field(default_factory=dict)
    lost: int = 0  # channels, by reloads
    closed_ns: int = 0  # when its circuit, and with it its locks, ended

    def run(self, end: float) -> None:
        with CaClient(self.port, user=f"user{self.number}") as client:
            lease = client.create("GW1:LEASE")
            names = [f"B:S{place:03d}:SP" for place in self.chance.sample(range(DEVICES), 12)]
            locks = [name.replace(":SP", ":LOCK") for name in names]
            self.channels = {name: client.create(name) for name in (*names, *locks)}
            while time.monotonic() < end:
                if self.chance.random() < 0.1:
                    client.take(19, p2=client.ask_put(lease, LEASE / 60))
                if self.chance.random() < 0.1:
                    lock = self.channels[self.chance.choice(locks)]
                    client.take(19, p2=client.ask_put(lock, list(self.chance.choice([b"mine\0", b"\0"])), CHAR))
                channel = self.channels[self.chance.choice(names)]
                for _ in range(3):  # to one device, without waiting: their order has to be kept
                    self._put(client, channel)
                self._hear(client, PACE)
            deadline = time.monotonic() + 20
            while len(self.answers) < len(self.puts) and time.monotonic() < deadline:
                self._hear(client, 0.2)
            self._hear(client, 0.5)  # an answer too many would come now
            self.closed_ns = time.time_ns()

    def _put(self, client: CaClient, channel: Channel) -> None:
        self.values += 1
        value = self.number * 1_000_000.0 + self.values
        self.puts[client.ask_put(channel, value, DOUBLE)] = value

    def _hear(self, client: CaClient, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                client.read_some(left)
            kept: list[Message] = []
            for message in client.inbox:
                if message.command == ca.WRITE_NOTIFY and message.p2 in self.puts:
                    self.answers.append((self.puts[message.p2], message.p1))
                else:
                    kept.append(message)
            client.inbox[:] = [message for message in kept if message.command != ca.SERVER_DISCONNECT]
            for gone in {message.p1 for message in kept if message.command == ca.SERVER_DISCONNECT}:
                (name,) = (name for name, channel in self.channels.items() if channel.cid == gone)
                self.channels[name] = client.create(name)
                self.lost += 1


@pytest.mark.timeout(180)
def test_every_put_has_one_answer_one_row_and_at_most_one_effect_in_order(tmp_path: Path) -> None:
    lines = [
        f'  - {{name: "B:S{n:03d}", index: {n + 1}, description: P, units: V, setting: 0.0, settle: 0}}'
        for n in range(DEVICES)
    ]
    facility = load_facility("devices:\n" + "\n".join(lines))
    services = Services(facility, SystemClock(), {"dpm_http": 0})
    chance = random.Random(20261125)
    with check_leaks(), Site(tmp_path) as site:
        services.start()
        rules, journal = tmp_path / "site.acf", tmp_path / "puts.jsonl"
        rules.write_text(EVERYBODY)
        config = tmp_path / "gateway.yaml"
        config.write_text(
            "gateway: {name: GW1, interfaces: [127.0.0.1], writes: on, lease: on, access_file: site.acf,\n"
            "  audit: {file: puts.jsonl, required: on}}\n"
            f'backends: {{dpm: {{url: "dpm+http://{services.addresses["dpm_http"]}"}}}}\ndevices:\n'
            + "".join(f'  - {{device: "B:S{n:03d}", writable: true, properties: setting}}\n' for n in range(DEVICES))
        )
        gateway = site.acgate("run", str(config), ready=True)
        clients = [Storming(number, site.ca_port, random.Random(number)) for number in range(CLIENTS)]
        end = time.monotonic() + SECONDS
        threads = [threading.Thread(target=client.run, args=(end,)) for client in clients]
        for thread in threads:
            thread.start()
        _weather(services, rules, config, gateway, chance, end)
        for thread in threads:
            thread.join(60)
        gateway.end()  # the journal is complete
        rows = [json.loads(line) for line in journal.read_text().splitlines()]
        assert services.stop()
    _agree(clients, rows, [(float(np.ravel(one.value)[0]), one.t_ns) for one in facility.settings() if one.status.good])


def _weather(
    services: Services, rules: Path, config: Path, gateway: Running, chance: random.Random, end: float
) -> None:
    """Drop the backend, change the rules and reload until the end; all is well after that."""
    calm = config.read_text()
    # every tenth device changes, so that whoever puts to it loses the channel, and what serves it is another
    shaken = re.sub(r"(B:S\d\d0\", writable: true)", r"\1, write_timeout: 4.5", calm)
    more = '  - {device: "B:S000", name: "B:MORE", writable: true}\n'
    while time.monotonic() < end:
        time.sleep(min(chance.uniform(1.0, 3.0), max(0.0, end - time.monotonic())))
        _replace(rules, chance.choice([EVERYBODY, SOME, "ASG(broken"]))
        _replace(
            config,
            chance.choice([calm, shaken])
            + chance.choice(["", more, more.replace("true", "true, step: 5"), "  - {device: 7"]),
        )
        services.faults.command("dpm_http", chance.choice(["none", "none", "reset", "silent"]))
        gateway.process.send_signal(signal.SIGHUP)
    services.faults.command("dpm_http", "none")
    assert gateway.err.count("reload: OK: ") >= 3, gateway.report()
    assert "what ran before goes on" in gateway.err, gateway.report()


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def _agree(clients: list[Storming], rows: list[dict[str, str]], applied: list[tuple[float, int]]) -> None:
    """The model: what must be true of every put, whatever happened meanwhile."""
    asked = sorted(value for client in clients for value in client.puts.values())
    answers = {value: status for client in clients for value, status in client.answers}
    assert asked == sorted(value for client in clients for value, _ in client.answers), "one answer for each put"
    settings = {float(row["new"]): row for row in rows if row["pv"].endswith(":SP")}
    assert Counter(asked) == Counter(float(row["new"]) for row in rows if row["pv"].endswith(":SP")), "one row each"
    effects = Counter(value for value, _ in applied)
    assert max(effects.values()) == 1, "nothing is sent twice"
    reached = dict(applied)
    for value, row in settings.items():
        accepted = answers[value] == ca.NORMAL
        assert accepted == (row["outcome"] == "ACCEPTED"), row
        assert not accepted or value in reached, row
        assert not row["layer"] or value not in reached, row
    _in_order(settings, reached)
    _within_leases(rows, settings, reached)
    _by_holders([row for row in rows if int(row["time_ns"]) < min(client.closed_ns for client in clients)])
    seen = {row["layer"] for row in settings.values()} | {row["outcome"] for row in settings.values()}
    assert {"lock", "lease", "access security", "ACCEPTED", "FAILED"} <= seen, (
        "the weather was too fine to show anything"
    )
    assert any(client.lost for client in clients), "no reload has touched a device that somebody puts to"


def _in_order(settings: dict[float, dict[str, str]], reached: dict[float, int]) -> None:
    """What reached a device did so in the order in which the gateway had judged it, and clients had sent it."""
    last: dict[str, int] = {}
    for pair in pairwise(sorted(settings)):  # each client counts upwards
        one, other = (settings[value] for value in pair)
        assert one["user"] != other["user"] or _number(one) < _number(other), (one, other)
    for value in reached:  # in order of arrival
        row = settings[value]
        assert _number(row) > last.get(row["pv"], 0), row
        last[row["pv"]] = _number(row)


def _number(row: dict[str, str]) -> int:
    return int(row["id"].partition("-")[2])


def _within_leases(
    rows: list[dict[str, str]], settings: dict[float, dict[str, str]], reached: dict[float, int]
) -> None:
    """What reached a device did so while its client had a lease."""
    leases: dict[str, list[int]] = {}
    for row in rows:
        if row["pv"] == "GW1:LEASE" and row["outcome"] == "ACCEPTED":
            leases.setdefault(row["user"], []).append(int(row["time_ns"]))
    for value, t_ns in reached.items():
        starts = leases.get(settings[value]["user"], [])
        assert any(0 <= t_ns - start <= (LEASE + SLACK) * 1e9 for start in starts), settings[value]


def _by_holders(rows: list[dict[str, str]]) -> None:
    """What was sent was sent by whoever held the lock of the device then, if anybody; only others were refused."""
    holders: dict[str, str] = {}
    for row in sorted(rows, key=_number):
        holder = holders.get(row["device"], row["user"])
        if row["pv"].endswith(":SP"):
            assert row["layer"] or holder == row["user"], (row, holder)
            assert row["layer"] != "lock" or holder != row["user"], (row, holder)
        elif row["pv"].endswith(":LOCK") and row["outcome"] == "ACCEPTED":
            assert holder == row["user"], (row, holder)
            holders.pop(row["device"], None)
            if row["new"]:
                holders[row["device"]] = row["user"]
