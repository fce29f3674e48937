"""acgate explain: who serves a PV, and whether a put would be sent, for people and for machines."""

import json
from pathlib import Path

import pytest

from gateway.app.cli import main

CONFIG = """
gateway: {writes: on, allow: [127.0.0.0/8]}
backends: {sim: {url: "sim:"}, dpm: {url: "dpm+http://192.0.2.1"}, acl: {url: "acl+https://192.0.2.1/acl.pl"}}
devices:
  - {device: "M:OUTTMP", backend: [dpm, acl]}
  - {device: "Z:ACLTST", backend: {read: acl, write: sim}, writable: true}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_it_prints_device_request_choice_and_verdict(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "M:OUTTMP", "--offline", "--config", config]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "M:OUTTMP"
    assert "  DRF      M:OUTTMP.READING@P,1000,TRUE" in lines
    assert "  read     dpm: the first of its route (dpm, acl)" in lines
    assert "             not acl: takes over when dpm is lost" in lines
    assert any(line.startswith("  put      refused by device: not writable") for line in lines)


def test_a_put_that_would_be_sent_says_what_is_open(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["explain", "Z:ACLTST:SP", "--offline", "--config", config, "--host", "127.0.0.1", "--user", "jane"]) == 0
    )
    assert "  put      would be sent, if what is marked ? holds\n" in capsys.readouterr().out


def test_for_machines_it_is_one_document(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "Z:ACLTST:SP", "--offline", "--config", config, "--host", "10.0.0.1", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["routes"]["stream"]["backend"] == "acl"
    assert found["routes"]["write"]["passed_over"]["acl"] == "acl+https cannot write"
    assert (found["put"]["accepted"], found["put"]["refused_by"]) == (False, "network")
    assert found["drf"] == "Z:ACLTST.SETTING@P,1000,TRUE"


def test_credentials_that_cannot_work_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "gateway: {writes: on}\n"
        'backends: {dpm: {url: "dpm+http://192.0.2.1", auth: {kerberos: {keytab: /none/k}}}}\n'
        'devices: [{device: "Z:ACLTST", writable: true}]\n'
    )
    assert main(["explain", "Z:ACLTST:SP", "--offline", "--config", str(path)]) == 0
    reason = "refused by credentials: dpm: the keytab /none/k cannot be read: No such file or directory"
    assert f"  put      {reason}\n" in capsys.readouterr().out


def test_an_unknown_pv_is_wrong_input(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "M:OUTTMQ", "--offline", "--config", config]) == 2
    assert capsys.readouterr().err == "M:OUTTMQ: no PV of this configuration; did you mean 'M:OUTTMP'?\n"
