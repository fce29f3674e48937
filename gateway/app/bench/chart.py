"""The chart of a run: bars on logarithmic scales, made as SVG from the medians. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from gateway.app.bench.report import Medians, number
from gateway.app.bench.servers import C_IOC, OURS

_COLOURS = {OURS: "#1f6f8b", "caproto": "#d98324", "softioc": "#7a7a7a", C_IOC: "#3d3d3d"}
_NAMES = {"softioc": "pythonSoftIOC", "caproto": "stock caproto", C_IOC: "C softIoc"}
_WIDTH, _LEFT, _BAR, _GAP = 760, 150, 18, 5
_SCALE = 480  # px of the longest bar
_LEAST = 0.3  # decades that the shortest bar has at least: a logarithm has no zero


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure of all servers."""

    title: str
    unit: str
    values: tuple[tuple[str, float], ...]  # server, figure
    collapsed: frozenset[str] = frozenset()  # servers that did not hold what they were offered


def chart(of: Medians, servers: Sequence[str]) -> str:
    """The SVG; panels without a figure are left out."""
    shown = [panel for panel in panels(of, servers) if panel.values]
    height, parts = 52, list[str]()
    for panel in shown:
        drawn, height = _panel(panel, height)
        parts += drawn
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13">'
    )
    title = _text(16, 28, "acgate bench: medians; logarithmic scales, a line per factor of ten", 'font-size="16"')
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>', title, *parts, "</svg>\n"])


def panels(of: Medians, servers: Sequence[str]) -> list[Panel]:
    """What the chart shows, in its order."""
    fewest = min((cell for cell in of if cell.startswith("updates/")), key=_size, default="")
    many = min((cell for cell in of if cell.startswith("clients/")), key=_size, default="")
    batches = max(
        (cell for cell in of if cell.startswith("batches/")),
        key=lambda cell: (-_size(cell)[0], _size(cell)[1]),
        default="",
    )
    idle = max((cell for cell in of if cell.startswith("idle/")), key=_size, default="")
    asked = next((cell for cell in of if cell.startswith("getput/")), "")

    def figures(cell: str, figure: str) -> tuple[tuple[str, float], ...]:
        found = ((server, of.get(cell, {}).get(server, {}).get(figure, 0.0)) for server in servers)
        return tuple((server, value) for server, value in found if value > 0)

    def fallen(cell: str) -> frozenset[str]:
        return frozenset(server for server, one in of.get(cell, {}).items() if one.get("held", 1.0) < 1)

    best = {server: _best(of, server) for server in servers}
    cpu, pvs = "CPU per delivered update", _pvs(idle)
    return [
        Panel(
            f"{cpu}, {_rate(fewest)}, one client: less is better",
            "us",
            figures(fewest, "cpu_us"),
            fallen(fewest),
        ),
        Panel(
            f"{cpu}, {_rate(many)}, 10 clients: less is better",
            "us",
            figures(many, "cpu_us"),
            fallen(many),
        ),
        Panel(
            f"{cpu}, {_rate(batches)}, one client, from batches: less is better",
            "us",
            figures(batches, "cpu_us"),
            fallen(batches),
        ),
        Panel("Updates held, one client: more is better", "/s", tuple(one for one in best.items() if one[1] > 0)),
        Panel(f"libca connects {pvs} PVs: less is better", "ms", figures(idle, "libca_ms")),
        Panel("Get, one after the other, CPU: less is better", "us", figures(asked, "get_cpu_us")),
        Panel("Gets pipelined: more is better", "/s", figures(asked, "get_piped_s")),
    ]


def _size(cell: str) -> tuple[float, ...]:
    return tuple(float(part) for part in cell.split("/")[1:])


def _rate(cell: str) -> str:
    return f"{_pvs(cell)} PVs, {number(_size(cell)[1])}/s" if cell else ""


def _pvs(cell: str) -> str:
    return f"{_size(cell)[0]:.0f}" if cell else ""


def _best(of: Medians, server: str) -> float:
    """The most updates per second that were held."""
    kept = (cell[server] for name, cell in of.items() if name.startswith("updates/") and server in cell)
    return max((one["updates_s"] for one in kept if one.get("held", 0.0) >= 1), default=0.0)


def _panel(panel: Panel, top: int) -> tuple[list[str], int]:
    """Its drawing, and where the next one begins."""
    logs = [math.log10(value) for _, value in panel.values]
    low = math.floor(min(logs) - _LEAST)
    unit = _SCALE / (max(logs) - low)  # px per decade
    drawn = [_text(16, top + 12, panel.title, 'font-weight="bold"')]
    bottom = top + 22 + len(logs) * (_BAR + _GAP)
    drawn += [
        f'<path d="M{_LEFT + decade * unit:.1f} {top + 19}V{bottom}" stroke="#cccccc"/>'
        for decade in range(math.floor(max(logs) - low) + 1)
    ]
    y = top + 22
    for (server, value), log in zip(panel.values, logs, strict=True):
        size = (log - low) * unit
        note = ", not held" if server in panel.collapsed else ""
        drawn += [
            _text(_LEFT - 8, y + 14, _NAMES.get(server, server), 'text-anchor="end"'),
            f'<rect x="{_LEFT}" y="{y}" width="{size:.1f}" height="{_BAR}" fill="{_COLOURS.get(server, "#999999")}"/>',
            _text(_LEFT + size + 6, y + 14, f"{number(value)} {panel.unit}{note}".replace(" /", "/"), ""),
        ]
        y += _BAR + _GAP
    return drawn, y + 16


def _text(x: float, y: float, text: str, more: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" {more}>{escape(text)}</text>'
