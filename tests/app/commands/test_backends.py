"""acgate backends: the table of schemes, and the backends of a configuration."""

import json
from pathlib import Path

import pytest

from gateway.app.cli import main
from gateway.config.backend_url import SCHEMES, capability_table

CONFIG = """
backends: {dpm: {url: "dpm+http://192.0.2.1"}, acl: {url: "acl+https://192.0.2.1/acl.pl"}, sim: {url: "sim:"}}
devices:
  - {device: "M:OUTTMP", backend: [dpm, acl]}
  - {device: "Z:ACLTST", backend: {read: acl, write: [sim, dpm]}, writable: true}
  - {device: "G:AMANDA", backend: sim}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_without_a_configuration_it_prints_the_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backends"]) == 0
    assert capsys.readouterr().out == capability_table() + "\n"


def test_with_a_configuration_it_lists_its_backends_and_who_uses_them(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backends", config]) == 0

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["dpm", "dpm+http://192.0.2.1:6802", "1", "0", "1"] in rows
    assert ["acl", "acl+https://192.0.2.1:443/acl.pl", "1", "0", "1"] in rows
    assert ["sim", "sim:", "1", "1", "0"] in rows


def test_for_machines_both_are_one_document(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backends", config, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert [row["scheme"] for row in found["schemes"]] == list(SCHEMES)
    assert {row["scheme"]: row["stream"] for row in found["schemes"]}["acl+ssh"] == "polled"
    assert found["backends"][0] == {
        "name": "dpm", "url": "dpm+http://192.0.2.1:6802", "scheme": "dpm+http", "reads": 1, "writes": 0,
        "alternative": 1,
    }  # fmt: skip
    assert main(["backends", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["backends"] == []
