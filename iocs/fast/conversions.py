"""Numbers as texts and as other numbers, as a C IOC converts them. Pure.

Seen by asking the C server (EPICS 7.0.10 of pythonSoftIOC); tests/system/test_twins.py compares the two.
"""

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

STRING, SHORT, FLOAT, ENUM, CHAR, LONG, DOUBLE = range(7)
DTYPES = {SHORT: ">i2", FLOAT: ">f4", ENUM: ">u2", CHAR: ">u1", LONG: ">i4", DOUBLE: ">f8"}
_RANGES = {SHORT: (-0x8000, 0x7FFF), ENUM: (0, 0xFFFF), CHAR: (-0x80, 0xFF), LONG: (-(2**31), 2**31 - 1)}
_FLOAT = np.finfo(np.float32)
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_INTEGER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|\d+)")
_PLAIN, _LARGEST = 1e7, 1e16  # sizes above which digits are left out, and above which there is an exponent


def number_text(value: float, precision: int) -> str:
    """A double as DBR_STRING, with `precision` digits after the point."""
    precision = max(precision, 0)
    if math.isnan(value) or precision > 8 or abs(value) > _PLAIN:
        if precision > 8 or abs(value) > _LARGEST:
            precision = min(precision, 17)
            return f"{value:{precision + 7}.{precision}e}"
        return f"{value:.{min(precision, 3)}f}"
    whole = int(abs(value))
    scale = 10**precision
    fraction = (int((abs(value) - whole) * scale * 10) + 5) // 10
    if fraction >= scale:
        whole, fraction = whole + 1, fraction - scale
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{fraction:0{precision}d}" if precision else f"{sign}{whole}"


def number_texts(values: npt.NDArray[np.float64], precision: npt.NDArray[np.int64]) -> npt.NDArray[np.bytes_]:
    """Doubles as the bytes of DBR_STRING, each with its own precision: what `number_text` gives, for many at once."""
    size = np.abs(values)
    plain = (size <= _PLAIN) & (precision <= 8)  # and no NaN
    size = np.where(plain, size, 0.0)
    digits = np.clip(precision, 0, 8)
    scale = 10**digits
    whole = size.astype(np.int64)
    fraction = (((size - whole) * scale * 10).astype(np.int64) + 5) // 10
    over = fraction >= scale
    sign = np.where(values < 0, b"-", b"")
    columns = (sign, whole + over, np.where(over, fraction - scale, fraction), digits)
    texts = [
        b"%b%d.%0*d" % (sign, number, places, rest) if places else b"%b%d" % (sign, number)
        for sign, number, rest, places in zip(*(column.tolist() for column in columns), strict=True)
    ]
    for place in np.flatnonzero(~plain).tolist():
        texts[place] = number_text(float(values[place]), int(precision[place])).encode()[:39]
    return np.array(texts, "S40")


def cast(values: npt.NDArray[Any], data_type: int) -> npt.NDArray[Any]:
    """Numbers as the elements of a plain type: whole numbers cut as a C cast does, floats never beyond their range."""
    if data_type == DOUBLE or values.dtype.kind != "f":
        return values.astype(DTYPES[data_type])
    with np.errstate(invalid="ignore", over="ignore"):
        if data_type == FLOAT:
            return _to_float(values)
        whole = np.where(np.abs(values) < 2.0**31, values, -(2.0**31)).astype(np.int64)
        return whole.astype(DTYPES[data_type])


def _to_float(values: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """What is too large becomes the largest, what is too small the smallest float that is not 0."""
    sizes, signs = np.abs(values), np.sign(values)
    found = values.astype(np.float32)
    large = np.isfinite(values) & (sizes >= _FLOAT.max)
    small = (sizes <= _FLOAT.tiny) & (values != 0)
    found = np.where(large, signs * _FLOAT.max, found)
    return np.where(small, signs * _FLOAT.tiny, found).astype(DTYPES[FLOAT])


def parse_number(text: str, data_type: int) -> tuple[float | int, str]:
    """The number at the start of a text, and what stands behind it; ValueError where there is none that fits.

    An empty text is 0, and hexadecimal is understood: so does EPICS.
    """
    text = text.strip()
    if not text:
        return 0, ""
    found = (_NUMBER if data_type in (FLOAT, DOUBLE) else _INTEGER).match(text)
    if found is None:
        raise ValueError(f"{text!r} is no number")
    word, rest = found[0], text[found.end() :].strip()
    hexadecimal = "x" in word.lower()
    if data_type in _RANGES:
        value = int(word, 16 if hexadecimal else 10)
        low, high = _RANGES[data_type]
        if not low <= value <= high:
            raise ValueError(f"{value} does not fit")
        return value, rest
    number = float(int(word, 16)) if hexadecimal else float(word)
    if math.isinf(number) and "inf" not in word.lower():
        raise ValueError(f"{word} is too large")
    return number, rest
