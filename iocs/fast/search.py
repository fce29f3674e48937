"""The UDP side of the server: searches answered through the socket that brought them, and beacons."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import cast

from gateway.access.budget import Budget
from iocs.environment import Address
from iocs.fast import messages as ca

log = logging.getLogger("acgate.search")
NAME = 40  # bytes of a datagram that count as one name: a header, and what names of ACNET take
SHARED = (
    "another server answers searches on %s, UDP port %d, too: a client that searches by unicast finds the PVs of one "
    "of the two only; give this gateway an address of its own (gateway.interfaces) or a port (EPICS_CAS_SERVER_PORT)"
)
FIRST_PERIOD = 0.02  # s between the first two beacons; it doubles up to the longest


class SearchResponder(asyncio.DatagramProtocol):
    """Answers searches that arrive at one interface; every other datagram is ignored."""

    def __init__(self, port: int, known: Callable[[str], bool], welcome: Callable[[str], bool], budget: Budget) -> None:
        self.port, self.known, self.welcome, self.budget = port, known, welcome, budget

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer through it."""
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.loop = asyncio.get_running_loop()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Answer what is known; silence says that it is not, or that the address searches for too much."""
        if self.welcome(addr[0]) and self.budget.take(addr[0], 1 + len(data) // NAME, self.loop.time()):
            reply = ca.search_replies(data, self.port, self.known)
            if reply:
                self.transport.sendto(reply, addr)

    def error_received(self, exc: Exception) -> None:
        """A client's port closed before our answer: nothing to do."""
        log.debug("search socket: %s", exc)


async def open_search(interface: str, port: int, responder: SearchResponder) -> asyncio.DatagramTransport:
    """A UDP socket on one interface; several servers of one host may share the port, as EPICS has it.

    The kernel gives a search that is no broadcast to one of them only (users.md 1.18): who comes second says so.
    """
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        link.setblocking(False)
        try:
            link.bind((interface, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            link.bind((interface, port))
            log.warning(SHARED, interface, port)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for those who come later
    except OSError:
        link.close()
        raise
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: responder, sock=link)
    return transport


async def send_beacons(addresses: tuple[Address, ...], port: int, longest: float) -> None:
    """Announce the server for ever: quickly at first, then every `longest` seconds. Nobody needs to listen."""
    links = []
    for address in addresses:
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        link.setblocking(False)
        links.append((link, address))
    count, period = 0, FIRST_PERIOD
    silent: set[Address] = set()  # addresses whose failure was logged
    try:
        while True:
            for link, address in links:
                try:
                    link.sendto(ca.beacon(port, count, 0), address)
                except OSError as error:
                    if address not in silent:
                        log.warning("no beacons to %s:%d: %s", *address, error)
                        silent.add(address)
            await asyncio.sleep(period)
            count, period = count + 1, min(period * 2, longest)
    finally:
        for link, _ in links:
            link.close()
