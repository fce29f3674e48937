"""The preferred of two DPM servers is killed and restored ten times under load: nobody but `:GW:BACKEND` notices."""

import json
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from tests.support.processes import HOST, Json, Running, Site, until

TIMES = 10
HOLD = 2.0  # s, for the test: long enough to be seen, short enough to be waited for
GAP = 2.0  # s between two values of a PV while its backend changes: the loss is noticed, the other one is asked
LOAD = ("--synthetic", "300", "--rate", "10")  # 3000 readings a second through the gateway
WATCHED = [*(f"S:D{number:05d}" for number in (0, 1, 100, 299)), "M:OUTTMP"]
WHO = ["S:D00000:GW:BACKEND", "M:OUTTMP:GW:BACKEND"]
INVALID = 3


@dataclass
class Stage:
    """A gateway with two simulators behind one route, and a libca client with monitors."""

    site: Site
    first: Running
    second: Running
    gateway: Running
    client: Running
    updates: dict[str, list[Json]] = field(default_factory=dict)
    answers: dict[str, Json] = field(default_factory=dict)
    _read: int = 0

    def look(self) -> dict[str, list[Json]]:
        """All updates so far, by PV, in order; no channel was lost on the way."""
        text = self.client.out
        end = text.rfind("\n") + 1
        for line in text[self._read : end].splitlines():
            told = json.loads(line)
            assert "lost" not in told, line
            if "pv" in told:
                self.updates.setdefault(told["pv"], []).append(told)
            elif "put" in told:
                self.answers[told["put"]] = told
        self._read = end
        return self.updates

    def all_from(self, backend: str) -> bool:
        """Whether clients have been told that this backend serves."""
        return all(self.look().get(name, [{"value": ""}])[-1]["value"] == backend for name in WHO)

    def fresh(self, since: float) -> bool:
        """Whether each PV has a good value with a stamp after `since` (Unix, s)."""
        newest = [self.look()[name][-1] for name in WATCHED]
        return all(one["severity"] == 0 and one["stamp_ns"] / 1e9 > since for one in newest)

    def put(self, number: int, value: float) -> Json:
        """Set by a put with callback; its outcome."""
        self.client.tell(f"put {number} Z:ACLTST:SP {value}")
        assert until(lambda: self.look() and str(number) in self.answers, 10), self.client.report()
        return self.answers[str(number)]


def config(first: str, second: str) -> str:
    devices = [f'  - {{device: "S:D{number:05d}", event: "p,100", backend: [a, b]}}\n' for number in range(300)]
    return (
        f"gateway: {{name: GW1, interfaces: [{HOST}], writes: on, failover: {{hold: {HOLD}}}}}\n"
        f'backends: {{a: {{url: "{first}"}}, b: {{url: "{second}"}}}}\n'
        f'devices:\n{"".join(devices)}  - {{device: "M:OUTTMP", event: "p,250", backend: [a, b]}}\n'
        '  - {device: "Z:ACLTST", event: "p,500", backend: [a, b], writable: true, confirm: {tolerance: 0.1}}\n'
    )


def staged(site: Site, first: Running, scheme: str = "dpm+http") -> Iterator[Stage]:
    """Everything runs, and the preferred backend serves."""
    second = site.simulate(*LOAD)
    address = first.said["dpm_http" if scheme == "dpm+http" else "dpm_grpc"]
    gateway = site.run(config(f"{scheme}://{address}", f"dpm+http://{second.said['dpm_http']}"))
    made = Stage(site, first, second, gateway, site.client("live_aioca", *WATCHED, *WHO, stdin=True))
    assert until(lambda: made.all_from("a") and set(made.look()) >= {*WATCHED, *WHO}, 20), made.client.report()
    yield made
    made.client.end()
    gateway.end()
    made.first.end()
    if second.process.poll() is None:
        second.end()


@pytest.fixture
def stage(site: Site) -> Iterator[Stage]:
    """Two servers of one protocol."""
    yield from staged(site, site.simulate(*LOAD))


