"""What hostile clients send, one row for each kind (users.md 4.1), and what has to hold after every one of them.

Others are served, nothing is kept, no task dies, no inner text reaches the client, and no device is touched.
"""

import asyncio
import logging
import random
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import pytest

from tests.iocs.serving import BIG, Serving
from tests.plan.planning import planned
from tests.support import ca_client as ca
from tests.support.ca_client import CaClient, pack
from tests.support.leaks import no_leaks as no_leaks
from tests.support.processes import until

pytestmark = pytest.mark.usefixtures("no_leaks")

READING, SETPOINT, WORD, TEXT, ARRAY = "Z:ACLTST", "Z:ACLTST:SP", "Z:ACLTST:STS:READY", "G:TEXT:SP", "N:H801"
PVS = (READING, SETPOINT, WORD, TEXT, ARRAY)
ENTRIES = (
    '{device: "Z:ACLTST", writable: true, low: 0, high: 100}',
    '{device: "G:TEXT", properties: [reading, setting], text: true, length: 64, writable: true}',
    BIG,
)
PUT, PUT_CALLBACK, GET, MONITOR, CANCEL, CLEAR, CREATE = 4, 19, 15, 1, 2, 12, 18
NOBODYS = 4711  # an id that no channel has
INNER = re.compile(rb"Traceback|Error\b|Exception|\.py\b|object at|/home|/usr|caproto|numpy|[Pp]ython")
DOUBLE, CTRL_DOUBLE, STS_STRING, ACKT, ACKS = 6, 34, 7, 35, 36
EIGHT = bytes(8)
CHANCE = random.Random(4)


@dataclass(frozen=True)
class Row:
    """One kind of hostile input."""

    number: str  # of users.md 4.1
    words: str
    bytes_for: Callable[[dict[str, int]], bytes]  # of the server's ids of PVS
    closes: bool = False  # whether the circuit has to end

    def __str__(self) -> str:
        return f"{self.number} {self.words}"


def mask(number: int) -> bytes:
    return struct.pack(">fffHH", 0, 0, 0, number, 0)


def named(*names: bytes) -> Callable[[dict[str, int]], bytes]:
    """Channels of these names are created, each as its bytes stand here."""
    return lambda _: b"".join(pack(CREATE, p1=100 + n, p2=13, payload=name) for n, name in enumerate(names))


def said(data: bytes) -> Callable[[dict[str, int]], bytes]:
    return lambda _: data


def large(command: int, size: int, count: int, sid: int, payload: bytes = b"") -> bytes:
    """A message whose header says what it wants."""
    return ca.HEADER.pack(command, 0xFFFF, DOUBLE, 0, sid, 1) + struct.pack(">II", size, count) + payload


def filters(*texts: str) -> Callable[[dict[str, int]], bytes]:
    return named(*(text.encode() + b"\0" for text in texts))


