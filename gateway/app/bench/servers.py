"""The servers that are compared: the gateway with its simulator behind it, and the same PVs served by others."""

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.app.bench.ours import (
    DROPS,
    PUT_NAME,
    READ_NAME,
    WAVE_ELEMENTS,
    WAVE_NAME,
    Setup,
    facility_text,
    write_config,
)
from gateway.app.bench.processes import (
    LOAD_CORE,
    SERVER_CORE,
    Running,
    environment,
    free_port,
    python_module,
)

_SAID = {"dpm+http": "dpm_http", "dpm+grpc": "dpm_grpc"}  # scheme: the key in the simulator's ready file
OURS, C_IOC = "acgate", "cioc"
PEERS = {"caproto": "caproto", "softioc": "softioc", "cioc": "epicscorelibs"}  # peer: the package it needs


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
    wave_name: str
    all_pvs: int  # also those that the gateway adds to each device
    drops: str  # the PV in which losses are counted, if there is one
    flood_port: int = 0  # where the second backend is expected


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
        source_pid, is_ours, flood_port = None, name == OURS, 0
        ready = place / "ready.json"
        devdb = ""
        if is_ours:
            facility = place / "facility.yaml"
            facility.write_text(facility_text(setup.puts, setup.waves), "utf-8")
            backend = f"sim:{facility}"
            if not (setup.sim or setup.batches):
                source = stack.enter_context(_simulator(setup, facility, env))
                source_pid, backend = source.pid, _url(setup, source.said)
                devdb = str(source.said["devdb"]) if setup.on_demand else ""
            flood_port = free_port() if setup.flood else 0
            flood = f"{setup.flood_scheme}://127.0.0.1:{flood_port}" if setup.flood else ""
            config = write_config(setup, place, backend, flood, devdb)
            command = python_module("gateway", "run", str(config), "--ready-file", str(ready))
            if setup.batches:
                hertz = f"{1e3 / setup.period_ms:.9g}"
                command = python_module("gateway.app.bench.batch_gateway", str(config), hertz, str(ready))
        else:
            command = _peer(name, setup, ready)
        server = stack.enter_context(Running(name, command, env, SERVER_CORE, ready))
        said = server.said.get("pvs")
        yield Serving(
            name, port, repeater, server.pid, source_pid, server.ready_s,
            PUT_NAME + ":SP" if is_ours else READ_NAME, WAVE_NAME if is_ours else READ_NAME,
            said if isinstance(said, int) else setup.pvs, DROPS if is_ours else "",
            flood_port,
        )  # fmt: skip


def _url(setup: Setup, said: dict[str, object]) -> str:
    """Where the simulator is, from what it said of itself; a broker has no Kerberos."""
    if setup.scheme == "dmq":
        return setup.amqp.replace("amqp:", "dmq:", 1) + "?unsigned=yes"
    return f"{setup.scheme}://{said[_SAID[setup.scheme]]}"


def _peer(name: str, setup: Setup, ready: Path) -> list[str]:
    """Its command: count, rate over all PVs, chunk, ready file, elements of each PV."""
    module = f"gateway.app.bench.stock_{name}"
    if setup.waves:
        return python_module(module, str(setup.waves), "1e9", "1", str(ready), str(WAVE_ELEMENTS))
    if setup.records and name == "caproto":
        return python_module(module, str(setup.pvs), "0", "1", str(ready), "1", "ai")
    rate = 0.0 if setup.idle else setup.offered
    return python_module(module, str(setup.pvs), str(rate), str(setup.chunk), str(ready), "1")


def _simulator(setup: Setup, facility: Path, env: dict[str, str]) -> Running:
    """The source of the gateway's readings, on the core of the load: the gateway has its own to itself."""
    ready = facility.with_name("simulator.json")
    command = python_module(
        "gateway", "simulate", str(facility), "--dpm-http-port", "0", "--synthetic", str(setup.pvs),
        "--rate", f"{1e3 / setup.period_ms:.9g}", "--ready-file", str(ready),
        *(("--dpm-grpc-port", "0") if setup.scheme == "dpm+grpc" else ()),
        *(("--devdb-port", "0") if setup.on_demand else ()),
        *(("--amqp", setup.amqp) if setup.amqp else ()),
    )  # fmt: skip
    return Running("the simulator", command, env, LOAD_CORE, ready)


@contextmanager
def flooding(served: Serving, setup: Setup) -> Iterator[None]:
    """The second backend of a gateway, which sends as fast as the setup says; the others go first on its core."""
    option = {"dpm+http": "--dpm-http-port", "dpm+grpc": "--dpm-grpc-port"}[setup.flood_scheme]
    ports = {"--dpm-http-port": "0", "--dpm-grpc-port": "0", "--acl-port": "0"} | {option: str(served.flood_port)}
    with tempfile.TemporaryDirectory(prefix="acgate-bench-") as folder:
        ready = Path(folder) / "flood.json"
        command = [
            "nice", *python_module(
                "gateway", "simulate", *(word for pair in ports.items() for word in pair), "--synthetic",
                str(setup.flood), "--rate", str(setup.flood_hertz), "--ready-file", str(ready),
            ),
        ]  # fmt: skip
        with Running("the flood", command, environment(served.port, served.repeater_port), LOAD_CORE, ready):
            yield
