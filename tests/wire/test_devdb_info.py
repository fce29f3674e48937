"""gateway/wire/devdb_info.py: what a record of the device database means, and what makes no sense in it."""

import math
from typing import Any

import pytest

from gateway.core.device_info import Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.wire.devdb import (
    ANALOG,
    DIGITAL,
    AlarmRecord,
    BitRecord,
    CommandRecord,
    DeviceRecord,
    PlainBitRecord,
    PropertyRecord,
)
from gateway.wire.devdb_info import device_info


def described(alarms: tuple[AlarmRecord, ...] = (), **fields: Any) -> DeviceInfo:
    info, said = device_info("M:X", DeviceRecord(1, **fields), alarms)
    assert () == said
    return info


def reading(**fields: Any) -> tuple[PropertyInfo, tuple[str, ...]]:
    info, said = device_info("M:X", DeviceRecord(1, reading=PropertyRecord(**fields)), ())
    assert info.reading is not None
    return info.reading, said


def test_a_plain_device_has_its_units_limits_and_description_without_the_blanks_of_the_database() -> None:
    info = described(
        description="Outdoor temperature   ",
        reading=PropertyRecord("V", "degF  ", -20.0, 120.0, 10, 2, (1.0, 1.0, 0.0)),
        setting=PropertyRecord(None, None, 0.0, 0.0, 16, 2),
    )
    assert "Outdoor temperature" == info.description
    assert ("degF", -20.0, 120.0, 3) == (
        info.reading.units, info.reading.low, info.reading.high, info.reading.precision
    )  # fmt: skip
    assert ("", True) == (info.setting.units, math.isnan(info.setting.low))
    assert (False, False, False, ()) == (info.status, info.analog, info.digital, info.commands)


@pytest.mark.parametrize(
    ("fields", "units", "precision"),
    [
        ({"primary_units": "cnt", "p_index": 10}, "cnt", 0),
        ({"primary_units": "V", "p_index": 16, "c_index": 80}, "V", 3),
        ({"primary_units": "V", "p_index": 10, "c_index": 6}, "", 3),
        ({"primary_units": "V", "common_units": "A", "c_index": 0}, "A", 3),
    ],
)
def test_primary_units_are_those_of_the_value_where_it_is_not_transformed_again(
    fields: dict[str, Any], units: str, precision: int
) -> None:
    found, said = reading(**fields)
    assert (units, precision, ()) == (found.units, found.precision, said)


def test_string_scaling_makes_a_text() -> None:
    assert reading(p_index=68)[0].text


@pytest.mark.parametrize(
    ("low", "high", "limits", "sentence"),
    [
        (95.0, 20.0, (20.0, 95.0), "the limits of READING are reversed, 95 and 20; they are taken the other way round"),
        (math.nan, 5.0, None, "the limits of READING are nan and 5; it is shown without limits"),
        (0.0, math.inf, None, "the limits of READING are 0 and inf; it is shown without limits"),
    ],
)
def test_limits_that_make_no_sense_are_put_right_or_left_out_and_said_once(
    low: float, high: float, limits: tuple[float, float] | None, sentence: str
) -> None:
    found, said = reading(minimum=low, maximum=high)
    assert (sentence,) == said
    assert limits == (None if math.isnan(found.low) else (found.low, found.high))


def test_blank_units_are_said() -> None:
    found, said = reading(common_units="  ")
    assert ("", ("the units of READING are blank; it is shown without units",)) == (found.units, said)


def test_the_standard_attributes_are_known_by_their_names_in_any_order_and_case() -> None:
    bits = (
        BitRecord(4, 4, short_name="Polarity", true_text="plus", false_text="minus"),
        BitRecord(1, 1, short_name="OnOff", long_name="Power", true_text="On ", false_text=" "),
        BitRecord(8, 8, short_name="ON"),
    )
    found = described(bits=bits).bits
    assert StatusBit(0, "ON", 1, 1, False, "On", "off", "Power") == found[0]
    assert StatusBit(3, "POSITIVE", 4, 4, False, "plus", "minus", "") == found[1]
    assert StatusBit(5, "ON", 8, 8, False, "1", "0", "") == found[2]  # its own: the place is taken


def test_plain_bits_win_over_attributes_of_their_own_but_for_the_standard_ones() -> None:
    bits = (
        BitRecord(1, 1, short_name="On"),
        BitRecord(2, 2, short_name="Door"),
        BitRecord(0x60, 0x20, True, "", "Water flow", "ok", "low"),
        BitRecord(0, 0, short_name="Nothing"),
        BitRecord(0x100, 0, short_name="", long_name=""),
    )
    plain = (
        PlainBitRecord(0, "x", "y", "the same as ON"),
        PlainBitRecord(1, "open", "closed", "Door of the hut "),
        PlainBitRecord(7, "", "", ""),
        PlainBitRecord(99, "a", "b", "no such bit"),
    )
    found = described(bits=bits, plain_bits=plain).bits
    assert ["ON", "DOOR OF THE HUT", "B07", "WATER FLOW", "B100"] == [bit.name for bit in found]
    assert [0, 5, 6, 7, 8] == [bit.order for bit in found]
    assert ("closed", "open", "Door of the hut", 2) == (
        found[1].true_text, found[1].false_text, found[1].description, found[1].mask
    )  # fmt: skip
    assert ("1", "0") == (found[2].true_text, found[2].false_text)
    assert (0x60, 0x20, True) == (found[3].mask, found[3].match, found[3].invert)


def test_a_status_of_which_no_bit_is_known_is_a_status() -> None:
    info = described(bits=())
    assert (True, ()) == (info.status, info.bits)


def test_commands_go_by_name_and_empty_ones_are_left_out() -> None:
    commands = CommandRecord(3, "RESET ", "Reset it"), CommandRecord(9, " "), CommandRecord(1, "ON")
    assert (Command(None, "RESET", "Reset it"), Command(None, "ON")) == described(commands=commands).commands


def test_alarm_blocks_are_there_or_not() -> None:
    found = described((AlarmRecord("M:X", DIGITAL), AlarmRecord("M:X", DIGITAL, segment=1)), description="x")
    assert (False, True) == (found.analog, found.digital)
    assert described((AlarmRecord("M:X", ANALOG),), description="x").analog


def test_a_device_that_does_not_exist_is_a_reading_that_can_say_so() -> None:
    info, said = device_info("Z:NOTFND", DeviceRecord(), ())
    assert DeviceInfo("Z:NOTFND", reading=PropertyInfo(), exists=False) == info
    assert ("the device database does not know it",) == said


def test_labels_of_any_alphabet_are_kept_whole() -> None:
    bits = (BitRecord(1, 1, short_name="Ω", true_text="geöffnet 開", false_text="zu"),)
    (bit,) = described(bits=bits).bits
    assert ("Ω", "geöffnet 開") == (bit.name, bit.true_text)
