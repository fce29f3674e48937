"""Whatever is put to whatever PV: each put has one answer, and one row that says what became of it (P-70)."""

import random
import struct
from collections.abc import Iterable

import pytest

from iocs.fast import messages as ca
from tests.iocs.serving import Serving
from tests.plan.planning import planned
from tests.support.ca_client import Channel, pack
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
ENTRIES = (
    '{device: "Z:ACLTST", writable: true, alarms_writable: true, low: 0, high: 100, commands: [ON, OFF],'
    " properties: [reading, setting, status, control, analog, digital]}",
    '{device: "B:IRMS06[0:2]", properties: [reading, setting], writable: true, name: "B:IRMS06"}',
    '{device: "G:TEXT", properties: [reading, setting], text: true, length: 32, writable: true}',
    '{device: "V:MISTAT{0:2}.RAW", properties: [reading, setting], writable: true, name: "V:MISTAT"}',
    '{device: "M:OUTTMP", properties: [reading]}',
)
NAMES = [
    *(f"Z:ACLTST{part}" for part in ("", ":SP", ":SP_RBV", ":CMD", ":ALM:MAX", ":ALM:ENABLE", ":DALM:MASK", ":LOCK")),
    *(f"Z:ACLTST{part}" for part in (":WR:STATE", ":WR:MSG", ":LOCK:BREAK", ":STS:ON", ".HIHI")),
    *(f"{name}:SP" for name in ("B:IRMS06", "G:TEXT", "V:MISTAT")), "B:IRMS06", "G:TEXT", "M:OUTTMP",
]  # fmt: skip
SIZES = {0: 40, 1: 2, 2: 4, 3: 2, 4: 1, 5: 4, 6: 8}  # bytes of an element, by DBR type: STRING to DOUBLE
PUTS = 400
STATES = {"ACCEPTED", "DENIED"}


def payload(chance: random.Random, data_type: int, count: int) -> bytes:
    """Elements that may mean something, or nothing."""
    match chance.randrange(3):
        case 0:
            return chance.randbytes(SIZES[data_type] * count)
        case 1:
            return bytes(SIZES[data_type] * count)
    number = chance.choice([0, 1, 5, 42])
    code = {1: "h", 2: "f", 3: "H", 4: "B", 5: "i", 6: "d"}.get(data_type)
    if code is None:
        return (chance.choice([b"ON", b"5", b"1e3", b"nan", b"a text", b"\xff\xfe"]).ljust(40, b"\0")) * count
    return struct.pack(f">{count}{code}", *[number] * count)


@pytest.mark.parametrize("seed", range(3))
def test_each_of_many_random_puts_has_one_answer_and_one_row(seed: int) -> None:
    chance = random.Random(seed)
    with Serving(planned(*ENTRIES)) as served, served.client() as client:
        served.bring((0, 1.0), (1, 10.0))
        served.settle()
        channels: dict[str, Channel] = {name: client.create(name) for name in NAMES}
        asked: dict[int, str] = {}
        for _ in range(PUTS):
            name, data_type, count = (
                chance.choice(NAMES),
                chance.choice(list(SIZES)),
                chance.choice([1, 1, 1, 2, 3, 20]),
            )
            number = client.next_id()
            asked[number] = name
            body = payload(chance, data_type, count)
            client.send(pack(ca.WRITE_NOTIFY, data_type, count, channels[name].sid, number, body))
        answers = [client.take(ca.WRITE_NOTIFY).p2 for _ in asked]
        client.settle()
        assert sorted(asked) == sorted(answers), "each put is answered, and once"
        assert [] == [message for message in client.inbox if message.command == ca.WRITE_NOTIFY]
        rows = served.journal.rows
        assert _plain(asked.values()) == _plain(row.pv for row in rows), "each put has a row, and one"
        assert {row.outcome for row in rows} == STATES
        assert all(bool(row.layer) == (row.outcome == "DENIED") for row in rows)
        assert len(served.backend.writes) == sum(row.outcome == "ACCEPTED" and ":LOCK" not in row.pv for row in rows)


def _plain(names: Iterable[str]) -> list[str]:
    """In order; HIHI is the same as the part of the alarm block, and journaled as that."""
    return sorted(name.replace(".HIHI", ":ALM:MAX") for name in names)
