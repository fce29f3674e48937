"""A simulator that goes and comes back, as the third-party client sees it (dpm-http.md 17.1)."""

from pathlib import Path

from tests.support.kdc import Kdc
from tests.system.witness.simulated import simulated
from tests.system.witness.witness import Witness


def test_a_read_on_a_pooled_connection_fails_once_after_a_restart_and_then_works(folder: Path) -> None:
    with simulated(folder) as server, Witness(server.port) as client:
        assert 10.0 == client.get("Z:ACLTST")["value"]
        assert 0 == server.stop()
        server.start()
        failed = client.get("Z:ACLTST")
        assert ("ReadError", 1, -1) == (
            failed["raised"], failed["readings"][0]["facility"], failed["readings"][0]["error"],
        )  # fmt: skip
        assert 10.0 == client.get("Z:ACLTST")["value"]


def test_reads_fail_while_the_server_is_gone_and_work_again_when_it_is_back(folder: Path) -> None:
    with simulated(folder) as server, Witness(server.port, timeout=2.0) as client:
        assert client.get("Z:ACLTST")["ok"]
        for _ in range(3):
            assert 0 == server.stop()
            assert ["ReadError", "ReadError"] == [client.get("Z:ACLTST")["raised"] for _ in range(2)]
            server.start()
            assert 10.0 == client.get("Z:ACLTST")["value"]


def test_a_stream_ends_with_an_error_when_its_server_goes(folder: Path) -> None:
    with simulated(folder) as server, Witness(server.port) as client:
        client.ask("open_stream", "one", ["I:TOROID@p,100"])
        assert client.ask("take_stream", "one", 0.5, seconds=0.5)["readings"]
        assert 0 == server.stop()
        assert client.ask("await_failure", "one", 5.0, seconds=5.0) is not None
        server.start()
        again = client.stream(["I:TOROID@p,100"], 0.5)
        assert len(again["readings"]) >= 3


def test_a_write_after_a_restart_authenticates_anew_and_arrives_once(folder: Path, kdc: Kdc) -> None:
    with simulated(folder) as server, Witness(server.port, role="testing", environment=kdc.environment) as client:
        assert client.write("Z:ACLTST", 20.0)["ok"]
        assert 0 == server.stop()
        server.start()
        assert 10.0 == read_by_another(server.port, "Z_ACLTST")  # a facility begins anew
        assert client.write("Z:ACLTST", 30.0)["ok"]
        assert 30.0 == read_by_another(server.port, "Z_ACLTST")


def read_by_another(port: int, drf: str) -> object:
    """What a client with a connection of its own reads."""
    with Witness(port) as other:
        return other.get(drf)["value"]
