"""Alarm blocks of the facility: values.md 5."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.blocks import AlarmBlock, AlarmFlag, AnalogAlarm, DigitalAlarm
from gateway.core.status import BAD_REQUEST, INVLEN, OK, SCALEFAIL, Status
from simulator.facility import Facility, load_facility, shipped_facility
from tests.simulator.facilities import NOW, SECOND, facility, read, write


def test_an_analog_alarm_turns_bad_after_its_tries():
    of = facility("analog: {min: 0, max: 5, tries_needed: 3, text: TOO HIGH}")
    assert AnalogAlarm(0, 5, True, False, False, False, 3, 0) == read(of, "Z@A")
    write(of, "Z:A", 9.0)  # beyond 5 after half a second
    assert (1, False) == alarm_of(of, NOW + 550_000_000)
    assert (2, False) == alarm_of(of, NOW + 650_000_000)
    assert (3, True) == alarm_of(of, NOW + 750_000_000)
    assert "TOO HIGH" == read(of, "Z@A.TEXT", NOW + SECOND)
    assert int(read(of, "Z@A.FLAGS", NOW + SECOND)) & AlarmFlag.HIGH
    assert OK == write(of, "Z@A.ALARM_ENABLE", 0.0)
    assert (0, False) == alarm_of(of, NOW + SECOND)
    assert "BYPASSED" == read(of, "Z@A.TEXT")


def alarm_of(of: Facility, t_ns: int) -> tuple[int, bool]:
    alarm = read(of, "Z@A", t_ns)
    assert isinstance(alarm, AnalogAlarm)
    return alarm.tries_now, alarm.alarm_status


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("MIN", 1.0, (1.0, 5.0)), ("MAX", 7.0, (0.0, 7.0)), ("NOM", 10.0, (7.5, 12.5)), ("TOL", 1.0, (1.5, 3.5)),
    ],
)  # fmt: skip
def test_single_limits_can_be_set(field, value, expected):
    of = facility("analog: {min: 0, max: 5}")
    assert OK == write(of, f"Z:A.ANALOG.{field}", value)
    assert value == read(of, f"Z:A.ANALOG.{field}")
    assert expected == (read(of, "Z@A.MIN"), read(of, "Z@A.MAX"))


@pytest.mark.parametrize("property_word", ["ANALOG", "DIGITAL"])
def test_the_flags_and_tries_of_a_block_can_be_set(property_word):
    of = shipped_facility()
    for field, value in (("ALARM_ENABLE", 0.0), ("ABORT_INHIBIT", 1.0), ("TRIES_NEEDED", 7.0)):
        assert OK == write(of, f"Z:ACLTST.{property_word}.{field}", value)
        assert value == read(of, f"Z:ACLTST.{property_word}.{field}")


@pytest.mark.parametrize(
    ("request_text", "value", "status"),
    [
        ("Z@ACLTST", 1.0, SCALEFAIL), ("Z@ACLTST.ALARM_STATUS", 1.0, BAD_REQUEST), ("Z@ACLTST.MIN", "x", SCALEFAIL),
        ("Z@ACLTST.MIN", np.array([1.0, 2.0]), INVLEN), ("Z@ACLTST.MIN", float("inf"), SCALEFAIL),
        ("Z@ACLTST.RAW", b"short", INVLEN), ("Z@ACLTST.RAW", 1.0, SCALEFAIL), ("Z@ACLTST.RAW", b"\xff" * 20, SCALEFAIL),
        ("Z$ACLTST", 1.0, SCALEFAIL), ("Z$ACLTST.TRIES_NOW", 1.0, BAD_REQUEST), ("Z$ACLTST.NOM", "x", SCALEFAIL),
        ("Z$ACLTST.RAW", b"short", INVLEN), ("Z$ACLTST.RAW", 1.0, SCALEFAIL), ("Z$ACLTST.RAW", b"\xff" * 20, SCALEFAIL),
    ],
)  # fmt: skip
def test_what_cannot_be_set_in_an_alarm_is_refused(request_text, value, status):
    assert status == write(shipped_facility(), request_text, value)


@given(low=st.integers(-1000, 1000), width=st.integers(0, 1000), needed=st.integers(0, 255))
def test_a_raw_analog_block_written_back_changes_nothing(low, width, needed):
    of = facility("analog: {min: 0, max: 5}")
    write(of, "Z@A.MIN", 2.0 * 0.5 * low + 1)
    write(of, "Z@A.MAX", 2.0 * 0.5 * (low + width) + 1)
    write(of, "Z@A.TRIES_NEEDED", float(needed))
    before, raw = read(of, "Z@A"), read(of, "Z@A{0:20}.RAW")
    assert OK == write(of, "Z@A.RAW", raw)
    assert (before, raw) == (read(of, "Z@A"), read(of, "Z@A.RAW"))
    assert (float(low), float(low + width)) == (read(of, "Z@A.RAW_MIN"), read(of, "Z@A.RAW_MAX"))


@pytest.mark.parametrize(("kind", "first", "second", "limits"), [(0, 4, 2, (3.0, 7.0)), (1, 4, 50, (2.5, 7.5))])
def test_other_limit_types_are_converted(kind, first, second, limits):
    of = facility("analog: {min: 0, max: 5}")
    block = AlarmBlock(flags=1 | 1 << 5 | kind << 8, front_end=bytes((0, 0, 1, 0, 0, 0)))
    assert OK == write(of, "Z@A.RAW", block.with_analog_values(first, second).encode())
    assert limits == (read(of, "Z@A.MIN"), read(of, "Z@A.MAX"))


def test_a_digital_alarm_looks_at_the_status_word():
    of = shipped_facility()
    assert DigitalAlarm(3, 3, True, False, False, False, 1, 0) == read(of, "Z$ACLTST")
    write(of, "Z&ACLTST", "OFF")
    assert DigitalAlarm(3, 3, True, True, False, False, 1, 1) == read(of, "Z$ACLTST")
    assert "IN-ALARM" == read(of, "Z$ACLTST.TEXT")
    assert OK == write(of, "Z$ACLTST.MASK", 2.0)
    assert ["", 3.0, 2.0] == [read(of, f"Z$ACLTST.{field}") for field in ("TEXT", "NOM", "MASK")]
    assert OK == write(of, "Z$ACLTST.RAW", read(of, "Z$ACLTST.RAW"))
    assert 2.0 == read(of, "Z$ACLTST.MASK")
    assert OK == write(of, "Z$ACLTST.ALARM_ENABLE", 0.0)
    assert "BYPASSED" == read(of, "Z$ACLTST.TEXT")


def test_a_digital_alarm_counts_its_tries_from_the_change_of_the_word():
    of = shipped_facility()
    write(of, "N&LGXS", "OFF")
    assert [(1, 0.0), (2, 1.0)] == [
        (int(read(of, "N$LGXS.TRIES_NOW", t)), read(of, "N$LGXS.ALARM_STATUS", t)) for t in (NOW, NOW + SECOND // 10)
    ]


def test_limits_of_float_blocks_are_clipped_to_what_a_float_holds():
    of = load_facility("devices: [{name: 'Z:A', units: V, analog: {min: -1.0e+300, max: 1.0e+300}}]")
    assert -3.4e38 == read(of, "Z@A.RAW_MIN")


def test_a_server_of_2024_sets_no_single_field_but_the_whole_block():
    of = shipped_facility()
    assert [SCALEFAIL, Status(14, -7)] == [write(of, f"Z{mark}BLOCKS.ALARM_ENABLE", 0.0) for mark in "@$"]
    for mark in "@$":
        block = AlarmBlock.decode(read(of, f"Z{mark}BLOCKS.RAW"))
        assert block.has(AlarmFlag.EVENT)
        assert OK == write(of, f"Z{mark}BLOCKS.RAW", block.with_field("ALARM_ENABLE", 0.0).encode())
        assert 0.0 == read(of, f"Z{mark}BLOCKS.ALARM_ENABLE")


def test_a_side_that_was_written_back_with_the_block_does_not_stay():
    of = facility("analog: {min: 0, max: 5}")
    write(of, "Z:A", 9.0)
    block = read(of, "Z@A.RAW", NOW + 2 * SECOND)
    assert AlarmBlock.decode(block).has(AlarmFlag.HIGH)
    assert OK == write(of, "Z@A.RAW", block)
    assert OK == write(of, "Z@A.MAX", 20.0)
    assert not AlarmBlock.decode(read(of, "Z@A.RAW", NOW + 3 * SECOND)).flags & (AlarmFlag.HIGH | AlarmFlag.LOW)
