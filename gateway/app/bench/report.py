"""Results -> medians, ratios and the JSON of a run. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import median

from gateway.app.bench.cells import Options
from gateway.app.bench.rounds import Result
from gateway.app.bench.servers import OURS

Medians = dict[str, dict[str, dict[str, float]]]  # cell, server, figure


def medians(results: Iterable[Result]) -> Medians:
    """Over the rounds, of each figure on its own."""
    gathered: dict[tuple[str, str, str], list[float]] = {}
    for result in results:
        for figure, value in result.figures.items():
            gathered.setdefault((result.cell, result.server, figure), []).append(value)
    found: Medians = {}
    for (cell, server, figure), values in gathered.items():
        found.setdefault(cell, {}).setdefault(server, {})[figure] = float(f"{median(values):.6g}")
    _idle_memory(found)
    _field_memory(found)
    return found


def _idle_memory(found: Medians) -> None:
    """What one more device and PV take, from the resident memory of the fewest and the most idle ones."""
    idle = sorted((cell for cell in found if cell.startswith("idle/")), key=lambda cell: int(cell.split("/")[1]))
    if len(idle) < 2:
        return
    for server in found[idle[0]].keys() & found[idle[-1]].keys():
        few, most = found[idle[0]][server], found[idle[-1]][server]
        if not {"rss_mb", "pvs"} <= few.keys() & most.keys():
            continue
        grown, devices = (
            (most["rss_mb"] - few["rss_mb"]) * 1e3,
            int(idle[-1].split("/")[1]) - int(idle[0].split("/")[1]),
        )
        most["device_kb"] = round(grown / devices, 4)
        most["idle_pv_kb"] = round(grown / (most["pvs"] - few["pvs"]), 4)


def _field_memory(found: Medians) -> None:
    """What a PV takes all told, monitored by one client, and when some of its fields are open, too."""
    cells = sorted((cell for cell in found if cell.startswith("fields/")), key=lambda cell: int(cell.split("/")[1]))
    if len(cells) < 2:
        return
    more = int(cells[-1].split("/")[1]) - int(cells[0].split("/")[1])
    for server in found[cells[0]].keys() & found[cells[-1]].keys():
        few, most = found[cells[0]][server], found[cells[-1]][server]
        for figure in ("plain", "asked"):
            most[f"{figure}_kb"] = round((most[f"{figure}_mb"] - few[f"{figure}_mb"]) * 1e3 / more, 4)


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
        if abs(value) >= size * 0.9995:  # so that 999 999 is 1M
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def summary(result: Result) -> str:
    """The most telling figures of one result, for a line of progress."""
    if result.error is not None:
        return f"failed: {result.error}"
    telling = (
        "updates_s", "cpu_us", "p99_ms", "ready_s", "rss_mb", "libca_ms", "get_cpu_us", "put_cpu_us", "mb_s",
        "alone_p99_ms", "beside_p99_ms",
    )  # fmt: skip
    shown = [f"{key} {number(result.figures[key])}" for key in telling if key in result.figures]
    return ", ".join(shown) + ("" if result.figures.get("held", 1.0) else ", not held")
