"""What the configuration says of puts -> the rules that the guard asks; the access file, read when it changes."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

from gateway.access.acf import DEFAULT, AccessFile, parse_acf
from gateway.access.judge import Rules
from gateway.access.lease import Leases
from gateway.access.lock import Locks
from gateway.access.rate import RateLimit, Rates
from gateway.app.config_file import read_text
from gateway.app.history import table_journal
from gateway.config.gateway_section import GatewaySection
from gateway.core.errors import BadInput
from gateway.core.ports import Clock
from gateway.history.journal import FileJournal
from gateway.history.queued import Journals, QueuedJournal
from gateway.plan.family import find
from gateway.plan.model import Plan
from iocs.guard import Guard

log = logging.getLogger("acgate.access")
LOOK = 0.2  # s between two looks at the inputs of the access file
REST = 0.02  # s between two looks at inputs that say that they have changed
LOOK_AT_FILE = 1.0  # s between two looks at the file itself


def rules_of(section: GatewaySection, folder: Path) -> Rules:
    """The rules at the start; BadInput where the access file cannot be used. Its name is relative to `folder`."""
    limits = section.limits
    return Rules(
        section.writes,
        Leases(section.lease_longest),
        Locks(section.lock_longest),
        Rates(RateLimit(limits.puts_per_client), RateLimit(limits.puts_per_pv), RateLimit(limits.puts_total)),
        tuple(IPv4Network(network, strict=False) for network in section.allow_write),
        read_acf(folder / section.access_file) if section.access_file is not None else None,
        lease_needed=section.lease,
    )


def read_acf(path: Path) -> AccessFile:
    """The rules of a file; BadInput says what is wrong."""
    return parse_acf(read_text(path, "name an access security file"), str(path))


def notes_of(file: AccessFile, plan: Plan) -> Iterator[str]:
    """What of an access file will not work as written, beside a plan."""
    yield from file.notes
    for group in sorted({device.group for device in plan.devices.values()} - set(file.groups)):
        devices = [name for name, device in plan.devices.items() if device.group == group]
        shown = f"{devices[0]} and {len(devices) - 1} more are" if len(devices) > 1 else f"{devices[0]} is"
        yield f"{file.name}: there is no ASG({group}), in which {shown}; ASG({DEFAULT}) holds for them"
    for name in sorted(file.inputs()):
        if not name.startswith(f"{plan.gateway}:") and find(plan, name.removesuffix(".VAL")) is None:
            yield f"{file.name}: the input {name} is no PV of this gateway; it is looked for at other IOCs"


def journal_of(section: GatewaySection, folder: Path, clock: Clock) -> Journals | None:
    """The journal of puts, not started yet; its files are relative to `folder`."""
    if section.audit is None:
        return None
    server = None
    if section.audit.caputlog is not None:
        host, _, port = section.audit.caputlog.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            given = section.audit.caputlog
            raise BadInput(f"gateway.audit.caputlog: {given!r} is no host:port; write for example 127.0.0.1:7011")
        server = host, int(port)
    parts: list[QueuedJournal] = []
    if section.audit.file is not None:
        parts.append(FileJournal(folder / section.audit.file, section.name, clock, server))
    if section.audit.url is not None:
        parts.append(table_journal(section.audit.url, folder, section.name))
    return Journals(parts)


def guard_of(section: GatewaySection, folder: Path, plan: Plan, clock: Clock) -> tuple[Guard, Journals | None]:
    """Who may do what, and the journal of puts, which is not started yet; the log gets the notes of the access file."""
    rules = rules_of(section, folder)
    journal = journal_of(section, folder, clock)
    if journal is not None and section.audit is not None and section.audit.required:
        rules.audit = journal.trouble
        for part in journal.parts:
            part.looks = True
    for note in notes_of(rules.file, plan) if rules.file is not None else ():
        log.warning("%s", note)
    return Guard(rules, clock, journal), journal


class AccessWatch:
    """Keeps the rules up to date: a file that changes is read again, the last good one stays when it is wrong.

    `changed` is called on the loop after anything that rights depend on has changed, `follow` before it is asked for
    the values of inputs. `state` is for the diagnostics; who sets `news` has the inputs looked at at once.
    """

    def __init__(
        self,
        rules: Rules,
        path: Path,
        value_of: Callable[[str], float | None],
        changed: Callable[[], None],
        follow: Callable[[Iterable[str]], None] = lambda _: None,
    ) -> None:
        self.rules, self.path, self.changed, self._follow = rules, path, changed, follow
        self.state = "OK"
        self.news = asyncio.Event()
        self.reloads = 0
        self._value_of = value_of
        self._values: dict[str, float | None] = {}
        self._seen: tuple[int, int, int] | None = self._stamp()
        self._asked = False  # to read the file, whether it looks changed or not
        rules.value_of = self._values.get

    async def run(self) -> None:
        """Look again and again until cancelled."""
        looks = round(LOOK_AT_FILE / LOOK)
        while True:
            for look in range(looks):
                renewed = (look == 0 or self._asked) and await asyncio.to_thread(self.look_at_file)
                if self.look_at_inputs() or renewed:  # new rules are judged with their own inputs
                    self.changed()
                await asyncio.sleep(REST)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK - REST):
                        await self.news.wait()
                self.news.clear()

    def ask(self) -> None:
        """Read the file again soon, whether it looks changed or not; on the loop."""
        self._asked = True
        self.news.set()

    def invalid(self) -> list[str]:
        """The inputs that have no valid value now."""
        return sorted(name for name, value in self._values.items() if value is None)

    def inputs(self) -> dict[str, float | None]:
        """The inputs and their values; None of those that have no valid one."""
        return dict(self._values)

    def look_at_inputs(self) -> bool:
        """Bring the inputs of the rules up to date; whether one has changed."""
        assert self.rules.file is not None, "there is a watch only where there is a file"
        names = self.rules.file.inputs()
        self._follow(names)
        now = {name: self._input(name) for name in names}
        moved = now != self._values
        self._values.clear()
        self._values.update(now)
        return moved

    def _input(self, name: str) -> float | None:
        try:
            return self._value_of(name)
        except Exception:  # rules that read it do not hold; the gateway goes on
            if self._values.get(name, 0.0) is not None:
                log.exception("the input %s of %s cannot be had", name, self.path)
            return None

    def look_at_file(self) -> bool:
        """Read the file again when it is another one; whether the rules are new."""
        stamp = self._stamp()
        if stamp == self._seen and not self._asked:
            return False
        self._seen, self._asked = stamp, False
        try:
            file = read_acf(self.path)
        except BadInput as error:
            self.state = str(error)
            log.error("%s; the rules from before stay", error)
            return False
        self.rules.file = file
        self.state = "OK"
        self.reloads += 1
        log.info("%s was read again", self.path)
        return True

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
