import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.wire import pc

INT64 = st.integers(-(2**63), 2**63 - 1)
KINDS = [
    *(pc.INT16, pc.INT32, pc.INT64, pc.DOUBLE, pc.BOOL, pc.BINARY, pc.STRING, pc.STRINGS, pc.DOUBLES, pc.INT64S),
]


@pytest.mark.parametrize(
    ("kind", "value", "octets"),
    [
        (pc.INT64, 0, "1100"),
        (pc.INT64, 127, "117f"),
        (pc.INT64, 128, "120080"),
        (pc.INT64, -1, "11ff"),
        (pc.INT64, -128, "1180"),
        (pc.INT64, -129, "12ff7f"),
        (pc.INT16, -32768, "128000"),
        (pc.INT64, np.int64(5), "1105"),
        (pc.DOUBLE, 72.5, "284052200000000000"),
        (pc.DOUBLE, 1, "283ff0000000000000"),
        (pc.BOOL, True, "71"),
        (pc.BOOL, np.False_, "70"),
        (pc.BINARY, b"", "3100"),
        (pc.BINARY, b"\x01\x02", "31020102"),
        (pc.STRING, "", "4100"),
        (pc.STRING, "\xb0", "4101b0"),
        (pc.STRING, "x" * 128, "420080" + "78" * 128),
        (pc.STRINGS, ("a", ""), "51024101614100"),
        (pc.STRINGS, (), "5100"),
    ],
)
def test_a_value_is_written_in_the_fewest_bytes_and_read_back(kind: pc.Kind, value: object, octets: str) -> None:
    assert kind.pack(value).hex() == octets
    assert kind.unpack(bytes.fromhex("ff" + octets + "ff"), 1) == (value, 1 + len(octets) // 2)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pc.INT16, 32768),
        (pc.INT16, -32769),
        (pc.INT32, 2**31),
        (pc.INT64, 2**63),
        (pc.INT64, 1.0),
        (pc.INT64, True),
        (pc.DOUBLE, "1"),
        (pc.DOUBLE, True),
        pytest.param(pc.DOUBLE, 10**400, id="huge"),
        (pc.BOOL, 1),
        (pc.BINARY, "x"),
        (pc.STRING, b"x"),
        (pc.STRING, "\u03a9"),
        (pc.STRINGS, ["a"]),
        (pc.DOUBLES, [1.0]),
        (pc.DOUBLES, np.array([1])),
        (pc.DOUBLES, np.array([[1.0]])),
        (pc.INT64S, [1]),
        (pc.INT64S, np.array([1.0])),
        (pc.INT64S, np.array([[1]])),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused(kind: pc.Kind, value: object) -> None:
    with pytest.raises(ProtocolError):
        kind.pack(value)


@pytest.mark.parametrize(
    ("kind", "octets"),
    [
        *((kind, "") for kind in KINDS),
        (pc.INT16, "10"),
        (pc.INT16, "19000000000000000000"),
        (pc.INT16, "13008000"),
        (pc.INT16, "1200"),
        (pc.INT32, "4131"),
        (pc.DOUBLE, "28405220000000"),
        (pc.DOUBLE, "240000000000000000"),
        (pc.BOOL, "72"),
        (pc.BINARY, "3102ff"),
        (pc.BINARY, "31ff"),
        (pc.STRING, "410278"),
        (pc.STRING, "41ff"),
        (pc.STRINGS, "547fffffff"),
        (pc.STRINGS, "51ff"),
        (pc.STRINGS, "51021101"),
        (pc.STRINGS, "510211011101"),
        (pc.DOUBLES, "51022840522000000000002840522000000000"),
        (pc.DOUBLES, "5101294052200000000000"),
        (pc.INT64S, "51021101"),
        (pc.INT64S, "5101410101"),
        (pc.INT64S, "51021101120080"[:-2]),
        (pc.INT64S, "51021101710101"),
    ],
)
def test_bytes_that_are_no_such_value_are_refused(kind: pc.Kind, octets: str) -> None:
    with pytest.raises(ProtocolError):
        kind.unpack(bytes.fromhex(octets), 0)


@pytest.mark.parametrize("octets", ["1105", "120005", "180000000000000005"])
def test_an_integer_may_have_leading_bytes(octets: str) -> None:
    assert pc.INT16.unpack(bytes.fromhex(octets), 0) == (5, len(octets) // 2)


@given(INT64)
def test_every_int64_survives_and_takes_as_many_bytes_as_widths_says(value: int) -> None:
    octets = pc.INT64.pack(value)
    assert pc.INT64.unpack(octets, 0) == (value, len(octets))
    assert pc.widths(np.array([value])).tolist() == [len(octets) - 1]


@given(st.lists(st.floats()))
def test_arrays_of_doubles_survive_bit_by_bit(values: list[float]) -> None:
    array = np.array(values, np.float64)
    octets = pc.DOUBLES.pack(array)
    assert octets == pc.pack_number(pc.ARRAY, len(values)) + b"".join(map(pc.DOUBLE.pack, values))
    back, end = pc.DOUBLES.unpack(octets, 0)
    assert isinstance(back, np.ndarray)
    assert (back.tobytes(), back.dtype, end) == (array.tobytes(), np.float64, len(octets))


@given(st.lists(INT64) | st.lists(st.integers(-128, 127)) | st.lists(st.integers(2**48, 2**54)))
def test_arrays_of_int64_survive(values: list[int]) -> None:
    octets = pc.INT64S.pack(np.array(values, np.int64))
    back, end = pc.INT64S.unpack(octets + b"\x12", 0)
    assert isinstance(back, np.ndarray)
    assert (back.tolist(), back.dtype, end) == (values, np.int64, len(octets))


def test_an_array_whose_first_element_is_the_longest_is_read() -> None:
    values, end = pc.INT64S.unpack(bytes.fromhex("5103 120080 1101 1102"), 0)
    assert isinstance(values, np.ndarray)
    assert (values.tolist(), end) == ([128, 1, 2], 9)


@pytest.mark.parametrize("width", range(1, 9))
def test_columns_of_bytes_keep_their_sign(width: int) -> None:
    values = [-1, 0, 1, -(2 ** (8 * width - 1)), 2 ** (8 * width - 1) - 1]
    octets = b"".join(value.to_bytes(width, "big", signed=True) for value in values)
    assert pc.integers(np.frombuffer(octets, np.uint8).reshape(5, width)).tolist() == values


def test_the_bytes_of_a_column_are_big_endian() -> None:
    assert pc.octets_of(np.array([-2], np.int64)).tobytes() == b"\xff" * 7 + b"\xfe"
    assert pc.octets_of(np.array([math.inf])).tobytes().hex() == "7ff0000000000000"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(data=st.binary())
def test_hostile_bytes_end_in_a_protocol_error(kind: pc.Kind, data: bytes) -> None:
    unpack: Callable[[bytes, int], object] = kind.unpack
    try:
        unpack(data, 0)
    except ProtocolError:
        return
