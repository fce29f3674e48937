"""What the shipped facility answers, property by property: the semantics of values.md."""

import struct
from functools import partial

import numpy as np
import pytest

from gateway.core.blocks import BasicStatus
from gateway.core.drf import DataRequest
from gateway.core.status import BAD_REQUEST, INVLEN, NOPROP, NOSCALE, OK, OUT_OF_BOUNDS, PRIV, SCALEFAIL, UTIME, Status
from gateway.runtime.worker import StopToken, Worker
from simulator.facility import load_facility, shipped_facility
from simulator.raw import to_raw
from tests.simulator.facilities import NOW, SECOND, facility, read, write


def test_a_reading_follows_its_setting_within_the_settle_time():
    of = facility()
    assert OK == write(of, "Z:A", 9.0)
    assert 9.0 == read(of, "Z_A")
    assert [1.0, 5.0, 9.0, 9.0] == [read(of, "Z:A", NOW + t) for t in (-1, SECOND // 2, SECOND, 9 * SECOND)]


def test_a_first_order_reading_goes_most_of_the_way_early_and_arrives_exactly():
    of = load_facility("devices: [{name: 'Z:A', units: V, setting: 0, settle: 1.0}]")
    write(of, "Z:A", 1.0)
    assert 0.98 < read(of, "Z:A", NOW + int(0.8 * SECOND)) < 1.0
    assert 1.0 == read(of, "Z:A", NOW + SECOND)


def test_a_second_setting_starts_where_the_first_one_had_come_to():
    of = facility()
    write(of, "Z:A", 9.0)
    write(of, "Z:A", 1.0, NOW + SECOND // 2)
    assert 5.0 == read(of, "Z:A", NOW + SECOND // 2)
    assert 3.0 == read(of, "Z:A", NOW + SECOND)


@pytest.mark.parametrize(
    ("extra", "status", "setting", "reading"),
    [
        ("behaviour: follow", OK, 20.0, 20.0),
        ("behaviour: clip", OK, 10.0, 10.0),
        ("behaviour: ignore", OK, 20.0, 1.0),
        ("behaviour: stuck", OK, 1.0, 1.0),
        ("behaviour: refuse, refusal: 17/-17", PRIV, 1.0, 1.0),
        ("offset: 0.5", OK, 20.0, 20.5),
        ("model: {kind: stuck, value: 4.5}", OK, 20.0, 4.5),
        ("model: {kind: constant, value: 100}", OK, 20.0, 120.0),
    ],
)
def test_what_a_setting_does_depends_on_the_behaviour(extra, status, setting, reading):
    of = facility(extra)
    assert status == write(of, "Z:A", 20.0)
    assert setting == read(of, "Z_A", NOW + SECOND)
    assert reading == read(of, "Z:A", NOW + SECOND)


def test_a_silent_front_end_answers_with_1_49_but_the_database_still_answers():
    of = facility("silent: true")
    assert UTIME == read(of, "Z:A") == write(of, "Z:A", 1.0)
    assert "Text" == read(of, "Z~A")
    assert of.silent(DataRequest.parse("Z:A"))
    assert not of.silent(DataRequest.parse("Z~A"))


def test_raw_and_primary_are_the_reading_before_its_scaling():
    of = facility()
    write(of, "Z:A", 9.0, 0)
    assert struct.pack("<h", 8) == read(of, "Z:A.RAW")  # (9 - 1) / 2 / 0.5
    assert 4.0 == read(of, "Z:A.PRIMARY")


def test_settings_are_taken_raw_and_in_primary_units_too():
    of = facility()
    assert OK == write(of, "Z:A.RAW", struct.pack("<h", 4))
    assert 5.0 == read(of, "Z_A")
    assert OK == write(of, "Z:A.PRIMARY", 3.0)
    assert 7.0 == read(of, "Z_A")


@pytest.mark.parametrize(
    ("request_text", "value", "status"),
    [
        ("Z:A", np.array([1.0, 2.0]), INVLEN),
        ("Z:A.RAW", b"123", INVLEN),
        ("Z:A", "text", SCALEFAIL),
        ("Z:A", ("a", "b"), SCALEFAIL),
        ("Z:A", float("nan"), SCALEFAIL),
        ("Z:A", 1e6, SCALEFAIL),
        ("Z:A.PRIMARY", -1e6, SCALEFAIL),
        ("Z:A.RAW", 1.0, SCALEFAIL),
        ("Z:A[1]", 1.0, OUT_OF_BOUNDS),
        ("Z:A.SETTING{1}.RAW", b"1", Status(17, -30)),
        ("Z:A.SETTING.MIN", 1.0, BAD_REQUEST),
        ("Z~A", "text", BAD_REQUEST),
        ("Z^A", 1.0, BAD_REQUEST),
        ("Z&A", 1.0, NOPROP),
        ("Z@A", 1.0, NOPROP),
        ("Z:NOTFND", 1.0, NOPROP),
        ("MY:FOREIGN:PV.X.Y.Z", 1.0, BAD_REQUEST),
        ("some foreign name", 1.0, BAD_REQUEST),
    ],
)
def test_a_setting_that_cannot_be_applied_has_the_status_of_the_page(request_text, value, status):
    of = facility()
    assert status == write(of, request_text, value)
    assert 1.0 == read(of, "Z_A")


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("Z:NOTFND", NOPROP),
        ("Z|A", NOPROP),
        ("Z:A[1]", OUT_OF_BOUNDS),
        ("Z:A{1:1}.RAW", Status(17, -30)),
        ("Z:A{0:0}.RAW", OUT_OF_BOUNDS),
        ("Z:A.MIN", BAD_REQUEST),
        ("some foreign name", BAD_REQUEST),
    ],
)
def test_a_request_that_cannot_be_started_has_the_status_of_the_page(request_text, status):
    of = facility()
    assert status == of.check(DataRequest.parse(request_text)) == read(of, request_text)


def test_without_scaling_only_raw_can_be_had():
    of = shipped_facility()
    assert NOSCALE == read(of, "Z:NOSCAL") == read(of, "Z:NOSCAL.PRIMARY")
    assert struct.pack("<i", 77) == read(of, "Z:NOSCAL.RAW")


def test_a_reading_beyond_the_raw_type_cannot_be_had_raw():
    of = facility("model: {kind: constant, value: 1.0e+6}")
    assert 1_000_001.0 == read(of, "Z:A")
    assert SCALEFAIL == read(of, "Z:A.RAW")


def test_every_limit_of_the_shipped_facility_can_be_said_by_its_hardware():
    of = shipped_facility()
    specs = [spec for spec in map(of.spec, of.devices) if spec and spec.setting and not spec.setting.text]
    assert [] == [
        (spec.name, limit)
        for spec in specs
        if spec.setting
        for limit in (spec.setting.low, spec.setting.high)
        if np.isfinite(limit) and isinstance(to_raw(spec.scale, np.array([limit])), Status)
    ]


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("", 1.0),
        ("[0]", 1.0),
        ("[3]", 7.0),
        ("[1:3]", [3, 5, 7]),
        ("[14:]", [29, 31]),
        ("[:1]", [1, 3]),
        ("[2:2]", 5.0),
    ],
)
def test_ranges_address_elements(span, expected):
    found = read(shipped_facility(), f"I:STAIRS{span}")
    assert expected == (found.tolist() if isinstance(found, np.ndarray) else found)


