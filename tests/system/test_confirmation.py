"""What becomes of a put, as its client and the outcome PVs tell it: a supply slews, is stuck, or will not go off."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.runtime.clock import SystemClock
from iocs.fast import messages as ca
from simulator.facility import Facility, load_facility
from simulator.services import Services
from tests.support.ca_client import STRING, TIME_ENUM, CaClient
from tests.support.leaks import check_leaks
from tests.support.processes import Running, Site

FACILITY = """devices:
  - {name: "M:SLEWS", index: 1, description: Slews, units: A, setting: 0.0, settle: 2.0, settle_shape: linear}
  - {name: "M:STUCK", index: 2, description: Is stuck, units: A, setting: 1.0, behaviour: stuck}
  - {name: "M:DEAF", index: 3, description: Is told and does not move, units: A, setting: 1.0, behaviour: ignore}
  - {name: "M:STAYS", index: 4, description: Stays on, units: A, setting: 1.0,
     status: {length: 1, bits: ["ON", READY], word: 3},
     commands: [RESET, {code: 1, name: "ON", bit: "ON"}, {code: 2, name: "OFF", bit: "ON"}]}
"""
CONFIG = """gateway: {{name: GW1, interfaces: [127.0.0.1], writes: on, audit: {{file: puts.jsonl}}}}
backends: {{dpm: {{url: "dpm+http://{address}"}}}}
devices:
  - {{device: "M:SLEWS", writable: true, event: "p,100",
     confirm: {{tolerance: 0.05, by: reading, timeout: 30, interval: 0.2, attempts: 100}}}}
  - {{device: "M:STUCK", writable: true, confirm: {{tolerance: 0.05, timeout: 0.5, interval: 0.1}}}}
  - {{device: "M:DEAF", writable: true, confirm: {{tolerance: 0.05, attempts: 3, timeout: 30, by: reading}}}}
  - {{device: "M:STAYS", writable: true, commands: [RESET, "ON", "OFF"],
     confirm: {{tolerance: 0, timeout: 0.5, interval: 0.1}}}}
"""
MINOR = 1


@dataclass
class Stage:
    """A gateway over the facility, and a client."""

    facility: Facility
    gateway: Running
    client: CaClient

    def get(self, name: str, data_type: int | None = None) -> object:
        """The value of a PV."""
        return self.client.get(self.client.create(name), data_type)

    def state(self, device: str) -> object:
        """The state of its last write."""
        return self.get(f"{device}:WR:STATE", STRING)

    def alarm(self, name: str) -> tuple[int, int]:
        """Severity and status of a PV."""
        shown = self.client.get_time(self.client.create(name))
        return shown.severity, shown.status

    def sent(self, device: str) -> int:
        """How many settings of a device the facility has had."""
        return sum(one.request.device == device for one in self.facility.settings())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("confirmation")
    facility = load_facility(FACILITY)
    services = Services(facility, SystemClock(), {"dpm_http": 0})
    with check_leaks(), Site(folder) as site:
        services.start()
        config = folder / "gateway.yaml"
        config.write_text(CONFIG.format(address=services.addresses["dpm_http"]))
        gateway = site.acgate("run", str(config), ready=True)
        with CaClient(site.ca_port, user="alice") as client:
            yield Stage(facility, gateway, client)
        gateway.end()
        assert services.stop()


def test_a_supply_that_slews_is_pending_until_it_is_there_and_then_verified(stage: Stage) -> None:
    setpoint = stage.client.create("M:SLEWS:SP")
    state = stage.client.create("M:SLEWS:WR:STATE")
    labels, news = stage.client.get_labels(state), stage.client.subscribe(state, TIME_ENUM)
    seen = [labels[int(stage.client.update(news).value)]]
    wish = stage.client.ask_put(setpoint, 4.0)
    while seen[-1] != "VERIFIED":
        seen.append(labels[int(stage.client.update(news, 30).value)])
    assert ca.NORMAL == stage.client.take(ca.WRITE_NOTIFY, p2=wish).p1
    assert ("IDLE", ["ACCEPTED", "VERIFIED"]) == (seen[0], seen[-2:])
    assert set(seen[1:-2]) <= {"PENDING"}
    attempts, latency = stage.get("M:SLEWS:WR:ATTEMPTS"), stage.get("M:SLEWS:WR:LATENCY")
    assert isinstance(attempts, int)
    assert isinstance(latency, float)
    assert 2 <= attempts <= 100
    assert latency >= 1.5  # it comes within the tolerance a little before the end
    assert stage.get("M:SLEWS:WR:RBV") == pytest.approx(4.0, abs=0.05)
    assert (0, 0) == stage.alarm("M:SLEWS:SP")
    assert 1 == stage.sent("M:SLEWS")


@pytest.mark.parametrize("device", ["M:STUCK", "M:DEAF"])
def test_a_supply_that_does_not_move_is_unconfirmed_and_its_setpoint_minor(stage: Stage, device: str) -> None:
    """DEAF's front end holds what was put, which a readback of its SETTING would take for good."""
    assert ca.PUT_FAILED == stage.client.put(stage.client.create(f"{device}:SP"), 3.0)
    assert "UNCONFIRMED" == stage.state(device)
    assert MINOR == stage.alarm(f"{device}:SP")[0]
    assert 1.0 == stage.get(f"{device}:WR:RBV")
    if device == "M:DEAF":
        assert 3 == stage.get("M:DEAF:WR:ATTEMPTS")
    assert 1 == stage.sent(device)


def test_an_off_that_is_ignored_fails_and_is_unconfirmed(stage: Stage) -> None:
    command = stage.client.create("M:STAYS:CMD")
    labels = stage.client.get_labels(command)
    assert ca.PUT_FAILED == stage.client.put(command, labels.index("OFF"))
    assert "UNCONFIRMED" == stage.state("M:STAYS")
    assert MINOR == stage.alarm("M:STAYS:CMD")[0]
    assert ca.NORMAL == stage.client.put(command, labels.index("ON"))
    assert ("VERIFIED", 0) == (stage.state("M:STAYS"), stage.alarm("M:STAYS:CMD")[0])
    assert 2 == stage.sent("M:STAYS")
