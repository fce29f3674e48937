"""Runs what is measured: rounds over cells, in each cell every server in turn."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gateway.app.bench.cells import PUTS, Cell, Options, cells, held, window
from gateway.app.bench.job import Figures, Job
from gateway.app.bench.mixed import beside_flood
from gateway.app.bench.ours import READ_NAME
from gateway.app.bench.processes import LOAD_CORE, cpu_seconds, environment, memory_mb, pinned, python_module
from gateway.app.bench.rawca import DBR_TIME_DOUBLE, MeasurementFailed
from gateway.app.bench.servers import Serving, serving
from gateway.app.bench.sources import taken

_LOAD_TIME = 90.0  # s that a load process may take beside its window
_LADDERS = ("updates", "clients", "batches", "crowd")
_STEADY = 10  # times as long as another window
_STUCK_S = 12.0  # s until the buffers of the sockets to a client that does not read are full, at 5000 updates/s


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of one server in one cell of one round; `error` says why there are no figures."""

    round: int
    server: str
    cell: str
    figures: Figures
    error: str | None = None


@dataclass(slots=True)
class Rounds:
    """Runs all rounds; within a round a server leaves a ladder at the first rate that it does not hold.

    The next round begins anew: one disturbance from elsewhere does not end a ladder, the median tells.
    """

    options: Options
    _left: set[tuple[str, str, int]] = field(default_factory=set)  # server, ladder and PVs, of this round

    def run(self, say: Callable[[str], None]) -> Iterator[Result]:
        """Every result as it comes; `say` is told what is being done."""
        todo = cells(self.options)
        for number in range(self.options.rounds):
            self._left.clear()
            for place, cell in enumerate(todo, 1):
                if cell.once and number:
                    continue
                for server in cell.servers(self.options):
                    if (server, cell.kind, cell.setup.pvs) in self._left:
                        continue
                    say(f"round {number + 1}/{self.options.rounds}, {place}/{len(todo)}: {cell.name} {server}")
                    yield self._measure(number, server, cell)

    def _measure(self, number: int, server: str, cell: Cell) -> Result:
        rung = (server, cell.kind, cell.setup.pvs)
        try:
            with serving(server, cell.setup) as served:
                figures = self._figures(served, cell)
        except MeasurementFailed as error:
            if cell.kind in _LADDERS:
                self._left.add(rung)
            return Result(number, server, cell.name, {}, str(error))
        if cell.kind in _LADDERS and not figures["held"]:
            self._left.add(rung)
        return Result(number, server, cell.name, figures)

    def _figures(self, served: Serving, cell: Cell) -> Figures:
        setup, seconds = cell.setup, self.options.seconds
        match cell.kind:
            case "getput":
                got = _load(served, "get", READ_NAME, setup.pvs, seconds / 2)
                done = _load(served, "put", served.put_name, min(PUTS, setup.pvs), seconds / 2)
                return {f"get_{key}": value for key, value in got.items()} | {f"put_{k}": v for k, v in done.items()}
            case "simput":
                done = _load(served, "put", served.put_name, setup.pvs, seconds / 2)
                return {f"put_{key}": value for key, value in done.items()}
            case "waveform":
                return _load(served, "waves", served.wave_name, setup.waves, seconds)
            case "idle" | "many":
                return self._idle(served, cell)
            case "searches" | "searches-ondemand":
                return _load(served, "searches", READ_NAME, setup.pvs, seconds)
            case "fields":
                return _load(served, "fields", READ_NAME, setup.pvs)
            case "stuck":
                return self._stuck(served, cell)
            case "source-http" | "source-grpc" | "source-dmq":
                return taken(served, setup, window(setup, max(1.0, seconds)))
            case "mixed" | "mixed-grpc":
                took = window(setup, max(1.0, seconds))
                return beside_flood(served, setup, lambda: self._updates(served, cell, took))
        if cell.kind == "steady":
            seconds = self.options.steady or _STEADY * seconds
        figures = self._updates(served, cell, window(setup, seconds))
        if cell.kind == "types":
            return figures
        if setup.scattered:
            del figures["lost"]  # the values of the simulator do not count these updates one by one
            return figures
        return figures | {"held": float(held(figures, setup, seconds))}

    def _idle(self, served: Serving, cell: Cell) -> Figures:
        figures = {
            "ready_s": served.ready_s, "rss_mb": memory_mb(served.pid), "start_cpu_s": cpu_seconds(served.pid),
            "pvs": float(served.all_pvs),
        }  # fmt: skip
        if cell.kind == "idle" and "connect" in self.options.parts:
            pvs = cell.setup.pvs
            figures |= _load(served, "libca", READ_NAME, pvs)  # first: it meets a fresh server, as users do
            figures |= _load(served, "connect", READ_NAME, pvs)
            figures["per_pv_kb"] = (figures.pop("subscribed_mb") - figures["rss_mb"]) * 1e3 / pvs
        return figures

    def _stuck(self, served: Serving, cell: Cell) -> Figures:
        """The good client alone, then beside one that never reads, of the same server."""
        took = window(cell.setup, self.options.seconds)
        alone = self._updates(served, cell, took)
        beside = self._updates(served, cell, took, stuck=1)
        kept = ("updates_s", "p99_ms", "rss_mb")
        figures = {f"alone_{key}": alone[key] for key in kept} | {f"beside_{key}": beside[key] for key in kept}
        return figures | {"grew_mb": beside["rss_mb"] - alone["rss_mb"]}

    def _updates(self, served: Serving, cell: Cell, took: float, stuck: int = 0) -> Figures:
        settle = 0.3 if self.options.quick else 0.7 + cell.setup.pvs / 10_000
        if stuck and not self.options.quick:
            settle = _STUCK_S
        return _load(
            served, "updates", READ_NAME, cell.setup.pvs, took, settle, cell.setup.offered, cell.clients, stuck,
            cell.data_type,
        )  # fmt: skip


def _load(
    served: Serving, what: str, name: str, pvs: int, seconds: float = 1.0, settle: float = 0.0, offered: float = 0.0,
    clients: int = 1, stuck: int = 0, data_type: int = DBR_TIME_DOUBLE,
) -> Figures:  # fmt: skip
    """Run one load process to its end."""
    job = Job(
        what, served.port, served.pid, name, pvs, seconds, settle, offered, served.source_pid, served.repeater_port,
        clients, stuck, served.drops, data_type,
    )  # fmt: skip
    command = pinned(LOAD_CORE, python_module("gateway.app.bench.load", job.text()))
    try:
        done = subprocess.run(
            command, env=environment(served.port, served.repeater_port), stdin=subprocess.DEVNULL, text=True,
            capture_output=True, timeout=_LOAD_TIME + settle + 2 * seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise MeasurementFailed(f"the load {what!r} on {served.name} did not end in time") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise MeasurementFailed(f"{what} on {served.name}: {last}")
    figures: Figures = json.loads(done.stdout)
    return figures