def test_the_whole_range_is_everything_and_bytes_count_elements():
    of = shipped_facility()
    assert 16 == len(read(of, "I:STAIRS[]"))
    assert bytes([1, 3, 5]) == read(of, "I:STAIRS{0:3}.RAW")
    assert bytes([5]) == read(of, "I:STAIRS{2}.RAW")


def test_a_part_of_an_array_can_be_set():
    of = shipped_facility()
    assert OK == write(of, "D:GAINS[2:4]", np.array([10.0, 11.0, 12.0]))
    assert [0, 1, 10, 11, 12, 5, 6, 7] == read(of, "D_GAINS[]").tolist()
    assert INVLEN == write(of, "D:GAINS[]", np.array([1.0]))


def test_text_devices_answer_with_texts():
    of = shipped_facility()
    assert "Standby" == read(of, "G:MODE") == read(of, "G_MODE")
    assert OK == write(of, "G:MODE", "Beam")
    assert "Beam" == read(of, "G:MODE")
    assert b"Beam".ljust(16, b"\0") == read(of, "G:MODE.RAW")
    assert read(of, "G:WEATHR") in ("clear", "cloudy", "rain", "snow")
    assert ("quiet", "", "", "") == read(of, "G:NOTES[]")
    assert OK == write(of, "G:NOTES[1:2]", ("a", "b"))
    assert ("quiet", "a", "b", "") == read(of, "G:NOTES[]")
    assert OK == write(of, "G:NOTES.RAW", b"raw\0rest".ljust(40, b"\0"))
    assert "raw" == read(of, "G:NOTES")


