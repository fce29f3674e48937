"""Freezing and arming by a put, and what is kept as PVs."""

import time
from dataclasses import replace
from ipaddress import IPv4Network

import numpy as np
import pytest

from gateway.access.acf import parse_acf
from gateway.plan.build import build_plan
from gateway.plan.model import Plan
from iocs.fast import messages as ca
from tests.config.loading import loaded
from tests.iocs.serving import STAMP, Serving
from tests.support import ca_client
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks
from tests.support.processes import until

pytestmark = pytest.mark.usefixtures("no_leaks")
SECOND = 10**9


def plan_of(**changes: object) -> Plan:
    text = """gateway: {writes: off, buffer: 20}
backends: {a: {url: "sim:"}}
devices:
  - {device: "M:OUTTMP", properties: [reading]}
  - {device: "G:AMANDA", properties: [reading]}
freeze:
  trip: {devices: "M:*", before: 2, after: 1, when: "G:AMANDA > 5"}
  hand: {devices: "*", before: 2, after: 0}
"""
    return replace(build_plan(loaded(text), {})[0], **changes)  # type: ignore[arg-type]


def many(client: CaClient, name: str) -> list[float]:
    return list(np.atleast_1d(client.get(client.create(name))))  # type: ignore[call-overload]


def state(client: CaClient, name: str) -> object:
    return client.get(client.create(f"GW1:FREEZE:{name}"), ca_client.STRING)


def test_a_trip_is_kept_and_shown_until_it_is_armed_again_also_while_writes_are_off() -> None:
    with Serving(plan_of()) as served, served.client() as client:
        number = client.subscribe(client.create("GW1:FREEZE:trip"), ca_client.TIME_ENUM)
        assert 0 == client.update(number).value
        assert ([], 0, 0.0) == (
            client.get(client.create("M:OUTTMP:HIST:FRZ:V")),
            client.get(client.create("M:OUTTMP:HIST:FRZ:N")),
            client.get(client.create("M:OUTTMP:HIST:FRZ:TIME")),
        )
        for n in range(4):
            served.bring((0, float(n)), stamp_ns=STAMP + n * SECOND)
        served.bring((1, 1.0), (1, 6.0), stamp_ns=STAMP + 4 * SECOND)
        assert 1 == client.update(number).value
        served.bring((0, 5.0), stamp_ns=STAMP + 5 * SECOND)
        served.bring((0, 6.0), stamp_ns=STAMP + 6 * SECOND)
        assert 2 == client.update(number).value
        assert [2.0, 3.0, 5.0] == many(client, "M:OUTTMP:HIST:FRZ:V")
        assert [1_700_000_000.25 + n for n in (2, 3, 5)] == many(client, "M:OUTTMP:HIST:FRZ:T")
        assert (3, 1_700_000_004.25, "trip") == tuple(
            client.get(client.create(f"M:OUTTMP:HIST:FRZ:{part}")) for part in ("N", "TIME", "BY")
        )
        assert (1_700_000_004.25, 1, 1) == tuple(
            client.get(client.create(f"GW1:FREEZE{part}")) for part in (":trip:TIME", ":trip:COUNT", "")
        )
        assert [0.0, 1.0, 2.0, 3.0, 5.0, 6.0] == many(client, "M:OUTTMP:HIST:V")
        assert ca.NORMAL == client.put(client.create("GW1:FREEZE:trip"), 0)
        assert 0 == client.update(number).value
        assert [] == client.get(client.create("M:OUTTMP:HIST:FRZ:V"))
        assert [("GW1:FREEZE:trip", "ACCEPTED")] == [(row.pv, row.outcome) for row in served.journal.rows]


def test_a_put_freezes_now_and_what_is_frozen_is_not_frozen_again() -> None:
    with Serving(plan_of()) as served, served.client() as client:
        served.bring((0, 7.0), (1, 1.0), stamp_ns=time.time_ns())
        assert ca.NORMAL == client.put(client.create("GW1:FREEZE:hand"), 1)
        assert until(lambda: state(client, "hand") == "FROZEN", 10)
        assert [7.0] == many(client, "M:OUTTMP:HIST:FRZ:V")
        assert ca.PUT_FAILED == client.put(client.create("GW1:FREEZE:hand"), 1)
        assert "hand is FROZEN already; put 0 first, which forgets what is kept" == served.journal.rows[-1].message
        assert "ARMED" == state(client, "trip")


def test_one_pv_freezes_and_arms_all() -> None:
    with Serving(plan_of()) as served, served.client() as client:
        everything = client.create("GW1:FREEZE")
        served.bring((0, 7.0), (1, 1.0), stamp_ns=time.time_ns())
        assert ca.NORMAL == client.put(everything, 1)
        assert until(lambda: {state(client, name) for name in ("trip", "hand")} == {"FROZEN"}, 10)
        assert 2 == client.get(everything)
        assert ca.NORMAL == client.put(everything, 0)
        assert ("ARMED", "ARMED", 0) == (state(client, "trip"), state(client, "hand"), client.get(everything))


def test_networks_and_access_security_hold_for_it() -> None:
    with Serving(plan_of(), networks=(IPv4Network("192.0.2.0/24"),)) as served, served.client() as client:
        channel = client.create("GW1:FREEZE")
        assert 1 == channel.rights
        assert ca.NO_WRITE_ACCESS == client.put(channel, 1)
    rules = parse_acf("UAG(ops) {alice} ASG(DEFAULT) { RULE(1,READ) RULE(1,WRITE){UAG(ops)} }", "site.acf")
    with Serving(plan_of(), file=rules) as served, CaClient(served.port, user="bob") as bob:
        assert ca.NO_WRITE_ACCESS == bob.put(bob.create("GW1:FREEZE:hand"), 1)
        assert "GW1:FREEZE:hand" == served.journal.rows[-1].pv
        assert served.journal.rows[-1].message.startswith("site.acf: ASG(DEFAULT) gives bob@console no WRITE")
        with CaClient(served.port, user="alice") as alice:
            assert ca.NORMAL == alice.put(alice.create("GW1:FREEZE:hand"), 1)


def test_without_freezes_there_are_no_such_pvs() -> None:
    with Serving(plan_of(freezes=(), frozen=frozenset())) as served:
        assert not served.on_loop(lambda: served.channels.known("GW1:FREEZE"))
        assert not served.on_loop(lambda: served.channels.known("M:OUTTMP:HIST:FRZ:V"))
