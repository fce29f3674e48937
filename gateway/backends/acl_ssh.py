"""ACL on a console node: the interactive interpreter in a session of its own (acl.md 7.2). The scheme acl+ssh."""

from collections.abc import Sequence

from gateway.backends.acl_session import AclTrouble, SessionLost, TimedOut
from gateway.backends.ssh_channel import SshChannel
from gateway.backends.ssh_connection import SshConnection
from gateway.core.errors import ProtocolError
from gateway.core.ports import Clock
from gateway.wire.acl_terminal import AclTerminal

LONGEST = 1000  # characters of one line
_JOINED = "; "


class SshSession:
    """The port AclSession over one interpreter. Sessions may share the connection."""

    longest = LONGEST

    def __init__(self, connection: SshConnection, clock: Clock) -> None:
        self._connection, self._clock = connection, clock
        self._channel: SshChannel | None = None
        self._terminal = AclTerminal()
        self._broken = self._closed = False
        self.reconnects = 0

    @property
    def connected(self) -> bool:
        """Whether the interpreter runs, as far as we know."""
        return self._channel is not None

    def length(self, command: str) -> int:
        """The characters of a command in a line, its separator with it."""
        return len(command) + len(_JOINED)

    def run(self, commands: Sequence[str], deadline: float) -> str:
        """The output of one line; an AclTrouble ends the session, since a late answer would be taken for the next."""
        try:
            if self._channel is None:
                self._start(deadline)
            assert self._channel is not None  # it was started
            self._channel.send(self._terminal.send(_JOINED.join(commands)))
            return self._await_prompt(self._channel, deadline)
        except ProtocolError as error:
            self._end()
            raise SessionLost(f"the interpreter is out of step: {error}") from None
        except TimeoutError:
            self._end()
            raise TimedOut("the interpreter does not answer in time") from None
        except EOFError as error:
            self._end()
            raise SessionLost(f"the login was dropped ({error})") from None
        except AclTrouble:
            self._end()
            raise

    def close(self) -> None:
        """Free a call that waits, and end the connection with it; see the port."""
        self._closed = True
        self._connection.close()

    def _start(self, deadline: float) -> None:
        """Run the interpreter and wait for its first prompt. No pseudo-terminal: it would echo once more."""
        if self._closed:
            raise SessionLost("closed here")
        self._terminal = AclTerminal()
        self._channel = self._connection.channel("acl", deadline)
        self._await_prompt(self._channel, deadline)
        self.reconnects += self._broken
        self._broken = False

    def _await_prompt(self, channel: SshChannel, deadline: float) -> str:
        """The output up to the next prompt."""
        while (left := deadline - self._clock.monotonic()) > 0:
            data = channel.receive(left)
            if data == b"":
                raise SessionLost(_ended(channel))
            if data and (output := self._terminal.receive(data)) is not None:
                return output
        raise TimeoutError

    def _end(self) -> None:
        """Give the channel back; the next call starts anew."""
        if self._channel is not None:
            self._broken = True
            self._channel.close()
            self._channel = None


def _ended(channel: SshChannel) -> str:
    """What is known of an interpreter that has ended."""
    code = "" if channel.exit_code is None else f" with exit code {channel.exit_code}"
    return f"the interpreter ended{code}{': ' + channel.noise if channel.noise else ''}"
