"""What a PV shows, as the bytes of every DBR type (db_access.h of EPICS base). Pure."""

import math
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from iocs.fast.conversions import (
    CHAR,
    DOUBLE,
    DTYPES,
    ENUM,
    FLOAT,
    LONG,
    SHORT,
    STRING,
    cast,
    number_text,
    parse_number,
)

LAST_TYPE = 34  # DBR_CTRL_DOUBLE
STSACK_STRING, CLASS_NAME = 37, 38
ACKNOWLEDGES = (35, 36)  # DBR_PUT_ACKT and DBR_PUT_ACKS are for puts only
SIZES = {STRING: 40, SHORT: 2, FLOAT: 4, ENUM: 2, CHAR: 1, LONG: 4, DOUBLE: 8}  # bytes of one element
MOST_LABELS, LABEL, UNITS = 16, 26, 8  # an enum's labels; bytes of one, and of units, with a NUL
NO_LIMITS = (0.0, 0.0, math.nan, math.nan, math.nan, math.nan, 0.0, 0.0)
_ILLEGAL = "Illegal Value"  # the text of an index without a label
_PADS = {("STS", CHAR): 1, ("STS", DOUBLE): 4, ("TIME", SHORT): 2, ("TIME", ENUM): 2, ("TIME", CHAR): 3,
         ("TIME", DOUBLE): 4, ("GR", CHAR): 1, ("CTRL", CHAR): 1}  # fmt: skip  # bytes before the values
_LIMITS = {SHORT: "h", FLOAT: "f", CHAR: "B", LONG: "i", DOUBLE: "d"}
_ALARM, _TIME, _PRECISION = struct.Struct(">HH"), struct.Struct(">HHII"), struct.Struct(">HHh2x")


class NotConverted(Exception):
    """The value cannot be had as this type, or these bytes are no value of the channel's type."""


class Shown(NamedTuple):
    """A PV at one moment. Limits stand in the order of the CTRL types; NaN where there is no such limit."""

    native: int  # type of the values
    values: npt.NDArray[Any] | Sequence[bytes]  # texts where the native type is STRING
    status: int = 0
    severity: int = 0
    seconds: int = 0  # since 1990
    nanoseconds: int = 0
    units: bytes = b""
    precision: int = 0
    limits: tuple[float, ...] = (
        NO_LIMITS  # display high, low; alarm high; warning high, low; alarm low; control high, low
    )
    labels: tuple[bytes, ...] = ()
    record: str = ""  # its record type


def readable(data_type: int) -> bool:
    """Whether a client may ask for this type."""
    return 0 <= data_type <= LAST_TYPE or data_type in (STSACK_STRING, CLASS_NAME)


def encode(shown: Shown, data_type: int, count: int) -> tuple[int, bytes]:
    """The value as (count, payload); the payload is not yet padded.

    `count` 0 means as many as there are; more than there are is filled with zeros, as a C IOC does (users.md 2.5).
    """
    if data_type in ACKNOWLEDGES:
        raise NotConverted("such a type is only put")
    if data_type == CLASS_NAME:
        return 1, shown.record.encode()[:39].ljust(40, b"\0")
    if data_type == STSACK_STRING:  # no alarm is ever waiting for its acknowledgement, transient ones would
        head, native = _ALARM.pack(shown.status, shown.severity) + b"\0\1\0\0", STRING
    else:
        form, native = divmod(data_type, 7)
        head = _head(shown, ("", "STS", "TIME", "GR", "CTRL")[form], native)
    kept = shown.values[:count] if count else shown.values
    body = _body(shown, kept, native)
    count = count or len(kept)
    return count, head + body + bytes((count - len(kept)) * SIZES[native])


def _head(shown: Shown, form: str, native: int) -> bytes:
    """What stands before the values."""
    pad = bytes(_PADS.get((form, native), 0))
    if not form:
        return b""
    if form == "TIME":
        return _TIME.pack(shown.status, shown.severity, shown.seconds, shown.nanoseconds) + pad
    alarm = _ALARM.pack(shown.status, shown.severity)
    if form == "STS" or native == STRING:
        return alarm + pad
    if native == ENUM:
        texts = [text[: LABEL - 1].ljust(LABEL, b"\0") for text in shown.labels[:MOST_LABELS]]
        return alarm + struct.pack(">H", len(texts)) + b"".join(texts).ljust(MOST_LABELS * LABEL, b"\0")
    if native in (FLOAT, DOUBLE):
        alarm = _PRECISION.pack(shown.status, shown.severity, shown.precision)
    units = shown.units[: UNITS - 1].ljust(UNITS, b"\0")
    return alarm + units + _limits(shown.limits[: 6 if form == "GR" else 8], native) + pad


def _limits(limits: Sequence[float], native: int) -> bytes:
    numbers = np.array(limits, np.float64)
    if native not in (FLOAT, DOUBLE):
        numbers[~np.isfinite(numbers)] = 0
    return cast(numbers, native).tobytes()


def _body(shown: Shown, values: Any, native: int) -> bytes:
    if shown.native == STRING:
        if native == STRING:
            return b"".join(text[:39].ljust(40, b"\0") for text in values)
        return _parsed(values, native)
    if native != STRING:
        return cast(values, native).tobytes()
    return b"".join(text.encode("latin-1", "replace")[:39].ljust(40, b"\0") for text in _texts(shown, values))


def _texts(shown: Shown, values: npt.NDArray[Any]) -> list[str]:
    """Numbers as texts."""
    if shown.native == ENUM and shown.labels:
        labels = [label.decode("latin-1") for label in shown.labels]
        return [labels[index] if index < len(labels) else _ILLEGAL for index in values.tolist()]
    if shown.native in (FLOAT, DOUBLE):
        return [number_text(number, shown.precision) for number in values.tolist()]
    return [str(number) for number in values.tolist()]


def _parsed(texts: Sequence[bytes], native: int) -> bytes:
    """Texts as numbers; a text is never an index."""
    if native == ENUM:
        raise NotConverted("a text has no states")
    try:
        numbers = [parse_number(text.decode("latin-1"), native)[0] for text in texts]
    except ValueError as error:
        raise NotConverted(str(error)) from error
    return np.array(numbers, np.float64 if native in (FLOAT, DOUBLE) else np.int64).astype(DTYPES[native]).tobytes()
