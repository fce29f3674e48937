"""READNOW: a put to it is done when a reading newer than the put has been published, or fails and says why."""

import time
from dataclasses import replace

import numpy as np

from gateway.access.acf import parse_acf
from gateway.access.rate import RateLimit, Rates
from gateway.core.drf import DataRequest
from gateway.core.status import NOPROP, OK, UTIME, Status
from gateway.core.values import Reading
from iocs.fast import messages as ca
from tests.iocs.serving import STAMP, Serving
from tests.plan.planning import planned
from tests.support.ca_client import CaClient
from tests.support.processes import until

SLOW = '{device: "M:OUTTMP", event: "p,60000", properties: [reading], write_timeout: 0.5}'
NOW = "M:OUTTMP:GW:READNOW"
READ_ONLY = "UAG(ops) {alice} UAG(readers) {alice, bob} ASG(DEFAULT) { RULE(1,READ){UAG(readers)} }"


def serving(**changes: object) -> Serving:
    plan = replace(planned(SLOW.replace("0.5", "10") if changes.pop("patient", False) else SLOW), writes=False)
    return Serving(plan, **changes)


def answering(served: Serving, value: float | None, status: Status = OK, late_ns: int = 1) -> None:
    def answer(request: DataRequest) -> Reading:
        return Reading(request, value, time.time_ns() + late_ns, status)

    served.backend.on_read = answer


def message(client: CaClient) -> str:
    codes = client.get(client.create(f"{NOW}:MSG"))
    return bytes(np.atleast_1d(np.array(codes, np.uint8))).partition(b"\0")[0].decode("latin-1")


def test_a_put_is_done_when_a_newer_reading_is_shown_also_while_writes_are_off() -> None:
    with serving(patient=True) as served, served.client() as client:
        served.bring((0, 1.0))
        answering(served, 2.5)
        before = time.time_ns()
        assert ca.NORMAL == client.put(client.create(NOW), 1)
        shown = client.get_time(client.create("M:OUTTMP"))
        assert (2.5, 0, 0) == shown[:3]
        assert (shown.seconds + 631_152_000) * 10**9 + shown.nanoseconds > before
        assert ["M:OUTTMP.READING@I"] == [str(request) for request in served.backend.reads]
        assert [] == served.backend.writes
        assert (1, "") == (client.get(client.create(NOW)), message(client))
        assert [] == served.journal.rows


def test_a_reading_that_the_event_brings_is_as_good() -> None:
    with serving(patient=True) as served, served.client() as client:
        answering(served, None, UTIME)
        put = client.ask_put(client.create(NOW), 1)
        assert until(lambda: served.backend.reads, 10)
        served.bring((0, 3.5), stamp_ns=time.time_ns() + 60 * 10**9)
        assert ca.NORMAL == client.take(ca.WRITE_NOTIFY, p2=put).p1


def test_an_old_reading_is_none_and_the_put_fails_in_time_and_says_why() -> None:
    with serving() as served, served.client() as client:
        served.bring((0, 1.0))
        answering(served, 2.5, late_ns=-3_600_000_000_000)
        assert ca.PUT_FAILED == client.put(client.create(NOW), 1)
        assert message(client).startswith("no reading newer than the put within 0.5 s: the service sent one that is 3")
        answering(served, None, UTIME)
        assert ca.PUT_FAILED == client.put(client.create(NOW), 1)
        assert f"no reading newer than the put within 0.5 s: {UTIME}" == message(client)
        assert 0 == client.get(client.create(NOW))
        assert (2.5, 0, 0) == client.get_time(client.create("M:OUTTMP"))[:3]


def test_what_will_never_come_fails_at_once() -> None:
    with serving(patient=True) as served, served.client() as client:
        answering(served, None, NOPROP)
        began = time.monotonic()
        assert ca.PUT_FAILED == client.put(client.create(NOW), 1)
        assert time.monotonic() - began < 9
        assert str(NOPROP) == message(client)


def test_who_may_read_may_ask_and_who_may_not_is_told_so() -> None:
    with serving(patient=True, file=parse_acf(READ_ONLY, "site.acf")) as served:
        answering(served, 2.5)
        with CaClient(served.port, user="bob") as reader, CaClient(served.port, user="eve") as stranger:
            assert (1, 3) == (reader.create("M:OUTTMP").rights, reader.create(NOW).rights)
            assert ca.NORMAL == reader.put(reader.create(NOW), 1)
            assert 0 == stranger.create(NOW).rights
            assert ca.NO_WRITE_ACCESS == stranger.put(stranger.create(NOW), 1)
        assert 1 == len(served.backend.reads)


def test_asking_counts_as_puts_do() -> None:
    no_limit = RateLimit(0)
    with serving(patient=True, rates=Rates(RateLimit(2), no_limit, no_limit)) as served, served.client() as client:
        answering(served, 2.5)
        served.bring((0, 1.0), stamp_ns=STAMP)
        channel = client.create(NOW)
        outcomes = [client.put(channel, 1) for _ in range(3)]
        assert outcomes == [ca.NORMAL, ca.NORMAL, ca.PUT_FAILED]
