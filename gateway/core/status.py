"""Status: facility and number, the table of their names and classes (values.md 6 to 8).

The table is program text that happens to be kept beside the code, `status_names.txt`: a line per facility,
`facility NAME number:NAME:class ...`. It is read once, at import.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from gateway.core.errors import BadInput, ProtocolError


@cache
def _table() -> tuple[dict[int, str], dict[tuple[int, int], tuple[str, str]]]:
    facilities: dict[int, str] = {}
    names: dict[tuple[int, int], tuple[str, str]] = {}
    for line in (files("gateway.core") / "status_names.txt").read_text("ascii").splitlines():
        number, facility, *entries = line.split()
        facilities[int(number)] = facility
        for entry in entries:
            error, name, category = entry.split(":")
            names[int(number), int(error)] = (name, category)
    return facilities, names


@cache
def _by_name() -> dict[str, tuple[int, int]]:
    return {name: key for key, (name, _) in reversed(_table()[1].items())}


_COMM_FACILITIES = frozenset((1, 48, 49, 50, 52, 54, 64))  # values.md 8, statuses that are not listed


@dataclass(frozen=True, slots=True)
class Status:
    """An ACNET status. number 0 is good, above 0 a warning, below 0 an error, whatever the facility."""

    facility: int  # 0..255
    number: int  # -128..127

    @classmethod
    def from_packed(cls, word: int) -> "Status":
        """From the 16-bit word, signed or unsigned (values.md 6.1)."""
        word &= 0xFFFF
        return cls(word & 0xFF, (word >> 8) - (256 if word >= 0x8000 else 0))

    @classmethod
    def from_split(cls, facility: int, number: int) -> "Status":
        """From two numbers, as gRPC has them; some senders give the second unsigned. ProtocolError beyond."""
        if not 0 <= facility <= 255 or not -128 <= number <= 255:
            raise ProtocolError(f"facility {facility} and error {number} are no status")
        return cls(facility, number - 256 if number > 127 else number)

    @classmethod
    def parse(cls, text: str) -> "Status":
        """From `17 -17`, `[17 -17]`, `17/-17`, a name, a displayed status, or a hexadecimal word; else BadInput."""
        text = text.strip()
        if found := re.fullmatch(r"(?:[A-Z0-9_]+ )?\[?([0-9]{1,3})[ /](-?[0-9]{1,3})\]?", text):
            facility, number = int(found[1]), int(found[2])
            if facility <= 255 and -128 <= number <= 127:
                return cls(facility, number)
        elif found := re.fullmatch(r"0x([0-9A-Fa-f]{1,4})", text):
            return cls.from_packed(int(found[1], 16))
        elif text.upper() in _by_name():
            return cls(*_by_name()[text.upper()])
        raise BadInput(f"{text!r} is no ACNET status; write for example 17/-17 or DPM_PRIV")

    @property
    def packed(self) -> int:
        """The signed 16-bit word."""
        return self.facility + 256 * self.number

    @property
    def good(self) -> bool:
        """Neither warning nor error."""
        return self.number == 0

    @property
    def failed(self) -> bool:
        """An error; there is no value."""
        return self.number < 0

    @property
    def name(self) -> str:
        """The symbolic name, or an empty text."""
        return _table()[1].get((self.facility, self.number), ("", ""))[0]

    @property
    def category(self) -> str:
        """The class of values.md 8: info pend stale clip part tmo comm busy conf scale priv set dis data bug."""
        if self.number == 0:
            return "info"
        listed = _table()[1].get((self.facility, self.number), ("", ""))[1]
        if listed not in ("", "-"):
            return listed
        if self.number > 0:
            return "part"
        return "comm" if self.facility in _COMM_FACILITIES else "data"

    def __str__(self) -> str:
        return f"{self.name} [{self.facility} {self.number}]".lstrip()


def facility_name(facility: int) -> str:
    """The name of a facility, or an empty text."""
    return _table()[0].get(facility, "")


OK = Status(0, 0)
RETRY = Status(1, -1)  # transient failure; the generic local error
REQTMO = Status(1, -6)  # our own deadline is over
NO_NODE = Status(1, -30)
DISCONNECTED = Status(1, -34)  # the link is lost
NODE_DOWN = Status(1, -42)
UTIME = Status(1, -49)  # the front end is silent
NOPROP = Status(16, -13)
INVLEN = Status(14, -13)
SCALEFAIL = Status(14, -20)
NOSCALE = Status(14, -7)
PEND = Status(17, 1)
PRIV = Status(17, -17)
BAD_REQUEST = Status(17, -24)
OUT_OF_BOUNDS = Status(17, -29)
BAD_EVENT = Status(17, -33)
REPLY_OVERFLOW = Status(17, -44)
SUPERSEDED = Status(66, 2)
