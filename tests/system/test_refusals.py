"""Why a put is refused: each cause has its own text, and explain predicts which it will be."""

import json
import re
from pathlib import Path

import pytest

from iocs.fast import messages as ca
from tests.support.ca_client import CHAR, DOUBLE, STRING, CaClient
from tests.support.processes import Running, Site, until

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
                row = last_row(site.folder / ("puts.jsonl" if kind == "on" else "far.jsonl"), pv, user)
                assert (layer, "DENIED") == (row["layer"], row["outcome"])
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
        assert {"lock": True, "step and slew": True, "rate": None}.items() <= passes(free).items()
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
        assert until(lambda: ca.PUT_FAILED == alice.put(setpoint, held), 60)
        assert told(alice).endswith("(rate)")
        assert "refused after so many puts in a second: 2000 of one client, 1 of one PV" in reason(free, "rate")
    running.end()


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
    assert "could not be asked, so locks, leases and readbacks are not known: it does not answer within" in command.out
    assert "refused while another client holds Z:ACLTST:LOCK" in command.out


def passes(put: dict) -> dict[str, bool | None]:
    return {one["layer"]: one["passes"] for one in put["layers"]}


def reason(put: dict, layer: str) -> str:
    return next(one["reason"] for one in put["layers"] if one["layer"] == layer)


def last_row(path: Path, pv: str, user: str) -> dict[str, str]:
    def rows() -> list[dict[str, str]]:
        found = [json.loads(line) for line in path.read_text().splitlines()]
        return [row for row in found if (row["pv"], row["user"]) == (pv, user)]

    assert until(lambda: bool(rows()), 10), path.read_text()
    return rows()[-1]
