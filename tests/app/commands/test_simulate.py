"""acgate simulate: what listens where, the ready file, and a clean end."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.app.cli import main


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            ["--amqp", "http://localhost"],
            "'http://localhost' is no URL of an AMQP broker; write for example amqp://127.0.0.1",
        ),
        (["--keytab", "f"], "the keytab f cannot be read: No such file"),
        (["--rate", "3"], "add --synthetic N"),
        (["--rate", "fast"], "'fast' is no rate"),
        (["--synthetic", "0"], "'0' is no number of devices"),
        (["--dpm-http-port", "65536"], "'65536' is no port"),
        (["absent.yaml"], "absent.yaml: cannot be read (No such file or directory); name a facility file"),
    ],
)
def test_wrong_options_are_refused(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *argv]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(number: signal.Signals, tmp_path: Path) -> None:
    ready, log = tmp_path / "ready", tmp_path / "sent.csv"
    argv = [sys.executable, "-m", "gateway", "simulate", "--dpm-http-port", "0", "--control-port", "0"]
    argv += ["--ready-file", str(ready), "--sent-log", str(log), "--synthetic", "3", "--rate", "10"]
    argv += ["--acl-port", "0"]
    argv += ["--devdb-port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline().startswith("DPM/HTTP: 127.0.0.1:")
        while "simulated devices" not in child.stdout.readline():
            assert child.poll() is None
        found = json.loads(ready.read_text())
        assert found["pid"] == child.pid

        assert main(["read", "S:D00002", "M:OUTTMP", "--backend", f"dpm+http://{found['dpm_http']}"]) == 0
        child.send_signal(number)

        assert child.wait(10) == 0
        assert child.stderr.read() == ""
        assert found["devdb"].startswith("127.0.0.1:")
    assert log.exists()


def test_without_the_extra_dmq_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gateway.runtime.amqp", None)
    assert main(["simulate", "--amqp", "amqp://127.0.0.1:5672/"]) == 2
    assert "--amqp needs the Python package pika" in (said := capsys.readouterr().err)
    assert "pip install 'acgate[dmq]'" in said
