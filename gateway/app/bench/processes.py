"""Processes that are measured: started on a core, looked at, ended by their id."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.app.bench.rawca import HOST, MeasurementFailed

SERVER_CORE, LOAD_CORE = 0, 1
_PAGE = os.sysconf("SC_PAGE_SIZE")
_READY = 90.0  # s that a server may take to start
_END = 8.0  # s that a server may take to end


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """The command on one core, where there are two and taskset exists."""
    if (os.cpu_count() or 1) > max(SERVER_CORE, LOAD_CORE) and (taskset := shutil.which("taskset")):
        return [taskset, "-c", str(core), *command]
    return list(command)


def python_module(module: str, *arguments: str) -> list[str]:
    """A module, run by this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def cpu_seconds(pid: int) -> float:
    """Processor time of all living threads of a process, s, to the nanosecond."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text("ascii").split()[0])
        except (FileNotFoundError, ProcessLookupError):  # the thread has ended meanwhile
            continue
    return total / 1e9


def memory_mb(pid: int) -> float:
    """Resident memory of a process, MB (10**6 bytes)."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE / 1e6


def free_port() -> int:
    """A port of the loopback that is free for UDP and TCP."""
    for _ in range(100):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(type=socket.SOCK_DGRAM) as dgram,
        ):
            stream.bind((HOST, 0))
            port: int = stream.getsockname()[1]
            try:
                dgram.bind((HOST, port))
            except OSError:
                continue
            return port
    raise MeasurementFailed("no port of the loopback is free for UDP and TCP")


def environment(ca_port: int, repeater_port: int) -> dict[str, str]:
    """The environment of servers and clients: Channel Access on the loopback and this port alone."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("EPICS_", "CAPROTO_", "ACGATE_"))}
    return kept | {
        "EPICS_CA_ADDR_LIST": HOST,
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CA_SERVER_PORT": str(ca_port),
        "EPICS_CA_REPEATER_PORT": str(repeater_port),
        "EPICS_CA_MAX_ARRAY_BYTES": "1000000",
        "EPICS_CAS_SERVER_PORT": str(ca_port),
        "EPICS_CAS_INTF_ADDR_LIST": HOST,
        "EPICS_CAS_BEACON_ADDR_LIST": HOST,
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        "PVXS_QSRV_ENABLE": "NO",
        "EPICS_PVAS_INTF_ADDR_LIST": HOST,
        "EPICS_PVAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_PVA_AUTO_ADDR_LIST": "NO",
    }


class Running:
    """A server process from its start to its end; `ready` is the file that it writes when it serves.

    Use it as a context. `ready_s` is the time from the start of the process to the ready file, to 5 ms.
    """

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], core: int, ready: Path) -> None:
        self.name, self._ready, self.said = name, ready, dict[str, object]()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self.ready_s = 0.0
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            pinned(core, command), env=env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _wait(self) -> None:
        while not self._ready.exists():
            if self._process.poll() is not None:
                raise MeasurementFailed(f"{self.name} ended before it was ready: {self._last_words()}")
            if time.perf_counter() - self._began > _READY:
                raise MeasurementFailed(f"{self.name} was not ready after {_READY:g} s: {self._last_words()}")
            time.sleep(0.005)
        self.ready_s = time.perf_counter() - self._began
        self.said = json.loads(self._ready.read_text("utf-8"))

    def _last_words(self) -> str:
        self._log.seek(0)
        return self._log.read()[-500:].decode("utf-8", "replace").strip() or "it said nothing"

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            self._log.close()
