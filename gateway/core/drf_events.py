"""DrfEvent: when a request is answered (drf.md 7), and how long a silence is normal."""

import re
from dataclasses import dataclass, field
from typing import Literal, NoReturn, TypeAlias

from gateway.core.drf_range import LARGEST
from gateway.core.drf_words import LONGEST
from gateway.core.errors import BadRequest

EventMode: TypeAlias = Literal["U", "I", "N", "P", "Q", "E", "S"]
ClockType: TypeAlias = Literal["H", "S", "E"]

_TIME = re.compile(r"([0-9]+)([SMUHK]?)")
_STATE = re.compile(r"([!-~]+),([0-9]+),([^,]*),(=|!=|\*|>|<|>=|<=)")
_FLAGS = {"T": True, "TRUE": True, "F": False, "FALSE": False}
_CLOCK_TYPES: dict[str, ClockType] = {"H": "H", "S": "S", "E": "E"}
_PERIODIC: dict[str, EventMode] = {"P": "P", "Q": "Q"}
_MICROSECONDS = {"U": 1, "M": 1_000, "": 1_000, "S": 1_000_000}


@dataclass(frozen=True, slots=True)
class DrfEvent:
    """An event. What a mode does not have is None; times are whole milliseconds, rounded (drf.md 7.2).

    Events are equal when their canonical texts are: `p,1000` and `P,1S` are not, see `normal`.
    """

    mode: EventMode
    text: str  # canonical: as written, but U, I and N are capitals
    normal: str = field(compare=False)  # equal for events that mean the same; empty when none was written
    period_ms: int | None = None  # P, Q
    immediate: bool | None = None  # P, Q: the first sample at once
    clock_number: int | None = None  # E
    clock_type: ClockType | None = None  # E: hardware, software, either
    delay_ms: int | None = None  # E, S
    state_device: str | None = None  # S, as written
    state_value: int | None = None  # S
    state_op: str | None = None  # S: = != * > < >= <=

    @property
    def repeats(self) -> bool:
        """Whether it brings more than one reading; of a default event one assumes so."""
        return self.mode not in ("I", "N")

    def silence_s(self) -> float | None:
        """Seconds that may pass without news: three periods, at least 1 s; None when the rhythm is unknown."""
        if self.period_ms is None:
            return None
        return max(1.0, 3 * self.period_ms / 1000)

    def sent(self) -> str:
        """The text for the server, in plain milliseconds (drf.md 12.2); empty for the default event."""
        if self.mode in _PERIODIC:
            return f"{self.mode},{_plain(self.period_ms)},{'TRUE' if self.immediate else 'FALSE'}"
        if self.mode == "E":
            return f"E,{self.clock_number:X},{self.clock_type},{_plain(self.delay_ms)}"
        if self.mode == "S":
            return f"S,{self.state_device},{self.state_value},{_plain(self.delay_ms)},{self.state_op}"
        return "" if self.mode == "U" else self.mode


DEFAULT = DrfEvent("U", "U", "")  # no event written
_EXPLICIT_DEFAULT = DrfEvent("U", "U", "U")
IMMEDIATE = DrfEvent("I", "I", "I")
NEVER = DrfEvent("N", "N", "N")
_PLAIN = {"U": _EXPLICIT_DEFAULT, "I": IMMEDIATE, "N": NEVER}


def periodic(period_ms: int, immediate: bool = True, mode: Literal["P", "Q"] = "P") -> DrfEvent:
    """The periodic event of so many milliseconds."""
    return parse_event(f"{mode},{period_ms},{'TRUE' if immediate else 'FALSE'}")


def parse_event(text: str, whole: str | None = None, position: int = 0) -> DrfEvent:
    """The event in `text`, without the `@`; BadRequest cites `whole`, where it stands at `position`."""
    return _EventText(text, text if whole is None else whole, position).parse()


