"""Safe writes as clients meet them: rights by access security, locks, leases, limits, one row of the journal each."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network

import numpy as np
import pytest

from gateway.access.acf import parse_acf
from gateway.access.rate import RateLimit, Rates
from gateway.core.status import UTIME
from gateway.core.values import Outcome, SettingResult
from iocs.fast import messages as ca
from tests.iocs.serving import WRITABLE, Serving, ca_settings
from tests.plan.planning import planned
from tests.support.ca_client import CHAR, STRING, TIME_DOUBLE, CaClient

SETPOINT = "Z:ACLTST:SP"
NO_LIMIT = RateLimit(0)
RULES = """UAG(ops) {alice} UAG(readers) {alice, bob}
ASG(DEFAULT) { INPA(GW1:FIGURE) RULE(1,READ){UAG(readers)} RULE(1,WRITE){UAG(ops) CALC("A=1")} }
ASG(ADMIN) { RULE(1,WRITE){UAG(ops)} }"""


@contextmanager
def serving(entry: str = WRITABLE, **rules: object) -> Iterator[Serving]:
    with Serving(planned(entry), **rules) as served:
        served.bring((1, 10.0), (0, 9.0))
        served.settle()
        yield served


@contextmanager
def client_of(served: Serving, user: str) -> Iterator[CaClient]:
    with CaClient(served.port, user=user) as client:
        yield client


def with_file(served: Serving, text: str, figure: float = 1.0) -> None:
    """Let other rules hold from now on."""

    def change() -> None:
        served.figure = figure
        served.guard.rules.file = parse_acf(text, "site.acf")
        served.guard.rules.value_of = served.channels.value_of
        served.server.reassess()

    served.on_loop(change)


def rights_of(client: CaClient, name: str) -> int:
    return client.create(name).rights


def text(client: CaClient, name: str) -> str:
    return bytes(np.atleast_1d(np.array(client.get(client.create(name)), np.uint8))).partition(b"\0")[0].decode()


def told(client: CaClient, number: int) -> str:
    """The next update of a subscription to a long text."""
    return client.take(ca.EVENT_ADD, p2=number).payload.partition(b"\0")[0].decode()


def test_rights_are_those_that_access_security_gives_to_each_client() -> None:
    with serving() as served:
        with_file(served, RULES)
        for user, rights in (("alice", 3), ("bob", 1), ("eve", 0)):
            with client_of(served, user) as client:
                assert rights == rights_of(client, SETPOINT)
                assert rights & 1 == rights_of(client, "Z:ACLTST:SP_RBV")


def test_a_client_without_the_right_to_write_changes_nothing_and_is_told_by_whom() -> None:
    with serving() as served, client_of(served, "bob") as client:
        with_file(served, RULES)
        setpoint = client.create(SETPOINT)
        assert ca.NO_WRITE_ACCESS == client.put(setpoint, 5.0)
        assert [] == served.backend.writes
        assert (10.0, 0, 0) == client.get_time(setpoint)[:3]
        row = served.journal.rows[-1]
        assert ("access security", "DENIED", "bob", "console") == (row.layer, row.outcome, row.user, row.host)
        assert "site.acf: ASG(DEFAULT) gives bob@console no WRITE: line 2 needs a user of UAG(ops)" == row.message


def test_a_client_without_the_right_to_read_gets_no_value() -> None:
    with serving() as served, client_of(served, "eve") as client:
        with_file(served, RULES)
        reading = client.create("Z:ACLTST")
        reply = client.get_message(reading, TIME_DOUBLE)
        assert (ca.NO_READ_ACCESS, 0) == (reply.p1, sum(reply.payload))
        number = client.subscribe(reading)
        assert ca.NO_READ_ACCESS == client.take(ca.EVENT_ADD, p2=number).p1


def test_rights_follow_the_rules_and_their_inputs_on_open_channels() -> None:
    with serving() as served, client_of(served, "alice") as client:
        with_file(served, RULES)
        setpoint = client.create(SETPOINT)
        assert 3 == setpoint.rights
        with_file(served, RULES, figure=0.0)
        assert 1 == client.take(ca.ACCESS_RIGHTS, p1=setpoint.cid).p2
        assert ca.NO_WRITE_ACCESS == client.put(setpoint, 5.0)
        assert "CALC 'A=1' to hold" in served.journal.rows[-1].message
        with_file(served, RULES)
        assert 3 == client.take(ca.ACCESS_RIGHTS, p1=setpoint.cid).p2
        assert ca.NORMAL == client.put(setpoint, 5.0)


def test_monitors_pause_while_they_may_not_read_and_go_on_after_that() -> None:
    nobody = "ASG(DEFAULT)"
    with serving() as served, client_of(served, "alice") as client:
        with_file(served, RULES)
        readback = client.create("Z:ACLTST:SP_RBV")
        number = client.subscribe(readback)
        assert 10.0 == client.update(number).value
        with_file(served, nobody)
        assert ca.NO_READ_ACCESS == client.take(ca.EVENT_ADD, p2=number).p1
        served.bring((1, 11.0))
        client.settle()
        assert [] == client.waiting(number)
        with_file(served, RULES)
        assert 11.0 == client.update(number).value
        served.bring((1, 12.0))
        assert 12.0 == client.update(number).value
        client.cancel(readback, number)


def test_a_network_outside_of_allow_write_may_read_only() -> None:
    with serving(networks=(IPv4Network("192.0.2.0/24"),)) as served, client_of(served, "alice") as client:
        setpoint = client.create(SETPOINT)
        assert 1 == setpoint.rights
        assert ca.NO_WRITE_ACCESS == client.put(setpoint, 5.0)
        assert "network" == served.journal.rows[-1].layer


def test_a_lock_keeps_others_out_names_its_holder_and_ends_with_its_circuit() -> None:
    with serving() as served, client_of(served, "bob") as bob:
        holder = bob.create("Z:ACLTST:LOCK:HOLDER")
        number = bob.subscribe(holder, CHAR)
        assert "" == told(bob, number)
        with client_of(served, "alice") as alice:
            assert ca.NORMAL == alice.put(alice.create("Z:ACLTST:LOCK"), "tuning", STRING)
            assert "alice@console" == told(bob, number)
            assert ca.NORMAL == alice.put(alice.create(SETPOINT), 5.0)
            assert ca.PUT_FAILED == bob.put(bob.create(SETPOINT), 6.0)
            assert "locked by alice@console: tuning" in text(bob, "Z:ACLTST:WR:MSG")
            assert ca.PUT_FAILED == bob.put(bob.create("Z:ACLTST:LOCK"), "mine", STRING)
        assert "" == told(bob, number)
        assert ca.NORMAL == bob.put(bob.create(SETPOINT), 6.0)
        assert ["5.0", "6.0"] == [
            row.new for row in served.journal.rows if row.outcome == "ACCEPTED" and row.pv == SETPOINT
        ]


def test_only_an_administrator_breaks_the_lock_of_somebody_else() -> None:
    with serving() as served, client_of(served, "bob") as bob, client_of(served, "alice") as alice:
        assert ca.NORMAL == bob.put(bob.create("Z:ACLTST:LOCK"), "x", STRING)
        assert ca.NO_WRITE_ACCESS == alice.put(alice.create("Z:ACLTST:LOCK:BREAK"), 1)
        assert "nobody may break locks" in served.journal.rows[-1].message
        with_file(served, RULES.replace("UAG(ops) CALC", "UAG(readers) CALC"))
        assert ca.NO_WRITE_ACCESS == bob.put(bob.create("Z:ACLTST:LOCK:BREAK"), 1)
        assert ca.PUT_FAILED == alice.put(alice.create("Z:ACLTST:LOCK:BREAK"), 2)
        assert ca.NORMAL == alice.put(alice.create("Z:ACLTST:LOCK:BREAK"), 1)
        assert "" == text(alice, "Z:ACLTST:LOCK:HOLDER")
        assert ca.NORMAL == alice.put(alice.create(SETPOINT), 6.0)


def test_a_lock_is_given_back() -> None:
    with serving() as served, client_of(served, "bob") as bob, client_of(served, "alice") as alice:
        lock = bob.create("Z:ACLTST:LOCK")
        assert ca.NORMAL == bob.put(lock, "x", STRING)
        assert 3000 < bob.get(bob.create("Z:ACLTST:LOCK:LEFT")) <= 3600
        assert ca.NORMAL == bob.put(lock, "", STRING)
        assert ca.NORMAL == alice.put(alice.create(SETPOINT), 6.0)
        assert "" == text(alice, "Z:ACLTST:LOCK")


def test_a_lease_enables_the_settings_of_its_own_circuit_for_its_time() -> None:
    with serving(lease_needed=True) as served, client_of(served, "bob") as bob, client_of(served, "alice") as alice:
        setpoint = alice.create(SETPOINT)
        assert ca.PUT_FAILED == alice.put(setpoint, 5.0)
        assert "lease" == served.journal.rows[-1].layer
        assert ca.PUT_FAILED == alice.put(alice.create("GW1:LEASE"), -1.0)
        assert ca.NORMAL == alice.put(alice.create("GW1:LEASE"), 10.0)
        assert "alice@console 600 s" == text(alice, "GW1:LEASE:HOLDERS")
        assert ca.NORMAL == alice.put(setpoint, 5.0)
        assert ca.PUT_FAILED == bob.put(bob.create(SETPOINT), 6.0)
        served.on_loop(lambda: served.guard.rules.leases.grant(next(iter(served.guard.rules.leases._leases)), "", 1e-9,
                                                               served.clock.monotonic()))  # fmt: skip
        assert ca.PUT_FAILED == alice.put(setpoint, 7.0)
        assert [5.0] == [setting.value for setting in served.backend.writes]


def test_without_the_need_of_a_lease_there_is_no_lease_to_ask_for() -> None:
    with serving() as served, served.client() as client, pytest.raises(LookupError):
        client.create("GW1:LEASE")


def test_a_step_is_measured_against_what_the_front_end_holds_the_first_put_included() -> None:
    entry = WRITABLE.replace("low: 0", "step: 2, low: 0")
    with serving(entry) as served, served.client() as client:
        setpoint = client.create(SETPOINT)
        assert ca.PUT_FAILED == client.put(setpoint, 12.5)
        assert "a change of 2.5 from 10 is more than the largest step, 2 (step and slew)" in text(
            client, "Z:ACLTST:WR:MSG"
        )
        assert ca.NORMAL == client.put(setpoint, 12.0)
        assert ca.PUT_FAILED == client.put(setpoint, 14.0)  # the readback has not followed yet
        served.bring((1, 12.0))
        served.settle()
        assert ca.NORMAL == client.put(setpoint, 14.0)


def test_a_rate_is_limited_and_the_next_window_is_free() -> None:
    with serving(rates=Rates(RateLimit(3, 3600.0), NO_LIMIT, NO_LIMIT)) as served:
        with served.client() as client:
            setpoint = client.create(SETPOINT)
            assert [1, 1, 1, ca.PUT_FAILED] == [client.put(setpoint, 5.0) for _ in range(4)]
            assert "the client has had 3 in 3600 s" in text(client, "Z:ACLTST:WR:MSG")
        with served.client() as other:
            assert ca.NORMAL == other.put(other.create(SETPOINT), 5.0)


def test_a_journal_that_must_be_written_and_cannot_refuses_puts() -> None:
    with serving(audit=lambda: "the journal x cannot be written: no space") as served, served.client() as client:
        assert ca.PUT_FAILED == client.put(client.create(SETPOINT), 5.0)
        assert [] == served.backend.writes
        assert "audit" == served.journal.rows[-1].layer


def test_every_put_has_exactly_one_row_with_what_was_and_what_was_wished() -> None:
    with serving() as served, client_of(served, "alice") as client:
        setpoint = client.create(SETPOINT)
        client.put(setpoint, 5.0)
        client.put(setpoint, 500.0)
        client.put(setpoint, "abc", STRING)
        client.put(client.create("Z:ACLTST:WR:STATE"), 1, 5)
        served.bring((1, 5.0))
        served.settle()
        served.backend.on_write = lambda setting: SettingResult(setting, UTIME, Outcome.REFUSED)
        client.put(client.create("Z:ACLTST"), 7.0)
        rows = served.journal.rows
        assert [
            ("", "ACCEPTED", SETPOINT, "10.0", "5.0"),
            ("limits", "DENIED", SETPOINT, "10.0", "500.0"),
            ("type and length", "DENIED", SETPOINT, "", ""),
            ("device", "DENIED", "Z:ACLTST:WR:STATE", "", "1"),
            ("", "FAILED", "Z:ACLTST", "5.0", "7.0"),
        ] == [(row.layer, row.outcome, row.pv, row.old, row.new) for row in rows]
        assert 5 == len({row.id for row in rows})
        assert all(row.answered_ns >= row.time_ns > 0 for row in rows)


def test_circuits_are_limited_in_all_and_by_address() -> None:
    with Serving(planned(WRITABLE), ca_settings(circuits=3, circuits_per_address=2)) as served:
        with served.client() as first, served.client() as second:
            first.settle()
            second.settle()
            with CaClient(served.port, hello=False) as third:
                assert third.closed_by_server()
            assert 1 == served.on_loop(lambda: served.server.refused)
        with served.client() as again:
            again.settle()
