"""`acgate simulate` as a user starts it: a process on a free port, found through its ready file."""

import csv
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[3]
_PATIENCE = 15.0  # s for the start and the end

csv.field_size_limit(1 << 24)  # a long array is one field

Sent = tuple[int, str]  # stamp in ms and the value as the log writes it


class Simulated:
    """A simulator process. `start` may be called again after `stop`: it comes back on the same port."""

    def __init__(
        self, folder: Path, *options: str, port: int = 0, environment: Mapping[str, str] | None = None
    ) -> None:
        self.port = port
        self._environment = {**os.environ, **(environment or {})}
        self.ready: dict[str, str] = {}  # what its ready file says
        self._folder, self._options = folder, options
        self._log = folder / "sent.csv"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        ready = self._folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "gateway", "simulate", "--dpm-http-port", str(self.port), "--acl-port", "0",
            "--dpm-grpc-port", "0", "--devdb-port", "0", "--ready-file", str(ready),
            "--sent-log", str(self._log), *self._options,
        ]  # fmt: skip
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        deadline = time.monotonic() + _PATIENCE
        while not ready.exists():
            assert self._process.poll() is None, f"the simulator has ended: {self.said()}"
            assert time.monotonic() < deadline, f"the simulator is not ready: {self.said()}"
            time.sleep(0.02)
        self.ready = json.loads(ready.read_text("utf-8"))
        self.port = int(self.ready["dpm_http"].rpartition(":")[2])

    def stop(self) -> int:
        """End it with SIGTERM, as a user's shell does, if it has not ended yet; its exit code."""
        assert self._process is not None
        self._process.terminate()  # nothing where it is known to have ended
        try:
            return self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the simulator does not end: {self.said()}") from None

    @property
    def _said(self) -> Path:
        return self._folder / "said.txt"

    def said(self) -> str:
        """What it printed."""
        return self._said.read_text("utf-8")

    def command(self, **wish: str) -> None:
        """Tell its control port what to do wrong; a service obeys within a moment."""
        with urllib.request.urlopen(f"{self.ready['control']}/faults", json.dumps(wish).encode(), timeout=5.0) as said:
            assert said.status == 200

    def clients(self) -> int:
        """How many connections it has."""
        assert self._process is not None
        links = psutil.Process(self._process.pid).net_connections("tcp4")
        return sum(link.status == psutil.CONN_ESTABLISHED for link in links)

    def await_clients(self, count: int) -> int:
        """Wait a bounded time until it has so many connections; how many it has."""
        deadline = time.monotonic() + _PATIENCE
        while (found := self.clients()) != count and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    def sent(self, device: str, prop: str = "READING", until_ms: int = 0) -> list[Sent]:
        """What the simulator's own log says it sent of a device, in order; waits until `until_ms` is in it."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            whole, _, _ = self._log.read_text("utf-8").rpartition("\n")  # the last line may be on its way
            rows = [row for row in csv.reader(whole.splitlines()) if row[1:3] == [device, prop]]
            found = [(int(stamp), value) for stamp, _, _, value in rows]
            if any(stamp >= until_ms for stamp, _ in found):
                return found
            assert time.monotonic() < deadline, f"the log has nothing of {device} at {until_ms}"
            time.sleep(0.05)


@contextmanager
def simulated(folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Simulated]:
    """A simulator that lives as long as the block and then ends as it should."""
    process = Simulated(folder, *options, environment=environment)
    process.start()
    try:
        yield process
    finally:
        code = process.stop()
    assert code == 0, f"the simulator ended with {code}: {process.said()}"
