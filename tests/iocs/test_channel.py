"""Channels: what every type shows in every DBR type, what it takes, and how it fits what comes."""

import math
import struct
from typing import Any

import numpy as np
import pytest
from caproto import ChannelType
from caproto._dbr import DBR_TYPES, native_type

from gateway.core.severity import UDF, Alarm
from gateway.plan.model import PvType
from iocs.channel import Channel, epics_stamp
from iocs.channel_types import empty_value
from iocs.fast.dbr import NotConverted
from iocs.fast.dbr import encode as encode_shown
from iocs.fast.encode import decode, run_now
from iocs.put import Put, PutFailed
from tests.iocs.making import STAMP, channel, spec

SECONDS, NANOSECONDS = 1_700_000_000 - 631_152_000, 250_000_000
LABELS = ("off", "on", "7")
CODES = {0: "40s", 1: "h", 2: "f", 3: "H", 4: "B", 5: "i", 6: "d"}
EXAMPLES: list[tuple[PvType, int, Any, list[Any]]] = [
    # type, length, value shown, the elements as STRING SHORT FLOAT ENUM CHAR LONG DOUBLE; None: cannot be had so
    (PvType.DOUBLE, 1, 2.75, ["2.750", 2, 2.75, 2, 2, 2, 2.75]),
    (
        PvType.DOUBLE,
        4,
        np.array([1.0, 2.5]),
        [["1.000", "2.500"], [1, 2], [1.0, 2.5], [1, 2], [1, 2], [1, 2], [1.0, 2.5]],
    ),
    (PvType.LONG, 1, 65, ["65", 65, 65.0, 65, 65, 65, 65.0]),
    (PvType.ENUM, 1, 1, ["on", 1, 1.0, 1, 1, 1, 1.0]),
    (PvType.STRING, 1, "12", ["12", 12, 12.0, None, 12, 12, 12.0]),
    (PvType.TEXT, 8, "ab", ["ab", *[[97, 98, 0]] * 6]),
    (PvType.BYTES, 4, b"\x01\x02", [["1", "2"], *[[1, 2]] * 6]),
]


def elements(data_type: int, count: int, payload: bytes) -> list[Any]:
    """The values behind the structure of a DBR type."""
    code = CODES[int(native_type(ChannelType(data_type)))]
    size = count * struct.calcsize(">" + code)
    found = struct.unpack(f">{count * 40}s" if code == "40s" else f">{count}{code}", payload[len(payload) - size :])
    if code == "40s":
        return [found[0][40 * n : 40 * n + 40].partition(b"\0")[0].decode("latin-1") for n in range(count)]
    return list(found)


def shown(kind: PvType, length: int, value: Any, **options: Any) -> Channel:
    made = channel(kind, length, labels=LABELS, **options)
    made.show(value, STAMP, Alarm(2, 7))
    return made


@pytest.mark.parametrize("data_type", range(35))
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example[0].value}-{example[1]}")
def test_every_type_of_channel_can_be_had_in_every_dbr_type(
    example: tuple[PvType, int, Any, list[Any]], data_type: int
) -> None:
    kind, length, value, expected = example
    made, wanted = shown(kind, length, value), expected[data_type % 7]
    if wanted is None:
        with pytest.raises(NotConverted):
            made.payload(data_type, 0, False)
        return
    wanted = wanted if isinstance(wanted, list) else [wanted]
    count, payload = made.payload(data_type, 0, False)
    assert wanted == elements(data_type, count, payload)
    if data_type >= 7:
        assert (7, 2) == struct.unpack_from(">HH", payload)
    if 14 <= data_type < 21:
        assert (SECONDS, NANOSECONDS) == struct.unpack_from(">II", payload, 4)


@pytest.mark.parametrize("data_type", [6, 20])
def test_what_is_asked_for_most_is_packed_like_all_else(data_type: int) -> None:
    made = shown(PvType.DOUBLE, 1, 1.25)
    assert made.payload(data_type, 0, False) == encode_shown(made.shown(False), data_type, 0)


def control(made: Channel, data_type: ChannelType) -> Any:
    payload = made.payload(int(data_type), 0, False)[1]
    return DBR_TYPES[data_type].from_buffer(bytearray(payload))


