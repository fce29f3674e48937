"""A put is done when the backend has confirmed it; what may not be set, or was not, is said in every client."""

import getpass
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.ca_client import STRING, CaClient, free_port
from tests.support.processes import Json, Running, Site, command_fault, config_of, until

METADATA = 'metadata: {url: "sim:"}\n'
DEVICES = """  - {device: "M:OUTTMP"}
  - {device: "Z:ACLTST", writable: true, event: "p,250"}
  - {device: "Z:ACLTS1", writable: true}
  - {device: "Z:REFUSE", writable: true}
  - {device: "Z:LOCKED", writable: true}
  - {device: "Z:STUCK", writable: true, confirm: {tolerance: 0.1, timeout: 1.0, interval: 0.1}}
  - {device: "Z:CLIP", writable: true, confirm: {tolerance: 0.1, timeout: 5.0}}
  - {device: "D:GAINS[0:7]", writable: true}
  - {device: "L:Q1"}
"""
MAJOR, MINOR, NONE, WRITE = 2, 1, 0, 2
LIBRARIES = ["pyepics", "aioca", "ophyd", "ophyd_async"]


@dataclass
class Stage:
    """A gateway that takes writes, another that does not, their simulator, and a client that puts as it is told."""

    site: Site
    simulator: Running
    on: Running
    off: Running
    client: Running
    _puts: int = 0

    def begin(self, name: str, value: str) -> str:
        """Begin a put with callback; its number."""
        self._puts += 1
        self.client.tell(f"put {self._puts} {name} {value}")
        return str(self._puts)

    def over(self, number: str) -> Json | None:
        """The outcome of a put, None as long as there is none."""
        return next((line for line in self.client.lines() if line.get("put") == number), None)

    def put(self, name: str, value: str, seconds: float = 10.0) -> Json:
        """Put and wait for the outcome."""
        number = self.begin(name, value)
        assert until(lambda: self.over(number), seconds), self.client.report()
        outcome = self.over(number)
        assert outcome is not None
        return outcome


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Site(tmp_path_factory.mktemp("puts")) as site:
        simulator = site.simulate()
        on = site.run(config_of(simulator, DEVICES, more=METADATA))
        off = site.run(config_of(simulator, DEVICES, writes="off", more=METADATA), ca_port=free_port())
        client = site.client("live_aioca", stdin=True)
        yield Stage(site, simulator, on, off, client)
        client.end()
        on.end()
        off.end()
        simulator.end()


@pytest.fixture(scope="module")
def refusals(stage: Stage) -> dict[str, tuple[Json, Json]]:
    """What each library says of puts to the gateway that takes writes, and to the one that does not."""
    on = {one: stage.site.client("refusals", one, "M:OUTTMP", "L:Q1:SP_RBV", "Z:REFUSE:SP") for one in LIBRARIES}
    port = stage.off.said["ca_port"]
    off = {one: stage.site.client("refusals", one, "Z:ACLTST:SP", "Z:ACLTST", ca_port=port) for one in LIBRARIES}
    return {one: (on[one].result(), off[one].result()) for one in LIBRARIES}


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_may_not_be_set_is_an_error_of_access_in_every_client(
    refusals: dict[str, tuple[Json, Json]], library: str
) -> None:
    on, off = refusals[library]
    error = {
        "pyepics": "CASeverityException: ",
        "aioca": "CAException: Write access denied",
        "ophyd": "ReadOnlyError: ",
    }

    for said in (on["M:OUTTMP"], on["L:Q1:SP_RBV"], off["Z:ACLTST:SP"], off["Z:ACLTST"]):
        assert said["error"].startswith(error.get(library, "CAException: Write access denied")), said


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_failed_put_leaves_a_write_alarm_also_where_the_client_hides_the_failure(
    refusals: dict[str, tuple[Json, Json]], library: str
) -> None:
    said = refusals[library][0]["Z:REFUSE:SP"]

    if library == "aioca":
        assert said["error"].startswith("CANothing: Z:REFUSE:SP: Channel write request failed")
    else:  # they do not look at the status of the reply
        assert said == {"outcome": 1 if library == "pyepics" else True, "value": 1.0, "severity": MAJOR}


def test_a_put_is_done_only_after_the_backend_has_confirmed_it(stage: Stage) -> None:
    assert stage.put("Z:ACLTST:SP", "1.5")["ok"]
    command_fault(stage.simulator, service="dpm_http", fault="hang")
    number = stage.begin("Z:ACLTST:SP", "2.5")
    assert not until(lambda: stage.over(number), 1.0), "the backend has not answered yet"
    command_fault(stage.simulator, service="dpm_http", fault="none")

    assert until(lambda: stage.over(number), 5.0), stage.client.report()
    outcome = stage.over(number)
    assert outcome is not None
    assert outcome["ok"]
    assert outcome["took"] >= 1.0
    assert outcome["after"] == [2.5, NONE, 0]


