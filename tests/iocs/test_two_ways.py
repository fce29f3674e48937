"""One stream through both ways, as rows and the ordinary one: a client gets the same bytes."""

import math

import numpy as np
import pytest

from gateway.core.status import DISCONNECTED, OK, Status
from gateway.core.values import Value
from tests.iocs import serving
from tests.iocs.serving import ARRAY, READING, WRITABLE, connected
from tests.support.ca_client import Message
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")

ENTRIES = (READING, ARRAY, WRITABLE)
TYPES = (20, 6, 13, 2, 9, 16, 5, 12, 19, 1, 8, 15, 14, 0, 7, 34)  # numbers in every form, as text, CTRL_DOUBLE
WARNING, STAMP = Status(14, 10), 1_736_942_400_123_456_789
STEPS: tuple[tuple[float | None, Status, int], ...] = (
    (1.5, OK, 0),
    (1.5, OK, 1),
    (-40000.25, WARNING, 2),
    (None, DISCONNECTED, 0),
    (None, DISCONNECTED, 0),
    (math.nan, OK, 3),
    (1e300, OK, 4),
    (2.0, OK, -5_000_000_000),
)


def stream(monkeypatch: pytest.MonkeyPatch, fast: bool) -> dict[tuple[str, int, int], list[Message]]:
    """All updates of every subscription, by PV, DBR type and event mask; ids are the same in each run."""
    monkeypatch.setattr(serving.Serving, "fast", fast)
    with serving.connected(*ENTRIES) as (served, client):
        numbers = {}
        for name in ("M:OUTTMP", "Z:ACLTST:SP_RBV", "B:IRMS06"):
            channel = client.create(name)
            for data_type in TYPES:
                for mask in (5, 1, 4, 7):
                    numbers[name, data_type, mask] = client.subscribe(channel, data_type, mask=mask)
        client.settle()
        rows = [served.row("M:OUTTMP"), served.plan.devices["Z:ACLTST"].setting_row, served.row("B:IRMS06")]
        for value, status, later in STEPS:
            array: Value | None = None if value is None else np.array([value, 2.0])
            for row, what in zip(rows, (value, value, array), strict=True):
                served.bring((row, what), stamp_ns=STAMP + later, status=status)
        served.settle()
        client.settle()
        return {key: [m for m in client.inbox if m.command == 1 and m.p2 == number] for key, number in numbers.items()}


def test_a_client_gets_the_same_bytes_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, ordinary = stream(monkeypatch, True), stream(monkeypatch, False)
    assert {key: len(found) for key, found in ordinary.items()} == {key: len(found) for key, found in rows.items()}
    assert 5 < len(rows["M:OUTTMP", 20, 5])
    assert ordinary == rows


def test_a_test_of_a_served_plan_runs_the_way_that_its_name_says(request: pytest.FixtureRequest) -> None:
    with connected() as (served, _):
        assert request.node.name.endswith("[rows]" if served.ioc.fast else "[ordinary]")
