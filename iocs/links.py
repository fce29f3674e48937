"""Links: PVs of other IOCs, followed over Channel Access on the loop, as base follows the inputs of access security.

A PV that is not connected, may not be read, is no number or is INVALID has no value.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from gateway.core.severity import Severity
from iocs.environment import Address, ClientSettings
from iocs.fast import messages as ca

log = logging.getLogger("acgate.links")
FIRST_SEARCH, LAST_SEARCH = 0.1, 5.0  # s between the first two searches for a PV; it doubles up to the last
CONNECT, ECHO = 5.0, 5.0  # s that a server may take to accept a circuit, and to say that it lives
LARGEST = 16384  # bytes of a message; ours are far smaller


@dataclass(slots=True, eq=False)
class Link:
    """One PV that is followed."""

    name: str
    number: int  # of the channel, and of its subscription
    value: float | None = None
    circuit: "_Circuit | None" = None
    server_id: int | None = None  # once the channel is made
    tries: int = 0  # searches since it was lost
    due: float = 0.0  # s, loop time of the next search


class Links:
    """Follows PVs while `run` runs; `changed` is called on the loop when the value of one has."""

    def __init__(self, settings: ClientSettings, changed: Callable[[], None]) -> None:
        self.settings, self.changed = settings, changed
        self.work: asyncio.TaskGroup | None = None
        self._links: dict[str, Link] = {}
        self._of: dict[int, Link] = {}  # by number
        self._next = 1
        self._circuits: dict[Address, _Circuit] = {}
        self._wanted = asyncio.Event()

    def follow(self, names: Iterable[str]) -> None:
        """These PVs, and no others from now on."""
        names = set(names)
        for name in names - self._links.keys():
            link = self._links[name] = self._of[self._next] = Link(name, self._next)
            self._next += 1
            self._wanted.set()
            log.info("%s is looked for at other IOCs", link.name)
        for name in self._links.keys() - names:
            link = self._links.pop(name)
            del self._of[link.number]
            if link.circuit is not None:
                link.circuit.clear(link)

    def value_of(self, name: str) -> float | None:
        """The newest value; None while it has no valid one."""
        link = self._links.get(name)
        return None if link is None else link.value

    async def run(self) -> None:
        """Look for the PVs and follow them until cancelled; no socket is open before there is one to look for."""
        await self._wanted.wait()
        loop = asyncio.get_running_loop()
        addresses = await self._resolved(loop)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Answers(self.found), ("0.0.0.0", 0), family=socket.AF_INET, allow_broadcast=True
        )
        async with asyncio.TaskGroup() as self.work:
            try:
                while True:
                    self._wanted.clear()
                    pause = self._search(transport, addresses, loop.time())
                    try:
                        async with asyncio.timeout(pause):
                            await self._wanted.wait()
                    except TimeoutError:
                        continue
            finally:
                transport.close()

    async def _resolved(self, loop: asyncio.AbstractEventLoop) -> list[Address]:
        """The addresses as numbers; one that has none is said and left out."""
        found: list[Address] = []
        for host, port in self.settings.addresses:
            try:
                answers = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
                found.append((str(answers[0][4][0]), port))
            except (OSError, UnicodeError) as error:
                log.warning("EPICS_CA_ADDR_LIST: %s has no address (%s); nothing is looked for there", host, error)
        return found

    def _search(self, transport: asyncio.DatagramTransport, addresses: list[Address], now: float) -> float | None:
        """Search for what is due; seconds until the next is, None when nothing is looked for."""
        lost = [link for link in self._links.values() if link.circuit is None]
        due = {link.number: link.name for link in lost if link.due <= now}
        for datagram in ca.searches(due) if due else ():
            for address in addresses:
                transport.sendto(datagram, address)
        for number in due:
            self._of[number].due = now + min(FIRST_SEARCH * 2.0 ** self._of[number].tries, LAST_SEARCH)
            self._of[number].tries = min(self._of[number].tries + 1, 10)
        return max(0.0, min(link.due for link in lost) - now) if lost else None

    def found(self, number: int, address: Address) -> None:
        """A server has the PV; the first that says so is asked for it."""
        link = self._of.get(number)
        if link is None or link.circuit is not None or self.work is None:
            return
        circuit = self._circuits.get(address)
        if circuit is None:
            circuit = self._circuits[address] = _Circuit(self, address)
            self.work.create_task(circuit.run())
        link.circuit = circuit
        circuit.add(link)

    def show(self, link: Link, value: float | None) -> None:
        """Another value, or none."""
        if value != link.value:
            link.value = value
            self.changed()

    def lost(self, links: Iterable[Link], why: str) -> None:
        """Look for them again; those that failed soon after they were found are not asked for at once."""
        now = asyncio.get_running_loop().time()
        for link in links:
            if link.server_id is not None:
                log.warning("%s is not connected any more: %s", link.name, why)
                link.tries = 0
            link.circuit = link.server_id = None
            link.due = now + min(FIRST_SEARCH * 2.0**link.tries, LAST_SEARCH)
            self.show(link, None)
        self._wanted.set()

    def over(self, circuit: "_Circuit") -> None:
        """Forget a circuit."""
        del self._circuits[circuit.address]


class _Circuit:
    """The TCP circuit to one server, for all links whose PVs it has."""

    def __init__(self, owner: Links, address: Address) -> None:
        self.owner, self.address = owner, address
        self._links: dict[int, Link] = {}
        self._writer: asyncio.StreamWriter | None = None

    def add(self, link: Link) -> None:
        """Ask for a channel, at once or when the circuit is open."""
        self._links[link.number] = link
        if self._writer is not None:
            self._create(link)

    def clear(self, link: Link) -> None:
        """Give the channel back; a circuit that has none any more is closed."""
        del self._links[link.number]
        if self._writer is not None and link.server_id is not None:
            self._writer.write(ca.pack(ca.CLEAR_CHANNEL, p1=link.server_id, p2=link.number))
        if self._writer is not None and not self._links:
            self._writer.close()

    async def run(self) -> None:
        """Open it and listen until it ends, for whatever reason; its links are looked for again."""
        why = "its server closed the circuit"
        try:
            async with asyncio.timeout(CONNECT):
                reader, self._writer = await asyncio.open_connection(*self.address)
            self._greet(self._writer)
            if self._links:
                await self._listen(reader, self._writer)
        except TimeoutError:
            why = "its server does not answer"
        except (OSError, ValueError) as error:
            why = str(error)
        finally:
            if self._writer is not None:
                self._writer.close()
            self.owner.over(self)
            self.owner.lost(self._links.values(), f"{self.address[0]}:{self.address[1]}: {why}")

    def _greet(self, writer: asyncio.StreamWriter) -> None:
        settings = self.owner.settings
        writer.write(
            ca.pack(ca.VERSION, count=ca.MINOR_VERSION)
            + ca.pack(ca.HOST_NAME, payload=settings.host.encode() + b"\0")
            + ca.pack(ca.CLIENT_NAME, payload=settings.user.encode() + b"\0")
        )
        for link in self._links.values():
            self._create(link)

    def _create(self, link: Link) -> None:
        name = link.name.encode("latin-1", "replace") + b"\0"
        cast(asyncio.StreamWriter, self._writer).write(
            ca.pack(ca.CREATE_CHANNEL, p1=link.number, p2=ca.MINOR_VERSION, payload=name)
        )

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what comes. TimeoutError after a silence in which not even an echo came."""
        data, asked = bytearray(), False
        while True:
            try:
                async with asyncio.timeout(ECHO if asked else self.owner.settings.silence):
                    more = await reader.read(65536)
            except TimeoutError:
                if asked:
                    raise
                asked = True
                writer.write(ca.pack(ca.ECHO))
                continue
            if not more:
                return
            asked = False
            data += more
            messages, used = ca.split(data, LARGEST, ca.REPLIES)
            del data[:used]
            for message in messages:
                self._take(message, writer)

    def _take(self, message: ca.Message, writer: asyncio.StreamWriter) -> None:
        number = message.parameter2 if message.command == ca.EVENT_ADD else message.parameter1
        link = self._links.get(number)
        if link is None:
            return
        match message.command:
            case ca.CREATE_CHANNEL:
                link.server_id = message.parameter2
                log.info("%s is followed at %s:%d", link.name, *self.address)
                mask = ca.DBE_VALUE | ca.DBE_ALARM
                writer.write(ca.event_add(ca.STATUS_DOUBLE, 1, link.server_id, link.number, mask))
            case ca.EVENT_ADD:
                self.owner.show(link, _value(message))
            case ca.ACCESS_RIGHTS if not message.parameter2 & ca.RIGHT_READ:
                self.owner.show(link, None)
            case ca.CREATE_FAILED | ca.SERVER_DISCONNECT:
                del self._links[number]
                self.owner.lost([link], "its server has it no more")


def _value(message: ca.Message) -> float | None:
    """What an update says; None where it has no valid value."""
    found = ca.status_double(message.payload)
    if message.parameter1 != ca.NORMAL or message.data_type != ca.STATUS_DOUBLE or found is None:
        return None
    _, severity, value = found
    return value if severity < Severity.INVALID else None


class _Answers(asyncio.DatagramProtocol):
    """The UDP socket of the searches."""

    def __init__(self, found: Callable[[int, Address], None]) -> None:
        self._found = found

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A server's answer; whatever else comes is ignored."""
        for number, host, port in ca.answers_to_searches(data):
            self._found(number, (host or addr[0], port))

    def error_received(self, exc: Exception) -> None:
        """Nobody listens at one of the addresses: nothing to do."""
        log.debug("search socket: %s", exc)
