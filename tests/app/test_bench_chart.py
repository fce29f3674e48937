"""The chart of the benchmarks: what it shows, and that it is an SVG that can be drawn."""

from xml.etree import ElementTree

from gateway.app.bench.chart import chart, panels
from gateway.app.bench.report import Medians

SVG = "{http://www.w3.org/2000/svg}"
SERVERS = ("acgate", "caproto")
MEASURED: Medians = {
    "updates/1000/5000": {
        "acgate": {"cpu_us": 1.0, "updates_s": 5000.0, "held": 1.0},
        "caproto": {"cpu_us": 60.0, "updates_s": 5000.0, "held": 1.0},
    },
    "updates/1000/100000": {
        "acgate": {"cpu_us": 0.5, "updates_s": 1e5, "held": 1.0},
        "caproto": {"cpu_us": 90.0, "updates_s": 9000.0, "held": 0.0},
    },
}


def test_the_held_rate_is_the_highest_that_was_held_and_the_cpu_that_of_the_rung_all_reach() -> None:
    shown = {panel.title.split(",")[0]: dict(panel.values) for panel in panels(MEASURED, SERVERS) if panel.values}
    assert shown == {
        "CPU per delivered update": {"acgate": 1.0, "caproto": 60.0},
        "Updates held": {"acgate": 1e5, "caproto": 5000.0},
    }


def test_bars_are_logarithms_above_a_power_of_ten() -> None:
    drawn = ElementTree.fromstring(chart(MEASURED, SERVERS))
    bars = [float(rect.attrib["width"]) for rect in drawn.iter(f"{SVG}rect")][1:]  # the first is the background
    # 1 and 60 above 0.1; 100 000 and 5000 above 1000
    assert bars == [172.8, 480.0, 480.0, 167.8]


def test_a_server_that_did_not_hold_the_rate_is_marked() -> None:
    collapsed: Medians = {"updates/1000/5000": {"caproto": {"cpu_us": 60.0, "updates_s": 9.0, "held": 0.0}}}
    assert "60 us, not held" in chart(collapsed, SERVERS)
    assert "not held" not in chart(MEASURED, SERVERS)


def test_one_server_alone_and_no_figures_can_be_drawn_too() -> None:
    assert len(list(ElementTree.fromstring(chart(MEASURED, ("acgate",))).iter(f"{SVG}rect"))) == 3
    assert len(list(ElementTree.fromstring(chart({}, SERVERS)).iter(f"{SVG}rect"))) == 1
