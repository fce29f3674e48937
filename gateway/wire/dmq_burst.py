"""Plain numbers as AMQP frames: all that one tick of a server publishes to a job, in one piece (dmq.md 2.5, 6).

Between two ticks only value and time change, so all else is made once for each entry.
"""

import struct
from collections.abc import Iterable, Mapping

from gateway.wire.dmq import Sample, SampleKind, encode
from gateway.wire.dmq_envelope import READING_PREFIX

# Frames of AMQP 0-9-1: kind, channel, size; as many bytes; one that ends them.
FRAME = struct.Struct(">BHI")
METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
KINDS = (METHOD, HEADER, BODY, HEARTBEAT)
END = 0xCE
AROUND = 8  # bytes of a frame beside those of its size

# The usual body of a DoubleSample: the value, and behind it a time of six bytes, as all from 1987 to 6429 have.
PLACE = 20  # of the value
NUMBER = struct.Struct(">dIHI")  # value, key and tag of the time, the time
VALUE, TIME = bytes.fromhex("12c16028"), 0x12694B16  # what stands before the value, and before the time
EARLIEST, LATEST = 1 << 39, 0x8000  # ms; the upper two bytes from which on a time of six bytes is negative

_PUBLISH = struct.Struct(">HHH")  # class, method, reserved
_CONTENT = struct.Struct(">HHQH")  # class, weight, bytes of the body, properties: none


class Burst:
    """The plain entries of one job, by a place of the caller's choice."""

    def __init__(self, channel: int, exchange: str, entries: Mapping[int, tuple[str, str | None]]) -> None:
        """`entries`: the DRF and the unit of each. ProtocolError when a unit cannot be written."""
        self._around: dict[int, tuple[bytes, bytes]] = {}
        for place, (drf, unit) in entries.items():
            body = encode(Sample(SampleKind.DOUBLE, 0.0, EARLIEST, unit=unit))
            names = _short(exchange) + _short(READING_PREFIX + drf)
            method = _frame(METHOD, channel, _PUBLISH.pack(60, 40, 0) + names + b"\0")
            content = _frame(HEADER, channel, _CONTENT.pack(60, 0, len(body), 0))
            frame = _frame(BODY, channel, body)
            first = FRAME.size + PLACE
            self._around[place] = method + content + frame[:first], frame[first + NUMBER.size :]

    def frames(self, places: Iterable[int], stamp_ms: int, values: Iterable[float]) -> bytes:
        """What publishes one value of each place, all of one stamp, of six bytes."""
        around, pack = self._around, NUMBER.pack
        upper, lower = stamp_ms >> 32, stamp_ms & 0xFFFFFFFF
        return b"".join(
            [
                piece
                for place, value in zip(places, values, strict=True)
                for piece in (around[place][0], pack(value, TIME, upper, lower), around[place][1])
            ]
        )


def _short(text: str) -> bytes:
    octets = text.encode()
    return bytes([len(octets)]) + octets


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return FRAME.pack(kind, channel, len(payload)) + payload + bytes([END])