def test_units_precision_and_limits_are_told() -> None:
    limits = {"low": -2.5, "high": 7.5, "drive_low": -2.0, "drive_high": 7.0}
    made = shown(PvType.DOUBLE, 1, 1.0, units="mA", precision=4, writable=True, **limits)
    found = control(made, ChannelType.CTRL_DOUBLE)
    assert (b"mA", 4) == (found.units, found.precision)
    assert (-2.5, 7.5) == (found.lower_disp_limit, found.upper_disp_limit)
    assert (-2.0, 7.0) == (found.lower_ctrl_limit, found.upper_ctrl_limit)
    assert all(math.isnan(x) for x in (found.lower_alarm_limit, found.upper_warning_limit))


def test_what_nobody_may_put_has_control_limits_like_any_ai_record() -> None:
    found = control(shown(PvType.DOUBLE, 1, 1.0, low=-2.5, high=7.5), ChannelType.CTRL_DOUBLE)
    assert (-2.5, 7.5, -2.5) == (found.lower_ctrl_limit, found.upper_ctrl_limit, found.lower_disp_limit)


@pytest.mark.parametrize("data_type", [22, 23, 25, 26, 27, 29, 30, 32, 33, 34])
@pytest.mark.parametrize("kind", [PvType.DOUBLE, PvType.LONG])
def test_limits_that_are_unknown_are_zero_and_hinder_no_get(kind: PvType, data_type: int) -> None:
    found = control(shown(kind, 1, 1.0), ChannelType(data_type))
    assert all(x in (0, b"\0") for x in (found.lower_disp_limit, found.upper_disp_limit))
    if data_type % 7 in (1, 4, 5):
        assert all(x in (0, b"\0") for x in (found.lower_alarm_limit, found.upper_alarm_limit))


def test_a_get_of_whole_numbers_leaves_the_limits_as_they_were() -> None:
    made = shown(PvType.DOUBLE, 1, 1.0)
    control(made, ChannelType.CTRL_LONG)
    assert math.isnan(control(made, ChannelType.CTRL_DOUBLE).upper_alarm_limit)


@pytest.mark.parametrize(("units", "told"), [("µA", b"\xb5A"), ("a/very/long/unit", b"a/very/"), ("Ωm", b"?m")])
def test_units_are_seven_bytes_of_latin_1(units: str, told: bytes) -> None:
    assert told == control(shown(PvType.DOUBLE, 1, 1.0, units=units), ChannelType.CTRL_DOUBLE).units


def test_labels_are_told() -> None:
    made = shown(PvType.ENUM, 1, 1)
    payload = made.payload(int(ChannelType.CTRL_ENUM), 0, False)[1]
    assert 3 == struct.unpack_from(">H", payload, 4)[0]
    assert [b"off", b"on", b"7"] == [payload[6 + 26 * n :][:26].rstrip(b"\0") for n in range(3)]


@pytest.mark.parametrize(("count", "values"), [(0, []), (1, [0.0]), (4, [0.0] * 4)])
def test_an_empty_array_is_no_error(count: int, values: list[float]) -> None:
    made = shown(PvType.DOUBLE, 4, np.zeros(0))
    found, payload = made.payload(20, count, False)
    assert values == elements(20, found, payload)


@pytest.mark.parametrize("kind", [PvType.TEXT, PvType.BYTES])
@pytest.mark.parametrize("count", [0, 1, 8])
def test_an_empty_text_is_no_error(kind: PvType, count: int) -> None:
    made = shown(kind, 8, "" if kind is PvType.TEXT else b"")
    found, payload = made.payload(4, count, False)
    assert [0] * found == elements(4, found, payload)


def test_an_array_is_shown_in_one_dimension_and_no_longer_than_announced() -> None:
    made = shown(PvType.DOUBLE, 4, np.arange(6).reshape(2, 3).T)
    assert [0.0, 3.0, 1.0, 4.0] == elements(6, *made.payload(6, 0, False))


@pytest.mark.parametrize(
    ("given", "kept"),
    [(0, 0), (0x7FFFFFFF, 0x7FFFFFFF), (0x80000000, -0x80000000), (0xFFFFFFFF, -1), (-1, -1), (5.9, 5)],
)
def test_a_word_of_32_bits_keeps_its_pattern(given: float, kept: int) -> None:
    assert [kept] == elements(5, *shown(PvType.LONG, 1, given).payload(5, 0, False))


