"""Why a put is refused: each cause has its own text, and explain predicts which it will be."""

import json
from pathlib import Path

import pytest

from iocs.fast import messages as ca
from tests.support.ca_client import DOUBLE, STRING, CaClient
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


def gateway(site: Site, keys: str) -> tuple[Running, Path]:
    text = f"gateway: {{name: GW1, interfaces: [127.0.0.1], {keys}}}\nbackends: {{sim: {{url: 'sim:'}}}}\n{DEVICES}"
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


def last_row(path: Path, pv: str, user: str) -> dict[str, str]:
    def rows() -> list[dict[str, str]]:
        found = [json.loads(line) for line in path.read_text().splitlines()]
        return [row for row in found if (row["pv"], row["user"]) == (pv, user)]

    assert until(lambda: bool(rows()), 10), path.read_text()
    return rows()[-1]
