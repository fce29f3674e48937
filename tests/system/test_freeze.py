"""A trip freezes what was and will be around it, all of it, while the live history goes on."""

from pathlib import Path

from simulator.models import Ramp, value
from tests.support.ca_client import STRING, CaClient
from tests.support.processes import Json, Site, config_of, until
from tests.system.test_truth import Sample, sent

DEVICES = """  - {device: "G:PRESUR", event: "p,100", properties: [reading]}
  - {device: "Z:ACLTST", event: "p,100", writable: true, properties: [reading, setting]}
"""
FREEZE = 'freeze: {trip: {devices: "G:*", before: 2, after: 1, when: "Z:ACLTST:SP_RBV > 50"}}\n'
GENERATOR = Ramp(29.5, 30.3, 120)  # what the simulated G:PRESUR is, by its facility file
MILLISECOND = 0.8 / 120 / 1000  # how far that moves within the last digit of a time stamp
WINDOW = [f"G:PRESUR:HIST:FRZ:{part}" for part in ("V", "T", "N", "TIME", "BY")]


def got(site: Site, *names: str) -> list[Json]:
    client = site.client("values_pyepics", *names)
    assert client.wait(60) == 0, client.report()
    return client.lines()


def between(log: Path, first_ms: int, last_ms: int) -> list[Sample]:
    """What the simulator says it sent in that time."""
    return [sample for sample in sent(log)["G:PRESUR"] if first_ms <= sample[0] <= last_ms]


def test_what_is_kept_of_a_trip_is_what_the_generator_made(site: Site) -> None:
    log = site.folder / "sent.csv"
    simulator = site.simulate("--sent-log", str(log))
    running = site.run(config_of(simulator, DEVICES, more=FREEZE))
    with CaClient(site.ca_port) as client:
        state, setpoint = client.create("GW1:FREEZE:trip"), client.create("Z:ACLTST:SP")
        live, newest = client.create("G:PRESUR:HIST:N"), client.create("G:PRESUR:HIST:T:1")
        assert until(lambda: client.get(live) >= 25, 20)  # type: ignore[operator]
        assert client.put(setpoint, 60.0) == 1
        assert until(lambda: client.get(state, STRING) == "FROZEN", 20), running.report()
        values, stamps, count, at, by = got(site, *WINDOW)
        trip_ms = round(at["value"] * 1000)
        kept = [(round(t * 1000), v) for t, v in zip(stamps["list"], values["list"], strict=True)]

        assert (by["value"], count["value"]) == ("trip", len(kept))
        assert len(kept) >= 20
        assert all(abs(v - value(GENERATOR, ms * 1_000_000)) <= 2 * MILLISECOND for ms, v in kept)
        assert client.get(newest) > trip_ms / 1000 + 1  # type: ignore[operator]
        assert client.put(setpoint, 1.0) == 1
        assert client.put(state, 0) == 1
        assert got(site, "G:PRESUR:HIST:FRZ:N")[0]["value"] == 0
    running.end()
    simulator.end()

    assert kept == between(log, trip_ms - 2000, trip_ms + 1000)