@pytest.mark.parametrize(
    ("request_text", "value", "status"),
    [
        ("G:MODE", "beam", SCALEFAIL),
        ("G:MODE", 3.0, SCALEFAIL),
        ("G:NOTES", "x" * 41, SCALEFAIL),
        ("G:NOTES[0:1]", ("a",), INVLEN),
        ("G:NOTES.RAW", b"x", INVLEN),
        ("G:NOTES.SETTING.MIN", "x", BAD_REQUEST),
    ],
)
def test_a_text_that_cannot_be_set_is_refused(request_text, value, status):
    assert status == write(shipped_facility(), request_text, value)


def test_the_status_word_is_read_in_all_its_fields():
    of = shipped_facility()
    assert BasicStatus(True, True, True, True, True) == read(of, "N|LGXS")
    assert BasicStatus(on=False, ready=True) == read(of, "G|VALVE")
    assert BasicStatus() == read(of, "G|DOORS")
    assert 1.0 == read(of, "N|LGXS.ON")
    assert NOSCALE == read(of, "G|VALVE.REMOTE")
    assert 0x8000001F - (1 << 32) == read(of, "N|LGXS.BIT_VALUE")
    assert struct.pack("<I", 0x8000001F) == read(of, "N|LGXS.RAW")
    assert "OR   " == read(of, "Z:ACLTS1.STATUS.TEXT")
    assert ("ON", "READY", "REMOTE", "POSITIVE", "RAMP", "DOOR", "WATER") == read(of, "N|LGXS.BIT_NAMES")[:7]
    assert "alive" == read(of, "N|LGXS.BIT_VALUES")[31]
    assert ("Pwr", "on", "Sts", "ready") == read(of, "Z|ACLTS1.EXTENDED_TEXT")


@pytest.mark.parametrize(
    ("command", "field", "state"),
    [
        (2.0, "ON", 0.0), (1.0, "ON", 1.0), ("off", "ON", 0.0), ("TRIP", "READY", 0.0), ("RESET", "READY", 1.0),
               (("NEGATIVE",), "POSITIVE", 0.0), (6.0, "RAMP", 0.0), ("LOCAL", "REMOTE", 0.0),
        (np.array([8.0]), "REMOTE", 1.0),
        (struct.pack("<I", 2), "ON", 0.0),
    ],
)  # fmt: skip
def test_commands_act_on_status_bits(command, field, state):
    of = shipped_facility()
    assert OK == write(of, "N&LGXS", command)
    assert state == read(of, f"N|LGXS.{field}")


def test_a_command_of_the_device_acts_on_its_own_bit():
    of = shipped_facility()
    assert OK == write(of, "E:KICKER.CONTROL", "dump the line")
    assert "empty" == read(of, "E|KICKER.BIT_VALUES")[8]
    assert OK == write(of, "E:KICKER.CONTROL", 12.0)
    assert "charged" == read(of, "E|KICKER.BIT_VALUES")[8]


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (31.0, SCALEFAIL), (256.0, Status(1, -43)), (-1.0, Status(1, -43)), ("ODD", SCALEFAIL), (("ON", "OFF"), INVLEN),
        (np.array([1.0, 2.0]), INVLEN), (b"1", INVLEN), (struct.pack("<I", 99), SCALEFAIL),
    ],
)  # fmt: skip
def test_a_command_that_the_device_lacks_is_refused(value, status):
    assert status == write(shipped_facility(), "N&LGXS", value)
    assert SCALEFAIL == write(shipped_facility(), "N&LGXS.RAW", 1.0)


def test_a_reset_does_not_help_while_the_fault_lasts():
    of = shipped_facility()
    assert OK == write(of, "L&TRIPPD", "RESET")
    assert 0.0 == read(of, "L|TRIPPD.READY")


def test_reading_control_gives_status_zero_and_no_data():
    assert (None, OK) == shipped_facility().read(DataRequest.parse("N&LGXS"), NOW)


def test_the_database_properties_answer():
    of = facility()
    assert ["Text", 5.0, "Long", ""] == [read(of, text) for text in ("Z~A", "Z^A", "Z#A", "Z!A")]
    assert 1.0 == read(of, "0:5")
    assert NOPROP == read(of, "0:6")


def test_a_device_can_be_made_to_fail_and_to_work_again():
    of = facility()
    of.fail("Z:A", UTIME)
    assert UTIME == read(of, "Z:A") == write(of, "Z:A", 3.0)
    assert {"Z:A": UTIME} == of.faults()
    of.fail("Z:A", None)
    of.fail("Z:A", None)
    assert 1.0 == read(of, "Z:A")


