"""Why a put is refused: each cause has its own text, and explain predicts which it will be."""

import json
import re
import threading
from pathlib import Path
from typing import Self

import pytest

from iocs.fast import messages as ca
from tests.support.ca_client import CHAR, DOUBLE, STRING, CaClient
from tests.support.processes import Running, Site, command_fault, until

DEVICES = """devices:
  - {device: "Z:ACLTST", writable: true, low: 0, high: 50, properties: "reading, setting"}
  - {device: "Z:ACLTS1", writable: true, group: SHUT, properties: "reading, setting"}
  - {device: "M:OUTTMP", properties: reading}
"""
RULES = """UAG(operators) {alice}
ASG(DEFAULT) { RULE(1,READ) RULE(1,WRITE) {UAG(operators)} }
ASG(SHUT) { RULE(1,READ) }
"""
GATEWAYS = {
    "off": "writes: off",
    "on": "writes: on, access_file: site.acf, audit: {file: puts.jsonl}",
    "far": "writes: on, allow_write: 192.0.2.0/24, audit: {file: far.jsonl}",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory):
    with Site(tmp_path_factory.mktemp("refusals")) as made:
        (made.folder / "site.acf").write_text(RULES)
        yield made


def gateway(site: Site, keys: str, devices: str = DEVICES) -> tuple[Running, Path]:
    text = f"gateway: {{name: GW1, interfaces: [127.0.0.1], {keys}}}\nbackends: {{sim: {{url: 'sim:'}}}}\n{devices}"
    path = site.folder / f"{abs(hash(keys))}.yaml"
    path.write_text(text)
    return site.run(text), path


def explained(site: Site, config: Path, pv: str, value: str, user: str = "alice", host: str = "127.0.0.1") -> dict:
    command = site.acgate(
        "explain", pv, "--config", str(config), "--user", user, "--host", host, "--value", value, "--json"
    )
    assert 0 == command.wait(60), command.report()
    return json.loads(command.out)["put"]


CAUSES = [
    ("off", "Z:ACLTST:SP", "5", "alice", "writes", ca.NO_WRITE_ACCESS),
    ("on", "M:OUTTMP", "5", "alice", "device", ca.NO_WRITE_ACCESS),
    ("far", "Z:ACLTST:SP", "5", "alice", "network", ca.NO_WRITE_ACCESS),
    ("on", "Z:ACLTST:SP", "5", "eve", "access security", ca.NO_WRITE_ACCESS),
    ("on", "Z:ACLTS1:SP", "5", "alice", "access security", ca.NO_WRITE_ACCESS),
    ("on", "Z:ACLTST:SP", "five", "alice", "type and length", ca.PUT_FAILED),
    ("on", "Z:ACLTST:SP", "51", "alice", "limits", ca.PUT_FAILED),
]


def test_explain_predicts_what_refuses_and_why(site: Site) -> None:
    texts = []
    for kind, keys in GATEWAYS.items():
        running, config = gateway(site, keys)
        for which, pv, value, user, layer, status in CAUSES:
            if which != kind:
                continue
            put = explained(site, config, pv, value, user)
            assert (layer, False) == (put["refused_by"], put["accepted"]), (pv, value, user)
            with CaClient(site.ca_port, user=user) as client:
                data_type = STRING if value == "five" else DOUBLE
                given = value if value == "five" else float(value)
                assert status == client.put(client.create(pv), given, data_type), (pv, value, user)
            if kind != "off":
                row = row_of(site.folder / ("puts.jsonl" if kind == "on" else "far.jsonl"), pv, user, layer)
                assert "DENIED" == row["outcome"]
                texts.append(row["message"])
        if kind == "on":
            put = explained(site, config, "Z:ACLTST:SP", "5")
            assert put["accepted"]
            with CaClient(site.ca_port, user="alice") as client:
                assert ca.NORMAL == client.put(client.create("Z:ACLTST:SP"), 5.0)
        running.end()
    assert len(texts) == len(set(texts)), "each cause has a text of its own"


SHIFTING = """devices:
  - {device: "Z:ACLTST", writable: true, step: 2, low: 0, high: 50, properties: "reading, setting"}
"""


def told(client: CaClient) -> str:
    said = client.get(client.create("Z:ACLTST:WR:MSG"))
    assert isinstance(said, list)
    return bytes(said).rstrip(b"\0").decode()


def alike(text: str) -> str:
    """Without the seconds, which go on."""
    return re.sub(r"another \d+ s", "another N s", text)


