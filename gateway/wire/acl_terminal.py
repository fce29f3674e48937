"""The interactive interpreter of ACL, without I/O: commands, echoes and prompts, for both ends (acl.md 7.2)."""

from gateway.core.errors import BadInput, ProtocolError
from gateway.wire.acl_answers import text_of

PROMPT = b"\nACL> "
LONGEST = 16 << 20  # bytes of one answer


class AclTerminal:
    """The client's end. One command at a time: the interpreter answers with an echo, the output and a prompt.

    A session that failed, or in which an answer is late, is of no use any more: what comes late would be taken for the
    next answer.
    """

    def __init__(self) -> None:
        self._held = bytearray(b"\n")  # a newline more than came: the prompt may be the first that comes
        self._command: str | None = None  # what is being answered
        self.ready = False  # a prompt has come and no command was sent since

    def send(self, command: str) -> bytes:
        """The bytes of a command; BadInput for more than one line, ProtocolError when no prompt has come."""
        if not command.isprintable() or not command.isascii():
            raise BadInput(f"{command!r} is not one line of printable ASCII characters")
        if not self.ready:
            raise ProtocolError("the interpreter has not prompted")
        self.ready, self._command = False, command
        return command.encode("ascii") + b"\n"

    def receive(self, data: bytes) -> str | None:
        """The whole output, once its prompt has come; what precedes the first prompt is a banner, an output too.

        ProtocolError for what was not asked for, and for output without end.
        """
        if self.ready:
            raise ProtocolError("the interpreter speaks without being asked")
        seen = max(0, len(self._held) - len(PROMPT))
        self._held += data
        place = self._held.find(PROMPT, seen)
        if place < 0:
            if len(self._held) > LONGEST:
                raise ProtocolError(f"more than {LONGEST >> 20} MB and no prompt")
            return None
        if len(self._held) > place + len(PROMPT):
            raise ProtocolError("the interpreter speaks after its prompt")
        before, self._held, self.ready = bytes(self._held[:place]), bytearray(b"\n"), True
        return self._output(text_of_terminal(before))

    def _output(self, text: str) -> str:
        """The text without the echo, which is its first line."""
        first, _, rest = text.partition("\n")
        echoed = self._command is not None and first.split() == self._command.split()
        return rest.strip() if echoed else text


def text_of_terminal(data: bytes) -> str:
    """The text of a session, in lines that end as ours do; a bad byte becomes a replacement character."""
    return data.decode("utf-8", "replace").replace("\r\n", "\n").strip()


class AclInterpreterEnd:
    """The far end: lines of bytes in, commands out; echoes, outputs and prompts back."""

    def __init__(self, banner: str = "") -> None:
        self._banner, self._held = banner, b""

    def greeting(self) -> bytes:
        """What comes first."""
        return self._banner.encode() + PROMPT

    def receive(self, data: bytes) -> list[str]:
        """The whole lines that have come."""
        *lines, self._held = (self._held + data).split(b"\n")
        return [text_of(line).rstrip("\r") for line in lines]

    @staticmethod
    def answer(command: str, output: str) -> bytes:
        """Echo, output and prompt."""
        shown = f"\n{output.rstrip()}\n" if output.strip() else ""
        return f"{command}\n{shown}".encode() + PROMPT