@pytest.mark.parametrize("strange", [math.nan, math.inf])
def test_a_word_that_is_no_number_changes_nothing(strange: float) -> None:
    made = shown(PvType.LONG, 1, 5)
    made.show(strange, STAMP, Alarm(3, 12))
    assert [5] == elements(5, *made.payload(5, 0, False))
    assert Alarm(3, 12) == made.alarm_now


@pytest.mark.parametrize(("given", "kept"), [(-1, 0), (0, 0), (2, 2), (3, 2), (99, 2)])
def test_an_index_without_a_label_becomes_the_nearest(given: int, kept: int) -> None:
    assert [kept] == elements(3, *shown(PvType.ENUM, 1, given).payload(3, 0, False))


@pytest.mark.parametrize(("given", "kept"), [("x" * 60, "x" * 39), ("", ""), ("µΩ", "µ?")])
def test_a_text_is_39_characters_of_latin_1(given: str, kept: str) -> None:
    assert [kept] == elements(0, *shown(PvType.STRING, 1, given).payload(0, 0, False))


def test_a_text_can_be_had_as_long_string() -> None:
    made = shown(PvType.STRING, 1, "abc")
    assert (4, 40) == made.native(True)
    assert (0, 1) == made.native(False)
    assert (4, b"abc\0") == made.payload(4, 0, True)
    assert (40, b"abc".ljust(40, b"\0")) == made.payload(4, 40, True)
    assert [97, 98, 99, 0] == elements(18, *made.payload(18, 0, True))
    assert (1, b"\0") == shown(PvType.STRING, 1, "").payload(4, 0, True)
    assert (40, b"x" * 39 + b"\0") == shown(PvType.STRING, 1, "x" * 60).payload(4, 0, True)


@pytest.mark.parametrize(("given", "kept"), [("y" * 20, b"y" * 15 + b"\0"), ("", b"\0"), ("µΩ", b"\xb5?\0")])
def test_a_long_text_leaves_room_for_its_nul(given: str, kept: bytes) -> None:
    made = shown(PvType.TEXT, 16, given)
    assert (len(kept), kept) == made.payload(4, 0, False)
    assert (16, kept.ljust(16, b"\0")) == made.payload(4, 16, False)


def test_of_a_long_text_39_characters_can_be_had_as_string() -> None:
    assert ["y" * 39] == elements(14, *shown(PvType.TEXT, 100, "y" * 60).payload(14, 0, False))


@pytest.mark.parametrize("kind", list(PvType))
def test_a_pv_holds_something_of_its_type_before_its_first_value(kind: PvType) -> None:
    length = 4 if kind in (PvType.TEXT, PvType.BYTES) else 1
    made = channel(kind, length, labels=LABELS)
    assert UDF == made.alarm_now
    assert made.blank
    native, _ = made.native(False)
    assert (0 if kind is PvType.BYTES else 1) == made.payload(native + 14, 0, False)[0]
    assert empty_value(spec(PvType.DOUBLE, 3)).tolist() == [0.0, 0.0, 0.0]


def packed(data_type: int, *values: Any) -> tuple[int, int, bytes]:
    if data_type == 0:
        return 0, len(values), b"".join(value.ljust(40, b"\0") for value in values)
    return data_type, len(values), struct.pack(f">{len(values)}{CODES[data_type]}", *values)


