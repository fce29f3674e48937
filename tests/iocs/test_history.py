"""The circular buffer of a device over Channel Access: nothing is consumed, and each client asks for its own part."""

import time
from dataclasses import replace

import numpy as np
import pytest

from tests.iocs.serving import STAMP, Serving, connected
from tests.iocs.test_groups import DEVICE, NORMAL
from tests.plan.planning import planned
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")


def test_a_part_of_the_history_is_each_clients_own() -> None:
    with connected(DEVICE) as (served, client), served.client() as other:
        now = time.time_ns()
        for number in range(10):
            served.bring((0, float(number)), stamp_ns=now - (9 - number) * 10_000_000_000)
        served.settle()
        assert [7.0, 8.0, 9.0] == list(np.atleast_1d(client.get(client.create("Z:ACLTST:HIST:V:3"))))
        mine, theirs = client.create("Z:ACLTST:HIST:V:25S"), other.create("Z:ACLTST:HIST:V:55S")
        for _ in range(2):
            assert [7.0, 8.0, 9.0] == list(np.atleast_1d(client.get(mine)))
            assert [4.0, 5.0, 6.0, 7.0, 8.0, 9.0] == list(np.atleast_1d(other.get(theirs)))
        assert 3 == client.get(client.create("Z:ACLTST:HIST:N:25S"))
        assert 3 == len(np.atleast_1d(client.get(client.create("Z:ACLTST:HIST:T:3"))))


def test_history_reads_the_same_twice() -> None:
    with connected(DEVICE) as (served, client):
        values, times, count = (client.create(f"Z:ACLTST:HIST:{part}") for part in "VTN")
        assert [10, 10, 1] == [channel.count for channel in (values, times, count)]
        assert ([], 0) == (client.get(values), client.get(count))
        for n in range(12):
            served.bring((0, float(n)), stamp_ns=STAMP + n * 10**9)
        for _ in range(2):
            assert [float(n) for n in range(2, 12)] == client.get(values)
            assert [1_700_000_000.25 + n for n in range(2, 12)] == client.get(times)
            assert 10 == client.get(count)
        assert NORMAL != client.put(values, 1.0)


def test_a_buffer_of_one_reading_still_tells_its_time() -> None:
    plan = planned('{device: "M:OUTTMP", properties: [reading]}')
    with Serving(replace(plan, buffer=1)) as served, served.client() as client:
        assert (0.0, 0.0, 0) == tuple(client.get(client.create(f"M:OUTTMP:HIST:{p}")) for p in "VTN")
        served.bring((0, 5.0))
        served.settle()
        assert (5.0, 1_700_000_000.25, 1) == tuple(client.get(client.create(f"M:OUTTMP:HIST:{p}")) for p in "VTN")
