"""The servers that are compared: the gateway with its simulator behind it, and the same PVs served by others."""

import csv
import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.app.bench.processes import (
    LOAD_CORE,
    SERVER_CORE,
    Running,
    environment,
    free_port,
    python_module,
)

OURS = "acgate"
PEERS = {"caproto": "caproto", "softioc": "softioc"}  # peer: the package it needs
READ_NAME = "S:D{:05d}"
PUT_NAME = "S:W{:05d}"
IDLE_MS = 60_000
SCATTER = 200  # groups of devices with a period of their own


@dataclass(frozen=True, slots=True)
class Setup:
    """What a server shall serve."""

    pvs: int
    period_ms: int = IDLE_MS  # of every PV; IDLE_MS: no updates while anything is measured
    scattered: bool = False  # the periods spread by 10 % around period_ms: few PVs at a time
    puts: int = 0  # PVs that can be put, for the gateway in addition to the others

    @property
    def offered(self) -> float:
        """Updates per second at the source over all PVs."""
        return sum(1e3 / self.period_of(place) for place in range(self.pvs))

    @property
    def idle(self) -> bool:
        """Whether nothing is updated."""
        return self.period_ms >= IDLE_MS

    def period_of(self, place: int) -> int:
        """The period of one PV, ms."""
        if not self.scattered:
            return self.period_ms
        group = place * SCATTER // self.pvs
        return round(self.period_ms * (0.9 + 0.2 * group / SCATTER))

    @property
    def chunk(self) -> int:
        """How many PVs a peer updates between two pauses."""
        return max(1, self.pvs // SCATTER) if self.scattered else self.pvs


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that serves."""

    name: str
    port: int
    repeater_port: int
    pid: int
    source_pid: int | None  # the simulator's
    ready_s: float
    put_name: str  # a format of the place


def missing_package(peer: str) -> str | None:
    """The package that a peer needs and that is not installed."""
    package = PEERS[peer]
    return None if importlib.util.find_spec(package) else package


@contextmanager
def serving(name: str, setup: Setup) -> Iterator[Serving]:
    """Start a server of this name, end it after the block. MeasurementFailed says why it did not start."""
    with tempfile.TemporaryDirectory(prefix="acgate-bench-") as folder, ExitStack() as stack:
        place, port, repeater = Path(folder), free_port(), free_port()
        env = environment(port, repeater)
        source_pid, put_name = None, READ_NAME
        ready = place / "ready.json"
        if name == OURS:
            source = stack.enter_context(_simulator(setup, place, env))
            source_pid, put_name = source.pid, PUT_NAME + ":SP"
            config = _write_config(setup, place, str(source.said["dpm_http"]))
            command = python_module("gateway", "run", str(config), "--ready-file", str(ready))
        else:
            rate = 0.0 if setup.idle else setup.offered
            command = python_module(
                f"gateway.app.bench.stock_{name}", str(setup.pvs), str(rate), str(setup.chunk), str(ready)
            )
        server = stack.enter_context(Running(name, command, env, SERVER_CORE, ready))
        yield Serving(name, port, repeater, server.pid, source_pid, server.ready_s, put_name)


def _simulator(setup: Setup, folder: Path, env: dict[str, str]) -> Running:
    """The source of the gateway's readings, on the core of the load: the gateway has its own to itself."""
    facility = folder / "facility.yaml"
    facility.write_text(facility_text(setup.puts), "utf-8")
    ready = folder / "simulator.json"
    command = python_module(
        "gateway", "simulate", str(facility), "--dpm-http-port", "0", "--synthetic", str(setup.pvs),
        "--rate", f"{1e3 / setup.period_ms:.9g}", "--ready-file", str(ready),
    )  # fmt: skip
    return Running("the simulator", command, env, LOAD_CORE, ready)


def facility_text(puts: int) -> str:
    """A facility file with devices that take settings at once, and at least one."""
    lines = ["devices:"]
    for place in range(max(1, puts)):
        name = PUT_NAME.format(place)
        lines.append(f'  - {{name: "{name}", index: {place + 1}, description: Put, units: V, setting: 1.0, settle: 0}}')
    return "\n".join(lines) + "\n"


def _write_config(setup: Setup, folder: Path, dpm: str) -> Path:
    config = folder / "gateway.yaml"
    config.write_text(
        "gateway: {name: BENCH, interfaces: [127.0.0.1], writes: on}\n"
        f'backends: {{dpm: {{url: "dpm+http://{dpm}"}}}}\n'
        "devices:\n  - include: devices.csv\n",
        "utf-8",
    )
    with (folder / "devices.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["device", "event", "properties", "writable"])
        for place in range(setup.pvs):
            table.writerow([READ_NAME.format(place), f"p,{setup.period_of(place)}", "reading", "false"])
        for place in range(setup.puts):
            table.writerow([PUT_NAME.format(place), f"p,{IDLE_MS}", "setting", "true"])
    return config
