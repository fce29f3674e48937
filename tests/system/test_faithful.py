"""What libca sees of staleness, of a reading that is asked for, and of settings that somebody else moves."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from tests.support.ca_client import CaClient
from tests.support.processes import Json, Running, Site, command_fault, config_of, until
from tests.support.tokens import SECRET, token_for

DEVICES = """  - {device: "Z:ACLTST", writable: true, event: "p,500"}
  - {device: "Z:ACLTS1", writable: true, event: "p,500", confirm: {tolerance: 0.1, timeout: 2.0}}
  - {device: "M:OUTTMP", event: "p,600000", write_timeout: 3, stale_after: 1000000}
"""
SHOWN = [
    "M:OUTTMP", "Z:ACLTST:GW:STALE", "Z:ACLTST:SP", "Z:ACLTST:SP_RBV", "Z:ACLTST:WR:FOREIGN", "Z:ACLTST:WR:OWN",
    "Z:ACLTS1:WR:FOREIGN",
]  # fmt: skip
PERIOD = 0.5  # s, of what is set


@dataclass
class Stage:
    """A gateway, its simulator, and a client that monitors."""

    site: Site
    simulator: Running
    client: Running
    _puts: int = 0

    def seen(self, pv: str) -> list[Json]:
        """Every update of a PV."""
        return [line for line in self.client.lines() if line.get("pv") == pv]

    def values(self, pv: str) -> list[object]:
        return [line["value"] for line in self.seen(pv)]

    def put(self, pv: str, value: str) -> Json:
        """Put with callback; its outcome."""
        self._puts += 1
        number = str(self._puts)
        self.client.tell(f"put {number} {pv} {value}")

        def outcomes() -> list[Json]:
            return [line for line in self.client.lines() if line.get("put") == number]

        assert until(outcomes, 20), self.client.report()
        return outcomes()[0]

    def set_elsewhere(self, device: str, value: str) -> None:
        """Somebody else sets a device, through another service."""
        backend = f"dpm+grpc://{self.simulator.said['dpm_grpc']}"
        command = self.site.acgate("write", device, value, "--backend", backend)
        assert command.wait(60) == 0, command.report()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    token = token_for(SECRET, time.time() + 3600)  # gRPC settings need one, whoever checks it
    with Site(tmp_path_factory.mktemp("faithful"), {"ACGATE_JWT": token}) as site:
        simulator = site.simulate()
        site.run(config_of(simulator, DEVICES))
        client = site.client("live_aioca", *SHOWN, stdin=True)
        made = Stage(site, simulator, client)
        assert until(lambda: all(made.seen(pv) for pv in SHOWN), 20), client.report()
        yield made


def test_staleness_is_told_by_one_edge_each(stage: Stage) -> None:
    pv = "Z:ACLTST:GW:STALE"
    assert stage.values(pv) == [0]
    command_fault(stage.simulator, service="dpm_http", fault="silent")
    assert until(lambda: stage.values(pv) == [0, 1], 20), stage.client.report()
    command_fault(stage.simulator, service="dpm_http", fault="none")
    assert until(lambda: len(stage.values(pv)) > 2, 20), stage.client.report()
    assert stage.values(pv) == [0, 1, 0]


def test_a_reading_is_had_now_of_a_device_that_is_read_every_ten_minutes(stage: Stage) -> None:
    for _ in range(2):
        before = time.time_ns()
        outcome = stage.put("M:OUTTMP:GW:READNOW", "1")
        assert outcome["ok"], outcome
        assert stage.seen("M:OUTTMP")[-1]["stamp_ns"] > before
        assert stage.seen("M:OUTTMP")[-1]["severity"] == 0


def test_a_reading_that_cannot_be_had_fails_the_put_and_says_why(stage: Stage) -> None:
    command_fault(stage.simulator, device="M:OUTTMP", fault="wrong_status", status="1 -49")
    outcome = stage.put("M:OUTTMP:GW:READNOW", "1")
    command_fault(stage.simulator, device="M:OUTTMP", fault="none")

    assert not outcome["ok"]
    assert outcome["error"] == "M:OUTTMP:GW:READNOW: Channel write request failed"
    with CaClient(stage.site.ca_port) as client:
        codes = client.get(client.create("M:OUTTMP:GW:READNOW:MSG"))
    message = bytes(np.atleast_1d(np.array(codes, np.uint8))).partition(b"\0")[0].decode()
    assert message == "no reading newer than the put within 3 s: ACNET_UTIME [1 -49]"


def test_what_somebody_else_sets_is_followed_and_counted_and_never_set_back(stage: Stage) -> None:
    assert stage.put("Z:ACLTST:SP", "20")["ok"]
    assert until(lambda: stage.values("Z:ACLTST:SP_RBV")[-1] == 20, 20), stage.client.report()
    stage.set_elsewhere("Z:ACLTST", "33")

    assert until(lambda: stage.values("Z:ACLTST:WR:FOREIGN")[-1] == 1, 20), stage.client.report()
    assert until(lambda: stage.values("Z:ACLTST:SP")[-1] == 33, 20), stage.client.report()
    shown = next(line for line in stage.seen("Z:ACLTST:SP_RBV") if line["value"] == 33)
    assert stage.seen("Z:ACLTST:SP")[-1]["stamp_ns"] == shown["stamp_ns"]  # noticed with the first readback
    assert stage.values("Z:ACLTST:WR:OWN")[-1] == 20
    time.sleep(3 * PERIOD)
    assert stage.values("Z:ACLTST:SP_RBV")[-1] == 33


def test_no_put_of_ours_is_foreign_confirmed_or_not(stage: Stage) -> None:
    before = stage.values("Z:ACLTST:WR:FOREIGN")[-1]
    for value in ("1", "2", "1", "4"):
        assert stage.put("Z:ACLTST:SP", value)["ok"]
        assert stage.put("Z:ACLTS1:SP", value)["ok"]
    with CaClient(stage.site.ca_port) as client:
        assert until(lambda: client.get(client.create("Z:ACLTST:SP_RBV")) == 4.0, 20)
        assert until(lambda: client.get(client.create("Z:ACLTS1:SP_RBV")) == 4.0, 20)
    time.sleep(2 * PERIOD)
    assert stage.values("Z:ACLTST:WR:FOREIGN")[-1] == before
    assert stage.values("Z:ACLTS1:WR:FOREIGN") == [0]
