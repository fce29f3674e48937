"""The simulator dies, returns and freezes under monitors: PVs are INVALID soon after, and good soon after."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.support.processes import Json, Running, Site, config_of, until

IN_TIME = 5.0  # s
INVALID = 3
TIMES = 5
DEVICES = [
    "M:OUTTMP", "G:AMANDA", "G:OUTHUM", "G:WNDSPD", "G:PRESUR", "G:LCWFLO", "Z:ACLTST", "Z:ACLTS1", "N:LGXS", "N:H801",
    "I:H801", "L:Q1", "I:TOROID", "I:BEAM",
]  # fmt: skip
NAMES = [
    *DEVICES,
    "Z:ACLTST:SP_RBV",
    "Z:ACLTST:STS",
    "Z:ACLTST:STS:ON",
    "N:LGXS:STS:READY",
    "I:H801:SP_RBV",
    "I:STAIRS",
]


@dataclass
class Stage:
    """A gateway with 20 monitored PVs, and its simulator, which comes and goes."""

    site: Site
    simulator: Running
    gateway: Running
    client: Running
    threads: int = 0
    descriptors: int = 0
    _seen: int = 0
    _newest: dict[str, Json] = field(default_factory=dict)

    def newest(self) -> dict[str, Json]:
        """The newest update of each PV; no channel was lost on the way."""
        lines = self.client.lines()
        for line in lines[self._seen :]:
            assert "lost" not in line, line
            if "pv" in line:
                self._newest[line["pv"]] = line
        self._seen = len(lines)
        return self._newest

    def severities(self) -> set[int]:
        """Which severities there are now."""
        return {line["severity"] for line in self.newest().values()}

    def invalid_in_time(self) -> None:
        """All 20 turn INVALID, and keep their values."""
        before = {name: line["value"] for name, line in self.newest().items()}
        assert until(lambda: self.severities() == {INVALID}, IN_TIME), self._other(INVALID)
        assert self.newest().keys() == before.keys()
        assert all(line["value"] is None or isinstance(line["value"], float) for line in self.newest().values())

    def values_in_time(self, since: float) -> None:
        """All 20 have good values again, with stamps after `since` (Unix, s)."""
        assert until(lambda: self.severities() == {0}, IN_TIME), self._other(0)
        assert until(lambda: all(e["stamp_ns"] / 1e9 >= since - 0.01 for e in self.newest().values()), IN_TIME)

    def _other(self, wished: int) -> str:
        return str({name: line for name, line in self.newest().items() if line["severity"] != wished})

    def restart(self) -> None:
        """The simulator again, on the same port."""
        port = self.simulator.said["dpm_http"].rpartition(":")[2]
        self.simulator = self.site.simulate(port=int(port))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything runs and all PVs are good."""
    with Site(tmp_path_factory.mktemp("outage")) as site:
        simulator = site.simulate()
        events = {"I:BEAM": "e,0f"}  # of a clock event only the heartbeats tell that its service is gone
        lines = [
            f'  - {{device: "{name}", event: "{events.get(name, "p,250" if number % 2 else "p,1000")}"}}\n'
            for number, name in enumerate(DEVICES)
        ]
        gateway = site.run(config_of(simulator, "".join(lines) + '  - {device: "I:STAIRS[0:15]", event: "p,500"}\n'))
        client = site.client("live_aioca", *NAMES, stdin=True)
        made = Stage(site, simulator, gateway, client)
        assert until(lambda: len(made.newest()) == len(NAMES) == 20 and made.severities() == {0}, 20), client.report()
        made.threads, made.descriptors = gateway.threads(), gateway.descriptors()
        yield made
        client.end()
        gateway.end()
        made.simulator.end()


def test_a_killed_simulator_is_noticed_and_its_return_too_five_times(stage: Stage) -> None:
    for number in range(TIMES):
        stage.simulator.kill()
        stage.invalid_in_time()
        if number == TIMES - 1:  # a longer absence must not make the return slower
            assert not until(lambda: stage.severities() != {INVALID}, 8.0)
        back = time.time()
        stage.restart()
        stage.values_in_time(back)


def test_a_simulator_that_keeps_its_connections_and_says_nothing_counts_as_lost(stage: Stage) -> None:
    stage.simulator.process.send_signal(signal.SIGSTOP)
    stage.invalid_in_time()
    back = time.time()
    stage.simulator.process.send_signal(signal.SIGCONT)
    stage.values_in_time(back)


def test_after_all_that_the_gateway_has_no_more_threads_and_files_than_before(stage: Stage) -> None:
    assert until(lambda: stage.gateway.threads() <= stage.threads, IN_TIME)
    assert until(lambda: stage.gateway.descriptors() <= stage.descriptors, IN_TIME)
    assert "Traceback" not in stage.gateway.err, stage.gateway.err
    assert stage.gateway.err.count("the link is back") == TIMES + 1
