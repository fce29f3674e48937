"""What the benchmarks measure in which order, and when a rate counts as held."""

import pytest

from gateway.app.bench.cells import PARTS, Options, cells, held, window
from gateway.app.bench.ours import IDLE_MS, Setup, facility_text
from simulator.facility import load_facility


def test_start_and_connect_share_one_server_and_the_ladders_rise() -> None:
    names = [cell.name for cell in cells(Options())]
    assert names == [
        "idle/1000", "idle/10000", "getput/1000", "simput/100",
        "updates/1000/5000", "updates/1000/20000", "updates/1000/50000", "updates/1000/100000",
        "updates/10000/10000", "updates/10000/100000", "updates/10000/500000", "updates/10000/1000000",
        "clients/1000/5000", "clients/1000/100000", "clients/10000/100000",
        "batches/1000/5000", "batches/1000/20000", "batches/1000/100000", "batches/1000/200000", "batches/1000/500000",
        "batches/1000/1000000", "batches/10000/100000", "batches/10000/500000", "batches/10000/1000000",
        "crowd/1000/100000", "crowd/1000/500000", "types/1000/TIME_DOUBLE", "types/1000/DOUBLE",
        "types/1000/STS_DOUBLE", "types/1000/TIME_FLOAT", "types/1000/TIME_LONG", "types/1000/TIME_SHORT",
        "types/1000/TIME_STRING", "scattered/1000/1004", "waveform/16", "steady/10000/100000", "stuck/1000/5000",
        "stuck/1000/100000", "searches/1000", "searches-ondemand/1000", "fields/1000", "fields/10000",
        "mixed/200/50000", "mixed/200/250000", "mixed-grpc/200/50000", "source-http/1000/10000",
        "source-http/10000/100000", "source-grpc/1000/5000", "source-grpc/1000/100000", "many/12500", "many/100000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "kinds"),
    [
        ("start", ["idle"]),
        ("connect", ["idle"]),
        ("getput", ["getput", "simput"]),
        ("updates", ["updates"]),
        ("clients", ["clients"]),
        ("steady", ["steady"]),
        ("waveform", ["waveform"]),
        ("stuck", ["stuck"]),
        ("mixed", ["mixed", "mixed-grpc"]),
        ("sources", ["source-grpc"]),
        ("many", []),
    ],
)
def test_a_part_alone_has_only_its_cells(part: str, kinds: list[str]) -> None:
    assert [cell.kind for cell in cells(Options(devices=(200,), parts=(part,), quick=True))] == kinds


def test_a_window_is_whole_bursts_and_two_at_least() -> None:
    assert window(Setup(1000, 200), 3.0) == pytest.approx(3.0)
    assert window(Setup(1000, 200), 2.9) == pytest.approx(3.0)
    assert window(Setup(1000, 1000), 0.5) == pytest.approx(2.0)
    assert window(Setup(1000, 10), 3.0) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("delivered", "lost", "p99_ms", "is_held"),
    [(1.0, 0.0, 5.0, True), (0.91, 0.0, 5.0, True), (0.9, 0.0, 5.0, False), (1.0, 0.05, 5.0, False),
     (1.0, 0.0, 1500.0, False)],
)  # fmt: skip
def test_held_means_delivered_but_for_the_edge_of_the_window_nothing_lost_and_in_time(
    delivered: float, lost: float, p99_ms: float, is_held: bool
) -> None:
    figures = {"delivered": delivered, "lost": lost, "p99_ms": p99_ms}
    assert held(figures, Setup(1000, 200), 3.0) is is_held


def test_scattered_devices_have_periods_around_the_one_asked_for() -> None:
    setup = Setup(1000, 1000, scattered=True)
    periods = [setup.period_of(place) for place in range(1000)]
    assert (min(periods), max(periods), len(set(periods))) == (900, 1099, 200)
    assert setup.offered == pytest.approx(1003.4, abs=0.5)
    assert setup.chunk == 5


def test_a_server_without_a_rate_is_idle() -> None:
    assert Setup(10).idle
    assert Setup(10).period_of(3) == IDLE_MS
    assert not Setup(10, 1000).idle
    assert Setup(10, 1000).chunk == 10


def test_what_is_long_or_beyond_the_peers_is_measured_once_or_alone() -> None:
    found = {cell.name: (cell.once, cell.alone) for cell in cells(Options())}
    assert found["steady/10000/100000"] == found["many/12500"] == found["stuck/1000/100000"] == (True, True)
    assert found["stuck/1000/5000"] == (True, False)
    assert found["clients/10000/100000"] == (False, True)
    assert found["updates/1000/5000"] == (False, False)


def test_dmq_is_a_source_where_there_is_a_broker() -> None:
    url = "amqp://127.0.0.1:5672/"
    found = [cell for cell in cells(Options(parts=("sources",), amqp=url)) if cell.kind == "source-dmq"]
    assert [(cell.name, cell.setup.amqp) for cell in found] == [
        ("source-dmq/1000/5000", url), ("source-dmq/1000/10000", url)
    ]  # fmt: skip


def test_every_part_has_cells() -> None:
    assert all(cells(Options(parts=(part,))) for part in PARTS)


@pytest.mark.parametrize(("puts", "waves", "devices"), [(0, 0, 1), (3, 0, 3), (2, 4, 6)])
def test_the_simulator_understands_the_facility(puts: int, waves: int, devices: int) -> None:
    facility = load_facility(facility_text(puts, waves), "facility.yaml")
    assert len(facility.devices) == devices
