"""Medians -> the tables of the report, as text that Markdown takes too. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.app.bench.cells import CLIENTS, MIXED, ON_DEMAND, SOURCES, Options
from gateway.app.bench.ours import WAVE_ELEMENTS
from gateway.app.bench.report import Medians, medians, number, ratios
from gateway.app.bench.rounds import Result
from gateway.app.bench.servers import OURS
from gateway.app.bench.storm import FIELDS

_CONNECT = {"libca_ms": "libca", "search_ms": "search", "create_ms": "create", "subscribe_ms": "subscribe"}
_MEMORY = {"device_kb": "kB/device", "idle_pv_kb": "kB/PV", "per_pv_kb": "kB/subscription"}
_RATE = {"updates_s": "updates/s", "p50_ms": "p50", "p99_ms": "p99", "cpu_us": "CPU us"}
_STUCK = {
    "alone_updates_s": "alone/s", "beside_updates_s": "beside/s", "alone_p99_ms": "p99 alone",
    "beside_p99_ms": "p99 beside", "grew_mb": "MB more",
}  # fmt: skip

_MIXED = {
    "flood_s": "flood/s", "alone_p50_ms": "p50 alone", "beside_p50_ms": "p50 beside", "alone_p99_ms": "p99 alone",
    "beside_p99_ms": "p99 beside",
}  # fmt: skip
_SEARCHES = {
    "alone_p50_ms": "p50", "alone_p99_ms": "p99", "beside_p50_ms": "p50 beside", "beside_p99_ms": "p99 beside",
    "name_cpu_us": "CPU us", "lost": "lost", "grew_mb": "MB more",
}  # fmt: skip
_FIELDS = {"plain_mb": "MB", "asked_mb": "MB with fields", "plain_kb": "kB/PV", "asked_kb": "kB/PV with fields"}
_SOURCE = {"readings_s": "readings/s", "cpu_us": "CPU us", "source_cpu_us": "simulator's", "dropped": "dropped"}


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the report; the first column names the server."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def lines(self) -> list[str]:
        """The table as text that Markdown takes too."""
        grid = [self.head, *self.rows]
        width = [max(len(row[column]) for row in grid) for column in range(len(self.head))]
        drawn = ["| " + " | ".join(text.ljust(width[at]) for at, text in enumerate(row)) + " |" for row in grid]
        return [self.title, "", drawn[0], "|" + "|".join("-" * (size + 2) for size in width) + "|", *drawn[1:], ""]


def tables(options: Options, results: Sequence[Result]) -> list[Table]:
    """All tables that have a figure."""
    of = medians(results)
    found = [
        _columns(options, of, "Start: process start to ready file, s; resident memory when ready, MB", "idle",
                 {"ready_s": "ready", "rss_mb": "MB"}) if "start" in options.parts else None,
        _columns(options, of, "Start of a large gateway: s, MB", "many",
                 {"pvs": "PVs", "ready_s": "ready", "rss_mb": "MB"}),
        _columns(options, of, "Connect: all PVs by libca and by a raw client, ms", "idle",
                 _CONNECT) if "connect" in options.parts else None,
        _columns(options, of, "Memory: kB per idle device, per idle PV (acgate: several a device), per subscription",
                 "idle", _MEMORY),
        _columns(options, of, "Get: one after the other p50/p99 ms, server CPU us; pipelined per second, CPU us",
                 "getput", _trips("get")),
        _columns(options, of, "Put, with callback; acgate's goes to the simulator and back, a peer's ends in its own "
                 "memory", "getput", _trips("put")),
        _columns(options, of, "Put to the backend `sim:`, with callback; of acgate in its own process, as a peer's",
                 "simput", _trips("put")),
        *(_ladder(options, of, "updates", pvs) for pvs in options.devices),
        *(_ladder(options, of, "clients", pvs) for pvs in options.devices),
        *(_ladder(options, of, "batches", pvs) for pvs in options.devices),
        *(_ladder(options, of, "crowd", pvs) for pvs in options.devices),
        _types(options, of),
        _columns(options, of, "Scattered: a few PVs at a time; latency ms, server CPU us per delivered update",
                 "scattered", _RATE),
        _columns(options, of, "End to end, for longer; losses counted by the client (share) and by the gateway; MB "
                 "grown", "steady",
                 _RATE | {"server_core": "cores", "lost": "lost", "drops": "drops", "grew_mb": "MB more"}),
        _columns(options, of, f"Waveforms of {WAVE_ELEMENTS} doubles, monitored by one client", "waveform",
                 {"mb_s": "MB/s", "server_core": "cores", "cpu_us_mb": "CPU us/MB"}),
        _columns(options, of, "A good client alone and beside one that never reads", "stuck", _STUCK),
        *(_columns(options, of, f"Searches by themselves, and beside 20 000 unknown names/s, {words}; ms, CPU us per "
                   "unknown name, share of searches without an answer, MB grown", kind, _SEARCHES)
          for kind, words in (("searches", "without names on demand"), (ON_DEMAND, "with names on demand"))),
        _columns(options, of, f"Memory with all PVs monitored by one client: MB and kB per PV, and with {len(FIELDS)} "
                 "fields of each open too; stock caproto serves records", "fields", _FIELDS),
        *(_columns(options, of, f"200 PVs over DPM/HTTP alone, and beside the flood of another backend, {scheme}; ms",
                   kind, _MIXED) for kind, scheme in MIXED.items()),
        *(_columns(options, of, f"Readings that nobody monitors, over {scheme}: taken per second, CPU us each", kind,
                   _SOURCE) for kind, scheme in SOURCES.items()),
    ]  # fmt: skip
    return [table for table in found if table is not None and table.rows]


def _trips(what: str) -> dict[str, str]:
    figures = {
        "p50_ms": "p50",
        "p99_ms": "p99",
        "cpu_us": "CPU us",
        "piped_s": "piped/s",
        "piped_cpu_us": "CPU us each",
    }
    return {f"{what}_{figure}": title for figure, title in figures.items()}


def _columns(options: Options, of: Medians, title: str, kind: str, figures: dict[str, str]) -> Table:
    """One column per figure and cell of the kind, and a row of ratios per peer; servers without a figure are out."""
    cells = [cell for cell in of if cell.startswith(f"{kind}/")]
    places = [
        (cell, figure)
        for cell in cells
        for figure in figures
        if any(figure in measured for measured in of[cell].values())
    ]
    if not places:
        return Table(title, (), ())
    head = ("server", *(f"{figures[figure]} ({_where(cell, cells)})" for cell, figure in places))
    there = [server for server in options.servers if any(server in of[cell] for cell, _ in places)]
    rows = [(server, *(number(of[cell].get(server, {}).get(figure)) for cell, figure in places)) for server in there]
    found = ratios(of)
    for peer in (server for server in there if server != OURS):
        values = (found.get(cell, {}).get(peer, {}).get(figure) for cell, figure in places)
        rows.append((f"{peer} : {OURS}", *(number(value) for value in values)))
    return Table(title, head, tuple(rows))


def _where(cell: str, cells: Sequence[str]) -> str:
    """The number of PVs, and the rate where there are several of them."""
    _, pvs, *rate = cell.split("/")
    several = len({other.split("/")[1] for other in cells}) < len(cells)
    return number(float(pvs)) + (f", {number(float(rate[0]))}/s" if rate and several else "")


def _ladder(options: Options, of: Medians, kind: str, pvs: int) -> Table:
    """The rungs of one number of PVs, and the highest that was held."""
    rungs = [cell for cell in of if cell.startswith(f"{kind}/{pvs}/")]
    whom = f"{CLIENTS} clients" if kind in ("clients", "crowd") else "one client"
    source = ", from batches in the same process" if kind in ("batches", "crowd") else ""
    title = (
        f"Updates of {pvs} PVs to {whom}{source}: columns: offered per second and client; cells: delivered, server "
        "CPU us per delivered update, latency p50/p99 ms"
    )
    servers = [server for server in options.servers if any(server in of[cell] for cell in rungs)]
    rows = [
        (server, *(_rung(of[cell].get(server)) for cell in rungs), _held(of, rungs, server, 1e9),
         _held(of, rungs, server, 20.0))
        for server in servers
    ]  # fmt: skip
    found = ratios(of)
    for peer in (server for server in servers if server != OURS):
        # of a server that has collapsed the CPU per update says nothing any more
        stands = [of[cell].get(peer, {}).get("delivered", 0.0) > 0.5 for cell in rungs]
        values = [
            found.get(cell, {}).get(peer, {}).get("cpu_us") if up else None
            for cell, up in zip(rungs, stands, strict=True)
        ]
        rows.append((f"{peer} : {OURS}", *(f"{number(value)} x CPU" if value else "" for value in values), "", ""))
    head = ("server", *(f"{number(float(cell.split('/')[2]))}/s" for cell in rungs), "held/s", "with p99 < 20 ms")
    return Table(title, head, tuple(rows))


def _types(options: Options, of: Medians) -> Table:
    """What an update costs as each DBR type, in us of CPU, and over that of TIME_DOUBLE."""
    title = "Updates by DBR type: server CPU us per delivered update, and over that of TIME_DOUBLE; from batches"
    cells = [cell for cell in of if cell.startswith("types/")]
    servers = [server for server in options.servers if any(server in of[cell] for cell in cells)]
    rows = []
    for server in servers:
        costs = [of[cell].get(server, {}).get("cpu_us") for cell in cells]
        first = costs[0] or math.nan
        rows.append((server, *(f"{number(cost)} us, {cost / first:.2g} x" if cost else "" for cost in costs)))
    return Table(title, ("server", *(cell.rpartition("/")[2] for cell in cells)), tuple(rows))


def _held(of: Medians, rungs: Sequence[str], server: str, p99_ms: float) -> str:
    """The most that was delivered by a rung that was held with a p99 below this one."""
    shown = [of[cell].get(server, {}) for cell in rungs]
    kept = [one["updates_s"] for one in shown if one.get("held", 0) >= 1 and one["p99_ms"] < p99_ms]
    return number(max(kept, default=0.0))


def _rung(figures: dict[str, float] | None) -> str:
    if not figures:
        return ""
    delivered, cpu, p50, p99 = (figures[key] for key in ("delivered", "cpu_us", "p50_ms", "p99_ms"))
    return f"{delivered:.0%} {number(cpu)} us {number(p50)}/{number(p99)} ms"