def test_explain_asks_the_running_gateway_for_what_only_it_knows(site: Site) -> None:
    running, config = gateway(site, "writes: on, limits: {puts_per_pv: 1}", SHIFTING)
    with CaClient(site.ca_port, user="carl") as carl, CaClient(site.ca_port, user="alice") as alice:
        setpoint = alice.create("Z:ACLTST:SP")
        held = alice.get(alice.create("Z:ACLTST:SP_RBV"))
        assert isinstance(held, float)
        free = explained(site, config, "Z:ACLTST:SP", str(held))
        assert {"lock": True, "step and slew": True, "rate": True, "queue": True}.items() <= passes(free).items()
        assert free["accepted"]

        assert ca.NORMAL == carl.put(carl.create("Z:ACLTST:LOCK"), list(b"tuning\0"), CHAR)
        locked = explained(site, config, "Z:ACLTST:SP", str(held))
        assert ca.PUT_FAILED == alice.put(setpoint, held)
        assert ("lock", alike(told(alice))) == (locked["refused_by"], f"{alike(locked['reason'])} (lock)")
        assert "locked by carl@console: tuning" in locked["reason"]
        assert passes(explained(site, config, "Z:ACLTST:SP", str(held), "carl"))["lock"] is None
        assert ca.NORMAL == carl.put(carl.create("Z:ACLTST:LOCK"), list(b"\0"), CHAR)

        stepped = explained(site, config, "Z:ACLTST:SP", str(held + 3))
        assert ca.PUT_FAILED == alice.put(setpoint, held + 3)
        assert ("step and slew", told(alice)) == (stepped["refused_by"], f"{stepped['reason']} (step and slew)")
        assert "refused after so many puts in a second: 2000 of one client, 1 of one PV" in reason(free, "rate")
        with PutsAgainAndAgain(site, "Z:ACLTST:SP", held) as often:
            found = [{}]

            def foretold() -> bool:
                found[0] = explained(site, config, "Z:ACLTST:SP", str(held))
                return found[0]["refused_by"] == "rate"

            assert until(foretold, 60), found
            assert until(lambda: often.said.endswith("(rate)"), 20)
        assert without_wait(often.said) == f"{without_wait(found[0]['reason'])} (rate)"
    running.end()


def without_wait(text: str) -> str:
    """Without the time to wait, which goes on."""
    return re.sub(r"again in [0-9.]+ s", "again in N s", text)


class PutsAgainAndAgain:
    """A client that puts as fast as it may, and more; `said` is why the last one was refused."""

    def __init__(self, site: Site, pv: str, value: float) -> None:
        self._port, self._pv, self._value, self.said = site.ca_port, pv, value, ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with CaClient(self._port, user="bob") as bob:
            setpoint, message = bob.create(self._pv), bob.create(self._pv.removesuffix(":SP") + ":WR:MSG")
            while not self._over.wait(0.01):
                if ca.PUT_FAILED == bob.put(setpoint, self._value):
                    self.said = bytes(bob.get(message)).rstrip(b"\0").decode()


INPUTS = """ASG(DEFAULT) { RULE(1,WRITE) }
ASG(BEAM) { INPA(Z:ACLTS1:SP_RBV) INPB(N:NOTHING) RULE(1,READ) RULE(1,WRITE) { CALC("A<5") } }
ASG(AWAY) { INPA(Z:ACLTS1:SP_RBV) INPB(N:NOTHING) RULE(1,READ) RULE(1,WRITE) { CALC("B<10") } }
"""
GUARDED = """devices:
  - {device: "Z:ACLTST", writable: true, group: BEAM, properties: "reading, setting"}
  - {device: "Z:ACLTS1", writable: true, properties: "reading, setting"}
  - {device: "G:AMANDA", writable: true, group: AWAY, properties: "reading, setting"}
"""


def test_explain_has_the_inputs_of_the_access_file_from_the_running_gateway(site: Site) -> None:
    (site.folder / "inputs.acf").write_text(INPUTS)
    running, config = gateway(site, "writes: on, access_file: inputs.acf", GUARDED)
    with CaClient(site.ca_port) as client:
        beam = client.create("Z:ACLTS1:SP")
        for value, may in ((2.0, True), (6.0, False), (3.0, True)):
            assert ca.NORMAL == client.put(beam, value)

            def rights_follow(may: bool = may) -> bool:
                return may == bool(client.create("Z:ACLTST:SP").rights & ca.RIGHT_WRITE)

            assert until(rights_follow, 20)
            put = explained(site, config, "Z:ACLTST:SP", "1")
            assert (may, may) == (put["accepted"], passes(put)["access security"])
            assert (ca.NORMAL if may else ca.NO_WRITE_ACCESS) == client.put(client.create("Z:ACLTST:SP"), 1.0)
            if not may:
                assert "needs CALC 'A<5' to hold" in put["reason"]
        away = explained(site, config, "G:AMANDA:SP", "1")
        assert ("access security", True) == (away["refused_by"], "a valid value of N:NOTHING" in away["reason"])
    running.end()