@pytest.mark.parametrize(
    ("kind", "length", "sent", "expected"),
    [
        (PvType.DOUBLE, 1, packed(6, 1.5), 1.5),
        (PvType.DOUBLE, 1, packed(2, 1.5), 1.5),
        (PvType.DOUBLE, 1, packed(5, -7), -7.0),
        (PvType.DOUBLE, 1, packed(1, -7), -7.0),
        (PvType.DOUBLE, 1, packed(3, 7), 7.0),
        (PvType.DOUBLE, 1, packed(4, 7), 7.0),
        (PvType.DOUBLE, 1, packed(0, b" 1.5e3 "), 1500.0),
        (PvType.DOUBLE, 1, packed(0, b"0x10"), 16.0),
        (PvType.DOUBLE, 1, packed(0, b"-5. mA"), -5.0),
        (PvType.DOUBLE, 3, packed(6, 1.5, 2.5), [1.5, 2.5]),
        (PvType.DOUBLE, 3, packed(0, b"1", b"2.5"), [1.0, 2.5]),
        (PvType.LONG, 1, packed(5, 7), 7),
        (PvType.LONG, 1, packed(0, b"7"), 7),
        (PvType.LONG, 1, packed(6, 7.9), 7),
        (PvType.ENUM, 1, packed(3, 1), 1),
        (PvType.ENUM, 1, packed(6, 2.0), 2),
        (PvType.ENUM, 1, packed(0, b"on"), 1),
        (PvType.ENUM, 1, packed(0, b" 0 "), 0),
        (PvType.ENUM, 1, packed(0, b"0x1"), 1),
        (PvType.ENUM, 1, packed(0, b"7"), 2),  # a label goes before a number
        (PvType.STRING, 1, packed(0, b"text"), "text"),
        (PvType.STRING, 1, packed(4, *b"text\0junk"), "text"),
        (PvType.TEXT, 8, packed(0, b"text"), "text"),
        (PvType.TEXT, 8, packed(4, *b"text"), "text"),
        (PvType.TEXT, 8, packed(4, *b"te\0t"), "te"),
        (PvType.TEXT, 8, packed(6, 104.0, 105.0), "hi"),
        (PvType.TEXT, 8, (0, 1, b""), ""),
        (PvType.BYTES, 4, packed(4, 1, 0, 255), b"\x01\x00\xff"),
    ],
)
def test_what_clients_send_becomes_the_channels_own_value(
    kind: PvType, length: int, sent: tuple[int, int, bytes], expected: Any
) -> None:
    value = decode(channel(kind, length, labels=LABELS, units="mA"), *sent)
    assert expected == (value.tolist() if isinstance(value, np.ndarray) else value)
    assert type(expected) is (list if isinstance(value, np.ndarray) else type(value))


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (PvType.DOUBLE, packed(0, b"abc")),
        (PvType.DOUBLE, packed(0, b"1,5")),
        (PvType.DOUBLE, packed(0, b"1 kA")),
        (PvType.DOUBLE, packed(0, b"1e400")),
        (PvType.DOUBLE, packed(0, b"")),
        (PvType.LONG, packed(0, b"nan")),
        (PvType.LONG, packed(6, math.inf)),
        (PvType.ENUM, packed(0, b"ON")),
        (PvType.ENUM, packed(0, b"3")),
        (PvType.ENUM, packed(0, b"-1")),
        (PvType.ENUM, packed(0, b"")),
        (PvType.ENUM, packed(3, 3)),
        (PvType.ENUM, packed(5, -1)),
        (PvType.ENUM, packed(6, math.nan)),
        (PvType.STRING, packed(6, 1.0)),
    ],
)
def test_what_is_no_value_of_the_type_is_not_converted(kind: PvType, sent: tuple[int, int, bytes]) -> None:
    with pytest.raises(NotConverted):
        decode(channel(kind, labels=LABELS), *sent)


def test_none_keeps_the_value_and_a_stamp_of_zero_the_stamp() -> None:
    made = shown(PvType.DOUBLE, 1, 2.0)
    made.show(None, 0, Alarm(3, 9))
    assert struct.pack(">HHIIxxxxd", 9, 3, SECONDS, NANOSECONDS, 2.0) == made.payload(20, 0, False)[1]
    assert not made.blank


@pytest.mark.parametrize(
    ("stamp_ns", "expected"), [(0, (0, 0)), (-1, (0, 999_999_999)), (2**63 - 1, (0xFFFFFFFF, 854_775_807))]
)
def test_stamps_that_do_not_fit_become_the_nearest(stamp_ns: int, expected: tuple[int, int]) -> None:
    stamp = epics_stamp(stamp_ns)
    assert expected == (stamp.secondsSinceEpoch, stamp.nanoSeconds)


def test_who_puts_is_named_by_what_is_known() -> None:
    assert ["alice@console", "unknown@10.0.0.1"] == [
        put.who for put in (Put("alice", "console", "10.0.0.1"), Put("", "", "10.0.0.1"))
    ]


def test_a_channel_without_putter_fails_a_put() -> None:
    with pytest.raises(PutFailed, match="X is not writable"):
        run_now(channel(PvType.DOUBLE).put(1.0, Put("", "", "")))


def test_a_large_array_is_made_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    channel(PvType.DOUBLE, 1_000_000)
    assert [] == caplog.records
