"""Between channels and the wire: what a channel shows in any DBR type, and what a client puts.

Hooks of caproto's groups are coroutines; those that never wait are run at once.
"""

import struct
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from iocs.fast import dbr
from iocs.fast.conversions import CHAR, DOUBLE, DTYPES, STRING
from iocs.fast.dbr import NotConverted as NotConverted

T = TypeVar("T")
_DOUBLE = struct.Struct(">d")


class Readable(Protocol):
    """A channel that is read."""

    def shown(self, long_string: bool) -> dbr.Shown:
        """What it shows now, as characters where a long string is asked for."""
        ...


class Writable(Protocol):
    """A channel that is put to."""

    def native(self, long_string: bool) -> tuple[int, int]:
        """Type and number of elements."""
        ...

    def from_wire(self, values: Any, data_type: int) -> Any:
        """What a client sent as the channel's own value."""
        ...


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    coroutine.close()
    raise RuntimeError("a coroutine that must not wait has waited")


def encode(channel: Readable, data_type: int, count: int, long_string: bool = False) -> tuple[int, bytes]:
    """The channel's value as (count, payload); NotConverted where it has none of that type."""
    return dbr.encode(channel.shown(long_string), data_type, count)


def decode(channel: Writable, data_type: int, count: int, payload: bytes) -> Any:
    """What a client wants to put, as the channel's own type: a number, a text, or an array of `count`.

    Raises NotConverted for text that is no number, states that do not exist, and payloads that are too short.
    """
    if data_type == DOUBLE and count == 1 and len(payload) >= 8 and channel.native(False) == (DOUBLE, 1):
        return _DOUBLE.unpack_from(payload)[0]  # the usual case, quickly
    size = count * dbr.SIZES.get(data_type, 0)
    missing = size - len(payload)
    if size <= 0 or missing > (dbr.SIZES[STRING] if data_type == STRING else 0):
        raise NotConverted(f"type {data_type}, {count} elements in {len(payload)} bytes")
    try:
        if data_type == STRING:  # of the last text a client may leave out what is behind its NUL
            texts = [payload[at : at + 40].partition(b"\0")[0] for at in range(0, size, 40)]
            return channel.from_wire(texts, data_type)
        values = np.frombuffer(payload, DTYPES[data_type], count)
        return channel.from_wire(payload[:count] if data_type == CHAR else values, data_type)
    except (ValueError, OverflowError) as error:
        raise NotConverted(str(error)) from error
