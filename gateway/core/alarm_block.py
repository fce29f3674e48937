"""AlarmBlock: the 20 raw bytes of an ANALOG or DIGITAL alarm, and Ftd, when the front end samples (values.md 5).

A block is changed by reading it, changing what is meant, and writing all of it back: everything that is not
understood is kept as it came.
"""

import struct
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import Literal

from gateway.core.errors import BadInput, ProtocolError

SIZE = 20  # bytes of one block
_LAYOUT = struct.Struct("<H4s4sBBH6s")
_FLOAT = struct.Struct("<f")
_TICKS_PER_SECOND = 60
_LENGTHS = {0: 1, 1: 2, 2: 4}  # Q -> bytes of a value
HELD = frozenset({"ALARM_ENABLE", "ABORT_INHIBIT", "TRIES_NEEDED", "ALARM_FTD"})  # in both kinds, without any scale
PATTERNS = frozenset({"NOM", "MASK"})  # of a digital block
LimitType = Literal["NOM_TOL", "NOM_PCT_TOL", "MIN_MAX"]
_LIMIT_TYPES: dict[int, LimitType] = {0: "NOM_TOL", 1: "NOM_PCT_TOL", 2: "MIN_MAX"}
_UNSIGNED, _IEEE = 2, 3  # data types; 0 and 1 are signed


class AlarmFlag(IntFlag):
    """Single bits of the flag word (values.md 5.2); bits 4 and 10 are not documented."""

    ENABLE = 1 << 0  # active; clear: bypassed
    BAD = 1 << 1
    ABORT = 1 << 2
    ABORT_INHIBIT = 1 << 3
    DIGITAL = 1 << 7  # not reliable: some digital blocks have it clear
    LOW = 1 << 11
    HIGH = 1 << 12
    EVENT = 1 << 13
    LOG = 1 << 14
    DISPLAY = 1 << 15


