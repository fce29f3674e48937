"""CaServer: sockets, circuits and puts of one Channel Access server on the running loop."""

import asyncio
import errno
import ipaddress
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

from gateway.access.budget import Budget
from gateway.access.judge import Refusal
from gateway.core.errors import AcgateError
from iocs.environment import CaSettings
from iocs.fast.circuit import Circuit
from iocs.fast.search import SearchResponder, open_search, send_beacons
from iocs.fast.service import Holding
from iocs.fast.stepping import Stepping
from iocs.put import Put
from iocs.served import Served
from iocs.store import Store

log = logging.getLogger("acgate.server")
STALLED = 30.0  # s without taking a byte, or within one message, after which a client is dropped
SWEEP = 2.0  # s between two looks for stalled clients


class Channels(Protocol):
    """The PVs by name."""

    def known(self, name: str) -> bool:
        """Whether the name is served; makes nothing."""
        ...

    def settling(self, name: str) -> "asyncio.Future[None] | None":
        """What to wait for before a channel of that name is made; None where it can be made now."""
        ...

    def find(self, name: str) -> tuple[Served, bool] | None:
        """The channel of a name, made when this is the first time, and whether a long string is asked for."""
        ...

    def rights(self, channel: Served, who: Put) -> int:
        """Access rights of one client."""
        ...

    @property
    def restricts(self) -> bool:
        """Whether rights depend on the client, and may change."""
        ...

    def ended(self, circuit: Circuit) -> None:
        """A circuit is gone, and with it what was kept for it."""
        ...

    def denied(self, channel: Served, value: Any, put: Put, refusal: Refusal | None) -> None:
        """A put never came to its device: tell the journal and the outcome PVs. None: for want of rights."""
        ...


class PortTaken(AcgateError):
    """The TCP port of the server is in use."""


class CaServer:
    """Serves channels until it is stopped. The hot path and every other message go through `Circuit`."""

    def __init__(self, channels: Channels, store: Store, settings: CaSettings) -> None:
        self.channels, self.store, self.settings = channels, store, settings
        self.largest, self.most_channels, self.most_monitors = settings.largest, settings.channels, settings.monitors
        self.largest_value = settings.largest_value
        self.circuits: set[Circuit] = set()
        self.most_of_address = Holding(settings.channels_per_address, settings.monitors_per_address)
        self._holdings: dict[str, Holding] = {}  # of addresses that have a circuit
        self.refused = 0  # circuits, since the start
        self.searches, self._opening = Budget(settings.searches_per_second), Budget(settings.circuits_per_second)
        self.find, self.known, self.denied = channels.find, channels.known, channels.denied
        self.settling: Callable[[str], asyncio.Future[None] | None] = channels.settling
        self.rights = channels.rights
        self._servers: list[asyncio.Server] = []
        self._searches: list[asyncio.DatagramTransport] = []
        self._tasks: set[asyncio.Task[None]] = set()  # beacons and the sweep
        self._puts: set[Stepping] = set()

    async def start(self) -> None:
        """Bind every interface. Raises PortTaken with what to do when somebody else has the port."""
        port, loop = self.settings.port, asyncio.get_running_loop()
        try:
            for interface in self.settings.interfaces:
                link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    link.bind((interface, port))
                    self._servers.append(await loop.create_server(lambda: Circuit(self), sock=link, backlog=512))
                except OSError:
                    link.close()
                    raise
                responder = SearchResponder(port, self.known, self.may_search, self.searches)
                self._searches.append(await open_search(interface, port, responder))
        except OSError as error:
            await self.stop()
            remedy = "correct gateway.interfaces, or EPICS_CAS_INTF_ADDR_LIST where it is set"
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                remedy = "stop the other server, or set EPICS_CAS_SERVER_PORT to a free port"
            raise PortTaken(
                f"Channel Access port {port} on {', '.join(self.settings.interfaces)} cannot be used: "
                f"{error.strerror}; {remedy}"
            ) from error
        self._begin(send_beacons(self.settings.beacons, port, self.settings.beacon_period))
        self._begin(self._sweep())

    async def stop(self) -> None:
        """Close everything; puts that are under way get their answer first, if it comes within half a second."""
        for transport in self._searches:
            transport.close()
        for server in self._servers:
            server.close()
        for _ in range(50):
            if not self._puts:
                break
            await asyncio.sleep(0.01)
        for circuit in tuple(self.circuits):
            circuit.flush()
            circuit.transport.close()
        for put in tuple(self._puts):
            put.cancel()
        ending = tuple(self._tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for _ in range(10):  # let transports tell their circuits
            if not self.circuits:
                break
            await asyncio.sleep(0.01)
        for circuit in tuple(self.circuits):
            circuit.close()
        self._searches.clear()
        self._servers.clear()
        await asyncio.sleep(0)

    def begin(self, put: Coroutine[Any, Any, None]) -> None:
        """Run the coroutine of a put: up to its first wait at once, so puts are queued in the order received."""
        stepping = Stepping(put, self._puts.discard)
        self._puts.add(stepping)
        stepping.step()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (death := task.exception()) is not None:
            log.error("%s died", task.get_coro(), exc_info=death)

    def welcome(self, address: str) -> bool:
        """Whether a client of this address may search and connect."""
        if address in self.settings.ignored:
            return False
        allowed = self.settings.allowed
        return not allowed or any(ipaddress.IPv4Address(address) in network for network in allowed)

    def may_search(self, address: str) -> bool:
        """Whether a client of this address is answered: who finds a server that takes no circuit tries for ever."""
        if not self.welcome(address):
            return False
        return len(self.circuits) < self.settings.circuits or any(one.address == address for one in self.circuits)

    def opened(self, circuit: Circuit) -> Holding | None:
        """Count a new circuit; what its address has, or None to refuse it."""
        if not self.welcome(circuit.address):
            log.warning("circuit of %s refused: not in gateway.allow", circuit.peer)
            return None
        if not self._opening.take(circuit.address, 1, circuit.loop.time()):
            self.refused += 1
            log.warning("circuit of %s refused: more than limits.circuits_per_second", circuit.peer)
            return None
        same = sum(other.address == circuit.address for other in self.circuits)
        if len(self.circuits) >= self.settings.circuits or same >= self.settings.circuits_per_address:
            self.refused += 1
            log.warning("circuit of %s refused: %d are open, %d of its address", circuit.peer, len(self.circuits), same)
            return None
        self.circuits.add(circuit)
        return self._holdings.setdefault(circuit.address, Holding())

    def in_use(self) -> Iterator[Served]:
        """The channels of all clients."""
        return (channel for circuit in self.circuits for channel in circuit.channels)

    def closed(self, circuit: Circuit) -> None:
        """Forget a circuit."""
        self.circuits.discard(circuit)
        if not any(other.address == circuit.address for other in self.circuits):
            self._holdings.pop(circuit.address, None)
        self.channels.ended(circuit)

    @property
    def restricts(self) -> bool:
        """Whether rights depend on the client, and may change."""
        return self.channels.restricts

    def reassess(self) -> None:
        """Tell every client what it may do now."""
        for circuit in tuple(self.circuits):
            circuit.reassess()

    async def _sweep(self) -> None:
        """Drop clients that have taken nothing for too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP)
            for circuit in tuple(self.circuits):
                if circuit.paused_at is not None:
                    if loop.time() - circuit.paused_at > STALLED:
                        circuit.close(f"the client took nothing for {STALLED:.0f} s")
                elif circuit.unfinished_since is not None and loop.time() - circuit.unfinished_since > STALLED:
                    circuit.close(f"the client sent no whole message for {STALLED:.0f} s")
