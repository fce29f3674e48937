"""Values of the PC binary encoding, "SDD" (dpm-http.md section 4).

A `Kind` is one declared type: `pack` gives the bytes of a value with its tag, `unpack(data, at)` the value that
begins at `at` and the place behind it. Whatever the value or the bytes are, both return or raise `ProtocolError`.
Counts and lengths are checked against the bytes that are left before anything is allocated.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.errors import ProtocolError

Int64s = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Octets = npt.NDArray[np.uint8]

INTEGER, OCTETS, TEXT, ARRAY = 0x10, 0x30, 0x40, 0x50  # the low nibble is the number of bytes that follow
DOUBLE_TAG, FALSE, TRUE = 0x28, 0x70, 0x71
DOUBLE_SIZE = 9  # bytes of a double with its tag
_DOUBLE = struct.Struct(">Bd")


@dataclass(frozen=True, slots=True)
class Kind:
    """A declared type of the encoding, and how it is written and read; `least` is its smallest size in bytes."""

    name: str
    pack: Callable[[object], bytes]
    unpack: Callable[[bytes, int], tuple[object, int]]
    least: int = 2


def pack_number(base: int, value: int) -> bytes:
    """A tagged integer, length or count in the fewest bytes that keep its sign; `base` is the high nibble."""
    width = ((value if value >= 0 else ~value).bit_length() + 8) // 8
    return (base + width).to_bytes(1, "big") + value.to_bytes(width, "big", signed=True)


def unpack_number(base: int, data: bytes, at: int) -> tuple[int, int]:
    """The tagged integer at `at`, of 1 to 8 bytes, minimal or not, and the place behind it."""
    if at >= len(data):
        raise ProtocolError(f"truncated: a value is missing at byte {at}")
    width = data[at] - base
    if not 1 <= width <= 8:
        raise ProtocolError(f"wrong tag 0x{data[at]:02x} at byte {at}, expected 0x{base:02x} and a size of 1 to 8")
    end = at + 1 + width
    if end > len(data):
        raise ProtocolError(f"truncated inside the number at byte {at}")
    return int.from_bytes(data[at + 1 : end], "big", signed=True), end


def unpack_count(base: int, data: bytes, at: int, least: int) -> tuple[int, int]:
    """A length or count whose elements take at least `least` bytes each and fit into the rest of the data."""
    count, end = unpack_number(base, data, at)
    if not 0 <= count <= (len(data) - end) // least:
        raise ProtocolError(f"count {count} at byte {at} does not fit into the {len(data) - end} bytes left")
    return count, end


def _integer(bits: int) -> Kind:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    name = f"int{bits}"

    def pack(value: object) -> bytes:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise ProtocolError(f"{value!r} is not an integer")
        if not low <= value <= high:
            raise ProtocolError(f"{value} is out of range for {name}")
        return pack_number(INTEGER, int(value))

    def unpack(data: bytes, at: int) -> tuple[int, int]:
        value, end = unpack_number(INTEGER, data, at)
        if not low <= value <= high:
            raise ProtocolError(f"{value} at byte {at} is out of range for {name}")
        return value, end

    return Kind(name, pack, unpack)


def _pack_double(value: object) -> bytes:
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise ProtocolError(f"{value!r} is not a number")
    try:
        return _DOUBLE.pack(DOUBLE_TAG, float(value))
    except OverflowError:
        raise ProtocolError("an integer is too large for a double") from None


def _unpack_double(data: bytes, at: int) -> tuple[float, int]:
    if at + DOUBLE_SIZE > len(data):
        raise ProtocolError(f"truncated inside the double at byte {at}")
    tag, value = _DOUBLE.unpack_from(data, at)
    if tag != DOUBLE_TAG:
        raise ProtocolError(f"wrong tag 0x{tag:02x} at byte {at}, expected 0x28, a double")
    return value, at + DOUBLE_SIZE


def _pack_bool(value: object) -> bytes:
    if not isinstance(value, bool | np.bool_):
        raise ProtocolError(f"{value!r} is not a truth value")
    return b"\x71" if value else b"\x70"


def _unpack_bool(data: bytes, at: int) -> tuple[bool, int]:
    if at >= len(data):
        raise ProtocolError(f"truncated: a truth value is missing at byte {at}")
    if data[at] not in (FALSE, TRUE):
        raise ProtocolError(f"wrong tag 0x{data[at]:02x} at byte {at}, expected 0x70 or 0x71, a truth value")
    return data[at] == TRUE, at + 1


def _pack_binary(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise ProtocolError(f"{value!r} is not bytes")
    return pack_number(OCTETS, len(value)) + value


def _unpack_binary(data: bytes, at: int) -> tuple[bytes, int]:
    size, start = unpack_count(OCTETS, data, at, 1)
    return data[start : start + size], start + size


def _pack_string(value: object) -> bytes:
    if not isinstance(value, str):
        raise ProtocolError(f"{value!r} is not text")
    try:
        octets = value.encode("latin-1")
    except UnicodeEncodeError:
        raise ProtocolError(f"{value!r} has characters above U+00FF") from None
    return pack_number(TEXT, len(octets)) + octets


def _unpack_string(data: bytes, at: int) -> tuple[str, int]:
    size, start = unpack_count(TEXT, data, at, 1)
    return data[start : start + size].decode("latin-1"), start + size


def integers(octets: Octets) -> Int64s:
    """Signed big-endian integers from the rows of a matrix of bytes, shape (n, 1 to 8)."""
    count, width = octets.shape
    wide = np.empty((count, 8), np.uint8)
    wide[:, : 8 - width] = (octets[:, :1] >> 7) * np.uint8(255)  # keep the sign
    wide[:, 8 - width :] = octets
    return wide.view(">i8")[:, 0].astype(np.int64)


def octets_of(values: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> Octets:
    """The eight big-endian bytes of each value, shape (n, 8)."""
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder(">"))).view(np.uint8).reshape(-1, 8)


def widths(values: Int64s) -> Int64s:
    """How many bytes each integer takes when written in the fewest, 1 to 8."""
    magnitude = values ^ (values >> 63)
    width = np.ones(len(values), np.int64)
    for bits in range(7, 63, 8):
        width += magnitude >= (1 << bits)
    return width


def _pack_doubles(value: object) -> bytes:
    if not (isinstance(value, np.ndarray) and value.dtype == np.float64 and value.ndim == 1):
        raise ProtocolError(f"{value!r} is not a one-dimensional array of float64")
    block = np.empty((len(value), DOUBLE_SIZE), np.uint8)
    block[:, 0] = DOUBLE_TAG
    block[:, 1:] = octets_of(value)
    return pack_number(ARRAY, len(value)) + block.tobytes()


def _unpack_doubles(data: bytes, at: int) -> tuple[Doubles, int]:
    count, start = unpack_count(ARRAY, data, at, DOUBLE_SIZE)
    block = np.frombuffer(data, np.uint8, count * DOUBLE_SIZE, start).reshape(count, DOUBLE_SIZE)
    if not (block[:, 0] == DOUBLE_TAG).all():
        raise ProtocolError(f"an element of the array at byte {at} is not a double")
    values = np.ascontiguousarray(block[:, 1:]).view(">f8").reshape(count).astype(np.float64)
    return values, start + count * DOUBLE_SIZE


def _pack_int64s(value: object) -> bytes:
    if not (isinstance(value, np.ndarray) and value.dtype == np.int64 and value.ndim == 1):
        raise ProtocolError(f"{value!r} is not a one-dimensional array of int64")
    return pack_number(ARRAY, len(value)) + b"".join(pack_number(INTEGER, number) for number in value.tolist())


def _unpack_int64s(data: bytes, at: int) -> tuple[Int64s, int]:
    count, end = unpack_count(ARRAY, data, at, 2)
    stride = data[end] - INTEGER + 1 if count else 0
    if 2 <= stride <= 9 and count * stride <= len(data) - end:  # the usual case: all have the size of the first
        block = np.frombuffer(data, np.uint8, count * stride, end).reshape(count, stride)
        if (block[:, 0] == data[end]).all():
            return integers(block[:, 1:]), end + count * stride
    values = []
    for _ in range(count):
        number, end = unpack_number(INTEGER, data, end)
        values.append(number)
    return np.array(values, np.int64), end


def array_of(kind: Kind) -> Kind:
    """The array whose elements are of one kind; its value is a tuple."""

    def pack(value: object) -> bytes:
        if not isinstance(value, tuple):
            raise ProtocolError(f"{value!r} is not a tuple")
        return pack_number(ARRAY, len(value)) + b"".join(kind.pack(item) for item in value)

    def unpack(data: bytes, at: int) -> tuple[tuple[object, ...], int]:
        count, end = unpack_count(ARRAY, data, at, kind.least)
        items = []
        for _ in range(count):
            item, end = kind.unpack(data, end)
            items.append(item)
        return tuple(items), end

    return Kind(f"{kind.name}[]", pack, unpack)


INT16, INT32, INT64 = _integer(16), _integer(32), _integer(64)
DOUBLE = Kind("double", _pack_double, _unpack_double, DOUBLE_SIZE)
BOOL = Kind("bool", _pack_bool, _unpack_bool, 1)
BINARY = Kind("binary", _pack_binary, _unpack_binary)
STRING = Kind("string", _pack_string, _unpack_string)
DOUBLES = Kind("double[]", _pack_doubles, _unpack_doubles)
INT64S = Kind("int64[]", _pack_int64s, _unpack_int64s)
STRINGS = array_of(STRING)
