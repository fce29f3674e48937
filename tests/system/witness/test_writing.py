"""The third-party client writes, with a ticket of a real KDC that the simulator checks, and reads back what became."""

import time
from typing import Any

import pytest

from tests.support.kdc import SERVICE, USER, Kdc
from tests.system.witness.simulated import Simulated
from tests.system.witness.witness import Witness

SETTLED_S = 5.0


@pytest.fixture(scope="module")
def simulator(checking: Simulated) -> Simulated:
    """All tests of this file write to the simulator that checks."""
    return checking


REFUSED: list[tuple[str, Any, tuple[int, int]]] = [
    ("Z:NOTFND", 1.0, (16, -13)),  # no such device
    ("M:OUTTMP", 1.0, (16, -13)),  # no such property
    ("Z:ACLTST[5]", 1.0, (17, -29)),  # beyond the end
    ("D:GAINS[0:3]", [1.0, 2.0], (14, -13)),  # too few numbers
    ("D:GAINS[0:1]", [1.0, 2.0, 3.0], (14, -13)),  # too many
    ("G:NOTES[0:1]", ["one"], (14, -13)),  # too few texts
    ("Z:ACLTST.RAW", {"hex": "e8"}, (14, -13)),  # too few bytes
    ("Z:ACLTST", 1e9, (14, -20)),  # more than the hardware's 16 bits can say
    ("G:MODE", "Sabbatical", (14, -20)),  # no such state
    ("Z:ACLTST", "ten", (14, -20)),  # a text for a number
    ("Z|ACLTST", "EXPLODE", (14, -20)),  # no such command
    ("Z|ACLTST", 77, (14, -20)),
    ("G|DOORS", "OPEN", (16, -13)),  # it has no commands
    ("Z~ACLTST", "another name", (17, -24)),  # the database is not set
    ("Z:REFUSE", 2.0, (14, -20)),
    ("Z:LOCKED", 2.0, (17, -17)),
]


def codes(answer: dict[str, Any]) -> tuple[int, int]:
    return answer["facility"], answer["error"]


def settled(client: Witness, drf: str, value: object) -> object:
    """Read until the device is where it should be, or the time is over; where it is."""
    deadline = time.monotonic() + SETTLED_S
    while (came := client.get(drf)["value"]) != value and time.monotonic() < deadline:
        time.sleep(0.05)
    return came


def accepted(client: Witness, drf: str, value: object) -> None:
    assert client.write(drf, value) == {"drf": drf, "ok": True, "facility": 0, "error": 0, "message": None}


def test_a_setting_is_accepted_with_a_ticket_of_the_kdc_and_read_back_when_it_has_settled(
    writer: Witness, kdc: Kdc
) -> None:
    assert USER == writer.ask("principal")
    accepted(writer, "Z:ACLTST", 12.5)
    assert 12.5 == writer.get("Z_ACLTST")["value"]
    assert 12.5 == settled(writer, "Z:ACLTST", 12.5)
    assert SERVICE in kdc.tickets()


def test_a_reading_is_on_its_way_while_it_settles(writer: Witness, simulator: Simulated) -> None:
    accepted(writer, "Z:ACLTS1", 1.0)
    settled(writer, "Z:ACLTS1", 1.0)
    with Witness(simulator.port) as watcher:
        watcher.ask("open_stream", "way", ["Z:ACLTS1@p,100"])
        watcher.ask("take_stream", "way", 0.3, seconds=0.3)
        accepted(writer, "Z:ACLTS1", 9.0)
        came = [one["value"] for one in watcher.ask("take_stream", "way", 1.2, seconds=1.2)["readings"]]
    assert came == sorted(came)
    assert any(1.0 < value < 9.0 for value in came)
    assert 9.0 == came[-1]


@pytest.mark.parametrize(
    ("setting", "value", "reading"),
    [
        ("D:GAINS[0:3]", [9.0, 8.0, 7.0, 6.0], "D:GAINS[0:3]"),
        ("D:GAINS[5]", -3.5, "D:GAINS[5]"),
        ("G:MODE", "Beam", "G:MODE"),
        ("G:NOTES[0:1]", ["beam to all", "shift ends"], "G:NOTES[0:1]"),
        ("N:H801.RAW", {"hex": "e803"}, "N_H801.RAW"),
        ("Z@ACLTST.MAX", 42.0, "Z@ACLTST.MAX"),
        ("N:H801.PRIMARY", 0.61, "N_H801.PRIMARY"),
    ],
)
def test_every_kind_of_value_can_be_set(writer: Witness, setting: str, value: object, reading: str) -> None:
    accepted(writer, setting, value)
    assert value == settled(writer, reading, value)


@pytest.mark.parametrize(("setting", "value", "expected"), REFUSED)
def test_a_setting_that_is_refused_has_the_codes_of_the_real_service_and_changes_nothing(
    writer: Witness, setting: str, value: object, expected: tuple[int, int]
) -> None:
    before = writer.get_many("Z_ACLTST", "Z_REFUSE", "Z_LOCKED", "G:MODE", "D:GAINS[]", "Z|ACLTST")
    came = writer.write(setting, value)
    assert (False, *expected) == (came["ok"], *codes(came))
    after = writer.get_many("Z_ACLTST", "Z_REFUSE", "Z_LOCKED", "G:MODE", "D:GAINS[]", "Z|ACLTST")
    assert [one["value"] for one in before] == [one["value"] for one in after]


