"""What the simulator can be told to do wrong, and clients that do wrong, as the third-party client sees it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.witness.simulated import Simulated, simulated
from tests.system.witness.witness import Witness, of, steps

OBEYED_S = 5.0
QUIET_S = 12.0  # longer than the 10 s after which the client takes a silent connection for dead


@pytest.fixture
def faulty(folder: Path) -> Iterator[Simulated]:
    """A simulator that can be told to do wrong."""
    with simulated(folder, "--control-port", "0", "--synthetic", "500", "--rate", "10") as started:
        yield started


def eventually(ask: Callable[[], dict[str, Any]], fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask until the answer fits, or the time is over; the last answer."""
    deadline = time.monotonic() + OBEYED_S
    while not fits(answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def failed(answer: dict[str, Any]) -> bool:
    return "raised" in answer


def good(answer: dict[str, Any]) -> bool:
    return answer.get("value") == 10.0


@pytest.mark.parametrize(
    ("fault", "number"), [("hang", -6), ("silent", -6), ("garbage", -1), ("reset", -1)], ids=lambda item: str(item)
)
def test_a_service_that_does_wrong_fails_reads_in_its_own_way_until_it_does_right(
    faulty: Simulated, fault: str, number: int
) -> None:
    with Witness(faulty.port, timeout=1.0) as client:
        assert good(client.get("Z:ACLTST"))
        faulty.command(service="dpm_http", fault=fault)
        answer = eventually(lambda: client.get("Z:ACLTST"), failed)
        assert ("ReadError", 1, number) == (
            answer["raised"], answer["readings"][0]["facility"], answer["readings"][0]["error"],
        )  # fmt: skip
        faulty.command(service="dpm_http", fault="none")
        assert good(eventually(lambda: client.get("Z:ACLTST"), good))


def test_a_service_that_refuses_takes_no_new_client_and_keeps_those_it_has(faulty: Simulated) -> None:
    def newcomer() -> dict[str, Any]:
        with Witness(faulty.port, timeout=1.0) as client:
            answer: dict[str, Any] = client.get("Z:ACLTST")
            return answer

    with Witness(faulty.port) as client:
        assert good(client.get("Z:ACLTST"))
        faulty.command(service="dpm_http", fault="refuse")
        assert "refused" in eventually(newcomer, failed)["says"]
        assert good(client.get("Z:ACLTST"))
        faulty.command(service="dpm_http", fault="none")
        assert good(eventually(newcomer, good))


@pytest.mark.parametrize("fault", ["reset", "garbage"])
def test_a_service_that_breaks_ends_a_stream_with_an_error(faulty: Simulated, fault: str) -> None:
    with Witness(faulty.port) as client:
        client.ask("open_stream", "one", ["I:TOROID@p,100"])
        assert of("I:TOROID", client.ask("take_stream", "one", 0.5, seconds=0.5))
        faulty.command(service="dpm_http", fault=fault)
        assert client.ask("await_failure", "one", OBEYED_S, seconds=OBEYED_S) is not None


@pytest.mark.timeout(90)
def test_heartbeats_keep_a_quiet_stream_alive_and_their_absence_ends_it(
    faulty: Simulated, simulator: Simulated
) -> None:
    faulty.command(service="dpm_http", fault="no_heartbeat")
    with Witness(simulator.port) as kept, Witness(faulty.port) as lost:
        for client in (kept, lost):
            client.ask("open_stream", "quiet", ["Z:ACLTST@I"])
        for client in (kept, lost):
            client.tell("await_failure", "quiet", QUIET_S)
        alive, dead = kept.hear(QUIET_S), lost.hear(QUIET_S)
    assert alive is None
    assert dead is not None


def test_a_device_that_fails_for_a_while_is_readings_with_codes_in_a_stream_that_goes_on(faulty: Simulated) -> None:
    with Witness(faulty.port) as client:
        client.ask("open_stream", "both", ["Z:ACLTST@p,100", "I:TOROID@p,100"])
        client.ask("take_stream", "both", 0.5, seconds=0.5)
        faulty.command(fault="wrong_status", device="Z:ACLTST", status="14 -7")
        during = client.ask("take_stream", "both", 0.6, seconds=0.6)
        faulty.command(fault="none", device="Z:ACLTST")
        after = client.ask("take_stream", "both", 0.6, seconds=0.6)
    assert (14, -7) in {(one["facility"], one["error"]) for one in of("Z:ACLTST", during)}
    assert all(one["ok"] for one in of("I:TOROID", during))
    assert 10.0 == of("Z:ACLTST", after)[-1]["value"]
    assert after["failed"] is None


def test_a_client_that_dies_is_forgotten_and_the_others_notice_nothing(faulty: Simulated) -> None:
    with Witness(faulty.port) as doomed, Witness(faulty.port) as other:
        doomed.ask("open_stream", "many", [f"S:D{number:05}@p,100" for number in range(500)])
        other.ask("open_stream", "one", ["I:TOROID@p,100"])
        assert 2 == faulty.await_clients(2)
        doomed.kill()
        assert 1 == faulty.await_clients(1)
        came = of("I:TOROID", other.ask("take_stream", "one", 0.5, seconds=0.5))
    assert {100} == steps(came)


def test_a_client_that_does_not_read_holds_up_nobody(faulty: Simulated) -> None:
    with Witness(faulty.port) as stuck, Witness(faulty.port) as other:
        stuck.ask("open_stream", "many", [f"S:D{number:05}@p,20" for number in range(500)])
        os.kill(stuck.pid, signal.SIGSTOP)
        try:
            came = of("I:TOROID", other.stream(["I:TOROID@p,100"], 4.0))
            assert good(other.get("Z:ACLTST"))
        finally:
            os.kill(stuck.pid, signal.SIGCONT)
    assert len(came) >= 37
    assert {100} == steps(came)