def test_every_setting_is_remembered_refused_or_not():
    of = facility()
    write(of, "Z:A", 3.0)
    write(of, "Z:A", "text", NOW + 1)
    log = of.settings()
    assert [(3.0, NOW, OK), ("text", NOW + 1, SCALEFAIL)] == [(item.value, item.t_ns, item.status) for item in log]
    assert "Z:A.SETTING@N" == str(log[0].request)


def test_every_device_describes_itself():
    of = shipped_facility()
    for device in of.devices:
        info = of.info(device)
        assert info is not None
        assert device == info.device
    acltst = of.info("Z:ACLTST")
    assert acltst is not None
    assert ("Amps", -100.0, 100.0, 3) == tuple(
        getattr(acltst.setting, name) for name in ("units", "low", "high", "precision")
    )
    assert ["ON", "READY", "REMOTE", "POSITIVE", "RAMP"] == [bit.name for bit in acltst.bits]
    assert (True, True, True) == (acltst.status, acltst.analog, acltst.digital)
    assert (0, "RESET") == (acltst.commands[0].code, acltst.commands[0].name)
    assert of.info("Z:NOTFND") is None
    assert of.spec("Z:NOTFND") is None


def test_all_synthetic_devices_are_read_as_one_column_equal_to_single_reads():
    of = facility()
    of.synthetic(5000, rate_hz=10)
    assert 5001 == len(of.devices)
    places = np.arange(5000, dtype=np.int64)
    column = of.read_columns(places, NOW)
    assert 5000 == len(set(column.tolist()))
    for place in (0, 17, 4999):
        request = DataRequest.parse(f"S:D{place:05d}")
        assert place == of.column(request)
        assert (column[place], OK) == of.read(request, NOW)
    np.testing.assert_array_equal(column + 1, of.read_columns(places, NOW + SECOND // 10))
    assert "p,100" == of.spec("S:D00001").event


@pytest.mark.parametrize(
    "text", ["S:D05000", "S:D1", "S:D000001", "S:DXXXXX", "Z:A", "S_D00001", "S:D00001[1]", "S:D00001.RAW"]
)
def test_what_is_no_plain_reading_of_a_synthetic_device_is_no_column(text):
    of = facility()
    of.synthetic(5000)
    assert of.column(DataRequest.parse(text)) is None


def test_a_failing_synthetic_device_is_no_column():
    of = facility()
    of.synthetic(10)
    of.fail("S:D00001", UTIME)
    assert of.column(DataRequest.parse("S:D00001")) is None
    assert UTIME == read(of, "S:D00001")


def test_many_threads_may_read_and_write_at_once():
    of, wrong = shipped_facility(), []

    def work(number: int, _: StopToken) -> None:
        for turn in range(200):
            status = write(of, f"D:GAINS[{number}]", float(turn))
            if status != OK or not isinstance(read(of, "D:GAINS[]"), np.ndarray):
                wrong.append(status)

    workers = [Worker(f"writer-{number}", partial(work, number)) for number in range(8)]
    for worker in workers:
        worker.start()
    assert all(worker.stop(10.0) for worker in workers)
    assert [] == wrong
    assert [199.0] * 8 == read(of, "D_GAINS[]").tolist()


def test_a_raw_float_reads_back_and_one_that_is_too_large_is_infinite():
    of = load_facility(
        "devices: [{name: 'Z:A', units: V, setting: 1.5}, {name: 'Z:B', scale: {none: true}, units: V, setting: 1}]"
    )
    assert struct.pack("<f", 1.5) == read(of, "Z_A.RAW")
    assert OK == write(of, "Z:A", 1e300)
    assert struct.pack("<f", np.inf) == read(of, "Z_A.RAW")
    assert SCALEFAIL == write(of, "Z:B", 2.0)


def test_a_text_device_may_be_stuck_or_refuse():
    of = load_facility(
        "devices: [{name: 'G:A', texts: [a, b], setting: a, behaviour: stuck},"
        " {name: 'G:B', texts: [a, b], setting: a, behaviour: refuse, refusal: 17/-17},"
        " {name: 'G:C', texts: [], text_size: 3}]"
    )
    assert OK == write(of, "G:A", "b")
    assert "a" == read(of, "G:A")
    assert PRIV == write(of, "G:B", "b")
    assert BAD_REQUEST == read(of, "G:C.UNITS")
    assert "" == read(of, "G:C")