@pytest.fixture
def mixed(site: Site) -> Iterator[Stage]:
    """Two protocols: gRPC is preferred."""
    yield from staged(site, site.simulate("--dpm-grpc-port", "0", *LOAD), "dpm+grpc")


def test_ten_deaths_of_the_preferred_backend_under_load(stage: Stage) -> None:
    steady: tuple[int, int] = (0, 0)
    for number in range(TIMES):
        stage.first.kill()
        killed = time.time()
        assert until(lambda: stage.all_from("b"), 10), stage.gateway.report()
        assert until(lambda at=killed: stage.fresh(at + 1.0), 10), stage.gateway.report()
        assert stage.put(number, float(number))["ok"], stage.gateway.report()  # nothing was sent to the dead one
        port = stage.first.said["dpm_http"].rpartition(":")[2]
        stage.first = stage.site.simulate(*LOAD, port=int(port))
        back = time.time()
        assert until(lambda: stage.all_from("a"), 20), stage.gateway.report()
        assert time.time() - back > HOLD - 1.0
        assert until(lambda at=back: stage.fresh(at), 10), stage.gateway.report()
        assert until(lambda: "b serves" in stage.gateway.err, 1)
        if number == 0:
            time.sleep(1.0)
            steady = stage.gateway.threads(), stage.gateway.descriptors()
    assert until(lambda: stage.gateway.threads() <= steady[0] and stage.gateway.descriptors() <= steady[1], 10), steady

    for name in WATCHED:
        told = stage.look()[name]
        stamps = [one["stamp_ns"] for one in told]
        assert all(earlier < later for earlier, later in pairwise(stamps)), name
        assert not [one for one in told if one["severity"] == INVALID], name
        assert max(later - earlier for earlier, later in pairwise(stamps)) < GAP * 1e9, name
    for name in WHO:
        assert [one["value"] for one in stage.look()[name]] == ["a", *("b", "a") * TIMES]


def test_one_that_freezes_is_replaced_and_when_both_are_gone_clients_are_told(stage: Stage) -> None:
    stage.first.process.send_signal(signal.SIGSTOP)  # its connections stay, and nothing comes
    assert until(lambda: stage.all_from("b"), 10), stage.gateway.report()
    assert until(lambda: stage.fresh(time.time() - 1.0), 10), stage.gateway.report()
    asked = stage.site.tool("caproto-get", "--no-repeater", "-S", "GW1:ROUTE:a+b:SERVING")
    assert asked.wait(20) == 0, asked.report()
    assert re.search(r"GW1:ROUTE:a\+b:SERVING +b \d+\W", asked.out), asked.out
    stage.second.kill()
    assert until(lambda: all(stage.look()[name][-1]["severity"] == INVALID for name in WATCHED), 10)
    back = time.time()
    stage.first.process.send_signal(signal.SIGCONT)
    assert until(lambda: stage.fresh(back), 15), stage.gateway.report()
    assert until(lambda: stage.all_from("a"), 5)
    for name in WATCHED:
        values = [one["stamp_ns"] for one in stage.look()[name] if one["severity"] != INVALID]
        assert all(earlier < later for earlier, later in pairwise(values)), name


def test_another_protocol_takes_over_and_gives_back(mixed: Stage) -> None:
    mixed.first.kill()
    killed = time.time()
    assert until(lambda: mixed.all_from("b"), 10), mixed.gateway.report()
    assert until(lambda: mixed.fresh(killed + 1.0), 10), mixed.gateway.report()
    port = mixed.first.said["dpm_grpc"].rpartition(":")[2]
    mixed.first = mixed.site.simulate("--dpm-grpc-port", port, *LOAD)
    back = time.time()
    assert until(lambda: mixed.all_from("a"), 30), mixed.gateway.report()
    assert until(lambda: mixed.fresh(back), 10), mixed.gateway.report()
    for name in WATCHED:
        told = mixed.look()[name]
        assert all(one["stamp_ns"] < other["stamp_ns"] for one, other in pairwise(told)), name
        assert not [one for one in told if one["severity"] == INVALID], name
    for name in WHO:
        assert [one["value"] for one in mixed.look()[name]] == ["a", "b", "a"]
