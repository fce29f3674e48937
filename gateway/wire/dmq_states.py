"""The states of a job of DMQ, for both ends, as a table (dmq.md 5); `dmq_connection` has the two ends.

A job is a list of DRFs opened by one INIT. What travels moves it from state to state, whichever end looks:

NEW --INIT--> ASKED --PENDING--> OPEN --SET, ANSWER--> OPEN      a setting job takes S only when it is OPEN
              ASKED --ANSWER (reading job)--> OPEN               PENDING of a reading job may be missing
              ASKED or OPEN --REFUSAL, DROP--> OVER
              ASKED or OPEN --BEAT, ALIVE--> the same

Whoever would send what the table does not have gets a ProtocolError; whoever receives such a thing ignores it.
"""

from dataclasses import dataclass
from enum import Enum

from gateway.core.errors import ProtocolError
from gateway.core.status import Status

PENDING = Status(72, 1)
INVALID_DATA_TYPE = Status(72, -93)
SETTINGS_DISABLED = Status(72, -94)
INTERNAL_ERROR = Status(72, -95)
DUPLICATE_JOB = Status(72, -97)
INVALID_REQUEST = Status(72, -98)
SECURITY_VIOLATION = Status(72, -99)


class Kind(Enum):
    """What a job is for."""

    READING = "reading"
    SETTING = "setting"


class State(Enum):
    """How far a job is."""

    NEW = "new"
    ASKED = "asked"  # INIT is out
    OPEN = "open"
    OVER = "over"


class What(Enum):
    """What travels: the first four from the client, the others from the server."""

    INIT = "INIT"
    SET = "S"
    BEAT = "H"
    DROP = "D"
    PENDING = "PENDING"
    ANSWER = "R of an entry"
    REFUSAL = "a refusal of the job"
    ALIVE = "Q"


_BOTH: dict[tuple[State, What], State] = {
    (State.NEW, What.INIT): State.ASKED,
    (State.ASKED, What.PENDING): State.OPEN,
    (State.OPEN, What.PENDING): State.OPEN,
    (State.OPEN, What.ANSWER): State.OPEN,
    **{(state, What.BEAT): state for state in (State.ASKED, State.OPEN)},
    **{(state, What.ALIVE): state for state in (State.ASKED, State.OPEN)},
    **{(state, What.REFUSAL): State.OVER for state in (State.ASKED, State.OPEN)},
    **{(state, What.DROP): State.OVER for state in (State.ASKED, State.OPEN)},
}
TABLE: dict[Kind, dict[tuple[State, What], State]] = {
    Kind.READING: {**_BOTH, (State.ASKED, What.ANSWER): State.OPEN},
    Kind.SETTING: {**_BOTH, (State.OPEN, What.SET): State.OPEN},
}


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds between own heartbeats, and of silence after which the other end counts as gone (5.6)."""

    beat: float = 5.0
    silence: float = 30.0


class Job:
    """What both ends know of a job: its state, and when they were heard last. Times are monotonic seconds."""

    def __init__(self, kind: Kind, entries: tuple[str, ...], now: float, timers: Timers) -> None:
        self.kind, self.entries, self.state = kind, entries, State.NEW
        self._timers = timers
        self._next_beat = now + timers.beat
        self.heard = now  # the last sign of life of the other end

    def restart(self, now: float) -> None:
        """The timers begin now: what it took to get so far is nobody's silence."""
        self._next_beat, self.heard = now + self.rhythm, now

    def sends(self, what: What) -> None:
        """Move on by what this end sends; ProtocolError when it must not be sent now."""
        state = TABLE[self.kind].get((self.state, what))
        if state is None:
            raise ProtocolError(f"{what.value} is not sent in a {self.kind.value} job that is {self.state.value}")
        self.state = state

    def takes(self, what: What) -> bool:
        """Move on by what arrived; False when it means nothing now."""
        state = TABLE[self.kind].get((self.state, what))
        if state is not None:
            self.state = state
        return state is not None

    @property
    def due(self) -> float:
        """When there is a heartbeat to send or a silence to notice next."""
        return min(self._next_beat, self.heard + self.silence)

    @property
    def rhythm(self) -> float:
        """Seconds between heartbeats."""
        return self._timers.beat

    @property
    def silence(self) -> float:
        """Seconds of silence that end it."""
        return self._timers.silence

    def lost(self, now: float) -> bool:
        """Whether the other end has been silent for too long."""
        return now - self.heard >= self.silence

    def beats(self, now: float) -> bool:
        """Whether it is time for a heartbeat, which then counts as sent."""
        if now < self._next_beat or self.state not in (State.ASKED, State.OPEN):
            return False
        self._next_beat = now + self.rhythm
        return True