class _EventText:
    """The text of one event while it is parsed; knows where it stands, for messages."""

    def __init__(self, text: str, whole: str, position: int) -> None:
        self.text, self.whole, self.position = text, whole, position

    def wrong(self, reason: str) -> NoReturn:
        raise BadRequest(self.whole, "event", self.position, reason)

    def parse(self) -> DrfEvent:
        if len(self.text) > LONGEST or not (self.text.isascii() and self.text.isprintable()):
            self.wrong(f"an event has at most {LONGEST} printable ASCII characters")
        mode = self.text[:1].upper()
        if mode == "S":
            return self.state()
        words = self.text.upper().split(",")
        if words[0] in _PERIODIC:
            return self.periodic(_PERIODIC[words[0]], words)
        if words[0] == "E":
            return self.clock(words)
        if words[0] in _PLAIN and len(words) == 1:
            return _PLAIN[words[0]]
        if mode and mode in "UINPQE":
            reason = f"{self.text!r} has something after {mode} that does not belong there"
        else:
            reason = f"{self.text!r} is none of U, I, N, P,time Q,time E,number S,device,value,time,op"
        return self.wrong(reason)

    def periodic(self, mode: EventMode, words: list[str]) -> DrfEvent:
        if len(words) > 3:
            self.wrong(f"write {mode},time,flag; there is a part too many")
        period_ms, normal = self.time(words[1]) if len(words) > 1 else (1000, "1S")
        flag = words[2] if len(words) > 2 else "TRUE"
        if flag not in _FLAGS:
            self.wrong(f"{flag!r} is no flag; write TRUE or FALSE")
        immediate = _FLAGS[flag]
        return DrfEvent(mode, self.text, f"{mode},{normal},{str(immediate).upper()}", period_ms, immediate)

    def clock(self, words: list[str]) -> DrfEvent:
        if not 2 <= len(words) <= 4:
            self.wrong("write E,number or E,number,type or E,number,type,time")
        if not re.fullmatch("[0-9A-F]+", words[1]):
            self.wrong(f"{words[1]!r} is no hexadecimal clock event")
        kind = _CLOCK_TYPES.get(words[2] if len(words) > 2 else "E")
        if kind is None:
            self.wrong(f"{words[2]!r} is no type of clock event; write H, S or E")
        delay_ms, normal = self.time(words[3]) if len(words) > 3 else (0, "0")
        number = int(words[1], 16)
        return DrfEvent(
            "E", self.text, f"E,{number:X},{kind},{normal}", clock_number=number, clock_type=kind, delay_ms=delay_ms
        )

    def state(self) -> DrfEvent:
        found = _STATE.fullmatch(self.text[2:]) if self.text[1:2] == "," else None
        if found is None:
            self.wrong("write S,device,value,time,op with one of = != * > < >= <=")
        device, value, time, op = found.groups()
        delay_ms, normal = self.time(time.upper())
        return DrfEvent(
            "S", self.text, f"S,{device},{int(value)},{normal},{op}",
            delay_ms=delay_ms, state_device=device, state_value=int(value), state_op=op,
        )  # fmt: skip

    def time(self, text: str) -> tuple[int, str]:
        """Whole milliseconds, and the normal text, of a time or frequency in capitals (drf.md 7.2, 10.2)."""
        found = _TIME.fullmatch(text)
        if found is None:
            self.wrong(f"{text!r} is no time; write digits and S, M, U, H or K")
        number, unit = int(found[1]), found[2]
        if number > LARGEST:
            self.wrong(f"times go up to {LARGEST}")
        if number == 0:
            return 0, "0"
        if unit in _MICROSECONDS:
            micros = number * _MICROSECONDS[unit]
            return (micros + 500) // 1000, _duration(micros)
        hertz = number * (1000 if unit == "K" else 1)
        # floor(x + 0.5) of 1000 / hertz, in integers
        return (2000 + hertz) // (2 * hertz), f"{hertz // 1000}K" if hertz % 1000 == 0 else f"{hertz}H"


def _plain(milliseconds: int | None) -> str:
    """Plain milliseconds; seconds for times so long that no parser takes them as milliseconds."""
    assert milliseconds is not None  # the mode has a time
    return str(milliseconds) if milliseconds <= LARGEST else f"{milliseconds // 1000}S"


def _duration(micros: int) -> str:
    if micros % 1_000_000 == 0:
        return f"{micros // 1_000_000}S"
    return f"{micros // 1000}" if micros % 1000 == 0 else f"{micros}U"
