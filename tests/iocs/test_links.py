"""PVs of other IOCs, beside a server that does what a test wants; tests/system/test_access_inputs.py has a C IOC."""

import asyncio
import contextlib
import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from iocs.environment import ClientSettings
from iocs.links import Links
from tests.support.ca_client import cut, free_port, pack
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
PATIENCE = 20.0


def value(number: float, severity: int = 0, status: int = 1, of: int = 1) -> bytes:
    """An update of a monitor."""
    return pack(1, 13, 1, status, of, struct.pack(">HH4xd", 0, severity, number))


class Ioc(asyncio.DatagramProtocol):
    """Answers searches for any name, and greets; what it says of the channel is the test's."""

    def __init__(self) -> None:
        self.port = free_port()
        self.searched: list[str] = []
        self.said: list[Any] = []  # messages of the client
        self.circuits: list[asyncio.StreamWriter] = []
        self.opened = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        for message in cut(data)[0]:
            if message.command == 6:
                self.searched.append(message.payload.partition(b"\0")[0].decode())
                self.transport.sendto(pack(6, self.port, 0, 0xFFFFFFFF, message.p1, b"\0" * 8), addr)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.circuits.append(writer)
        data = b""
        while more := await reader.read(65536):
            messages, data = cut(data + more)
            self.said += messages
            for message in messages:
                if message.command == 18:
                    writer.write(pack(22, p1=message.p1, p2=3) + pack(18, 6, 1, message.p1, 100 + message.p1))
        writer.close()

    def send(self, data: bytes) -> None:
        self.circuits[-1].write(data)

    def got(self, command: int) -> int:
        return sum(message.command == command for message in self.said)


async def comes(what: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not what():
            await asyncio.sleep(0.005)


def staged(test: Callable[[Ioc, Links], Coroutine[Any, Any, None]], silence: float = 30.0) -> None:
    """Run a test beside an IOC and links that follow its PV `X`."""

    async def main() -> None:
        loop, ioc = asyncio.get_running_loop(), Ioc()
        udp, _ = await loop.create_datagram_endpoint(lambda: ioc, ("127.0.0.1", ioc.port))
        server = await asyncio.start_server(ioc.serve, "127.0.0.1", ioc.port)
        addresses = (("x" * 64, 1), ("127.0.0.1", ioc.port))
        links = Links(ClientSettings(addresses, silence), lambda: None)
        links.follow(["X"])
        work = asyncio.create_task(links.run())
        try:
            await test(ioc, links)
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            udp.close()
            server.close()
            for circuit in ioc.circuits:
                circuit.close()
            await asyncio.sleep(0.01)

    asyncio.run(main())


def test_only_a_valid_number_that_may_be_read_is_a_value() -> None:
    async def test(ioc: Ioc, links: Links) -> None:
        await comes(lambda: ioc.got(1))
        assert None is links.value_of("X")
        nothing = (
            value(2.0, severity=3), value(2.0, status=368), pack(1, 13, 1, 1, 1, b"\0" * 8), pack(22, p1=1, p2=2),
            pack(1, 13, 0, 152, 1),
        )  # fmt: skip
        for number, none in enumerate(nothing):
            ioc.send(value(float(number), severity=2))
            await comes(lambda number=number: links.value_of("X") == number)
            ioc.send(none)
            await comes(lambda: links.value_of("X") is None)
        assert None is links.value_of("Y")

    staged(test)


@pytest.mark.parametrize(
    ("end", "opened"),
    [
        (pack(27, p1=1), 1),  # the server has the PV no more
        (pack(26, p1=1), 1),
        (b"\xff" * 64, 2),  # no message of the protocol
        (pack(1, 13, 9999, 1, 1, b"\0" * 50_000), 2),  # far more than was asked for
    ],
)
def test_what_is_lost_has_no_value_and_is_looked_for_again(end: bytes, opened: int) -> None:
    async def test(ioc: Ioc, links: Links) -> None:
        await comes(lambda: ioc.got(1))
        ioc.send(value(7.0))
        await comes(lambda: links.value_of("X") == 7.0)
        ioc.send(end)
        await comes(lambda: links.value_of("X") is None)
        await comes(lambda: ioc.got(1) == 2)
        ioc.send(value(8.0))
        await comes(lambda: links.value_of("X") == 8.0)
        assert opened == ioc.opened

    staged(test)


def test_a_silent_server_is_asked_whether_it_lives_and_lost_when_it_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("iocs.links.ECHO", 0.1)

    async def test(ioc: Ioc, links: Links) -> None:
        await comes(lambda: ioc.got(1))
        ioc.send(value(7.0))
        await comes(lambda: links.value_of("X") == 7.0)
        await comes(lambda: ioc.got(23))
        await comes(lambda: links.value_of("X") is None)
        await comes(lambda: ioc.opened == 2)

    staged(test, silence=0.1)


def test_what_nobody_wants_any_more_is_given_back_with_its_circuit() -> None:
    async def test(ioc: Ioc, links: Links) -> None:
        await comes(lambda: ioc.got(1))
        links.follow(["X", "Y"])
        await comes(lambda: ioc.got(18) == 2)
        links.follow(["Y"])
        await comes(lambda: ioc.got(12) == 1)
        ioc.send(value(3.0, of=2) + value(4.0, of=1))
        await comes(lambda: links.value_of("Y") == 3.0)
        assert (None, 1) == (links.value_of("X"), ioc.opened)
        links.follow([])
        await comes(lambda: ioc.got(12) == 2)
        await comes(lambda: not links._circuits)
        links.follow(["X"])
        await comes(lambda: ioc.opened == 2)

    staged(test)


def test_a_server_that_answers_searches_and_refuses_circuits_is_asked_less_and_less() -> None:
    async def test(ioc: Ioc, links: Links) -> None:
        loop = asyncio.get_running_loop()
        await comes(lambda: ioc.got(1))
        closed = free_port()
        links.follow(["Y"])
        links._links["Y"].due = loop.time() + 1000  # not asked for by search here
        links.found(2, ("127.0.0.1", closed))
        await comes(lambda: links._links["Y"].circuit is None)
        assert links._links["Y"].due > loop.time()
        links.found(99, ("127.0.0.1", closed))  # of an older search
        assert None is links.value_of("Y")

    staged(test)
