"""pacsys over DMQ, unmodified: a real RabbitMQ, tickets of a real KDC, and a simulator that checks every signature."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kdc import USER, Kdc, running_kdc
from tests.support.rabbitmq import RabbitMq
from tests.system.witness.simulated import Simulated, simulated
from tests.system.witness.witness import Answer, Witness, of, steps

SECURITY = (72, -99)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, rabbitmq: RabbitMq, kdc: Kdc) -> Iterator[Simulated]:
    """The DMQ server with its keytab."""
    options = ("--amqp", rabbitmq.url, "--keytab", str(kdc.keytab), "--control-port", "0")
    with simulated(tmp_path_factory.mktemp("dmq"), *options, environment=kdc.environment) as started:
        assert started.ready["amqp"] == rabbitmq.url
        yield started


@pytest.fixture(scope="module")
def client(served: Simulated, rabbitmq: RabbitMq, kdc: Kdc) -> Iterator[Witness]:
    """One client for all tests of this file: it keeps its connection and its sessions."""
    assert served.ready
    kdc.login()
    with Witness(rabbitmq.port, timeout=8.0, environment=kdc.environment, service="dmq") as client:
        assert client.refused is None
        yield client


def codes(answer: Answer) -> tuple[int, int]:
    return answer["facility"], answer["error"]


def test_it_is_logged_in_as_the_user(client: Witness) -> None:
    assert USER == client.ask("principal")


@pytest.mark.parametrize(
    ("drf", "kind"),
    [
        ("M:OUTTMP", "SCALAR"),
        ("D:GAINS[0:7]", "SCALAR_ARRAY"),
        ("M:OUTTMP.RAW", "RAW"),
        ("G:MODE", "TEXT"),
        ("G:NOTES[0:3]", "TEXT_ARRAY"),
        ("N|LGXS", "BASIC_STATUS"),
        ("N@H801", "ANALOG_ALARM"),
        ("N$H801", "DIGITAL_ALARM"),
        ("M~OUTTMP", "TEXT"),
    ],
)
def test_it_reads_every_kind_of_value(client: Witness, drf: str, kind: str) -> None:
    answer = client.get(drf)
    assert (True, kind) == (answer["ok"], answer["kind"])
    assert abs(answer["stamp_ms"] - time.time() * 1000) < 5000


def test_it_reads_many_and_one_bad_device_spoils_none(client: Witness) -> None:
    answers = client.get_many("M:OUTTMP", "Z:NOTFND", "G:AMANDA", "N|LGXS", "I:V802")
    assert [True, False, True, True, True] == [answer["ok"] for answer in answers]
    assert (16, -20) == codes(answers[1])


def test_it_is_told_that_a_whole_read_failed_for_one_bad_request(client: Witness) -> None:
    answer = client.ask("get_many", ["M:OUTTMP", "not a drf"])
    assert "ReadError" == answer["raised"]
    assert [(72, -98)] * 2 == [codes(one) for one in answer["readings"]]


def test_it_streams_at_the_rhythm_it_asked_for(client: Witness) -> None:
    came = client.stream(["M:OUTTMP@p,200", "N|LGXS@p,500"], 3.0)
    assert (None, 0, True) == (came["failed"], came["dropped"], came["stopped"])
    assert {200} == steps(of("M:OUTTMP", came))
    assert {500} == steps(of("N:LGXS", came))
    assert 13 <= len(of("M:OUTTMP", came)) <= 16


def test_it_writes_and_reads_what_it_wrote(client: Witness) -> None:
    for drf, value, read, expected in (
        ("Z:ACLTST", 12.5, "Z_ACLTST", pytest.approx(12.5, abs=0.01)),
        ("D:GAINS[1:3]", [9.0, 8.0, 7.0], "D_GAINS[0:4]", [0.0, 9.0, 8.0, 7.0, 4.0]),
        ("G:MODE", "Studies", "G_MODE", "Studies"),
        ("I|H801", 1, "I|H801.ON", 1.0),
        ("Z:ACLTST.SETTING.RAW", 100, "Z_ACLTST.RAW", {"hex": "6400"}),
    ):
        assert (0, 0) == codes(client.write(drf, value)), drf
        assert expected == client.get(read)["value"], drf


def test_an_alarm_block_is_written_whole(client: Witness) -> None:
    block = {"minimum": -3.0, "maximum": 4.0, "alarm_enable": True, "abort_inhibit": True, "tries_needed": 3}
    assert (0, 0) == codes(client.write("I@H803", block))
    found = client.get("I@H803")["value"]
    assert block == {key: found[key] for key in block}


def test_refused_settings_say_why_and_settings_keep_their_order(client: Witness) -> None:
    wishes = [["Z:ACLTST", float(n)] for n in range(20)]
    came = client.ask("write_many", [*wishes, ["Z:REFUSE", 1.0], ["Z:NOTFND", 1.0], ["M:OUTTMP", 1.0]])
    assert [(0, 0)] * 20 + [(14, -20), (16, -20), (16, -13)] == [codes(one) for one in came]
    assert 19.0 == pytest.approx(client.get("Z_ACLTST")["value"], abs=0.01)


def test_without_a_ticket_it_does_not_begin(rabbitmq: RabbitMq, kdc: Kdc) -> None:
    environment = {**kdc.environment, "KRB5CCNAME": f"FILE:{kdc.folder / 'no-tickets'}"}
    with Witness(rabbitmq.port, environment=environment, service="dmq") as stranger:
        assert "AuthenticationError" == stranger.refused["raised"]


def test_tickets_of_another_realm_of_the_same_name_are_refused(
    rabbitmq: RabbitMq, served: Simulated, tmp_path: Path
) -> None:
    assert served.ready
    with (
        running_kdc(tmp_path) as impostor,  # the same names, other keys
        Witness(rabbitmq.port, environment=impostor.environment, service="dmq") as stranger,
    ):
        assert stranger.refused is None
        answer = stranger.ask("get", "M:OUTTMP")
        assert SECURITY == (codes(answer) if "facility" in answer else codes(answer["readings"][0]))
        assert SECURITY == codes(stranger.write("Z:ACLTST", 1.0))
