"""DrfRange: which elements or bytes of a property a request addresses (drf.md 5)."""

from dataclasses import dataclass
from typing import Literal

from gateway.core.errors import BadRequest

LARGEST = 2**31 - 1  # of every number of a request


@dataclass(frozen=True, slots=True)
class DrfRange:
    """A range as it was written: its mode is that of the text, so `[5:5]` is a span.

    Of arrays `start` and `end` are the first and the last element; of bytes `start` is the offset and `end`
    the *length*. Numbers that were not written are None.
    """

    byte: bool
    mode: Literal["full", "single", "span"]
    start: int | None = None
    end: int | None = None

    def __str__(self) -> str:
        return self._brackets(self._inside())

    def _inside(self) -> str:
        if self.mode == "single":
            return str(self.start)
        return f"{'' if self.start is None else self.start}:{'' if self.end is None else self.end}"

    def _brackets(self, inside: str) -> str:
        return f"{{{inside}}}" if self.byte else f"[{inside}]"

    def normal(self) -> str:
        """The text of the normal form, equal for ranges that address the same (drf.md 10.2)."""
        start = self.start or 0
        if self.mode == "single":
            return self._brackets(str(start))
        if self.end is None:
            return "[]" if start == 0 else self._brackets(f"{start}:")
        if self.end == (1 if self.byte else start):
            return self._brackets(str(start))
        return self._brackets(f"{start}:{self.end}")

    def elements(self) -> int | None:
        """How many elements an array range addresses; None when that depends on the device, and for bytes."""
        if self.byte:
            return None
        if self.mode == "single":
            return 1
        return None if self.end is None else self.end - (self.start or 0) + 1


def parse_range(text: str, whole: str, position: int) -> DrfRange:
    """The range in `text`, brackets included; `whole` and `position` are for the message of BadRequest.

    The shape is given: brackets around digits and colons.
    """

    def wrong(reason: str) -> BadRequest:
        return BadRequest(whole, "range", position, reason)

    byte = text[0] == "{"
    first, colon, second = text[1:-1].partition(":")
    if ":" in second:
        raise wrong("a range has one colon at most")
    start = int(first) if first else None
    end = int(second) if second else None
    if max(start or 0, end or 0) > LARGEST:
        raise wrong(f"numbers go up to {LARGEST}")
    if start is None and end is None:
        return DrfRange(byte, "full")
    if not colon:
        return DrfRange(byte, "single", start)
    if byte and (start or 0) + (end or 0) > LARGEST + 1:
        raise wrong(f"offset and length together go up to {LARGEST + 1}")
    if not byte and end is not None and end < (start or 0):
        raise wrong("the end is before the start")
    return DrfRange(byte, "span", start, end)
