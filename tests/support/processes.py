"""The commands of `acgate` and their clients as processes of their own, started as a user starts them.

A `Site` is one loopback with a Channel Access port of its own; everything that was started in it is ended by its id.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.support.ca_client import free_port

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "system" / "clients"
START_TIME = 30.0  # s that a command may take until it is ready, on a machine that does other things, too
END_TIME = 5.0  # s in which SIGTERM and SIGINT must have ended it (contract.md 2)
STEP = 0.02  # s between two looks
Json = dict[str, Any]
NOTHING: Mapping[str, str] = {}


def until(what: Callable[[], object], seconds: float) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(STEP)
    return True


class Running:
    """One process. What it writes is kept in files, for the test and for the message of an assertion."""

    def __init__(
        self, name: str, command: list[str], env: Mapping[str, str], folder: Path, stdin: bool = False
    ) -> None:
        self.name, self.env = name, env
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        self.ready_file = folder / f"{name}.ready"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=dict(env), stdout=out, stderr=err,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            )  # fmt: skip
        self.pid = self.process.pid
        self.said: Json = {}

    @property
    def out(self) -> str:
        """What it wrote to stdout up to now."""
        return self._out.read_text("utf-8", "replace")

    @property
    def err(self) -> str:
        """What it wrote to stderr up to now."""
        return self._err.read_text("utf-8", "replace")

    def report(self) -> str:
        """What to read when something is wrong with it."""
        return f"{self.name}, exit code {self.process.poll()}\n{self.out[-2000:]}\n{self.err[-6000:]}"

    def lines(self) -> list[Json]:
        """The whole lines of JSON in its output."""
        return [json.loads(line) for line in self.out.splitlines(keepends=True) if line[0] == "{" and line[-1] == "\n"]

    def ready(self) -> Json:
        """Wait for the ready file; what it says."""
        until(lambda: self.ready_file.exists() or self.process.poll() is not None, START_TIME)
        assert self.ready_file.exists(), f"it did not become ready: {self.report()}"
        self.said = json.loads(self.ready_file.read_text("utf-8"))
        assert self.said["pid"] == self.pid
        return self.said

    def tell(self, line: str) -> None:
        """Write one line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def result(self, seconds: float = 60.0) -> Json:
        """Wait for its good end; the last line that it wrote, which is JSON."""
        assert self.wait(seconds) == 0, self.report()
        return self.lines()[-1]

    def wait(self, seconds: float) -> int:
        """Wait for its end; the exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end in {seconds:g} s: {self.report()}") from None

    def end(self, number: signal.Signals = signal.SIGTERM, good: int = 0) -> float:
        """End it by a signal as a user does; the seconds it took. It must end well, in time, with all its children."""
        children = psutil.Process(self.pid).children(recursive=True) if self.process.poll() is None else []
        began = time.monotonic()
        self.process.send_signal(number)
        status = self.wait(END_TIME)
        took = time.monotonic() - began
        assert status == good, f"{number.name} did not end it well: {self.report()}"
        assert "Traceback" not in self.err, self.report()
        assert not [child for child in children if child.is_running()], f"processes left behind by {self.report()}"
        return took

    def kill(self) -> None:
        """End it at once, as a failing machine does."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Make sure that it is over."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def catches(self, number: signal.Signals) -> bool:
        """Whether it has come so far that the signal is caught."""
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught, 16) >> (number - 1) & 1)

    def threads(self) -> int:
        """How many threads it has now."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def descriptors(self) -> int:
        """How many files and sockets it has open now."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


