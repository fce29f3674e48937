"""SIGINT and SIGTERM end every command well and soon, whatever its clients do, and leave nothing behind."""

import signal
import time

import pytest

from tests.support.processes import END_TIME, Running, Site, command_fault, config_of, until

SIGNALS = [signal.SIGTERM, signal.SIGINT]
METADATA = 'metadata: {url: "sim:"}\n'
BUSY = ["M:OUTTMP", "I:TOROID", "I:FASTBM", "Z:ACLTST", "Z:ACLTST:STS:ON", "G:SCTIME"]


def busy(site: Site, *names: str) -> Running:
    """A client with monitors that get values."""
    client = site.client("live_aioca", *names, stdin=True)
    assert until(lambda: {line.get("pv") for line in client.lines()} >= set(names), 20), client.report()
    return client


def lost(client: Running) -> set[str]:
    """The PVs whose channels are gone."""
    return {line["pv"] for line in client.lines() if "lost" in line}


def outcomes(client: Running) -> dict[str, bool]:
    """The number of each put that is over, and whether it succeeded."""
    return {line["put"]: line["ok"] for line in client.lines() if "put" in line}


@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_demo_ends_under_busy_clients(site: Site, number: signal.Signals) -> None:
    demo = site.acgate("demo", ready=True)
    client = busy(site, *BUSY)

    assert demo.end(number) < END_TIME
    assert until(lambda: lost(client) == set(BUSY), 5)
    client.end()


@pytest.mark.parametrize(("number", "device"), [(signal.SIGTERM, "Z:SILENT"), (signal.SIGINT, "Z:ACLTST")])
def test_run_and_simulate_end_and_pending_puts_are_answered_with_a_failure(
    site: Site, number: signal.Signals, device: str
) -> None:
    simulator = site.simulate()
    devices = (
        f'  - {{device: "{device}", writable: true, write_timeout: 60}}\n  - {{device: "I:TOROID", event: "p,100"}}\n'
    )
    gateway = site.run(config_of(simulator, devices, more=METADATA))
    client = busy(site, "I:TOROID")
    command_fault(simulator, service="dpm_http", fault="hang" if device == "Z:ACLTST" else "none")
    for put in range(10):
        client.tell(f"put {put} {device}:SP {put}")
    assert until(lambda: sum("begun" in line for line in client.lines()) == 10, 5), client.report()
    assert not until(lambda: outcomes(client), 0.5), "the puts wait for an answer that does not come"

    began = time.monotonic()
    gateway.end(number)
    assert until(lambda: len(outcomes(client)) == 10, 2), client.report()
    assert time.monotonic() - began < END_TIME
    assert set(outcomes(client).values()) == {False}
    errors = {line["error"] for line in client.lines() if "put" in line}
    assert errors == {f"{device}:SP: Channel write request failed"}, "a failure is said, not a lost circuit"
    simulator.end(number)
    client.end()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_watch_and_an_idle_gateway_end(site: Site, number: signal.Signals) -> None:
    simulator = site.simulate()
    gateway = site.run(config_of(simulator, '  - {device: "M:OUTTMP"}\n'))
    watch = site.acgate("watch", "G:SCTIME@p,100", "--backend", f"dpm+http://{simulator.said['dpm_http']}")
    assert until(lambda: len(watch.out.splitlines()) > 3, 10), watch.report()

    watch.end(number)
    gateway.end(number)
    simulator.end(number)


def test_simulate_and_run_end_when_the_other_side_has_gone_before(site: Site) -> None:
    simulator = site.simulate()
    gateway = site.run(config_of(simulator, '  - {device: "M:OUTTMP", writable: true}\n'))
    watch = site.acgate("watch", "G:SCTIME@p,100", "--backend", f"dpm+http://{simulator.said['dpm_http']}")
    assert until(lambda: len(watch.out.splitlines()) > 3, 10), watch.report()

    simulator.kill()
    assert until(lambda: "ACNET_DISCONNECTED" in watch.out, 5), watch.report()
    watch.end(good=1)  # the newest reading has no value
    gateway.end()


def test_a_gateway_without_its_backend_starts_says_so_and_ends(site: Site) -> None:
    simulator = site.simulate()
    config = config_of(simulator, '  - {device: "M:OUTTMP"}\n')
    simulator.end()
    gateway = site.run(config)
    client = busy(site, "M:OUTTMP")

    assert {line["severity"] for line in client.lines() if line.get("pv")} == {3}
    assert "Connection refused" in gateway.err
    gateway.end()
    client.end()


@pytest.mark.parametrize("more", ["", METADATA], ids=["describing", "settling"])
def test_a_gateway_that_is_still_starting_ends(site: Site, more: str) -> None:
    simulator = site.simulate()
    path = site.folder / "starting.yaml"
    path.write_text(config_of(simulator, '  - {device: "Z:SILENT", writable: true}\n', more=more), "utf-8")
    gateway = site.acgate("run", str(path), "--ready-file", str(site.folder / "never"))
    assert until(lambda: gateway.catches(signal.SIGTERM), 10), gateway.report()
    assert not until(lambda: gateway.process.poll() is not None, 1.0), "it waits for the front end that never answers"

    assert gateway.end() < 3.0
    assert not (site.folder / "never").exists()
    simulator.end()


def test_the_port_is_free_at_once_for_the_next_start(site: Site) -> None:
    simulator = site.simulate()
    config = config_of(simulator, '  - {device: "I:TOROID", event: "p,100"}\n')
    for _ in range(2):
        gateway = site.run(config)
        client = busy(site, "I:TOROID")
        gateway.end()
        client.end()
    simulator.end()
