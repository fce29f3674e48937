"""What is measured: the cells of a round, in their order."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.app.bench.job import Figures
from gateway.app.bench.ours import FASTEST_MS, LITTLE_BUFFER, Setup
from gateway.app.bench.rawca import DBR_TIME_DOUBLE
from gateway.app.bench.servers import C_IOC, OURS
from gateway.app.bench.updates import MONITORED

PARTS = (
    "start", "connect", "getput", "updates", "clients", "batches", "types", "steady", "waveform", "stuck",
    "searches", "fields", "mixed", "sources", "many",
)  # fmt: skip
ON_DEMAND = "searches-ondemand"  # kind of cell: the same with names on demand
PUTS = 100  # devices that are put
CLIENTS = 10
WAVES = 16  # enough to offer more than a server sends
STEADY_MS = 100
_LADDERS: dict[str, dict[int, tuple[int, ...]]] = {  # part: rungs for so many PVs at most, Hz per PV
    "updates": {2_000: (5, 20, 50, 100), 100_000: (1, 10, 50, 100)},
    "clients": {2_000: (5, 100), 100_000: (10,)},
    "batches": {2_000: (5, 20, 100, 200, 500, 1000), 100_000: (10, 50, 100)},
}
_BATCH_CLIENTS = (100, 500)  # Hz per PV
_TYPES_MS = 100
_STUCK_HERTZ = (5, 100)
MIXED = {"mixed": "dpm+http", "mixed-grpc": "dpm+grpc"}  # kind of cell: scheme of the second backend
_FLOODS = {"mixed": ((5_000, 10), (5_000, 50)), "mixed-grpc": ((5_000, 10),)}  # its devices, and their rate, Hz
_MIXED_PVS = 200
SOURCES = {"source-http": "dpm+http", "source-grpc": "dpm+grpc", "source-dmq": "dmq"}  # kind of cell: scheme
_SOURCES = {  # PVs and their period, ms; below 50 ms DPM sends several readings in a reply, each 100 ms
    "source-http": ((1_000, 100), (10_000, 100)),
    "source-grpc": ((1_000, 200), (1_000, 10)),
    "source-dmq": ((1_000, 200), (1_000, 100)),
}
_MANY = (12_500, 100_000)  # devices, of 8 PVs each


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured."""

    devices: tuple[int, ...] = (1_000, 10_000)
    rounds: int = 3
    seconds: float = 3.0
    parts: tuple[str, ...] = PARTS
    peers: tuple[str, ...] = ("caproto", "softioc", "cioc")
    steady: float = 0.0  # s that the part `steady` lasts; 0: ten times `seconds`
    amqp: str = ""  # the broker for the part `sources`
    quick: bool = False  # one rung, short settling: to see that it works, not to know a figure

    @property
    def servers(self) -> tuple[str, ...]:
        """All that are compared, ours first."""
        return (OURS, *self.peers)


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the tables: a kind of measurement and what is served for it."""

    kind: (
        str  # idle updates clients batches crowd types scattered getput simput steady waveform stuck mixed source many
    )
    setup: Setup
    once: bool = False  # in the first round only: it is long
    alone: bool = False  # of ours only: the peers do not get there
    data_type: int = DBR_TIME_DOUBLE  # of the monitors

    @property
    def name(self) -> str:
        """Its key in the results."""
        if self.kind in MIXED:
            return f"{self.kind}/{self.setup.pvs}/{self.setup.flood * self.setup.flood_hertz}"
        if self.kind == "types":
            return f"{self.kind}/{self.setup.pvs}/{MONITORED[self.data_type].name}"
        rated = self.kind in ("updates", "clients", "batches", "crowd", "scattered", "steady", "stuck", *SOURCES)
        return f"{self.kind}/{self.setup.pvs}" + (f"/{self.setup.offered:.0f}" if rated else "")

    @property
    def clients(self) -> int:
        """Clients that subscribe to everything."""
        return CLIENTS if self.kind in ("clients", "crowd") else 1

    def servers(self, options: Options) -> tuple[str, ...]:
        """Whom it is measured of."""
        if self.alone:
            return (OURS,)
        if self.setup.batches and not self.setup.waves:  # the Python servers do not get there
            return tuple(server for server in options.servers if server in (OURS, C_IOC))
        return tuple(server for server in options.servers if server != C_IOC or not self.setup.scattered)


def cells(options: Options) -> list[Cell]:
    """All cells of a round. Start and connect share a server that is otherwise idle."""
    parts, first, quick = options.parts, options.devices[0], options.quick
    found: list[Cell] = []
    if {"start", "connect"} & set(parts):
        found += [Cell("idle", Setup(pvs, buffer=LITTLE_BUFFER)) for pvs in options.devices]
    if "getput" in parts:
        found += [Cell("getput", Setup(first, puts=PUTS)), Cell("simput", Setup(PUTS, puts=PUTS, sim=True))]
    for part in ("updates", "clients", "batches"):
        for pvs in options.devices if part in parts else ():
            found += _ladder(part, pvs, quick)
    if "batches" in parts and not quick:
        found += [Cell("crowd", Setup(first, round(1000 / hertz), batches=True)) for hertz in _BATCH_CLIENTS]
    if "types" in parts:
        types = list(MONITORED)[: 2 if quick else None]
        found += [Cell("types", Setup(first, _TYPES_MS, batches=True), data_type=number) for number in types]
    if "updates" in parts and not quick:
        found.append(Cell("scattered", Setup(first, 1000, scattered=True)))
    if "waveform" in parts:
        waves = 2 if quick else WAVES
        found.append(Cell("waveform", Setup(waves, FASTEST_MS, waves=waves, batches=True)))
    if "steady" in parts:
        found.append(Cell("steady", Setup(options.devices[-1], STEADY_MS, buffer=LITTLE_BUFFER), True, True))
    if "stuck" in parts:
        rungs = _STUCK_HERTZ[:1] if quick else _STUCK_HERTZ
        found += [Cell("stuck", Setup(first, round(1000 / hertz)), True, hertz > rungs[0]) for hertz in rungs]
    if "searches" in parts:
        found += [] if quick else [Cell("searches", Setup(first, buffer=LITTLE_BUFFER))]
        found.append(Cell(ON_DEMAND, Setup(first, buffer=LITTLE_BUFFER, on_demand=True), alone=True))
    if "fields" in parts:
        found += [Cell("fields", Setup(pvs, buffer=LITTLE_BUFFER, records=True)) for pvs in options.devices]
    if "mixed" in parts:
        for kind, scheme in MIXED.items():
            for devices, hertz in ((500, 2),) if quick else _FLOODS[kind]:
                flood = Setup(_MIXED_PVS, 100, flood=devices, flood_hertz=hertz, flood_scheme=scheme)
                found.append(Cell(kind, flood, alone=True))
    if "sources" in parts:
        found += _sources(options)
    if "many" in parts and not quick:
        found += [Cell("many", Setup(devices, buffer=LITTLE_BUFFER), True, True) for devices in _MANY]
    return found


def _ladder(part: str, pvs: int, quick: bool) -> Iterator[Cell]:
    ladder = next(rungs for most, rungs in _LADDERS[part].items() if pvs <= most)
    for hertz in ladder[:1] if quick else ladder:
        setup = Setup(pvs, round(1000 / hertz), batches=part == "batches")
        yield Cell(part, setup, alone=part == "clients" and pvs > 2_000)


def _sources(options: Options) -> Iterator[Cell]:
    kinds = [kind for kind, scheme in SOURCES.items() if scheme != "dmq" or options.amqp]
    for kind in kinds[-1:] if options.quick else kinds:
        scheme = SOURCES[kind]
        for pvs, period_ms in ((200, 200),) if options.quick else _SOURCES[kind]:
            amqp = options.amqp if scheme == "dmq" else ""
            yield Cell(kind, Setup(pvs, period_ms, scheme=scheme, amqp=amqp), alone=True)


def window(setup: Setup, seconds: float) -> float:
    """Seconds to measure: whole bursts, two at least."""
    period = setup.period_ms / 1e3
    return math.ceil(round(max(seconds, 2 * period) / period, 6)) * period


def held(figures: Figures, setup: Setup, seconds: float) -> bool:
    """Whether a rate was held: 97 % delivered, but for the burst cut at the edge of the window, and p99 under 1 s."""
    edge = setup.period_ms / 1e3 / window(setup, seconds)
    return figures["delivered"] >= 0.97 - edge and figures["lost"] < 0.03 and figures["p99_ms"] < 1000
