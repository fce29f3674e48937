"""Numbers as texts and other numbers; what is expected here is what a C IOC of EPICS 7.0.10 answered."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iocs.fast.conversions import DTYPES, cast, number_text, number_texts, parse_number

# a double, and what an ai record with PREC 2 that shows it answers as STRING SHORT FLOAT ENUM CHAR LONG
ANSWERS = [
    (0.0, "0.00", 0, 0.0, 0, 0, 0),
    (-0.001, "-0.00", 0, -0.0010000000474974513, 0, 0, 0),
    (1.005, "1.00", 1, 1.0049999952316284, 1, 1, 1),
    (2.675, "2.67", 2, 2.674999952316284, 2, 2, 2),
    (0.995, "1.00", 0, 0.9950000047683716, 0, 0, 0),
    (9999999.999, "10000000.00", -27009, 10000000.0, 38527, 127, 9999999),
    (1e7, "10000000.00", -27008, 10000000.0, 38528, 128, 10000000),
    (10000001.5, "10000001.50", -27007, 10000002.0, 38529, 129, 10000001),
    (1e16, "10000000000000000.00", 0, 1.0000000272564224e16, 0, 0, -(2**31)),
    (1e17, " 1.00e+17", 0, 9.999999843067494e16, 0, 0, -(2**31)),
    (-1e300, "-1.00e+300", 0, -3.4028234663852886e38, 0, 0, -(2**31)),
    (1e300, "1.00e+300", 0, 3.4028234663852886e38, 0, 0, -(2**31)),
    (math.nan, "nan", 0, math.nan, 0, 0, -(2**31)),
    (math.inf, "      inf", 0, math.inf, 0, 0, -(2**31)),
    (-math.inf, "     -inf", 0, -math.inf, 0, 0, -(2**31)),
    (-40000.25, "-40000.25", 25536, -40000.25, 25536, 192, -40000),
    (40000.9, "40000.90", -25536, 40000.8984375, 40000, 64, 40000),
    (1e-40, "0.00", 0, 1.1754943508222875e-38, 0, 0, 0),
    (3.5e38, " 3.50e+38", 0, 3.4028234663852886e38, 0, 0, -(2**31)),
    (255.7, "255.70", 255, 255.6999969482422, 255, 255, 255),
    (-1.5, "-1.50", -1, -1.5, 65535, 255, -1),
    (123456.789, "123456.79", -7616, 123456.7890625, 57920, 64, 123456),
]


@pytest.mark.parametrize("answers", ANSWERS, ids=lambda answers: str(answers[0]))
def test_a_double_is_converted_as_a_c_ioc_converts_it(answers: tuple[float, ...]) -> None:
    value, text, *numbers = answers
    assert text == number_text(value, 2)
    for data_type, number in enumerate(numbers, 1):
        (found,) = cast(np.array([value]), data_type)
        assert found == number or (math.isnan(found) and math.isnan(number)), data_type


@pytest.mark.parametrize(
    ("value", "precision", "text"),
    [
        (1.5, 0, "2"), (1.25, -1, "1"), (1.25, 8, "1.25000000"), (1.25, 9, "     1.250000000e+00"),
        (1e8, 8, "100000000.000"), (1.5, 20, "1.50000000000000000e+00"), (0.5, 1, "0.5"),
    ],
)  # fmt: skip
def test_precision_is_the_number_of_digits_after_the_point(value: float, precision: int, text: str) -> None:
    assert text.strip() == number_text(value, precision).strip()


@pytest.mark.parametrize("data_type", list(DTYPES))
def test_whole_numbers_keep_their_low_bits(data_type: int) -> None:
    found = cast(np.array([65, -1], np.int64), data_type)
    assert (DTYPES[data_type], 65) == (found.dtype.str.replace("|", ">"), found[0])


@pytest.mark.parametrize(
    ("text", "data_type", "expected"),
    [
        ("1.5", 6, (1.5, "")), (" 2.5 ", 6, (2.5, "")), ("1.5 mA", 6, (1.5, "mA")), ("3e", 6, (3.0, "e")),
        ("+4", 6, (4.0, "")), ("5.", 6, (5.0, "")), (".5", 6, (0.5, "")), ("0x10", 6, (16.0, "")), ("", 6, (0, "")),
        ("-0x10", 5, (-16, "")), ("inf", 6, (math.inf, "")), ("-Infinity", 2, (-math.inf, "")),
        ("1e-4000", 6, (0.0, "")), ("12", 5, (12, "")), ("1.5", 5, (1, ".5")), ("-5", 4, (-5, "")),
        ("65535", 3, (65535, "")),
    ],
)  # fmt: skip
def test_a_text_is_read_up_to_where_its_number_ends(text: str, data_type: int, expected: tuple[float, str]) -> None:
    assert expected == parse_number(text, data_type)


@pytest.mark.parametrize(
    ("text", "data_type"),
    [("abc", 6), ("--1", 6), ("1e400", 6), ("'1'", 6), ("nan", 5), ("99999999999", 5), ("-1", 3), ("40000", 1)],
)
def test_what_begins_with_no_number_that_fits_is_refused(text: str, data_type: int) -> None:
    with pytest.raises(ValueError, match=r"no number|does not fit|too large"):
        parse_number(text, data_type)


@given(
    st.lists(
        st.tuples(
            st.floats() | st.floats(-1e8, 1e8) | st.integers(-9999, 9999).map(lambda n: n / 1000), st.integers(-2, 20)
        ),
        max_size=20,
    )
)
def test_many_numbers_become_the_texts_that_each_becomes(rows: list[tuple[float, int]]) -> None:
    values, precision = (np.array(column) for column in (zip(*rows, strict=True) if rows else ((), ())))
    expected = [number_text(value, digits).encode()[:39] for value, digits in rows]
    assert expected == number_texts(values.astype(np.float64), precision.astype(np.int64)).tolist()
