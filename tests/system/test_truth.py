"""What a monitor delivers is what the simulator's own log says it sent: values, stamps, order, and nothing lost."""

import csv
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.processes import Json, Running, Site, config_of, until

SECONDS = 10.0
DEVICES = {  # event: devices
    "p,100": ["S:D00000", "S:D00001", "I:TOROID", "I:HP601", "I:VP602", "G:SCTIME"],
    "p,200": ["S:D00002", "G:WNDSPD", "G:PRESUR"],
    "p,500": ["S:D00003", "G:LCWFLO", "G:OUTHUM", "Z:ACLTST"],
    "p,1000": ["S:D00004", "M:OUTTMP", "L:Q1", "N:LGXS"],
    "e,0f": ["I:BEAM", "S:D00005"],
    "e,1d": ["B:CHG0"],
}
NAMES = [name for names in DEVICES.values() for name in names]
Sample = tuple[int, float]  # ms, value


def sent(path: Path) -> dict[str, list[Sample]]:
    """The readings in the simulator's log, by device, in order."""
    found = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["property"] == "READING":
                found[row["device"]].append((int(row["stamp_ms"]), float(row["value"])))
    return found


def delivered(lines: list[Json]) -> dict[str, list[Sample]]:
    """The updates that a client told of, by PV, in order."""
    found = defaultdict(list)
    for line in lines:
        if "pv" in line:
            assert line["severity"] in (0, 1, 2), line
            assert line["stamp_ns"] % 1_000_000 == 0, line
            found[line["pv"]].append((line["stamp_ns"] // 1_000_000, line["value"]))
    return found


@pytest.mark.parametrize("script", ["live_aioca", "live_pyepics"])
def test_a_monitor_delivers_all_that_was_sent_and_nothing_else(observed: dict[str, list[Json]], script: str) -> None:
    log, got = sent(Path(observed["log"][0]["path"])), delivered(observed[script])

    assert len(NAMES) == 20
    assert set(got) == set(NAMES)
    for event, names in DEVICES.items():
        for name in names:
            period_ms = int(event[2:]) if event[0] == "p" else 5000
            begin = log[name].index(got[name][0])
            assert got[name] == log[name][begin : begin + len(got[name])], name
            assert len(log[name]) - begin - len(got[name]) <= 3 + 1500 // period_ms, f"the last of {name} are missing"
            if event[0] == "p":
                assert len(got[name]) >= 0.9 * SECONDS * 1000 / period_ms, name
    assert len(got["I:BEAM"]) >= 2, "clock events come, too"


def _run(client: Running) -> None:
    assert until(lambda: any("connected" in line for line in client.lines()), 20), client.report()


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Json]]:
    """Two clients watch 20 devices of several rates for ten seconds, each in full."""
    folder = tmp_path_factory.mktemp("truth")
    log = folder / "sent.csv"
    with Site(folder) as site:
        simulator = site.simulate("--sent-log", str(log), "--synthetic", "6", "--rate", "10")
        lines = [
            f'  - {{device: "{name}", event: "{event}", properties: [reading]}}\n'
            for event, names in DEVICES.items()
            for name in names
        ]
        gateway = site.run(config_of(simulator, "".join(lines)))
        clients = {name: site.client(name, *NAMES, stdin=True) for name in ("live_aioca", "live_pyepics")}
        for client in clients.values():
            _run(client)
        time.sleep(SECONDS)  # what is observed is this time
        for client in clients.values():
            assert client.process.stdin is not None
            client.process.stdin.close()
            assert client.wait(10) == 0, client.report()
        gateway.end()
        simulator.end()
        return {name: client.lines() for name, client in clients.items()} | {"log": [{"path": str(log)}]}