@dataclass(frozen=True, slots=True)
class Ftd:
    """The sampling descriptor, one word (values.md 5.4). What a kind does not have is None."""

    word: int  # 16 bits

    @classmethod
    def periodic(cls, ticks: int) -> "Ftd":
        """Sampling every so many 60ths of a second, 1 to 32767; BadInput beyond."""
        if not 1 <= ticks <= 0x7FFF:
            raise BadInput(f"a sampling period of {ticks} ticks of 1/60 s is not between 1 and 32767")
        return cls(ticks)

    @classmethod
    def clock(cls, event: int, delay_ms: int = 0) -> "Ftd":
        """Sampling on a clock event after a delay, in steps of 10 ms up to 1270; BadInput beyond."""
        if not 0 <= event <= 0xFF or not 0 <= delay_ms <= 1270 or delay_ms % 10:
            raise BadInput(f"event {event:X} after {delay_ms} ms is not 00 to FF after 0 to 1270 ms in steps of 10")
        return cls(0x8000 | delay_ms // 10 << 8 | event)

    @property
    def kind(self) -> Literal["default", "periodic", "event"]:
        """What the word says: the device's default, a period, or a clock event."""
        if self.word & 0x8000:
            return "event"
        return "periodic" if self.word else "default"

    @property
    def ticks(self) -> int | None:
        """The period in 60ths of a second; 0 is the device's default."""
        return None if self.word & 0x8000 else self.word

    @property
    def hz(self) -> float | None:
        """The rate of periodic sampling."""
        return _TICKS_PER_SECOND / self.word if self.kind == "periodic" else None

    @property
    def event(self) -> int | None:
        """The clock event."""
        return self.word & 0xFF if self.word & 0x8000 else None

    @property
    def delay_ms(self) -> int | None:
        """How long after the clock event."""
        return (self.word >> 8 & 0x7F) * 10 if self.word & 0x8000 else None


@dataclass(frozen=True, slots=True)
class AlarmBlock:
    """One raw alarm block; `encode` gives the bytes back that `decode` took.

    Values are raw ones of the READING, not engineering units. Which of the two kinds a block is does not stand
    in it reliably: the property says it.
    """

    flags: int = 0  # 16 bits
    first: bytes = bytes(4)  # minimum or nominal; digital: nominal
    second: bytes = bytes(4)  # maximum or tolerance; digital: mask
    tries_now: int = 0  # 0..255
    tries_needed: int = 0  # 0..255
    ftd: Ftd = Ftd(0)
    front_end: bytes = bytes(6)  # the front end's own

    @classmethod
    def decode(cls, raw: bytes, segment: int = 0) -> "AlarmBlock":
        """The block of one segment; ProtocolError when `raw` does not hold all of it."""
        start = SIZE * segment
        if segment < 0 or len(raw) < start + SIZE:
            raise ProtocolError(f"{len(raw)} bytes do not hold segment {segment} of an alarm block of {SIZE} bytes")
        flags, first, second, tries_now, tries_needed, ftd, rest = _LAYOUT.unpack_from(raw, start)
        return cls(flags, first, second, tries_now, tries_needed, Ftd(ftd), rest)

    def encode(self) -> bytes:
        """The 20 bytes."""
        return _LAYOUT.pack(
            self.flags, self.first, self.second, self.tries_now, self.tries_needed, self.ftd.word, self.front_end
        )

    def has(self, flag: AlarmFlag) -> bool:
        """Whether a bit of the flag word is set."""
        return bool(self.flags & flag)

    def with_flag(self, flag: AlarmFlag, on: bool) -> "AlarmBlock":
        """The block with one bit set or cleared."""
        return replace(self, flags=self.flags | flag if on else self.flags & ~flag & 0xFFFF)

    @property
    def q(self) -> int:
        """The length field; 3 is undefined."""
        return self.flags >> 5 & 3

    @property
    def length(self) -> int | None:
        """Bytes of a value that count; None when undefined."""
        return _LENGTHS.get(self.q)

    @property
    def limit_type(self) -> LimitType | None:
        """What the two analog values are; None when undefined."""
        return _LIMIT_TYPES.get(self.flags >> 8 & 3)

    @property
    def data_type(self) -> int:
        """How analog values are to be read: 0 unknown, 1 signed, 2 unsigned, 3 IEEE float."""
        return self.front_end[2] & 3

    def analog_values(self) -> tuple[float, float] | None:
        """Both raw values; None when length and data type do not allow to read them."""
        if self.length is None or (self.data_type == _IEEE and self.length != 4):
            return None
        if self.data_type == _IEEE:
            return _FLOAT.unpack(self.first)[0], _FLOAT.unpack(self.second)[0]
        return self._integers(self.length, signed=self.data_type != _UNSIGNED)

    def digital_values(self) -> tuple[int, int] | None:
        """Nominal pattern and mask, unsigned; None when their length is undefined."""
        return None if self.length is None else self._integers(self.length, signed=False)

    def _integers(self, length: int, signed: bool) -> tuple[int, int]:
        return (
            int.from_bytes(self.first[:length], "little", signed=signed),
            int.from_bytes(self.second[:length], "little", signed=signed),
        )

    def with_analog_values(self, first: float, second: float) -> "AlarmBlock":
        """The block with other raw values, in its own length and data type; BadInput when they do not fit."""
        if self.analog_values() is None:
            raise BadInput("the block's length or data type is not defined; its values cannot be changed")
        if self.data_type == _IEEE:
            return replace(self, first=_packed_float(first), second=_packed_float(second))
        signed = self.data_type != _UNSIGNED
        return replace(self, first=self._packed(first, signed), second=self._packed(second, signed))

    def with_digital_values(self, nominal: int, mask: int) -> "AlarmBlock":
        """The block with another pattern and mask; BadInput when they do not fit its length."""
        return replace(self, first=self._packed(nominal, False), second=self._packed(mask, False))

    def with_field(self, field: str, value: float) -> "AlarmBlock":
        """The block with one field of `HELD`, or, of a digital one, of `PATTERNS`; BadInput when it does not fit."""
        if value - value != 0:
            raise BadInput(f"{field} takes a finite number")
        number = int(value)
        match field:
            case "ALARM_ENABLE":
                return self.with_flag(AlarmFlag.ENABLE, bool(number))
            case "ABORT_INHIBIT":
                return self.with_flag(AlarmFlag.ABORT_INHIBIT, bool(number))
            case "NOM" | "MASK":
                nominal, mask = self.digital_values() or (0, 0)
                return self.with_digital_values(*((number, mask) if field == "NOM" else (nominal, number)))
        most = 0xFFFF if field == "ALARM_FTD" else 0xFF
        if not 0 <= number <= most:
            raise BadInput(f"{field} takes values from 0 to {most}, not {number}")
        return replace(self, ftd=Ftd(number)) if field == "ALARM_FTD" else replace(self, tries_needed=number)

    def _packed(self, value: float, signed: bool) -> bytes:
        """Four bytes: beyond the length that counts they hold the sign or zeros (values.md 5.3)."""
        if self.length is None:
            raise BadInput("the block's length is not defined; its values cannot be changed")
        bits = 8 * self.length
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if value != value or not low <= value <= high or value != int(value):
            raise BadInput(f"{value} is no whole number between {low} and {high}, as the block's length asks")
        return int(value).to_bytes(4, "little", signed=signed)


def _packed_float(value: float) -> bytes:
    try:
        return _FLOAT.pack(value)
    except OverflowError:
        raise BadInput(f"{value} does not fit into a float of four bytes") from None
