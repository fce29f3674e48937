"""Results -> medians, ratios and tables. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from gateway.app.bench.rounds import Options, Result
from gateway.app.bench.servers import OURS

Medians = dict[str, dict[str, dict[str, float]]]  # cell, server, figure


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


def medians(results: Iterable[Result]) -> Medians:
    """Over the rounds, of each figure on its own."""
    gathered: dict[tuple[str, str, str], list[float]] = {}
    for result in results:
        for figure, value in result.figures.items():
            gathered.setdefault((result.cell, result.server, figure), []).append(value)
    found: Medians = {}
    for (cell, server, figure), values in gathered.items():
        found.setdefault(cell, {}).setdefault(server, {})[figure] = float(f"{median(values):.6g}")
    return found


def ratios(of: Medians) -> Medians:
    """Each peer's figure over ours; of times, memory and CPU more than 1 means that ours is better."""
    return {
        cell: {
            peer: {
                figure: round(value / servers[OURS][figure], 4)
                for figure, value in figures.items()
                if servers[OURS].get(figure)
            }
            for peer, figures in servers.items()
            if peer != OURS
        }
        for cell, servers in of.items()
        if OURS in servers
    }


def report(options: Options, facts: dict[str, object], results: Sequence[Result]) -> dict[str, object]:
    """The JSON of a run."""
    found = medians(results)
    return {
        "options": asdict(options),
        "machine": facts,
        "medians": found,
        "ratios": ratios(found),
        "results": [asdict(result) | {"figures": _rounded(result.figures)} for result in results],
    }


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    """Six digits: more was not measured."""
    return {figure: float(f"{value:.6g}") for figure, value in figures.items()}


def number(value: float | None) -> str:
    """Three digits, thousands as k, millions as M; nothing for None."""
    if value is None:
        return ""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def tables(options: Options, results: Sequence[Result]) -> list[Table]:
    """All tables that have a figure."""
    of = medians(results)
    found = [
        _columns(options, of, "Start: process start to ready file, s; resident memory when ready, MB", "idle",
                 {"ready_s": "ready", "rss_mb": "MB"}) if "start" in options.parts else None,
        _columns(options, of, "Connect: all PVs by libca and by a raw client, ms; memory per PV and client, kB",
                 "idle", {"libca_ms": "libca", "search_ms": "search", "create_ms": "create",
                          "subscribe_ms": "subscribe", "per_pv_kb": "kB/PV"}) if "connect" in options.parts else None,
        _columns(options, of, "Get: one after the other p50/p99 ms, server CPU us; pipelined per second, CPU us",
                 "getput", _trips("get")),
        _columns(options, of, "Put, with callback; acgate's goes to the simulator and back, a peer's ends in its own "
                 "memory", "getput", _trips("put")),
        *(_ladder(options, of, pvs) for pvs in options.devices),
        _columns(options, of, "Scattered: a few PVs at a time; latency ms, server CPU us per delivered update",
                 "scattered", {"updates_s": "updates/s", "p50_ms": "p50", "p99_ms": "p99", "cpu_us": "CPU us"}),
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


def _cells(of: Medians, kind: str, pvs: int) -> list[str]:
    return [cell for cell in of if cell == f"{kind}/{pvs}" or cell.startswith(f"{kind}/{pvs}/")]


def _columns(options: Options, of: Medians, title: str, kind: str, figures: dict[str, str]) -> Table:
    """One column per figure and number of PVs, and a row of ratios per peer."""
    places = [(cell, figure) for pvs in options.devices for cell in _cells(of, kind, pvs) for figure in figures]
    head = ("server", *(f"{figures[figure]} ({number(float(cell.split('/')[1]))})" for cell, figure in places))
    rows = [
        (server, *(number(of[cell].get(server, {}).get(figure)) for cell, figure in places))
        for server in options.servers
        if places
    ]
    found = ratios(of)
    for peer in options.peers if places else ():
        values = (found.get(cell, {}).get(peer, {}).get(figure) for cell, figure in places)
        rows.append((f"{peer} : {OURS}", *(number(value) for value in values)))
    return Table(title, head, tuple(rows))


def _ladder(options: Options, of: Medians, pvs: int) -> Table:
    """The rungs of one number of PVs, and the highest that was held."""
    rungs = _cells(of, "updates", pvs)
    title = (
        f"Updates: {pvs} PVs to one client; columns: offered per second; cells: delivered, server CPU us per "
        "delivered update, latency p50/p99 ms"
    )
    rows = []
    for server in options.servers if rungs else ():
        shown = [_rung(of[cell].get(server)) for cell in rungs]
        kept = [of[cell][server]["updates_s"] for cell in rungs if of[cell].get(server, {}).get("held", 0) >= 1]
        rows.append((server, *shown, number(max(kept, default=0.0))))
    found = ratios(of)
    for peer in options.peers if rungs else ():
        # of a server that has collapsed the CPU per update says nothing any more
        stands = [of[cell].get(peer, {}).get("delivered", 0.0) > 0.5 for cell in rungs]
        values = [found[cell][peer].get("cpu_us") if up else None for cell, up in zip(rungs, stands, strict=True)]
        rows.append((f"{peer} : {OURS}", *(f"{number(value)} x CPU" if value else "" for value in values), ""))
    head = ("server", *(f"{number(float(cell.split('/')[2]))}/s" for cell in rungs), "held/s")
    return Table(title, head, tuple(rows))


def _rung(figures: dict[str, float] | None) -> str:
    if not figures:
        return ""
    delivered, cpu, p50, p99 = (figures[key] for key in ("delivered", "cpu_us", "p50_ms", "p99_ms"))
    return f"{delivered:.0%} {number(cpu)} us {number(p50)}/{number(p99)} ms"


def summary(result: Result) -> str:
    """The most telling figures of one result, for a line of progress."""
    if result.error is not None:
        return f"failed: {result.error}"
    telling = ("updates_s", "cpu_us", "p99_ms", "ready_s", "rss_mb", "libca_ms", "get_cpu_us", "put_cpu_us")
    shown = [f"{key} {number(result.figures[key])}" for key in telling if key in result.figures]
    return ", ".join(shown) + ("" if result.figures.get("held", 1.0) else ", not held")
