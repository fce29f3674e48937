"""acgate: exit codes, one sentence per error, and never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway import __version__
from gateway.app.cli import COMMANDS, main


def test_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    said = capsys.readouterr().out
    assert all(name in said for name in COMMANDS)
    assert "2 the input was wrong" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert "--help" in capsys.readouterr().out


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


def test_no_command_gives_the_help_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["simulat"], "acgate: unknown command 'simulat'; did you mean 'simulate'?"),
        (["check"], "acgate check: name a configuration file, or --schema"),
        (
            ["check", "absent.yaml"],
            "absent.yaml: cannot be read (No such file or directory); name a configuration file",
        ),
        (["run", "absent.yaml"], "absent.yaml: cannot be read"),
        (["run", "absent.yaml", "--shard", "1/2"], "--shard is not in this version"),
        (["read", "M:X"], "required: --backend"),
        (["read", "M:X", "--backend", "dpn+http://h"], "did you mean 'dpm+http'?"),
        (["read", "M:X", "--backend", "devdb+grpc://h"], "is the device database, which belongs to metadata"),
        (["read", "M:X", "--backend", "sim:", "--timeout", "0"], "'0' is no time; write seconds"),
        (["read", "M:X", "--backend", "sim:absent.yaml"], "absent.yaml: cannot be read"),
        (["watch", "M:X", "--backend", "sim:", "--bogus"], "unrecognized arguments: --bogus"),
    ],
)
def test_wrong_input_is_exit_code_2_and_a_sentence(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    assert said in capsys.readouterr().err


def test_a_failure_of_the_work_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "Z:NOTFND", "--backend", "sim:"]) == 1
    assert "DBM_NOPROP [16 -13]" in capsys.readouterr().out


def test_what_nobody_expected_is_one_sentence_and_a_traceback_on_demand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["check", str(tmp_path / ("x\0y"))]  # a name that no file can have

    assert main(argv) == 1
    said = capsys.readouterr().err
    assert "unexpected error" in said
    assert "Traceback" not in said

    monkeypatch.setenv("ACGATE_DEBUG", "1")
    assert main(argv) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_ends_it_without_complaint(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    devices = "".join(f"- {{device: 'S:D{n:05d}'}}\n" for n in range(2000))
    config.write_text(f"backends: {{a: {{url: 'dpm+http://h'}}}}\ndevices:\n{devices}")
    command = f"{sys.executable} -m gateway check {config} | head -n 1"

    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)

    assert [line.partition(":")[0] for line in ended.stderr.splitlines()] == ["warning"]
    assert ended.stdout.startswith("PV")
