"""A session whose answers a test writes, and which keeps the log of its calls."""

from collections.abc import Callable, Sequence

from gateway.backends.acl_session import AclTrouble

Answer = Callable[[Sequence[str]], str | AclTrouble]


class ScriptedSession:
    """The port AclSession; `answer` gives the text of a script, or the trouble that it ends in."""

    def __init__(self, answer: Answer, longest: int = 6000) -> None:
        self.answer, self.longest = answer, longest
        self.calls: list[list[str]] = []
        self.connected, self.reconnects, self.closed = True, 0, False

    def length(self, command: str) -> int:
        return len(command) + 2

    def run(self, commands: Sequence[str], deadline: float) -> str:
        del deadline
        self.calls.append(list(commands))
        found = self.answer(commands)
        if isinstance(found, AclTrouble):
            raise found
        return found

    def close(self) -> None:
        self.closed = True


def value(command: str) -> str:
    """The line of a read: the value is the number in the name."""
    device = command.split()[-1]
    return f"{device} = {int(device[3:])}"


def interpreter(*bad: str, names: bool = True) -> Answer:
    """Answers reads of X:Nnnn; a script ends at the first bad device, which the error names or not."""

    def answer(commands: Sequence[str]) -> str:
        lines = []
        for number, command in enumerate(commands, 1):
            device = command.split()[-1]
            if device in bad:
                name = device if names else "something"
                return "\n".join([*lines, f"Invalid device name ({name}) in read at line {number} - DBM_NOREC"])
            lines.append(value(command))
        return "\n".join(lines)

    return answer
