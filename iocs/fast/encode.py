"""Values in any DBR type, by caproto's own conversions, without a task.

Rests on this of caproto 1.3: `ChannelData._read` is a coroutine that never waits, and gives the DBR structure and
the converted values; `caproto._commands.data_payload` turns both into bytes. tests/iocs/test_encode.py shows it.
"""

import struct
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import numpy as np
from caproto import ChannelData, ChannelType
from caproto._commands import data_payload, extract_data
from caproto._dbr import _LongStringChannelType, native_type
from caproto._utils import CaprotoError

T = TypeVar("T")
SIZES = {0: 40, 1: 2, 2: 4, 3: 2, 4: 1, 5: 4, 6: 8}  # bytes of one element of each plain type
DOUBLE = 6
_DOUBLE = struct.Struct(">d")
LAST_TYPE = 34  # DBR_CTRL_DOUBLE
STSACK_STRING, CLASS_NAME = 37, 38


class NotConverted(Exception):
    """The value cannot be had as this type, or these bytes are no value of the channel's type."""


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    coroutine.close()
    raise RuntimeError("a coroutine that must not wait has waited")


def readable(data_type: int) -> bool:
    """Whether a client may ask for this type."""
    return 0 <= data_type <= LAST_TYPE or data_type in (STSACK_STRING, CLASS_NAME)


def encode(channel: ChannelData, data_type: int, count: int, long_string: bool = False) -> tuple[int, bytes]:
    """The channel's value as (count, payload); the payload is not yet padded.

    `count` 0 means as many as there are; more than there are is filled with zeros, as a C IOC does (users.md 2.5).
    """
    try:
        if data_type == CLASS_NAME:
            return 1, str(channel.reported_record_type).encode("latin-1", "replace")[:39].ljust(40, b"\0")
        if data_type == STSACK_STRING:  # a structure without a value
            return 1, bytes(data_payload(b"", run_now(channel._read(ChannelType(data_type)))[0], data_type, 1)[1])
        wanted = _LongStringChannelType(data_type) if long_string and data_type % 7 == 4 else ChannelType(data_type)
        with np.errstate(invalid="ignore", over="ignore"):  # a type too small for a value gets what C gives it
            metadata, values = run_now(channel._read(wanted))
        length = len(values)
        kept = values[:count] if count and count < length else values
        _, *buffers = data_payload(kept, metadata, ChannelType(data_type), min(count, length) or length)
    except (CaprotoError, ValueError, TypeError, OverflowError, IndexError) as error:
        raise NotConverted(str(error)) from error
    payload = b"".join(bytes(buffer) for buffer in buffers[:2])
    if count > length:
        payload += bytes((count - length) * SIZES[int(native_type(ChannelType(data_type)))])
    return count or length, payload


def decode(channel: ChannelData, data_type: int, count: int, payload: bytes) -> Any:
    """What a client wants to put, as the channel's own type: a number, a text, or an array of `count`.

    Raises NotConverted for text that is no number, states that do not exist, and payloads that are too short.
    """
    if data_type == DOUBLE and count == 1 and len(payload) >= 8 and channel.native(False) == (DOUBLE, 1):
        return _DOUBLE.unpack_from(payload)[0]  # the usual case, quickly
    if data_type not in SIZES or count < 1 or (data_type != 0 and count * SIZES[data_type] > len(payload)):
        raise NotConverted(f"type {data_type}, {count} elements in {len(payload)} bytes")
    try:
        values = extract_data(bytearray(payload), ChannelType(data_type), count)
        with np.errstate(invalid="ignore", over="ignore"):
            return channel.from_wire(values, ChannelType(data_type))
    except (CaprotoError, ValueError, TypeError, OverflowError, IndexError, KeyError) as error:
        raise NotConverted(str(error)) from error
