"""Every DBR type as bytes: the structures of db_access.h, counts, and what has no value of a type."""

import math
import struct
from typing import Any

import numpy as np
import pytest

from iocs.fast.dbr import CLASS_NAME, LAST_TYPE, SIZES, STSACK_STRING, NotConverted, Shown, encode, readable

VALUES = np.array([1.0, 2.0, 3.0, 4.0])
LIMITS = (10.0, -10.0, 8.0, 6.0, -6.0, math.nan, 5.0, -5.0)
SHOWN = Shown(6, VALUES, 7, 2, 1000, 250, b"mA", 3, LIMITS, (b"off", b"on"), "waveform")
LEADS = {  # bytes before the first value, by form and native type (db_access.h)
    0: [0] * 7,
    1: [4, 4, 4, 4, 5, 4, 8],
    2: [12, 14, 12, 14, 15, 12, 16],
    3: [4, 24, 40, 422, 19, 36, 64],
    4: [4, 28, 48, 422, 21, 44, 80],
}


@pytest.mark.parametrize("data_type", range(LAST_TYPE + 1))
def test_the_structure_before_the_values_is_that_of_db_access(data_type: int) -> None:
    form, native = divmod(data_type, 7)
    for count in (1, 2, 4):
        found, payload = encode(SHOWN, data_type, count)
        assert (count, LEADS[form][native] + count * SIZES[native]) == (found, len(payload))
    if form:
        assert (7, 2) == struct.unpack_from(">HH", payload)
    if form == 2:
        assert (1000, 250) == struct.unpack_from(">II", payload, 4)


@pytest.mark.parametrize(
    ("data_type", "expected"),
    [
        (34, (3, b"mA", 10.0, -10.0, 8.0, 6.0, -6.0, "nan", 5.0, -5.0)),
        (27, (3, b"mA", 10.0, -10.0, 8.0, 6.0, -6.0, "nan")),
        (30, (3, b"mA", 10.0, -10.0, 8.0, 6.0, -6.0, "nan", 5.0, -5.0)),
        (33, (b"mA", 10, -10, 8, 6, -6, 0, 5, -5)),
        (29, (b"mA", 10, -10, 8, 6, -6, 0, 5, -5)),
        (32, (b"mA", 10, 246, 8, 6, 250, 0, 5, 251)),
    ],
)
def test_units_precision_and_limits_stand_in_their_order(data_type: int, expected: tuple[Any, ...]) -> None:
    form, native = divmod(data_type, 7)
    code = {1: "h", 2: "f", 4: "B", 5: "i", 6: "d"}[native] * (6 if form == 3 else 8)
    layout = ">4x" + ("h2x" if native in (2, 6) else "") + "8s" + code
    found = list(struct.unpack_from(layout, encode(SHOWN, data_type, 1)[1]))
    assert expected == tuple(
        item.rstrip(b"\0") if isinstance(item, bytes) else "nan" if item != item else item for item in found
    )


def test_labels_are_told_with_their_number() -> None:
    payload = encode(Shown(3, np.array([1]), labels=(b"off", b"on")), 31, 0)[1]
    assert 2 == struct.unpack_from(">H", payload, 4)[0]
    assert [b"off", b"on", b""] == [payload[6 + 26 * n :][:26].rstrip(b"\0") for n in range(3)]
    assert b"\0\1" == payload[-2:]


def test_labels_and_units_that_are_too_long_are_cut_before_their_nul() -> None:
    payload = encode(Shown(3, np.array([0]), labels=(b"x" * 40,) * 20), 31, 0)[1]
    assert (16, b"x" * 25 + b"\0") == (struct.unpack_from(">H", payload, 4)[0], payload[6:32])
    assert b"a/very/\0" == encode(SHOWN._replace(units=b"a/very/long"), 33, 1)[1][4:12]


def test_a_count_of_zero_means_as_many_as_there_are_and_too_many_are_filled_up() -> None:
    two = SHOWN._replace(values=np.array([1.0, 2.0]))
    for count, expected in ((0, [1, 2]), (1, [1]), (2, [1, 2]), (4, [1, 2, 0, 0])):
        assert (len(expected), np.array(expected, ">f8").tobytes()) == encode(two, 6, count)
        found, payload = encode(two, 20, count)
        assert (len(expected), 16 + 8 * len(expected)) == (found, len(payload))


def test_an_empty_array_has_no_elements_or_zeros() -> None:
    none = SHOWN._replace(values=np.zeros(0))
    assert [(0, b""), (1, bytes(8)), (1, bytes(40))] == [encode(none, 6, 0), encode(none, 6, 1), encode(none, 0, 1)]


@pytest.mark.parametrize("count", [0, 1])
def test_class_name_and_alarm_acknowledgement_are_one_structure(count: int) -> None:
    assert (1, b"waveform".ljust(40, b"\0")) == encode(SHOWN, CLASS_NAME, count)
    found, payload = encode(SHOWN._replace(values=np.array([1.5])), STSACK_STRING, count)
    assert (1, struct.pack(">HHHH", 7, 2, 1, 0) + b"1.500".ljust(40, b"\0")) == (found, payload)


@pytest.mark.parametrize(
    ("shown", "texts"),
    [
        (Shown(6, np.array([1.25, math.nan]), precision=1), [b"1.3", b"nan"]),
        (Shown(5, np.array([-7])), [b"-7"]),
        (Shown(4, np.array([104, 105], np.uint8)), [b"104", b"105"]),
        (Shown(3, np.array([1, 9]), labels=(b"off", b"on")), [b"on", b"Illegal Value"]),
        (Shown(3, np.array([4])), [b"4"]),
        (Shown(0, [b"y" * 60, b""]), [b"y" * 39, b""]),
    ],
)
def test_everything_can_be_had_as_text(shown: Shown, texts: list[bytes]) -> None:
    assert (len(texts), b"".join(text.ljust(40, b"\0") for text in texts)) == encode(shown, 0, 0)


@pytest.mark.parametrize(
    ("text", "data_type", "number"),
    [("12", 6, 12.0), ("1.5", 5, 1), ("-5", 4, 251), ("", 1, 0), ("0x10", 2, 16.0), ("1e3", 6, 1000.0), ("7 x", 5, 7)],
)
def test_a_text_that_begins_with_a_number_can_be_had_as_one(text: str, data_type: int, number: float) -> None:
    code = {1: "h", 2: "f", 4: "B", 5: "i", 6: "d"}[data_type]
    assert (1, struct.pack(">" + code, number)) == encode(Shown(0, [text.encode()]), data_type, 0)


@pytest.mark.parametrize(("text", "data_type"), [("abc", 6), ("99999999999", 5), ("40000", 1), ("1", 3), ("1e400", 6)])
def test_a_text_that_is_no_such_number_cannot(text: str, data_type: int) -> None:
    with pytest.raises(NotConverted):
        encode(Shown(0, [text.encode()]), data_type, 0)


def test_readable_are_the_35_types_and_two_more() -> None:
    assert [*range(35), 37, 38] == [data_type for data_type in range(-1, 100) if readable(data_type)]


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300, -1e300])
def test_a_value_that_a_type_cannot_hold_is_no_error(value: float) -> None:
    shown = Shown(6, np.array([value]), limits=(1e12, -1e12, math.nan, math.nan, math.nan, math.nan, math.inf, 0.0))
    for data_type in range(LAST_TYPE + 1):
        assert 1 == encode(shown, data_type, 0)[0]
