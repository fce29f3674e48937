import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.runtime.clock import SystemClock
from simulator.acl_shell import Facility, obey
from simulator.facility import shipped_facility
from simulator.services import Services

ROOT = Path(__file__).parents[2]


@pytest.fixture
def services() -> Iterator[Services]:
    made = Services(shipped_facility(), SystemClock(), {"acl": 0})
    made.start()
    yield made
    assert made.stop()


@pytest.fixture
def facility(services: Services) -> Facility:
    return Facility(services.addresses["acl"])


def run(facility: Facility, words: list[str], given: bytes = b"") -> tuple[int, str]:
    sink = io.BytesIO()
    code = obey(facility, words, io.BufferedReader(io.BytesIO(given)), sink)
    return code, sink.getvalue().decode()


def test_it_talks_with_echo_and_prompt(facility: Facility) -> None:
    code, said = run(facility, ["acl"], b"read Z_ACLTST\n\nexit\n")
    assert (code, said) == (0, "\nACL> read Z_ACLTST\n\nZ:ACLTST       =  10 Amps\n\nACL> \n\nACL> ")


def test_it_ends_with_its_input(facility: Facility) -> None:
    assert run(facility, ["acl"], b"read Z:ACLTST.SETTING") == (0, "\nACL> ")


def test_one_command_is_run_alone(facility: Facility) -> None:
    assert run(facility, ["acl", "read Z&ACLTST; read Z_ACLTST"]) == (
        0, "Z:ACLTST       =  \nZ:ACLTST       =  10 Amps\n",
    )  # fmt: skip


def test_a_script_file_is_made_written_run_and_removed(facility: Facility, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("simulator.acl_shell._FOLDER", tmp_path)
    code, said = run(facility, ["mktemp", "--suffix=.acl", f"{tmp_path}/acgate_XXXXXXXX"])
    path = said.strip()
    assert (code, Path(path).parent, Path(path).exists()) == (0, tmp_path, True)
    assert re.fullmatch(r"acgate_[A-Za-z0-9]{8}\.acl", Path(path).name)
    assert run(facility, ["cat", ">", path], b"read Z_ACLTST\nread Z:NOTFND\n") == (0, "")
    code, said = run(facility, ["acl", path])
    shown = [line for line in said.splitlines() if line and not line.startswith("ACL>")]
    assert code == 1
    assert shown == [
        "Z:ACLTST       =  10 Amps", "Invalid device name (Z:NOTFND) in read device command at line 1 - DBM_NOREC",
    ]  # fmt: skip
    assert run(facility, ["rm", "-f", path]) == (0, "")
    assert not Path(path).exists()


@pytest.mark.parametrize(
    "words", [["ls"], ["cat", ">", "/etc/passwd"], ["rm", "-f", "x.acl"], ["mktemp", "--suffix=.acl", "/etc/XX"], []]
)
def test_everything_else_is_not_found(facility: Facility, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facility, words) == (127, "")
    assert "not found" in capsys.readouterr().err


def test_a_login_ends_in_the_middle_when_the_simulator_breaks_off(services: Services, facility: Facility) -> None:
    services.faults.command("acl", "half")
    code, said = run(facility, ["acl"], b"read Z_ACLTST\nread Z_ACLTST\n")
    assert (code, said) == (1, "\nACL> read Z_ACLTST\n\nZ:ACLTST\n")
    assert run(facility, ["acl", "read Z_ACLTST"])[0] == 1


def test_it_is_a_program_that_takes_its_command_from_the_ssh_server(services: Services) -> None:
    command = [sys.executable, "-m", "simulator.acl_shell", "--simulator", services.addresses["acl"]]
    for asked, said, code in [
        ("acl 'read Z_ACLTST'", b"Z:ACLTST       =  10 Amps\n", 0),
        ("acl", b"\nACL> ", 0),
        ("", b"\nACL> ", 0),
        ("ls 'x", b"", 127),
    ]:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "SSH_ORIGINAL_COMMAND": asked}, input=b"", capture_output=True,
            timeout=30, check=False,
        )  # fmt: skip
        assert (done.stdout, done.returncode) == (said, code), done.stderr