class Site:
    """A loopback of its own: Channel Access on one port, commands and clients, all ended with the `with`.

    `more` is what their environment has beside that of Channel Access.
    """

    def __init__(self, folder: Path, more: Mapping[str, str] = NOTHING) -> None:
        self.folder, self._more = folder, dict(more or {})
        self.ca_port = free_port()
        self._open = ExitStack()
        self._number = 0
        self._repeater = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # or else libca starts one that outlives us
        self._repeater.bind((HOST, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        self._repeater.close()

    def environment(self, ca_port: int = 0) -> dict[str, str]:
        """Of servers and clients: Channel Access on the loopback, on this port alone."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("EPICS_", "CAPROTO_", "ACGATE"))}
        port = str(ca_port or self.ca_port)
        return kept | {
            "EPICS_CA_ADDR_LIST": HOST,
            "EPICS_CA_AUTO_ADDR_LIST": "NO",
            "EPICS_CA_SERVER_PORT": port,
            "EPICS_CA_REPEATER_PORT": str(self._repeater.getsockname()[1]),
            "EPICS_CAS_SERVER_PORT": port,
            "EPICS_CAS_INTF_ADDR_LIST": HOST,
            "EPICS_CAS_BEACON_ADDR_LIST": HOST,
            "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
            "OPHYD_CONTROL_LAYER": "pyepics",
            "PYTHONUNBUFFERED": "1",
            **self._more,
        }

    def _start(
        self,
        name: str,
        command: list[str],
        stdin: bool = False,
        ca_port: int = 0,
        more: Mapping[str, str] = NOTHING,
    ) -> Running:
        self._number += 1
        environment = self.environment(ca_port) | dict(more)
        running = Running(f"{self._number:02d}-{name}", command, environment, self.folder, stdin)
        self._open.callback(running.close)
        return running

    def acgate(
        self, *arguments: str, ready: bool = False, ca_port: int = 0, more: Mapping[str, str] = NOTHING
    ) -> Running:
        """Start the command; with `ready` it writes a ready file, which is waited for."""
        command = [sys.executable, "-m", "gateway", *arguments]
        if ready:
            command += ["--ready-file", str(self.folder / f"{self._number + 1:02d}-{arguments[0]}.ready")]
        running = self._start(arguments[0] if arguments else "acgate", command, ca_port=ca_port, more=more)
        if ready:
            running.ready()
        return running

    def command(self, before: list[str], *arguments: str) -> Running:
        """The command, started by another one, such as `faketime`."""
        return self._start(arguments[0], [*before, sys.executable, "-m", "gateway", *arguments])

    def simulate(self, *options: str, port: int = 0) -> Running:
        """The simulated services, ready, with a control port."""
        return self.acgate(
            "simulate", "--dpm-http-port", str(port), "--dpm-grpc-port", "0", "--devdb-port", "0", "--acl-port", "0",
            "--control-port", "0", *options, ready=True,
        )  # fmt: skip

    def run(self, config: str, ca_port: int = 0) -> Running:
        """The gateway with this configuration, ready."""
        path = self.folder / f"{self._number + 1:02d}-config.yaml"
        path.write_text(config, "utf-8")
        return self.acgate("run", str(path), ready=True, ca_port=ca_port)

    def client(
        self, script: str, *arguments: str, stdin: bool = False, ca_port: int = 0, more: Mapping[str, str] = NOTHING
    ) -> Running:
        """A script of the folder `clients`, which tells its results as lines of JSON."""
        return self._start(script, [sys.executable, str(CLIENTS / f"{script}.py"), *arguments], stdin, ca_port, more)

    def tool(self, name: str, *arguments: str, ca_port: int = 0) -> Running:
        """A command that stands beside the interpreter, such as `caproto-get`."""
        path = Path(sys.executable).parent / name
        assert path.exists(), f"{path} is not installed; `make test` installs it"
        return self._start(name, [str(path), *arguments], ca_port=ca_port)


def command_fault(simulator: Running, **wish: str) -> None:
    """Let the simulator do wrong, or with `fault="none"` right again (see `simulator.control`)."""
    call = urllib.request.Request(f"{simulator.said['control']}/faults", json.dumps(wish).encode(), method="POST")
    with urllib.request.urlopen(call, timeout=5) as answer:
        assert answer.status == 200


def config_of(simulator: Running, devices: str, writes: str = "on", more: str = "") -> str:
    """A configuration of one backend, the simulator; `devices` are lines of YAML that begin with a dash."""
    return (
        f"gateway: {{name: GW1, interfaces: [{HOST}], writes: {writes}}}\n"
        f'backends: {{dpm: {{url: "dpm+http://{simulator.said["dpm_http"]}"}}}}\n{more}devices:\n{devices}'
    )
