"""The third-party client reads from the simulator and is told what the facility file says."""

from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.witness.simulated import ROOT, Simulated, simulated
from tests.system.witness.witness import Witness

SHIPPED: list[dict[str, Any]] = yaml.safe_load((ROOT / "simulator" / "facility.yaml").read_text("utf-8"))["devices"]
NO_READING = {"Z:NOSCAL": (14, -7)}  # what a reading of these brings instead
SILENT = {"Z:SILENT"}
FLAGS = {"alarm_enable": True, "alarm_status": False, "abort": False, "abort_inhibit": False, "tries_now": 0}

KINDS = {  # request: kind, value
    "Z:ACLTST": ("SCALAR", 10.0),
    "Z_ACLTST": ("SCALAR", 10.0),
    "z:acltst.setting": ("SCALAR", 10.0),
    "Z:ACLTST.PRIMARY": ("SCALAR", 1.0),
    "0:140013": ("SCALAR", 10.0),
    "I:STAIRS[1]": ("SCALAR", 3.0),
    "I:STAIRS[]": ("SCALAR_ARRAY", [1.0 + 2.0 * element for element in range(16)]),
    "I:STAIRS[13:15]": ("SCALAR_ARRAY", [27.0, 29.0, 31.0]),
    "D:GAINS[]": ("SCALAR_ARRAY", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
    "D:GAINS[0:3]": ("SCALAR_ARRAY", [0.0, 1.0, 2.0, 3.0]),
    "Z:ACLTST.RAW": ("RAW", {"hex": "800c"}),  # 3200 steps, little-endian
    "Z:NOSCAL.RAW": ("RAW", {"hex": "4d000000"}),
    "I:STAIRS[3:5].RAW": ("RAW", {"hex": "07090b"}),
    "I:STAIRS{3:2}.RAW": ("RAW", {"hex": "0709"}),
    "N:LGXS.STATUS.RAW": ("RAW", {"hex": "1f000080"}),
    "G:MODE": ("TEXT", "Standby"),
    "G:NOTES[]": ("TEXT_ARRAY", ["quiet", "", "", ""]),
    "Z~ACLTST": ("TEXT", "ACL test device"),
    "Z#ACLTST": ("TEXT", "Test device of the ACL group, free for everybody"),
    "Z!ACLTST": ("TEXT", "TEST"),
    "Z^ACLTST": ("SCALAR", 140013.0),
    "N|LGXS": ("BASIC_STATUS", dict.fromkeys(("on", "ready", "remote", "positive", "ramp"), True)),
    "Z|ACLTS1": ("BASIC_STATUS", {"on": True, "ready": True}),  # what it lacks is absent
    "N|LGXS.ON": ("SCALAR", 1.0),
    "L|TRIPPD.READY": ("SCALAR", 0.0),
    "N:LGXS.STATUS.TEXT": ("TEXT", "ORRPR"),
    "N:LGXS.STATUS.BIT_VALUE": ("SCALAR", float(0x8000001F - (1 << 32))),
    "Z:ACLTS1.STATUS.EXTENDED_TEXT": ("TEXT_ARRAY", ["Pwr", "on", "Sts", "ready"]),
    "Z@ACLTST": ("ANALOG_ALARM", {"minimum": -50.0, "maximum": 50.0, "tries_needed": 1, **FLAGS}),
    "Z@ACLTST.MIN": ("SCALAR", -50.0),
    "Z$ACLTST": ("DIGITAL_ALARM", {"nominal": 3, "mask": 3, "tries_needed": 1, **FLAGS}),
    "N$LGXS": (  # patterns of 32 bits arrive signed
        "DIGITAL_ALARM",
        {"nominal": 0x8000001F - (1 << 32), "mask": 0x80000003 - (1 << 32), "tries_needed": 2, **FLAGS, "abort": True},
    ),
}

REFUSED = {  # request: facility, number
    "Z:NOTFND": (16, -13),  # no such device
    "M:OUTTMP.SETTING": (16, -13),  # no such property
    "G:NODATA": (16, -13),
    "I:STAIRS[16]": (17, -29),  # beyond the end
    "M:OUTTMP{0:3}": (17, -30),  # not a multiple of the element
    "Z:NOSCAL": (14, -7),  # no scaling
    "G|VALVE.REMOTE": (14, -7),  # no such attribute
    "Z&ACLTST": (0, 0),  # CONTROL is write-only: good, and no value
}


def codes(answer: dict[str, Any]) -> tuple[int, int]:
    return answer["facility"], answer["error"]


def test_one_reading_has_the_value_units_and_stamp_that_the_simulator_sent(
    simulator: Simulated, witness: Witness
) -> None:
    came = witness.get("M:OUTTMP")
    assert came["ok"]
    assert ("M:OUTTMP", "SCALAR", "degF", 27235) == (came["name"], came["kind"], came["units"], came["index"])
    assert "Outdoor temperature" == came["description"]
    assert (came["stamp_ms"], repr(came["value"])) in simulator.sent("M:OUTTMP", until_ms=came["stamp_ms"])


def test_one_unknown_device_among_many_has_its_own_codes_and_spoils_no_other(witness: Witness) -> None:
    came = witness.get_many("Z:ACLTST", "Z:NOTFND", "N:H801", "M:OUTTMP")
    assert [True, False, True, True] == [one["ok"] for one in came]
    assert [10.0, None, -3.25] == [one["value"] for one in came[:3]]
    assert (16, -13) == codes(came[1])


def test_every_device_of_the_facility_is_known_as_its_file_describes_it(witness: Witness) -> None:
    devices = [one for one in SHIPPED if ("units" in one or "texts" in one) and one["name"] not in SILENT]
    assert len(devices) >= 40
    for device, came in zip(devices, witness.get_many(*(one["name"] for one in devices)), strict=True):
        assert NO_READING.get(device["name"], (0, 0)) == codes(came), device["name"]
        units = device.get("units") if device["name"] not in NO_READING else None
        expected = (device["name"], device["index"], device["description"], units)
        assert expected == (came["name"], came["index"], came["description"], came["units"])


def test_every_kind_of_value_arrives_as_that_kind(witness: Witness) -> None:
    came = witness.get_many(*KINDS)
    for (request, (kind, value)), one in zip(KINDS.items(), came, strict=True):
        assert (request, True, kind) == (one["drf"], one["ok"], one["kind"])
        assert value == present(one["value"]), request


def present(value: Any) -> Any:
    """A status without the attributes that the client fills in for those that are absent."""
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


def test_a_long_array_arrives_whole(simulator: Simulated, witness: Witness) -> None:
    came = witness.get("I:FASTBM[]")
    assert 8192 == len(came["value"])
    sent = dict(simulator.sent("I:FASTBM", until_ms=came["stamp_ms"]))
    assert sent[came["stamp_ms"]] == " ".join(map(repr, came["value"]))


def test_what_cannot_be_read_has_the_codes_of_the_real_service(witness: Witness) -> None:
    came = witness.get_many(*REFUSED, "Z:ACLTST")
    assert REFUSED == {one["drf"]: codes(one) for one in came[:-1]}
    assert all(one["value"] is None and not one["ok"] for one in came[:-1])
    assert 10.0 == came[-1]["value"]


def test_a_silent_front_end_answers_late_with_a_timeout_of_acnet(simulator: Simulated) -> None:
    with Witness(simulator.port, timeout=8.0) as patient:
        late, good = patient.get_many("Z:SILENT", "Z:ACLTST")
    assert (1, -49) == codes(late)
    assert 10.0 == good["value"]


def test_logged_data_arrive_in_chunks_up_to_their_end_mark(witness: Witness) -> None:
    now_ms = witness.get("M:OUTTMP")["stamp_ms"]
    came = witness.get(f"M:OUTTMP<-LOGGER:{now_ms - 600_000}:{now_ms}")
    assert ("TIMED_SCALAR_ARRAY", True) == (came["kind"], came["ok"])
    stamps = came["value"]["micros"]
    assert len(stamps) in (600, 601)  # more than the 487 of one reply
    assert len(stamps) == len(came["value"]["data"])
    assert {1_000_000} == {later - earlier for earlier, later in pairwise(stamps)}
    assert (now_ms - 600_000) * 1000 <= stamps[0] <= stamps[-1] <= now_ms * 1000


def test_an_empty_window_of_the_logger_is_an_empty_answer_and_an_array_has_no_logger(witness: Witness) -> None:
    empty, none = witness.get("M:OUTTMP<-LOGGER:1001:1002"), witness.get("I:STAIRS[]<-LOGGER:1000:9000")
    assert (True, {"data": [], "micros": []}) == (empty["ok"], empty["value"])
    assert (1, -30) == codes(none)


def test_one_shots_one_after_another_share_a_connection_and_do_not_mix(simulator: Simulated, witness: Witness) -> None:
    before = simulator.clients()
    expected = {"Z:ACLTST": 10.0, "N:H801": -3.25, "I:STAIRS[2]": 5.0, "G:MODE": "Standby"}
    for _ in range(10):
        assert expected == {drf: witness.get(drf)["value"] for drf in expected}
        assert list(expected.values()) == [one["value"] for one in witness.get_many(*expected)]
    assert before + 1 == simulator.clients()


def test_a_repeating_request_read_once_leaves_nothing_behind_that_others_could_get(witness: Witness) -> None:
    for _ in range(3):
        assert 7.0 == witness.get("I:STAIRS[3]@p,100")["value"]
        assert 9.0 == witness.get("I:STAIRS[4]@e,0f")["value"]
        assert [10.0, -3.25] == [one["value"] for one in witness.get_many("Z:ACLTST", "N:H801")]


def test_many_reads_at_once_from_one_client_are_all_answered(witness: Witness) -> None:
    drfs = ["Z:ACLTST", "N:H801", "I:STAIRS[1]", "D:GAINS[7]"] * 6
    assert [10.0, -3.25, 3.0, 7.0] * 6 == [one["value"] for one in witness.ask("get_at_once", drfs)]


def test_several_clients_at_once_are_served_each_its_own(simulator: Simulated) -> None:
    with ExitStack() as opened:
        clients = [opened.enter_context(Witness(simulator.port)) for _ in range(4)]
        for number, client in enumerate(clients):
            client.tell("stream", [f"I:STAIRS[{number}]@p,100", "I:TOROID@p,200"], 2.0)
        answers = [client.hear(2.0) for client in clients]
    for number, answer in enumerate(answers):
        assert answer["failed"] is None
        values = [one["value"] for one in answer["readings"] if one["name"] == "I:STAIRS"]
        assert {1.0 + 2.0 * number} == set(values)
        assert 17 <= len(values) <= 22


@pytest.mark.timeout(60)
def test_a_thousand_devices_are_read_in_one_call(folder: Path) -> None:
    names = [f"S:D{number:05}" for number in range(1000)]
    with simulated(folder, "--synthetic", "1000", "--rate", "10") as big, Witness(big.port) as client:
        came = client.get_many(*names)
    assert names == [one["name"] for one in came]
    assert all(one["ok"] for one in came)
