"""acgate read, write and watch: one backend, without EPICS."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from gateway.app.cli import main
from gateway.app.commands.write import parse_value
from gateway.core.drf import DataRequest
from gateway.core.errors import BadInput

SIM = ["--backend", "sim:"]


def test_read_prints_value_units_and_stamp(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "M:OUTTMP", *SIM]) == 0

    name, _, units, stamp = capsys.readouterr().out.split()
    assert (name, units, stamp[-1]) == ("M:OUTTMP", "degF", "Z")


def test_read_gives_one_answer_per_request_in_order_and_fails_when_any_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "Z_ACLTST", "Z:NOTFND", "N|LGXS", "M~OUTTMP", "--json", *SIM]) == 1

    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["drf"] for one in found] == ["Z_ACLTST", "Z:NOTFND", "N|LGXS", "M~OUTTMP"]
    assert found[1]["status"] == {"facility": 16, "number": -13, "name": "DBM_NOPROP"}
    assert found[2]["value"]["on"] is True


@pytest.mark.parametrize(
    ("request_text", "said"),
    [
        ("M: X", "holds a space"),
        ("M:PV.DESC[0", "position"),
        ("PV", "at least three"),
        ("somewhere", "is no ACNET device"),
    ],
)
def test_a_request_that_cannot_be_asked_is_refused(
    request_text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read", request_text, *SIM]) == 2
    assert said in capsys.readouterr().err


def test_write_prints_what_became_of_the_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["write", "Z:ACLTST", "5", *SIM]) == 0
    assert capsys.readouterr().out == "Z:ACLTST  accepted\n"

    assert main(["write", "Z:NOTFND", "5", "--json", *SIM]) == 1
    assert json.loads(capsys.readouterr().out)["outcome"] == "refused"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["M~OUTTMP", "x", *SIM], "DESCRIPTION cannot be set"),
        (["M:OUTTMP.RAW", "xyz", *SIM], "write RAW values in hexadecimal"),
        (["M:OUTTMP", "1", "--backend", "acl+https://h/x"], "cannot write; name a backend that can"),
    ],
)
def test_what_cannot_be_written_is_refused(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["write", *argv]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"), [("5", 5.0), ("-1e3", -1000.0), ("1,2", [1.0, 2.0]), ("[1]", [1.0]), ("ON", "ON"), ("", "")]
)
def test_a_word_of_the_command_line_becomes_a_value(text: str, expected: object) -> None:
    value = parse_value(text, DataRequest.parse("M:X"))

    assert expected == (value.tolist() if isinstance(value, np.ndarray) else value)


def test_raw_values_are_bytes() -> None:
    assert parse_value("0x0a1b", DataRequest.parse("M:X.RAW")) == b"\x0a\x1b"
    with pytest.raises(BadInput, match="no bytes"):
        parse_value("5", DataRequest.parse("M:X.RAW"))


def test_text_can_be_forced(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["write", "Z:ACLTST", "5", "--text", *SIM]) == 1
    assert "refused" in capsys.readouterr().out


def test_watch_ends_after_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "M:OUTTMP@p,100", "--count", "3", *SIM]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_watch_ends_after_its_time_and_fails_when_a_request_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "M:OUTTMP", "Z:NOTFND", "--seconds", "0.1", "--json", *SIM]) == 1

    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["drf"] for one in found} == {"M:OUTTMP", "Z:NOTFND"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_ends_cleanly_when_told(number: signal.Signals) -> None:
    argv = [sys.executable, "-m", "gateway", "watch", "M:OUTTMP@p,100", *SIM]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.send_signal(number)

        assert child.wait(10) == 0
        assert child.stderr.read() == ""