def test_puts_to_one_device_are_applied_in_the_order_received(stage: Stage) -> None:
    numbers = [stage.begin("Z:ACLTS1:SP", str(value / 10)) for value in range(1, 31)]

    assert until(lambda: all(stage.over(number) for number in numbers), 10), stage.client.report()
    assert all(line["ok"] for line in stage.client.lines() if line.get("put") in numbers)
    last = stage.over(numbers[-1])
    assert last is not None
    assert last["after"] == [3.0, NONE, 0]
    held = stage.site.acgate(
        "read", "Z_ACLTS1", "--json", "--backend", f"dpm+http://{stage.simulator.said['dpm_http']}"
    )
    assert held.result()["value"] == 3.0


def test_a_failure_of_the_backend_is_a_write_alarm_until_the_next_good_put(stage: Stage) -> None:
    assert stage.put("Z:ACLTST:SP", "3")["after"] == [3.0, NONE, 0]
    command_fault(stage.simulator, device="Z:ACLTST", fault="wrong_status", status="1 -49")
    failed = stage.put("Z:ACLTST:SP", "4")
    command_fault(stage.simulator, device="Z:ACLTST", fault="none")

    assert not failed["ok"]
    assert failed["error"] == "Z:ACLTST:SP: Channel write request failed"
    assert failed["after"] == [3.0, MAJOR, WRITE]
    assert stage.put("Z:ACLTST:SP", "5")["after"] == [5.0, NONE, 0]


def test_a_refusal_by_policy_touches_no_alarm_and_no_value(stage: Stage) -> None:
    before = stage.put("Z:ACLTST:SP", "6")["after"]
    beyond = stage.put("Z:ACLTST:SP", "1000")

    assert not beyond["ok"]
    assert beyond["after"] == before == [6.0, NONE, 0]


def test_the_outcome_of_the_last_put_is_a_pv_and_names_who_put(stage: Stage) -> None:
    def outcome() -> tuple[object, str, str]:
        with CaClient(stage.site.ca_port) as client:
            texts = [client.get(client.create(f"Z:ACLTST:WR:{name}"), STRING) for name in ("STATE", "MSG", "WHO")]
        return texts[0], str(texts[1]), str(texts[2])

    stage.put("Z:ACLTST:SP", "7")
    state, message, who = outcome()
    assert (state, message) == ("ACCEPTED", "")
    assert who == f"{getpass.getuser()}@{socket.gethostname()}"[:39]
    stage.put("Z:ACLTST:SP", "1000")
    assert outcome()[:2] == ("DENIED", "Z:ACLTST:SP takes values from -100 to 1")  # a string ends after 39
    command_fault(stage.simulator, device="Z:ACLTST", fault="wrong_status", status="1 -49")
    stage.put("Z:ACLTST:SP", "8")
    command_fault(stage.simulator, device="Z:ACLTST", fault="none")
    assert outcome()[:2] == ("FAILED", "ACNET_UTIME [1 -49]")
    assert stage.put("Z:ACLTST:SP", "9")["ok"]


def test_a_service_that_denies_for_want_of_a_privilege_is_told_with_its_code_and_touches_nothing(stage: Stage) -> None:
    refused = stage.put("Z:LOCKED:SP", "5")
    with CaClient(stage.site.ca_port) as client:
        state, message = (client.get(client.create(f"Z:LOCKED:WR:{name}"), STRING) for name in ("STATE", "MSG"))

    assert (refused["ok"], refused["after"]) == (False, [1.0, NONE, 0])
    assert state == "DENIED"
    assert str(message).startswith("DPM_PRIV [17 -17]")


def test_an_array_of_the_wrong_length_is_refused(stage: Stage) -> None:
    good = stage.put("D:GAINS:SP", "0,1,2,3,4,5,6,8")
    short = stage.put("D:GAINS:SP", "1,2,3")
    long = stage.put("D:GAINS:SP", "1,2,3,4,5,6,7,8,9")

    assert good["ok"]
    assert not short["ok"]
    assert not long["ok"]
    assert short["after"] == good["after"] == [[0, 1, 2, 3, 4, 5, 6, 8], NONE, 0]


def test_a_setting_that_the_front_end_does_not_hold_is_not_confirmed(stage: Stage) -> None:
    stuck, clipped = stage.begin("Z:STUCK:SP", "3"), stage.put("Z:CLIP:SP", "3")

    assert clipped["ok"]
    assert until(lambda: stage.over(stuck), 5.0), stage.client.report()
    outcome = stage.over(stuck)
    assert outcome is not None
    assert not outcome["ok"]
    assert outcome["took"] >= 1.0
    assert outcome["after"][1:] == [MINOR, WRITE]


def test_a_lost_backend_fails_a_put_in_time(stage: Stage) -> None:
    command_fault(stage.simulator, service="dpm_http", fault="silent")
    failed = stage.put("Z:ACLTS1:SP", "4")
    command_fault(stage.simulator, service="dpm_http", fault="none")

    assert not failed["ok"]
    assert failed["took"] < 6.0
    assert failed["after"][1:] == [MAJOR, WRITE]
    assert until(lambda: stage.put("Z:ACLTS1:SP", "5")["ok"], 10)
