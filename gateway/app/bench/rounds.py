"""What is measured, in which order: rounds over cells, in each cell every server in turn."""

import json
import math
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gateway.app.bench.load import Figures, Job
from gateway.app.bench.processes import LOAD_CORE, cpu_seconds, environment, memory_mb, pinned, python_module
from gateway.app.bench.rawca import MeasurementFailed
from gateway.app.bench.servers import OURS, READ_NAME, Serving, Setup, serving

PARTS = ("start", "updates", "getput", "connect")
_HERTZ = {2_000: (5, 20, 50, 100), 100_000: (1, 5, 10, 50)}  # rungs of a ladder for so many PVs at most, per PV
_PUTS = 100  # devices that are put
_LOAD_TIME = 90.0  # s that a load process may take beside its window


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured."""

    devices: tuple[int, ...] = (1_000, 10_000)
    rounds: int = 3
    seconds: float = 3.0
    parts: tuple[str, ...] = PARTS
    peers: tuple[str, ...] = ("caproto", "softioc")
    quick: bool = False  # one rung, short settling: to see that it works, not to know a figure

    @property
    def servers(self) -> tuple[str, ...]:
        """All that are compared, ours first."""
        return (OURS, *self.peers)


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the tables: a kind of measurement and what is served for it."""

    kind: str  # idle, updates, scattered, getput
    setup: Setup

    @property
    def name(self) -> str:
        """Its key in the results."""
        rate = f"/{self.setup.offered:.0f}" if self.kind in ("updates", "scattered") else ""
        return f"{self.kind}/{self.setup.pvs}{rate}"


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of one server in one cell of one round; `error` says why there are no figures."""

    round: int
    server: str
    cell: str
    figures: Figures
    error: str | None = None


def cells(options: Options) -> list[Cell]:
    """All cells of a round. Start and connect share a server that is otherwise idle."""
    found: list[Cell] = []
    if {"start", "connect"} & set(options.parts):
        found += [Cell("idle", Setup(pvs)) for pvs in options.devices]
    if "getput" in options.parts:
        found.append(Cell("getput", Setup(options.devices[0], puts=_PUTS)))
    if "updates" in options.parts:
        for pvs in options.devices:
            found += [Cell("updates", Setup(pvs, round(1000 / hertz))) for hertz in _hertz(pvs, options.quick)]
        if not options.quick:
            found.append(Cell("scattered", Setup(options.devices[0], 1000, scattered=True)))
    return found


def _hertz(pvs: int, quick: bool) -> tuple[int, ...]:
    ladder = next(rungs for most, rungs in _HERTZ.items() if pvs <= most)
    return ladder[:1] if quick else ladder


def window(setup: Setup, seconds: float) -> float:
    """Seconds to measure: whole bursts, two at least."""
    period = setup.period_ms / 1e3
    return math.ceil(round(max(seconds, 2 * period) / period, 6)) * period


def held(figures: Figures, setup: Setup, seconds: float) -> bool:
    """Whether a rate was held: 97 % delivered, but for the burst cut at the edge of the window, and p99 under 1 s."""
    edge = setup.period_ms / 1e3 / window(setup, seconds)
    return figures["delivered"] >= 0.97 - edge and figures["lost"] < 0.03 and figures["p99_ms"] < 1000


@dataclass(slots=True)
class Rounds:
    """Runs all rounds; within a round a server leaves a ladder at the first rate that it does not hold.

    The next round begins anew: one disturbance from elsewhere does not end a ladder, the median tells.
    """

    options: Options
    _left: set[tuple[str, int]] = field(default_factory=set)  # server and PVs, of this round

    def run(self, say: Callable[[str], None]) -> Iterator[Result]:
        """Every result as it comes; `say` is told what is being done."""
        todo = cells(self.options)
        for number in range(self.options.rounds):
            self._left.clear()
            for place, cell in enumerate(todo, 1):
                for server in self.options.servers:
                    if cell.kind == "updates" and (server, cell.setup.pvs) in self._left:
                        continue
                    say(f"round {number + 1}/{self.options.rounds}, {place}/{len(todo)}: {cell.name} {server}")
                    yield self._measure(number, server, cell)

    def _measure(self, number: int, server: str, cell: Cell) -> Result:
        try:
            with serving(server, cell.setup) as served:
                figures = self._figures(served, cell)
        except MeasurementFailed as error:
            self._left.add((server, cell.setup.pvs))
            return Result(number, server, cell.name, {}, str(error))
        if not figures.get("held", 1.0):
            self._left.add((server, cell.setup.pvs))
        return Result(number, server, cell.name, figures)

    def _figures(self, served: Serving, cell: Cell) -> Figures:
        setup, options = cell.setup, self.options
        if cell.kind == "getput":
            got = _load(served, "get", READ_NAME, setup.pvs, options.seconds / 2)
            done = _load(served, "put", served.put_name, min(_PUTS, setup.pvs), options.seconds / 2)
            return {f"get_{key}": value for key, value in got.items()} | {f"put_{k}": v for k, v in done.items()}
        if cell.kind == "idle":
            figures = {
                "ready_s": served.ready_s, "rss_mb": memory_mb(served.pid), "start_cpu_s": cpu_seconds(served.pid),
            }  # fmt: skip
            if "connect" in options.parts:
                figures |= _load(served, "libca", READ_NAME, setup.pvs)  # first: it meets a fresh server, as users do
                figures |= _load(served, "connect", READ_NAME, setup.pvs)
                figures["per_pv_kb"] = (figures.pop("subscribed_mb") - figures["rss_mb"]) * 1e3 / setup.pvs
            return figures
        took = window(setup, options.seconds)
        settle = 0.3 if options.quick else 1.0 + setup.pvs / 3000
        figures = _load(served, "updates", READ_NAME, setup.pvs, took, settle, setup.offered)
        if setup.scattered:
            del figures["lost"]  # the values of the simulator do not count these updates one by one
            return figures
        return figures | {"held": float(held(figures, setup, options.seconds))}


def _load(
    served: Serving, what: str, name: str, pvs: int, seconds: float = 1.0, settle: float = 0.0, offered: float = 0.0
) -> Figures:
    """Run one load process to its end."""
    job = Job(
        what, served.port, served.pid, name, pvs, seconds, settle, offered, served.source_pid, served.repeater_port
    )
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