def test_commands_by_name_and_by_number_change_the_status(writer: Witness) -> None:
    for command, attribute, state in (
        ("OFF", "on", False),
        ("ON", "on", True),
        (4, "positive", False),
        ("positive", "positive", True),
        (5, "ramp", True),
    ):
        accepted(writer, "Z&ACLTST", command)
        assert state is writer.get("Z|ACLTST")["value"][attribute]


def test_a_command_that_cannot_help_is_accepted_and_changes_nothing(writer: Witness) -> None:
    accepted(writer, "L|TRIPPD", "RESET")
    assert writer.get("L|TRIPPD")["value"]["ready"] is False


def test_an_alarm_block_is_set_field_by_field_and_judges_by_its_new_limits(writer: Witness) -> None:
    accepted(writer, "N:H801", 2.0)
    settled(writer, "N:H801", 2.0)
    accepted(writer, "N@H801", {"minimum": -1.0, "maximum": 1.0})
    alarm = writer.get("N@H801")["value"]
    assert (-1.0, 1.0, True) == (alarm["minimum"], alarm["maximum"], alarm["alarm_status"])
    accepted(writer, "N@H801", {"minimum": -15.0, "maximum": 15.0})
    assert writer.get("N@H801")["value"]["alarm_status"] is False


def test_many_settings_in_one_call_each_have_their_own_result(writer: Witness) -> None:
    wishes = [["I:H801", 3.5], ["Z:NOTFND", 1.0], ["I:H803", -2.5], ["Z:LOCKED", 1.0], ["D:GAINS[0:1]", [1.0]]]
    came = writer.ask("write_many", wishes)
    assert [(0, 0), (16, -13), (0, 0), (17, -17), (14, -13)] == [codes(one) for one in came]
    assert [3.5, -2.5] == [one["value"] for one in writer.get_many("I_H801", "I_H803")]


def test_of_two_settings_of_one_device_in_one_call_the_earlier_is_superseded(writer: Witness) -> None:
    came = writer.ask("write_many", [["I:V802", 1.0], ["I:V802", 2.0]])
    assert [(66, 2), (0, 0)] == [codes(one) for one in came]
    assert 2.0 == writer.get("I_V802")["value"]


def test_behaviours_of_settings_are_those_of_the_facility_file(writer: Witness) -> None:
    for device, setting, reading in (
        ("Z:CLIP", 10.0, 10.0),
        ("Z:OFFSET", 25.0, 25.5),
        ("Z:IGNORE", 25.0, 1.0),
        ("Z:STUCK", 1.0, 1.0),
        ("Z:FROZEN", 25.0, 4.2),
    ):
        accepted(writer, device, 25.0)
        came = [one["value"] for one in writer.get_many(f"{device}.SETTING", device)]
        assert [setting, reading] == came, device


def test_a_silent_front_end_is_an_answer_after_five_seconds_not_a_lost_setting(writer: Witness) -> None:
    began = time.monotonic()
    came = writer.write("Z:SILENT", 2.0, seconds=8.0)
    assert (1, -49) == codes(came)
    assert 4.5 <= time.monotonic() - began <= 7.0


def test_a_state_event_brings_a_reading_when_the_state_is_set(writer: Witness, simulator: Simulated) -> None:
    accepted(writer, "V:MISTAT", 1.0)
    with Witness(simulator.port) as watcher:
        watcher.ask("open_stream", "state", ["Z:CLIP@s,v:mistat,4,0,="])
        watcher.ask("take_stream", "state", 0.5, seconds=0.5)
        for state in (2.0, 4.0, 3.0):
            accepted(writer, "V:MISTAT", state)
            time.sleep(0.2)
        came = watcher.ask("take_stream", "state", 0.5, seconds=0.5)
    assert 1 == len(came["readings"])
    assert "Z:CLIP" == came["readings"][0]["name"]


def test_settings_one_after_another_share_an_authenticated_connection(writer: Witness, simulator: Simulated) -> None:
    accepted(writer, "D:RFPHAS", 0.0)
    before = simulator.clients()
    for number in range(20):
        accepted(writer, "D:RFPHAS", float(number))
        assert float(number) == writer.get("D_RFPHAS")["value"]
    assert simulator.clients() <= before + 1


def test_two_writers_at_once_are_both_served(simulator: Simulated, kdc: Kdc) -> None:
    with (
        Witness(simulator.port, role="testing", environment=kdc.environment) as one,
        Witness(simulator.port, role="testing", environment=kdc.environment) as other,
    ):
        for number in range(10):
            one.tell("write", "D:RAMPTB[0]", float(number))
            other.tell("write", "D:RAMPTB[1]", float(-number))
            assert [(0, 0), (0, 0)] == [codes(one.hear()), codes(other.hear())]
        assert [9.0, -9.0] == one.get("D_RAMPTB[0:1]")["value"]


def test_without_a_ticket_the_client_does_not_begin(simulator: Simulated, kdc: Kdc) -> None:
    environment = {**kdc.environment, "KRB5CCNAME": f"FILE:{kdc.folder / 'no-tickets'}"}
    with Witness(simulator.port, environment=environment) as stranger:
        assert "AuthenticationError" == stranger.refused["raised"]
