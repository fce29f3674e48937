"""Sessions: setting jobs that stay open, one per request, so that a put costs one message (dmq.md 5.4, P-10).

A limited number; the one that was idle for longest gives way, and one that is idle for ten minutes ends.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.backends.dmq_channel import JobChannel
from gateway.backends.dmq_line import Line
from gateway.core.status import DISCONNECTED, Status
from gateway.wire.dmq_connection import Answer, Event, Pending, Refusal
from gateway.wire.dmq_states import Kind


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How many sessions there may be, and how long one may be idle."""

    sessions: int = 200
    idle: float = 600.0  # s


@dataclass(slots=True)
class SessionFigures:
    """What became of sessions since the start."""

    opened: int = 0
    reused: int = 0  # settings that found their session open
    evicted: int = 0  # gave way to others
    expired: int = 0  # idle for too long, or when the ticket was renewed
    lost: int = 0  # ended by the server, the broker or the network


class Turn(Protocol):
    """One setting that has a session for itself. Everything is called on the thread of the line."""

    def ready(self, session: "Session") -> None:
        """The session takes a setting now."""
        ...

    def answered(self, answer: Answer) -> None:
        """The server's answer to it."""
        ...

    def refused(self, status: Status, message: str) -> None:
        """The session was refused or ended by the server, and said why."""
        ...

    def failed(self, status: Status, reason: str, reached_nobody: bool) -> None:
        """The session is lost; `reached_nobody`: what was sent came back."""
        ...


class Session:
    """One setting job; at most one turn at a time, so that answers cannot be mistaken (5.5)."""

    def __init__(self, entry: str, ended: Callable[["Session"], None]) -> None:
        self.entry, self._ended = entry, ended
        self.channel: JobChannel | None = None
        self.turn: Turn | None = None
        self.used_at = 0.0  # monotonic s

    def heard(self, event: Event) -> None:
        """See Listener."""
        turn = self.turn
        match event:
            case Pending() if turn is not None:
                turn.ready(self)
            case Answer() if turn is not None:
                turn.answered(event)
            case Refusal():
                self._ended(self)
                if turn is not None:
                    turn.refused(event.status, event.message)

    def returned(self, message_id: str) -> None:
        """See Listener: the server has forgotten this session."""
        del message_id  # there is one at a time
        self._ended(self)
        if self.channel is not None:
            self.channel.close()
        if self.turn is not None:
            self.turn.failed(DISCONNECTED, "the DMQ server has dropped this session", reached_nobody=True)

    def lost(self, status: Status, reason: str) -> None:
        """See Listener."""
        self._ended(self)
        if self.turn is not None:
            self.turn.failed(status, reason, reached_nobody=False)


class Sessions:
    """The cache. All of it belongs to the thread of the line."""

    def __init__(self, line: Line, limits: SessionLimits) -> None:
        self._line, self._limits = line, limits
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # by entry, the one used longest ago first
        self.figures = SessionFigures()

    def __len__(self) -> int:
        return len(self._sessions)

    def lend(self, entry: str, turn: Turn) -> bool:
        """Give a session to a turn, which is told when it is ready; False when all are in use. The line is up."""
        session = self._sessions.get(entry)
        if session is None:
            if not self._room():
                return False
            session = self._sessions[entry] = Session(entry, self._forget)
            self.figures.opened += 1
            session.turn = turn
            session.channel = self._line.open(Kind.SETTING, (entry,), session)
            return True
        session.turn = turn
        self._sessions.move_to_end(entry)
        if session.channel is not None and session.channel.is_open:
            self.figures.reused += 1
            turn.ready(session)
        return True

    def give_back(self, entry: str, turn: Turn, usable: bool) -> None:
        """The turn is over; a session whose answer is still out is not usable any more (5.5)."""
        session = self._sessions.get(entry)
        if session is None or session.turn is not turn:
            return
        session.turn, session.used_at = None, self._line.now()
        if not usable:
            self._close(session)

    def expire(self) -> None:
        """End what is idle for too long, or idle and older than the ticket."""
        oldest = self._line.now() - self._limits.idle
        for session in list(self._sessions.values()):
            old = session.channel is not None and session.channel.outlived
            if session.turn is None and (session.used_at < oldest or old):
                self.figures.expired += 1
                self._close(session)

    def _room(self) -> bool:
        if len(self._sessions) < self._limits.sessions:
            return True
        idle = next((session for session in self._sessions.values() if session.turn is None), None)
        if idle is not None:
            self.figures.evicted += 1
            self._close(idle)
        return idle is not None

    def _close(self, session: Session) -> None:
        del self._sessions[session.entry]
        if session.channel is not None:
            session.channel.close()

    def _forget(self, session: Session) -> None:
        if self._sessions.get(session.entry) is session:
            self.figures.lost += 1
            del self._sessions[session.entry]