ROWS = (
    Row("4.a", "a filter whose step is zero", filters(f'{READING}.{{"arr":{{"i":0}}}}')),
    Row("4.a2", "a deadband on a text", filters(f'{TEXT}.{{"dbnd":{{"abs":1}}}}')),
    Row("4.a3", "a deadband on an enum", filters(f'{WORD}.{{"dbnd":{{"abs":1}}}}')),
    Row("4.a4", "a relative deadband from zero, a state that nobody has",
        filters(f'{READING}.{{"dbnd":{{"rel":1}}}}', f'{READING}.{{"sync":{{"while":"nothing"}}}}')),
    Row("4.a5", "filters that are none",
        filters(f"{READING}.{{", f'{READING}.{{"what":{{}}}}', f"{READING}.[a:b]", f'{READING}.{{"arr":[]}}',
                f"{READING}." + "{" * 3000, f"{READING}." + "[" * 3000)),
    Row("4.b2", "very many subscriptions to one PV",
        lambda ids: b"".join(pack(MONITOR, ca.TIME_DOUBLE, 1, ids[READING], n, mask(5)) for n in range(5000))),
    Row("4.b3", "one subscription id again and again",
        lambda ids: pack(MONITOR, ca.TIME_DOUBLE, 1, ids[READING], 5, mask(5)) * 500),
    Row("4.b7", "very many echoes", said(pack(23, payload=b"12345678") * 20_000)),
    Row("4.b8", "very many gets of a large array", lambda ids: pack(GET, DOUBLE, 0, ids[ARRAY], 1) * 20),
    Row("4.b10", "very many puts beyond the limits",
        lambda ids: pack(PUT, DOUBLE, 1, ids[SETPOINT], 1, struct.pack(">d", 1e9)) * 2000),
    Row("4.b11", "names that change all the time",
        said(b"".join(pack(20, payload=f"user{n}".encode() + b"\0") for n in range(20_000)))),
    Row("4.c", "a get of an unknown id", said(pack(GET, DOUBLE, 1, NOBODYS, 1)), closes=True),
    Row("4.c", "a put to an unknown id", said(pack(PUT_CALLBACK, DOUBLE, 1, NOBODYS, 1, bytes(8))), closes=True),
    Row("4.c", "a subscription to an unknown id", said(pack(MONITOR, ca.TIME_DOUBLE, 1, NOBODYS, 1, mask(5))), True),
    Row("4.c", "a cancel of an unknown id", lambda ids: pack(CANCEL, ca.TIME_DOUBLE, 0, ids[READING], 9), closes=True),
    Row("4.c2", "the end of a channel that is none", said(pack(CLEAR, p1=NOBODYS, p2=1)), closes=True),
    Row("4.c3", "the end of a channel that has monitors",
        lambda ids: pack(MONITOR, ca.TIME_DOUBLE, 1, ids[READING], 5, mask(5)) + pack(CLEAR, p1=ids[READING], p2=1)),
    Row("4.c4", "an unknown command", said(pack(99)), closes=True),
    Row("4.c5", "chance", said(b"\xff\xff" + CHANCE.randbytes(4096)), closes=True),
    Row("4.c5", "a request of the web", said(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"), closes=True),
    Row("4.c5", "the greeting of TLS", said(bytes.fromhex("1603010200010001fc0303") + bytes(500)), closes=True),
    Row("4.d", "a put that claims 4 GB", lambda ids: large(PUT, 0xFFFFFFF0, 1, ids[SETPOINT], bytes(8)), closes=True),
    Row("4.d2", "a count far above the payload",
        lambda ids: large(PUT, 8, 0x0FFFFFFF, ids[SETPOINT], EIGHT) + large(PUT_CALLBACK, 8, 60_000, ids[TEXT], EIGHT)),
    Row("4.d3", "a put of 80 MB", lambda ids: large(PUT, 80_000_000, 10_000_000, ids[SETPOINT], bytes(4096)), True),
    Row("4.d4", "gets of more elements than there are",
        lambda ids: pack(GET, DOUBLE, 60_000, ids[READING], 1) + large(GET, 0, 4_000_000_000, ids[READING])),
    Row("4.d5", "types that do not exist",
        lambda ids: pack(GET, 99, 1, ids[READING], 1) + pack(MONITOR, 0xFFFF, 1, ids[READING], 2, mask(5))),
    Row("4.d6", "a put of a type that does not exist",
        lambda ids: b"".join(pack(command, 99, 1, ids[SETPOINT], 1, EIGHT) for command in (PUT_CALLBACK, PUT))),
    Row("4.d7", "a subscription without a payload", lambda ids: pack(MONITOR, ca.TIME_DOUBLE, 1, ids[READING], 1)),
    Row("4.d8", "event masks of nothing and of everything",
        lambda ids: b"".join(pack(MONITOR, ca.TIME_DOUBLE, 1, ids[READING], n, mask(n)) for n in (0, 0xFFFF))),
    Row("4.d9", "a put of no elements, and of no number",
        lambda ids: pack(PUT_CALLBACK, DOUBLE, 0, ids[SETPOINT], 1) + pack(PUT, 0, 1, ids[SETPOINT], 2, b"\xff" * 40)),
    Row("4.d10", "a put that brings limits and units",
        lambda ids: pack(PUT_CALLBACK, CTRL_DOUBLE, 1, ids[SETPOINT], 1, b"\x01" * 88)),
    Row("4.d11", "alarms that are acknowledged on what is read only",
        lambda ids: b"".join(pack(PUT_CALLBACK, kind, 1, ids[WORD], 1, b"\0\1" + bytes(6)) for kind in (ACKT, ACKS))),
    Row("4.e", "names that are none",
        named(b"x" * 60_000, b"", b"\0" * 8, b"Z:ACLTSTZ", b"\xff\xfe\xfa\0", b"M:\n\x1b[2Jroot\0", b"M:%s%n\0")),
    Row("4.s7", "names that would inject into a request",
        named(*(name + b"\0" for name in (
            b"M:OUTTMP@p,500,M:OUTTMP", b"M:OUTTMP\nZ:ACLTST", b"M:OUTTMP;", b"../../etc/passwd", b"M:" + b"A" * 10_000,
            b"M:OUTTMP<-LOGGER", b"M:OUTTMP{0:9}", b"@", b",", b"M:OUTTMP&device=Z:ACLTST", b"'; drop table devices",
        )))),
)  # fmt: skip

DATAGRAMS = (
    b"", b"1234567", bytes(16), b"\xff" * 5000, CHANCE.randbytes(200),
    ca.HEADER.pack(6, 0xFFF0, 5, 13, 1, 1) + b"short",  # says more than there is
    pack(6, 5, 13, 1, 1), pack(6, 5, 13, 1, 1, b"\0" * 8), pack(6, 5, 13, 1, 1, b"x" * 50_000),
    pack(6, 5, 13, 1, 1, b"\xff\xfe\0"), pack(13, 13, 5064), pack(14, 10, 13, 1, 1), pack(24), pack(17, 0, 0, 0, 5065),
    pack(99) + pack(6, 5, 13, 1, 1, b"Z:ACLTST\0"),
)  # fmt: skip


class Scene:
    """A server with a well-behaved client beside, which watches a value."""

    def __init__(self, served: Serving, bystander: CaClient) -> None:
        self.served, self.bystander = served, bystander
        self.number = bystander.subscribe(bystander.create(READING))
        bystander.update(self.number)
        self.turn = 0.0
        self.before = self.kept()

    def kept(self) -> tuple[int, int, int]:
        """Circuits, tasks and open files."""
        circuits, tasks = self.served.on_loop(lambda: (len(self.served.server.circuits), len(asyncio.all_tasks())))
        return circuits, tasks, psutil.Process().num_fds()

    def check(self) -> None:
        """The bystander has its updates and its gets, and nothing of the hostile client is left."""
        self.turn += 1
        self.served.bring((self.served.row(READING), self.turn))
        assert self.bystander.update(self.number).value == self.turn
        self.bystander.settle()
        assert until(lambda: self.kept() <= self.before, ca.PATIENCE), f"{self.kept()} kept, {self.before} before"
        assert not self.served.backend.writes


def scene(play: Callable[[Scene], None], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), Serving(planned(*ENTRIES)) as served, served.client() as bystander:
        played = Scene(served, bystander)
        play(played)
        assert not [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
        assert not any(sign in record.getMessage() for record in caplog.records for sign in "\n\x1b")


def heard(client: CaClient) -> bytes:
    """All that the server has said beside updates and echoes."""
    return b"".join(message.payload for message in client.inbox if message.command not in (1, 15, 23))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_whatever_a_client_says_the_others_are_served_and_nothing_is_kept(
    row: Row, caplog: pytest.LogCaptureFixture
) -> None:
    def play(played: Scene) -> None:
        with played.served.client() as hostile:
            ids = {name: hostile.create(name).sid for name in PVS}
            try:
                hostile.send(row.bytes_for(ids))
            except ConnectionError:
                assert row.closes
            if row.closes:
                assert hostile.closed_by_server(), "the circuit is open and deaf"
            else:
                hostile.settle()
            assert not INNER.search(heard(hostile))
        played.check()

    scene(play, caplog)


def test_whatever_comes_as_a_datagram_searches_are_answered(caplog: pytest.LogCaptureFixture) -> None:
    def play(played: Scene) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            for datagram in DATAGRAMS:
                link.sendto(datagram, ("127.0.0.1", played.served.port))
                assert len(ca.search(played.served.port, [READING])) == 2
        played.check()

    scene(play, caplog)


def test_a_client_that_stops_in_the_middle_of_anything_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """users.md 4.c6: of every row, half."""

    def play(played: Scene) -> None:
        for row in ROWS:
            with played.served.client() as hostile:
                ids = {name: hostile.create(name).sid for name in PVS}
                data = row.bytes_for(ids)
                hostile.send(data[: min(len(data) // 2 | 1, 1000)])
        played.check()

    scene(play, caplog)
