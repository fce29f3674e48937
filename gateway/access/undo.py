"""Undo: which setpoints of a person can be put back to what they were, by the journal alone (features.md N-13)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TOOK_EFFECT = ("ACCEPTED", "VERIFIED", "UNCONFIRMED")

Row = Mapping[str, object]  # one line of the journal


@dataclass(frozen=True, slots=True)
class Step:
    """One setpoint: from what the person left it at, back to what it was before. `reason` says why it stays."""

    pv: str
    device: str
    now: str  # the person's last value
    old: str
    reason: str = ""

    @property
    def possible(self) -> bool:
        """Whether it can be put back."""
        return not self.reason


def undo_of(rows: Iterable[Row], user: str, since_ns: int) -> list[Step]:
    """The steps back, newest first, of everything that the user has set from that time on.

    A device that somebody else has set since stays, and so does what was no single number: the journal shows arrays
    cut, and a command has no value before.
    """
    first: dict[str, Row] = {}  # of each device, the user's first put in the span
    last: dict[str, Row] = {}
    others: dict[str, str] = {}
    for row in rows:
        device = str(row["device"])
        if row["layer"] or row["outcome"] not in TOOK_EFFECT or not device or _time(row) < since_ns:
            continue
        if row["user"] == user:
            first.setdefault(device, row)
            last[device] = row
        elif device in first:
            others[device] = f"{row['user'] or 'unknown'}@{row['host'] or row['address']}"
    order = sorted(first, key=lambda device: _time(last[device]), reverse=True)
    return [_step(device, first[device], last[device], others.get(device, "")) for device in order]


def _step(device: str, first: Row, last: Row, other: str) -> Step:
    old, now, pv = str(first["old"]), str(last["new"]), str(last["pv"])
    reason = ""
    if other:
        reason = f"{other} has set it since"
    elif not old:
        reason = "what it was before is not known"
    elif not (_is_number(old) and _is_number(now)):
        reason = "the journal holds no single number of it"
    return Step(pv, device, now, old, reason)


def _time(row: Row) -> int:
    time_ns = row["time_ns"]
    return time_ns if isinstance(time_ns, int) else 0


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
