"""`acgate bench`: a small run of everything, and what it says when it cannot."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from gateway.app.bench import libca
from gateway.app.bench.document import BEGIN, END
from gateway.app.bench.servers import PEERS
from gateway.app.cli import main
from tests.support.rabbitmq import RabbitMq


@pytest.mark.timeout(200)
def test_a_quick_run_measures_every_part_beside_its_peer_and_ends_what_it_started(
    tmp_path: Path, rabbitmq: RabbitMq
) -> None:
    target = tmp_path / "figures.json"
    command = [sys.executable, "-m", "gateway", "bench", "--quick", "--peers", "caproto", "--json", str(target)]
    command += ["--amqp", rabbitmq.url]
    command += ["--chart", str(tmp_path / "figures.svg"), "--tables", str(tmp_path / "figures.md")]
    (tmp_path / "figures.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    env = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180, check=False)

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    for title in (
        "Start:",
        "Connect:",
        "Get:",
        "Put, with callback",
        "Updates of 200 PVs to one client: ",
        "Updates of 200 PVs to one client, from batches",
        "Updates by DBR type",
        "Waveforms",
        "End to end",
        "never reads",
        "unknown names/s, with names on demand",
        "fields of each open too",
        "beside the flood",
        "over dmq",
        "caproto : acgate",
    ):
        assert title in done.stdout
    measured = json.loads(target.read_text("utf-8"))
    assert {"cores", "python", "caproto", "processor"} <= set(measured["machine"])
    assert sorted(measured["medians"]) == [
        "batches/200/1000", "clients/200/1000", "fields/200", "getput/200", "idle/200", "mixed-grpc/200/1000",
        "mixed/200/1000", "searches-ondemand/200", "simput/100", "source-dmq/200/1000",
        "steady/200/2000", "stuck/200/1000", "types/200/DOUBLE", "types/200/TIME_DOUBLE",
        "updates/200/1000", "waveform/2",
    ]  # fmt: skip
    for cell, servers in measured["medians"].items():
        alone = cell.startswith(("steady", "batches", "types", "mixed", "source", "searches"))  # of ours only
        assert sorted(servers) == (["acgate"] if alone else ["acgate", "caproto"])
    ours = measured["medians"]["updates/200/1000"]["acgate"]
    assert 0.0 <= ours["lost"] < 1.0  # how many, and how fast, is for a quiet machine to say
    assert ours["delivered"] > 0.0
    assert ours["cpu_us"] > 0
    assert ours["drops"] >= 0.0
    assert measured["medians"]["waveform/2"]["acgate"]["mb_s"] > 0
    assert "libca connects 200 PVs" in (tmp_path / "figures.svg").read_text("utf-8")
    assert measured["medians"]["getput/200"]["acgate"]["put_piped_s"] > 0
    assert measured["medians"]["mixed/200/1000"]["acgate"]["flood_s"] > 0
    assert measured["medians"]["idle/200"]["acgate"]["libca_ms"] > 0
    searches = measured["medians"]["searches-ondemand/200"]["acgate"]
    assert min(searches["beside_p50_ms"], searches["alone_p50_ms"]) > 0
    assert searches["unknown_s"] > 0
    fields = measured["medians"]["fields/200"]["acgate"]
    assert fields["asked_mb"] >= fields["plain_mb"] > 10
    source = measured["medians"]["source-dmq/200/1000"]["acgate"]
    assert source["readings_s"] > 0
    assert source["cpu_us"] > 0
    assert source["dropped"] >= 0
    document = (tmp_path / "figures.md").read_text("utf-8")
    assert document.startswith(f"before\n{BEGIN}\n\nCommand: `acgate bench --quick")
    assert "\n### Start\n\nProcess start to ready file, s; " in document
    assert "old" not in document
    assert document.endswith(f"\n{END}\nafter\n")
    assert _servers_of_benches(tmp_path) == []


def test_a_c_ioc_takes_part_in_everything_that_it_can(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    command = [sys.executable, "-m", "gateway", "bench", "--quick", "--peers", "cioc", "--json", str(target)]
    command += ["--parts", "connect,getput,updates,batches,waveform"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    medians = json.loads(target.read_text("utf-8"))["medians"]
    assert all("cioc" in servers for servers in medians.values())
    assert medians["updates/200/1000"]["cioc"]["delivered"] > 0.0
    assert medians["waveform/2"]["cioc"]["mb_s"] > 0


def test_a_document_without_marks_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plain.md").write_text("no marks", "utf-8")
    assert main(["bench", "--peers", "none", "--tables", str(tmp_path / "plain.md")]) == 2
    assert f"plain.md: the document has no marks; put these two lines where the figures shall be: {BEGIN}" in (
        capsys.readouterr().err
    )
    assert main(["bench", "--peers", "none", "--tables", str(tmp_path / "absent.md")]) == 2
    assert "absent.md: cannot be read" in capsys.readouterr().err


def test_sigterm_ends_the_servers_too(tmp_path: Path) -> None:
    with (tmp_path / "said.txt").open("w+") as said:
        command = [sys.executable, "-m", "gateway", "bench", "--quick", "--peers", "none", "--rounds", "9"]
        env = os.environ | {"TMPDIR": str(tmp_path)}
        bench = subprocess.Popen(command, env=env, stdout=said, stderr=subprocess.STDOUT)
        try:
            _until_it_serves(bench.pid)
            bench.send_signal(signal.SIGTERM)
            assert bench.wait(20) == 1
        finally:
            bench.kill()
            bench.wait()
        said.seek(0)
        assert said.read().endswith("interrupted\n")
    assert _servers_of_benches(tmp_path) == []


def _until_it_serves(pid: int) -> None:
    deadline = time.monotonic() + 30
    while not any("gateway" in child.cmdline() for child in psutil.Process(pid).children(recursive=True)):
        assert time.monotonic() < deadline, "the benchmark starts no server"
        time.sleep(0.02)


def _servers_of_benches(folder: Path) -> list[list[str]]:
    """Command lines of what is left of a benchmark whose temporary files are in this folder."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if f"{folder}/acgate-bench-" in " ".join(line)]


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_that_is_not_installed_is_named_with_the_remedy(
    peer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PEERS, peer, "no_such_package")
    assert main(["bench", "--peers", peer]) == 2
    said = capsys.readouterr().err
    assert said == (
        f"--peers {peer}: the package no_such_package is not installed; install acgate[bench], or say --peers none\n"
    )


def test_the_connect_part_says_that_it_needs_libca(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(libca, "PACKAGE", "no_such_package")
    assert main(["bench", "--peers", "none", "--parts", "start,connect"]) == 2
    said = capsys.readouterr().err
    assert "--parts connect: no_such_package is not installed; install acgate[bench]" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--devices", "many"], "'many' are no numbers of devices; write for example 1000,10000"),
        (["--devices", "0"], "'0' are no numbers of devices"),
        (["--rounds", "0"], "'0' is no number of rounds; write 1 to 100"),
        (["--seconds", "soon"], "'soon' is no time; write seconds"),
        (["--seconds", "nan"], "'nan' is no time; write seconds"),
        (["--parts", "updats"], "unknown part 'updats'; did you mean 'updates'?"),
        (["--peers", "softIOC"], "unknown peer 'softIOC'; did you mean 'softioc'?"),
    ],
)
def test_wrong_options_give_exit_code_2_and_a_remedy(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *options]) == 2
    assert said in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_said_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--peers", "none", "--json", str(tmp_path / "absent" / "x.json")]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert re.fullmatch(r"--json \S+: cannot be written \(.*\); name a file in a folder that is\n", streams.err)
