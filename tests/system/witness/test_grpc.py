"""The third-party client over gRPC: it reads, streams and writes with a token, as against the real service."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.tokens import SECRET, token_for
from tests.system.witness.simulated import Simulated, simulated
from tests.system.witness.witness import Witness, of, steps

KINDS: dict[str, tuple[str, Any]] = {  # request: kind, value
    "Z:ACLTST": ("SCALAR", 10.0),
    "Z_ACLTST": ("SCALAR", 10.0),
    "Z:ACLTST.PRIMARY": ("SCALAR", 1.0),
    "0:140013": ("SCALAR", 10.0),
    "I:STAIRS[13:15]": ("SCALAR_ARRAY", [27.0, 29.0, 31.0]),
    "D:GAINS[]": ("SCALAR_ARRAY", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
    "Z:ACLTST.RAW": ("RAW", {"hex": "800c"}),
    "G:MODE": ("TEXT", "Standby"),
    "G:NOTES[]": ("TEXT_ARRAY", ["quiet", "", "", ""]),
    "Z~ACLTST": ("TEXT", "ACL test device"),
    "N|LGXS.ON": ("SCALAR", 1.0),
    "N:LGXS.STATUS.BIT_VALUE": ("SCALAR", float(0x8000001F - (1 << 32))),
    "N:LGXS.STATUS.TEXT": ("TEXT", "ORRPR"),
    # in the device's own words, as DPM has them
    "Z|ACLTS1": ("BASIC_STATUS", {"ON": "on", "READY": "ready"}),
}
REFUSED = {  # request: facility, number
    "M:OUTTMP.SETTING": (16, -13),
    "I:STAIRS[16]": (17, -29),
    "Z:NOSCAL": (14, -7),
}


def codes(answer: dict[str, Any]) -> tuple[int, int]:
    return answer["facility"], answer["error"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """The shipped facility over gRPC, with a secret."""
    folder = tmp_path_factory.mktemp("grpc")
    secret = folder / "secret"
    secret.write_bytes(SECRET)
    with simulated(folder, "--dpm-grpc-port", "0", "--jwt-secret", str(secret)) as started:
        yield started


def port(server: Simulated) -> int:
    return int(server.ready["dpm_grpc"].rpartition(":")[2])


@pytest.fixture
def client(server: Simulated) -> Iterator[Witness]:
    with Witness(port(server), service="grpc") as started:
        assert started.refused is None
        yield started


@pytest.fixture(scope="module")
def writer(server: Simulated) -> Iterator[Witness]:
    """A client with a token that may set."""
    token = token_for(SECRET, time.time() + 3600)
    with Witness(port(server), service="grpc", token=token, timeout=8.0) as started:
        assert started.refused is None
        yield started


def test_one_reading_is_what_the_simulator_sent(server: Simulated, client: Witness) -> None:
    came = client.get("M:OUTTMP")
    assert (True, "M:OUTTMP", "SCALAR") == (came["ok"], came["name"], came["kind"])
    sent = server.sent("M:OUTTMP", until_ms=came["stamp_ms"] - 1)
    assert repr(came["value"]) in {value for _, value in sent}
    assert any(abs(stamp - came["stamp_ms"]) <= 1 for stamp, _ in sent)  # it rounds, the log cuts


def test_many_readings_of_every_kind_arrive_as_that_kind(client: Witness) -> None:
    came = client.get_many(*KINDS)
    for (request, (kind, value)), one in zip(KINDS.items(), came, strict=True):
        assert (request, True, kind) == (one["drf"], one["ok"], one["kind"]), one
        assert value == one["value"], request


def test_alarms_arrive_as_structures(client: Witness) -> None:
    analog, digital = client.get_many("Z@ACLTST", "Z$ACLTST")
    assert ("ANALOG_ALARM", -50.0, 50.0) == (analog["kind"], analog["value"]["minimum"], analog["value"]["maximum"])
    assert ("DIGITAL_ALARM", 3, 3) == (digital["kind"], digital["value"]["nominal"], digital["value"]["mask"])


def test_what_cannot_be_read_has_its_own_codes_and_spoils_no_other(client: Witness) -> None:
    came = client.get_many(*REFUSED, "Z:ACLTST")
    assert [*REFUSED.values(), (0, 0)] == [codes(one) for one in came]
    assert 10.0 == came[-1]["value"]


def test_an_unknown_device_is_pending_after_three_seconds(client: Witness) -> None:
    began = time.monotonic()
    good, unknown = client.get_many("Z:ACLTST", "Z:NOTFND")
    assert 2.5 <= time.monotonic() - began <= 6.0
    assert ((0, 0), 10.0) == (codes(good), good["value"])
    assert ((17, 1), None) == (codes(unknown), unknown["value"])


def test_a_stream_keeps_its_rates_and_ends_when_told(client: Witness) -> None:
    answer = client.stream(["I:TOROID@p,100", "G:LCWFLO@p,500", "I:BEAM@e,0f", "I:TOROID@p,100"], 3.0)
    assert (None, 0, True) == (answer["failed"], answer["dropped"], answer["stopped"])
    assert len(of("G:LCWFLO", answer)) in (6, 7)
    assert {499, 500, 501} >= steps(of("G:LCWFLO", answer))
    assert 56 <= len(of("I:TOROID", answer)) <= 62  # two requests, each answered
    assert {66, 67} >= steps(of("I:BEAM", answer))


def test_logged_data_arrive_in_their_chunks_and_are_whole(client: Witness) -> None:
    end = int(time.time()) * 1000 - 60_000
    came = client.get(f"M:OUTTMP<-LOGGER:{end - 999_000}:{end}")
    assert came["ok"], came
    assert 1000 == len(came["value"]["data"])


@pytest.mark.parametrize(
    ("setting", "value", "reading", "expected"),
    [
        ("Z:ACLTST", 12.5, "Z_ACLTST", 12.5),
        ("D:GAINS[0:3]", [9.0, 8.0, 7.0, 6.0], "D_GAINS[0:3]", [9.0, 8.0, 7.0, 6.0]),
        ("G:MODE", "Beam", "G:MODE", "Beam"),
        ("G:NOTES[0:1]", ["beam to all", "shift ends"], "G:NOTES[0:1]", ["beam to all", "shift ends"]),
        ("N:H801.RAW", {"hex": "e803"}, "N_H801.RAW", {"hex": "e803"}),
        ("Z@ACLTST.MAX", 42.0, "Z@ACLTST.MAX", 42.0),
        ("Z&ACLTST", "OFF", "Z|ACLTST.ON", 0.0),
        ("Z&ACLTST", 1, "Z|ACLTST.ON", 1.0),
    ],
)
def test_settings_and_commands_with_a_token_are_accepted_and_read_back(
    setting: str, value: Any, reading: str, expected: Any, writer: Witness
) -> None:
    came = writer.write(setting, value)
    assert (True, 0, 0) == (came["ok"], *codes(came)), came
    assert expected == writer.get(reading)["value"]


def test_each_of_many_settings_has_its_own_result(writer: Witness) -> None:
    came = writer.ask("write_many", [["I:H801", 1.5], ["Z:REFUSE", 2.0], ["Z:LOCKED", 2.0], ["Z:ACLTST", 3.0]])
    assert [(0, 0), (14, -20), (17, -17), (0, 0)] == [codes(one) for one in came]


@pytest.mark.parametrize(
    ("lives", "roles", "secret"),
    [(-60.0, (), SECRET), (60.0, ("reader",), SECRET), (60.0, (), bytes(64))],
    ids=["expired", "wrong role", "wrong signature"],
)
def test_a_token_without_the_right_is_refused_by_status_and_nothing_is_set(
    lives: float, roles: tuple[str, ...], secret: bytes, server: Simulated
) -> None:
    with Witness(port(server), service="grpc", token=token_for(secret, time.time() + lives, *roles)) as stranger:
        before = stranger.get("I_H803")["value"]
        came = stranger.write("I:H803", before + 1.0)
        assert (False, 17, -17) == (came["ok"], *codes(came))
        assert before == stranger.get("I_H803")["value"]


def test_without_a_token_it_reads_and_does_not_send_a_setting(client: Witness) -> None:
    assert client.write("Z:ACLTST", 1.0)["raised"] == "AuthenticationError"


def test_a_client_finds_a_server_that_was_restarted(tmp_path: Path) -> None:
    with simulated(tmp_path, "--dpm-grpc-port", "0") as first:
        place = port(first)
    with simulated(tmp_path, "--dpm-grpc-port", str(place)) as server, Witness(place, service="grpc") as client:
        assert 10.0 == client.get("Z:ACLTST")["value"]
        client.ask("open_stream", "one", ["I:TOROID@p,100"])
        assert client.ask("take_stream", "one", 0.5, seconds=0.5)["readings"]
        assert 0 == server.stop()
        server.start()
        deadline = time.monotonic() + 15.0
        while not client.ask("take_stream", "one", 0.5, seconds=0.5)["readings"]:
            assert time.monotonic() < deadline
        while (found := client.get("Z:ACLTST")).get("value") != 10.0:  # gRPC waits before it tries to connect again
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
