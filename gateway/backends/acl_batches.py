"""Many commands in few calls: packed into scripts, and those that fail found by bisection (acl.md 4.2).

A script ends at its first error, so one bad device spoils a whole call. The call is then split: into the device that
the error names and the rest, or in halves where it names none. That costs log2(n) calls at most for one bad device
among n, usually two. Nothing an error says is believed: every result is from a call of its own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.backends.acl_session import AclSession, AclTrouble, CallFailed, SessionLost, TimedOut
from gateway.core.ports import Clock
from gateway.core.status import REQTMO
from gateway.wire.acl import Command
from gateway.wire.acl_answers import Answer, Failure, answers_of

MOST = 100  # commands in one script (acl.md 1.3)
_FUTILE = 8  # calls in a row that fail without naming a device: then it is the service that fails
_TIMEOUTS = 2  # calls in a row that time out, likewise
_NAMES = re.compile(r"[A-Z0-9#][:?_|&@$~][A-Z0-9_:-]+")

Results = dict[Command, Answer | Failure]


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a question: a result for each command, and those that spoiled a script for the others."""

    results: Results
    spoilers: tuple[Command, ...] = ()


class Batches:
    """Asks one session. Remembers which commands were in a call that timed out: they are packed into smaller ones."""

    def __init__(self, session: AclSession, clock: Clock) -> None:
        self.session = session
        self._clock = clock
        self._sizes: dict[Command, int] = {}  # of the largest script it may be in, where that is not MOST
        self.last_error: tuple[float, str] = (0.0, "")  # monotonic time, text

    def ask(self, commands: Sequence[Command], deadline: float, patience: float) -> Asked:
        """A result for each command by the monotonic time `deadline`; no call takes longer than `patience` seconds."""
        asking = _Asking(self, list(reversed(list(self._packed(list(dict.fromkeys(commands)))))))
        return asking.run(deadline, patience)

    def call(self, batch: Sequence[Command], deadline: float) -> list[Answer | Failure] | Failure:
        """One call; raises AclTrouble."""
        try:
            text = self.session.run([command.text for command in batch], deadline)
        except AclTrouble as trouble:
            self.last_error = (self._clock.monotonic(), str(trouble))
            if isinstance(trouble, TimedOut):
                self._sizes.update(dict.fromkeys(batch, max(1, len(batch) // 2)))
            raise
        for command in batch:
            self._sizes.pop(command, None)
        return answers_of(text, batch)

    def now(self) -> float:
        """The monotonic time."""
        return self._clock.monotonic()

    def _packed(self, commands: Sequence[Command]) -> Iterator[list[Command]]:
        """Scripts, none too long; who waits for an event has one alone, and who was slow before is among few."""
        open_batches: dict[int, list[Command]] = {}
        lengths: dict[int, int] = {}
        for command in commands:
            size = 1 if command.waits else self._sizes.get(command, MOST)
            length = self.session.length(command.text)
            batch = open_batches.setdefault(size, [])
            if batch and (len(batch) >= size or lengths[size] + length > self.session.longest):
                yield batch
                batch = open_batches[size] = []
            lengths[size] = length if not batch else lengths[size] + length
            batch.append(command)
        yield from (open_batches[size] for size in sorted(open_batches, reverse=True))


class _Asking:
    """One `ask` while it goes on: a stack of calls to make, and what has come."""

    def __init__(self, batches: Batches, stack: list[list[Command]]) -> None:
        self._batches, self._stack = batches, stack
        self._results: Results = {}
        self._alone: dict[Command, bool] = {}  # those that failed in a call of their own, and whether ACL said so
        self._any_good = False
        self._futile = self._timeouts = 0

    def run(self, deadline: float, patience: float) -> Asked:
        while self._stack:
            batch = self._stack.pop()
            now = self._batches.now()
            if now >= deadline:
                self._give_up(Failure(REQTMO, "no answer in time"), batch)
                break
            try:
                found = self._batches.call(batch, min(deadline, now + patience))
            except AclTrouble as trouble:
                self._troubled(batch, trouble)
                continue
            self._timeouts = 0
            if isinstance(found, Failure):
                self._failed(batch, found)
            elif len(batch) == 1 and isinstance(found[0], Failure):
                self._failed(batch, found[0])
            else:
                self._futile, self._any_good = 0, True
                self._results.update(zip(batch, found, strict=True))
        # who fails without a word of ACL, while nobody else is answered, shares the fate of the service
        return Asked(self._results, tuple(one for one, said in self._alone.items() if said or self._any_good))

    def _troubled(self, batch: list[Command], trouble: AclTrouble) -> None:
        failure = Failure(trouble.status, str(trouble))
        if isinstance(trouble, CallFailed):
            self._failed(batch, failure)
            return
        self._results.update(dict.fromkeys(batch, failure))  # and nobody is asked again in its place
        if isinstance(trouble, TimedOut):
            self._timeouts += 1
            if len(batch) == 1:
                self._alone[batch[0]] = False
        if isinstance(trouble, SessionLost) or self._timeouts >= _TIMEOUTS:
            self._give_up(failure)

    def _failed(self, batch: list[Command], failure: Failure) -> None:
        """A whole call failed: ask in parts, unless it is the service that fails."""
        named = {f"{name[0]}:{name[2:]}" for name in _NAMES.findall(failure.message.upper())}
        suspects = [command for command in batch if command.device in named] if failure.name else []
        if not failure.name:
            self._futile += 1
        if self._futile >= _FUTILE:
            self._give_up(failure, batch)
        elif len(batch) == 1:
            self._results[batch[0]] = failure
            self._alone[batch[0]] = bool(failure.name)
        elif suspects and len(suspects) < len(batch):
            self._stack += [suspects, [command for command in batch if command not in set(suspects)]]
        else:
            half = len(batch) // 2
            self._stack += [batch[half:], batch[:half]]

    def _give_up(self, failure: Failure, batch: Sequence[Command] = ()) -> None:
        for commands in (batch, *self._stack):
            self._results.update(dict.fromkeys(commands, failure))
        self._stack.clear()
