"""A third party's client reads ACL through our CGI, and through a real SSH server whose login is our interpreter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sshd import USER, Sshd, acl_command, make_key, running_sshd
from tests.system.witness.simulated import Simulated, simulated
from tests.system.witness.witness import Witness


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """A simulator whose faults can be commanded."""
    with simulated(tmp_path_factory.mktemp("simulator"), "--control-port", "0") as started:
        yield started


@pytest.fixture
def witness(playing: Simulated) -> Iterator[Witness]:
    with Witness(acl_url=playing.ready["acl"], timeout=3.0) as client:
        assert client.refused is None
        yield client
    playing.command(service="acl", fault="none")


READS = {
    "Z_ACLTST": 10.0,
    "Z_ACLTST@I": 10.0,
    "D:GAINS[0:3]": [0.0, 1.0, 2.0, 3.0],
    "D:GAINS[]": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    "I:STAIRS[2]": 5.0,
    "Z@ACLTST.MAX": 50.0,
    "N|LGXS.ON": True,
    "M~OUTTMP": "Outdoor temperature",
    "G:MODE": "Standby",
    "Z_ACLTST.RAW": {"hex": "800c"},
}


def test_every_kind_of_value_is_read_by_one_call_each(witness: Witness) -> None:
    for drf, expected in READS.items():
        came = witness.get(drf)
        assert (came["ok"], came["value"]) == (True, expected), came
    assert len(witness.get("N@H801.RAW")["value"]["hex"]) == 40  # a whole alarm block


def test_one_reading_is_what_the_simulator_sent(playing: Simulated, witness: Witness) -> None:
    came = witness.get("M:OUTTMP")
    assert came["ok"]
    sent = [float(f"{float(value):.6g}") for _, value in playing.sent("M:OUTTMP", until_ms=came["stamp_ms"] - 1000)]
    assert came["value"] in sent


def test_a_status_is_read_by_its_attributes_and_what_is_absent_is_left_out(witness: Witness) -> None:
    whole, part = witness.get("N|LGXS"), witness.get("Z|ACLTS1")
    assert whole["value"] == dict.fromkeys(("on", "ready", "remote", "positive", "ramp"), True)
    assert {key: value for key, value in part["value"].items() if value is not None} == {"on": True, "ready": True}


def test_many_are_read_in_one_call_and_a_bad_one_spoils_none(witness: Witness) -> None:
    assert [one["value"] for one in witness.get_many("Z_ACLTST", "N_H801", "I:STAIRS[2]")] == [10.0, -3.25, 5.0]
    came = witness.get_many("Z_ACLTST", "Z:NOTFND", "I:STAIRS[2]")
    assert [one["ok"] for one in came] == [True, False, True]
    assert [one["value"] for one in came] == [10.0, None, 5.0]


def test_a_script_is_understood_as_the_client_sends_it(witness: Witness) -> None:
    assert witness.ask("execute", "read+Z:ACLTST.SETTING").strip() == "Z:ACLTST       =  10 Amps"
    assert "DBM_NOREC" in witness.ask("execute", "read+M%3AOUTTMP")
    listed = "device_list/create+devs+devices='Z_ACLTST,N_H801'\\;read_list/no_name/no_units+device_list=devs"
    assert witness.ask("execute", listed).split() == ["10", "-3.25"]
    assert witness.ask("execute", "set+Z:ACLTST+1").strip().endswith("CLIB_NOPRIV")


@pytest.mark.parametrize("fault", ["http_500", "half"])
def test_a_service_that_does_wrong_fails_its_reads_until_it_does_right(
    playing: Simulated, witness: Witness, fault: str
) -> None:
    assert witness.get("Z_ACLTST")["ok"]
    playing.command(service="acl", fault=fault)
    failed = witness.get("I:STAIRS[2]")
    assert failed.get("raised") or not failed["ok"], failed
    playing.command(service="acl", fault="none")
    with Witness(acl_url=playing.ready["acl"], timeout=3.0) as again:
        assert again.get("I:STAIRS[2]")["value"] == 5.0


@pytest.fixture(scope="module")
def node(playing: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sshd, Sshd, Path]]:
    """A console node, a jump host before it, and the key that both know."""
    folder = tmp_path_factory.mktemp("console")
    key = make_key(folder / "key")
    with (
        running_sshd(folder / "node", acl_command(playing.ready["acl"]), key) as server,
        running_sshd(folder / "jump", "/bin/false", key) as jump,
    ):
        yield server, jump, key


def test_it_talks_over_ssh_with_and_without_a_jump_host(witness: Witness, node: tuple[Sshd, Sshd, Path]) -> None:
    server, jump, key = node
    hops = [[jump.port, USER, str(key)], [server.port, USER, str(key)]]
    for way in (hops[1:], hops):
        came = witness.ask(
            "talk_over_ssh", way, ["read Z_ACLTST", "read Z:NOTFND", "read Z_ACLTST"], 10.0, seconds=20.0
        )
        assert isinstance(came, list), came
        assert came[0] == came[2] == "Z:ACLTST       =  10 Amps"
        assert "DBM_NOREC" in came[1]


def test_it_runs_a_script_over_ssh_as_a_file(witness: Witness, node: tuple[Sshd, Sshd, Path]) -> None:
    server, _, key = node
    way = [[server.port, USER, str(key)]]
    came = witness.ask("script_over_ssh", way, ["read Z_ACLTST", "read N_H801"], seconds=20.0)
    lines = [line for line in str(came).splitlines() if line.strip()]
    assert lines == ["Z:ACLTST       =  10 Amps", "N:H801         =  -3.25 Amps"], came
