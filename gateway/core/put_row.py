"""PutRow: what the journal keeps of one put, and its two written forms (contract.md 4, features.md P-70)."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Protocol

LONGEST_VALUE = 200  # characters of a value in the journal


@dataclass(frozen=True, slots=True)
class PutRow:
    """One put, whatever became of it. Times are Unix, UTC, in ns."""

    id: str  # of this put, in every log line about it
    time_ns: int  # when it came
    pv: str
    device: str
    user: str  # as the client claims
    host: str  # as the client claims
    address: str  # real
    old: str  # what the front end held, as far as it was known
    new: str
    layer: str  # that refused; empty when it was sent
    outcome: str  # state of the write: ACCEPTED VERIFIED UNCONFIRMED DENIED FAILED
    message: str
    readback: str  # where it was confirmed
    answered_ns: int  # when the client got its answer

    def as_json(self) -> str:
        """One line of JSON, without a line end; times as ISO 8601 too, for people."""
        return json.dumps({"time": _iso(self.time_ns), **asdict(self)}, ensure_ascii=True)

    def as_caputlog(self, gateway: str) -> str:
        """One line as caPutLog sends it, with line end; the gateway's name stands for that of an IOC."""
        when = datetime.fromtimestamp(self.time_ns / 1e9, UTC).strftime("%d-%b-%y %H:%M:%S")
        words = [gateway, when, self.host or self.address, self.user or "unknown", self.pv]
        line = " ".join(word.replace(" ", "_") for word in words[2:])
        return f"{gateway} {when} {line} new={_one_line(self.new)} old={_one_line(self.old)}\n"


class PutJournal(Protocol):
    """Keeps rows of puts; never blocks, never raises."""

    @property
    def lost(self) -> int:
        """Rows that could not be kept, since the start."""
        ...

    def record(self, row: PutRow) -> None:
        """Take a row."""
        ...

    def trouble(self) -> str:
        """Why rows cannot be written now; empty when they can."""
        ...

    def stop(self) -> bool:
        """Write what waits and end; False when that takes too long."""
        ...


def shown(value: object, text: Callable[[object], str] = str) -> str:
    """A value as the journal shows it, in one line and not too long."""
    line = _one_line(text(value))
    return line if len(line) <= LONGEST_VALUE else f"{line[:LONGEST_VALUE]}..."


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _iso(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="milliseconds")