def test_explain_foretells_that_a_queue_is_full(site: Site) -> None:
    simulator = site.simulate()
    path = site.folder / "full.yaml"
    path.write_text(
        "gateway: {name: GW1, interfaces: [127.0.0.1], writes: on, limits: {puts_waiting: 1}}\n"
        f'backends: {{dpm: {{url: "dpm+http://{simulator.said["dpm_http"]}"}}}}\ndevices:\n'
        '  - {device: "Z:ACLTST", writable: true, write_timeout: 300, properties: "reading, setting"}\n'
    )
    running = site.acgate("run", str(path), ready=True)
    with CaClient(site.ca_port) as client:
        setpoint, waiting = client.create("Z:ACLTST:SP"), client.create("GW1:QUEUE:PUT")
        assert ca.NORMAL == client.put(setpoint, 5.0)
        command_fault(simulator, service="dpm_http", fault="silent")
        client.ask_put(setpoint, 6.0)
        assert until(lambda: client.get(waiting) == 0, 20), "it is in work"
        assert passes(explained(site, path, "Z:ACLTST:SP", "7"))["queue"]
        client.ask_put(setpoint, 7.0)
        full = explained(site, path, "Z:ACLTST:SP", "8")
        assert ca.PUT_FAILED == client.put(setpoint, 8.0)
        assert ("queue", "1 settings wait already; try again later") == (full["refused_by"], full["reason"])
    command_fault(simulator, service="dpm_http", fault="none")
    running.end()
    simulator.end()


def test_explain_names_a_missing_lease_and_a_journal_that_is_required_and_cannot_be_kept(site: Site) -> None:
    running, config = gateway(site, "writes: on, lease: on, audit: {file: absent/puts.jsonl, required: on}", SHIFTING)
    with CaClient(site.ca_port, user="alice") as alice:
        setpoint = alice.create("Z:ACLTST:SP")
        held = alice.get(alice.create("Z:ACLTST:SP_RBV"))
        lacking = explained(site, config, "Z:ACLTST:SP", str(held))
        assert ca.PUT_FAILED == alice.put(setpoint, held)
        assert ("lease", told(alice)) == (lacking["refused_by"], f"{lacking['reason']} (lease)")
        assert ca.NORMAL == alice.put(alice.create("GW1:LEASE"), 30.0)
        unkept = explained(site, config, "Z:ACLTST:SP", str(held))
        assert ca.PUT_FAILED == alice.put(setpoint, held)
        assert ("audit", told(alice)) == (unkept["refused_by"], f"{unkept['reason']} (audit)")
        assert passes(unkept)["lease"] is None
        assert "alice@console" in reason(unkept, "lease")
        assert passes(explained(site, config, "Z:ACLTST:SP", str(held), "eve"))["lease"] is False
    running.end()


def test_a_gateway_that_cannot_be_asked_is_told_of(site: Site) -> None:
    path = site.folder / "away.yaml"
    path.write_text(f"gateway: {{writes: on}}\nbackends: {{sim: {{url: 'sim:'}}}}\n{SHIFTING}")
    command = site.acgate("explain", "Z:ACLTST:SP", "--config", str(path))
    assert 0 == command.wait(60), command.report()
    assert "could not be asked, so what only it knows is marked ?: it does not answer within" in command.out
    assert "refused while another client holds Z:ACLTST:LOCK" in command.out


def passes(put: dict) -> dict[str, bool | None]:
    return {one["layer"]: one["passes"] for one in put["layers"]}


def reason(put: dict, layer: str) -> str:
    return next(one["reason"] for one in put["layers"] if one["layer"] == layer)


def row_of(path: Path, pv: str, user: str, layer: str) -> dict[str, str]:
    """The row of a put that this layer refused, as soon as the journal has it."""

    def rows() -> list[dict[str, str]]:
        found = [json.loads(line) for line in path.read_text().splitlines()]
        return [row for row in found if (row["pv"], row["user"], row["layer"]) == (pv, user, layer)]

    assert until(lambda: bool(rows()), 20), path.read_text()
    return rows()[-1]
