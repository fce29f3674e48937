"""Hostile bytes: whatever a client sends, others are served, and nothing breaks inside (users.md 3.11)."""

import random
import socket
import struct

import numpy as np
import pytest

from tests.iocs.serving import Serving
from tests.plan.planning import planned
from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")

NAMES = ("Z:ACLTST", "Z:ACLTST:SP", "Z:ACLTST:STS", "Z:ACLTST:STS:READY", "Z:ACLTST:CMD", "Z:ACLTST:HIST:V",
         "Z:ACLTST:GW:ERR$", "Z:ACLTST:WR:MSG", "B:IRMS06", "G:TEXT:SP", "N:LGXS", "GW1:NAME",
         "Z:ACLTST:WR:STATE")  # fmt: skip
ENTRIES = (
    '{device: "Z:ACLTST", writable: true, low: 0, high: 100}',
    '{device: "B:IRMS06[0:9]", properties: [reading], name: "B:IRMS06"}',
    '{device: "G:TEXT", properties: [reading, setting], text: true, length: 64, writable: true}',
    '{device: "N:LGXS.RAW", properties: [reading, setting], length: 4, name: "N:LGXS", writable: true}',
)
COMMANDS = (0, 3, 4, 6, 8, 9, 10, 18, 20, 21, 23, *(1, 15, 19) * 4)
ENDINGS = (2, 12)  # with ids that nobody may have, which ends the circuit
ODD = (0, 1, 2, 5, 20, 34, 35, 37, 38, 39, 0x7FFF, 0xFFFF)


def session(chance: random.Random) -> bytes:
    """A session that begins well; then messages with known ids and anything else."""
    parts = [ca.pack(18, p1=n, p2=13, payload=name.encode() + b"\0") for n, name in enumerate(NAMES)]
    for number in range(60):
        command, sid = chance.choice(COMMANDS if number < 55 else ENDINGS), chance.randint(1, len(NAMES))
        data_type = chance.choice((chance.randint(0, 38), chance.randint(0, 38), chance.choice(ODD)))
        count = chance.choice((0, 1, 1, 4, 10, 64, chance.choice(ODD), chance.randint(0, 1 << 20)))
        if command in (1, 3, 4, 15, 19):
            payload = (
                struct.pack(">fffHH", 0, 0, 0, chance.choice((5, 1, 4, 8, 0, 0xFFFF)), 0)
                if command == 1
                else chance.randbytes(chance.choice((0, 1, 8, 39, 40, 64, 400)))
            )
            parts.append(ca.pack(command, data_type, count, sid, number, payload))
        elif command in ENDINGS:
            parts.append(ca.pack(command, data_type, 0, sid, chance.randint(0, number)))
        else:
            parts.append(
                ca.pack(command, data_type, count & 0xFFFF, number, number, chance.randbytes(chance.randint(0, 80)))
            )
    return b"".join(parts)


def mutated(stream: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, taken out or put in."""
    found = bytearray(stream)
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(found))
        match chance.randrange(3):
            case 0:
                found[at] = chance.randrange(256)
            case 1:
                del found[at : at + chance.randint(1, 20)]
            case 2:
                found[at:at] = chance.randbytes(chance.randint(1, 20))
    return bytes(found)


def say(client: CaClient, stream: bytes) -> None:
    try:
        client.send(stream)
        client.link.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError, OSError):
        return  # it was closed before all was said
    assert client.closed_by_server()


@pytest.mark.parametrize("seed", range(8))
def test_no_session_however_mutated_breaks_anything_inside(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(seed)
    with Serving(planned(*ENTRIES)) as served, served.client() as bystander:
        rows = {watch.request.device: row for row, watch in reversed(list(enumerate(served.plan.watches)))}
        number = bystander.subscribe(bystander.create("Z:ACLTST"))
        bystander.update(number)
        for turn in range(100):
            stream = session(chance)
            with served.client() as hostile:
                say(hostile, stream if turn % 2 else mutated(stream, chance))
            served.bring(
                (rows["Z:ACLTST"], float(turn)),
                (rows["B:IRMS06"], np.full(turn % 11, 1.0)),
                (rows["G:TEXT"], "x" * turn),
            )
            assert float(turn) == bystander.update(number).value
            assert [] == [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
        bystander.settle()


def test_no_datagram_breaks_anything_inside(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(1)
    with Serving(planned(*ENTRIES)) as served, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect(("127.0.0.1", served.port))
        for turn in range(2000):
            link.send(mutated(ca.pack(0, 1, 13, 5) + ca.pack(6, 5, 13, 1, 1, b"Z:ACLTST\0"), chance))
            if turn % 50 == 0:
                assert 2 == len(ca.search(served.port, ["Z:ACLTST"]))
        assert [] == [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
