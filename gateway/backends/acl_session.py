"""The port of ACL's two ways in: a session that runs scripts, and what can become of a call."""

from collections.abc import Sequence
from typing import Protocol

from gateway.core.errors import AcgateError
from gateway.core.status import DISCONNECTED, REQTMO, RETRY, Status


class AclTrouble(AcgateError):
    """A call brought no answer; the text says why. Becomes a status of items, never leaves the adapter."""

    status: Status = RETRY


class TimedOut(AclTrouble):
    """Nobody answered in time: the next call is made on a new connection, since the answer may still come."""

    status = REQTMO


class SessionLost(AclTrouble):
    """There is no connection; it is made anew with the next call."""

    status = DISCONNECTED


class CallFailed(AclTrouble):
    """The service answered that it will not do this: perhaps because of one of its commands (acl.md 4.3)."""


class AclSession(Protocol):
    """Runs one script after the other, for one thread at a time. Connects when it must."""

    longest: int  # characters of one script, as it is sent

    def length(self, command: str) -> int:
        """The characters that a command adds to a script."""
        ...

    def run(self, commands: Sequence[str], deadline: float) -> str:
        """What the script prints, by the monotonic time `deadline`; an AclTrouble where nothing comes."""
        ...

    @property
    def connected(self) -> bool:
        """Whether its connection is open."""
        ...

    @property
    def reconnects(self) -> int:
        """How often it lost its connection and made it anew."""
        ...

    def close(self) -> None:
        """Free a call that waits, and end for good. Safe to call twice, from any thread."""
        ...
