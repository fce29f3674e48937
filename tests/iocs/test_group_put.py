"""Group puts: what is staged is judged member by member, sent together, and told member by member (P-42, P-64)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf, isnan, nan

import numpy as np
import pytest

from gateway.access.acf import parse_acf
from gateway.access.rate import RateLimit, Rates
from gateway.core.status import UTIME
from gateway.core.values import Outcome, Setting, SettingResult
from gateway.plan.build import build_plan
from gateway.plan.model import Plan
from iocs.fast import messages as ca
from tests.config.loading import loaded
from tests.iocs.serving import Serving
from tests.support.ca_client import DOUBLE, PATIENCE, STRING, TIME_STRING, CaClient
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
NAMES = ("Z:A", "Z:B", "Z:C", "Z:D", "Z:E")
GOOD, ONE_FAR = [1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 300.0, 4.0, 5.0]
MAJOR, WRITE = 2, 2
NO_LIMIT = RateLimit(0)


def plan_of(precheck: str, more: str = "", writes: str = "on", group: str = "DEFAULT") -> Plan:
    entry = "  - {{device: '{}', writable: true, low: 0, high: 100, properties: [reading, setting]{}}}\n"
    devices = "".join(entry.format(name, more) for name in NAMES)
    text = f"gateway: {{writes: {writes}, buffer: 10}}\nbackends: {{a: {{url: 'sim:'}}}}\ndevices:\n{devices}"
    members = ", ".join(NAMES)
    return build_plan(
        loaded(f"{text}groups: {{bump: {{members: '{members}', precheck: {precheck}, group: {group}}}}}\n"), {}
    )[0]


@contextmanager
def serving(precheck: str, more: str = "", **rules: object) -> Iterator[tuple[Serving, CaClient]]:
    with Serving(plan_of(precheck, more), **rules) as served, CaClient(served.port, user="alice") as client:
        yield served, client


def stage(client: CaClient, values: list[float]) -> int:
    return client.put(client.create("GRP:bump:VALUES"), values, DOUBLE)


def execute(client: CaClient) -> int:
    return client.put(client.create("GRP:bump:EXECUTE"), 1)


def results(client: CaClient) -> object:
    return client.get(client.create("GRP:bump:RESULTS"), STRING)


def message(client: CaClient) -> str:
    said = np.atleast_1d(np.array(client.get(client.create("GRP:bump:MSG")), np.uint8))
    return bytes(said).partition(b"\0")[0].decode()


def alarm(client: CaClient) -> tuple[int, int]:
    number = client.subscribe(channel := client.create("GRP:bump:RESULTS"), TIME_STRING)
    found = client.update(number)
    client.cancel(channel, number)
    return found.severity, found.status


def sent(served: Serving) -> dict[str, object]:
    return {setting.request.device: setting.value for setting in served.backend.writes}


def state(client: CaClient, name: str) -> object:
    return client.get(client.create(f"{name}:WR:STATE"), STRING)


def test_what_is_staged_is_sent_to_each_member_when_it_is_executed() -> None:
    with serving("on") as (served, client):
        assert list(NAMES) == [
            text.removesuffix(":SP") for text in client.get(client.create("GRP:bump:MEMBERS"), STRING)
        ]
        setpoints = [client.create(f"{name}:SP") for name in NAMES]
        assert ["IDLE"] * 5 == results(client)
        assert ca.NORMAL == stage(client, GOOD)
        assert {} == sent(served)
        assert GOOD == client.get(client.create("GRP:bump:VALUES"))
        assert ca.NORMAL == execute(client)
        assert dict(zip(NAMES, GOOD, strict=True)) == sent(served)
        assert (["ACCEPTED"] * 5, "", (0, 0)) == (results(client), message(client), alarm(client))
        assert GOOD == [client.get(setpoint) for setpoint in setpoints]
        assert ["ACCEPTED"] * 5 == [state(client, name) for name in NAMES]
        rows = [(row.pv, row.user, row.outcome) for row in served.journal.rows]
        group = [("GRP:bump:VALUES", "alice", "ACCEPTED"), ("GRP:bump:EXECUTE", "alice", "ACCEPTED")]
        assert sorted(rows) == sorted([*group, *((f"{name}:SP", "alice", "ACCEPTED") for name in NAMES)])


def test_with_precheck_one_of_five_out_of_range_keeps_back_all() -> None:
    with serving("on") as (served, client):
        stage(client, ONE_FAR)
        assert ca.PUT_FAILED == execute(client)
        assert {} == sent(served)
        assert ["DENIED"] * 5 == results(client)
        assert (0, 0) == alarm(client), "a refusal of all changes nothing"
        assert message(client).startswith("5 of 5 not as wished: Z:A: GRP:bump is all or nothing: Z:C:SP: Z:C:SP takes")
        layers = {row.pv: row.layer for row in served.journal.rows}
        held_back = {f"{name}:SP": "limits" if name == "Z:C" else "group" for name in NAMES}
        assert {"GRP:bump:VALUES": "", "GRP:bump:EXECUTE": "group", **held_back} == layers
        assert 7 == len(served.journal.rows)


def test_without_precheck_the_other_four_are_written_and_one_has_an_error() -> None:
    with serving("off") as (served, client):
        stage(client, ONE_FAR)
        assert ca.PUT_FAILED == execute(client)
        assert {name: number for name, number in zip(NAMES, GOOD, strict=True) if name != "Z:C"} == sent(served)
        assert ["ACCEPTED", "ACCEPTED", "DENIED", "ACCEPTED", "ACCEPTED"] == results(client)
        assert "1 of 5 not as wished: Z:C: Z:C:SP takes values from 0 to 100 (limits)" == message(client)
        assert (MAJOR, WRITE) == alarm(client), "the members are not as anybody wished"
        stage(client, GOOD)
        assert ca.NORMAL == execute(client)
        assert (0, 0) == alarm(client)


def test_a_member_whose_value_is_nan_is_left_alone() -> None:
    with serving("on") as (served, client):
        assert ca.NORMAL == stage(client, [nan, 2.0, nan, nan, 5.0])
        assert ca.NORMAL == execute(client)
        assert {"Z:B": 2.0, "Z:E": 5.0} == sent(served)
        assert ["IDLE", "ACCEPTED", "IDLE", "IDLE", "ACCEPTED"] == results(client)
        assert "IDLE" == state(client, "Z:A")


def test_what_cannot_be_staged_or_executed_is_refused_and_changes_nothing() -> None:
    with serving("on") as (served, client):
        assert ca.PUT_FAILED == execute(client)
        assert "nothing is staged; put the values to GRP:bump:VALUES first" == served.journal.rows[-1].message
        assert ca.PUT_FAILED == stage(client, [1.0, 2.0])
        assert "takes exactly 5 values, not 2; NaN leaves" in served.journal.rows[-1].message
        assert ca.PUT_FAILED == stage(client, [inf, *GOOD[1:]])
        assert "finite numbers" in served.journal.rows[-1].message
        assert all(isnan(value) for value in client.get(client.create("GRP:bump:VALUES")))  # type: ignore[union-attr]
        assert ca.NORMAL == stage(client, GOOD)
        assert ca.PUT_FAILED == client.put(client.create("GRP:bump:EXECUTE"), 0)
        assert "takes EXECUTE (1) only" in served.journal.rows[-1].message
        assert {} == sent(served)


def test_what_the_backend_does_not_take_is_a_failure_of_that_member() -> None:
    with serving("on") as (served, client):
        accept = served.backend.on_write

        def all_but_one(setting: Setting) -> SettingResult:
            refused = setting.request.device == "Z:B"
            return SettingResult(setting, UTIME, Outcome.REFUSED) if refused else accept(setting)

        served.backend.on_write = all_but_one
        stage(client, GOOD)
        assert ca.PUT_FAILED == execute(client)
        assert ["ACCEPTED", "FAILED", "ACCEPTED", "ACCEPTED", "ACCEPTED"] == results(client)
        assert (MAJOR, WRITE) == alarm(client)
        assert message(client).startswith("1 of 5 not as wished: Z:B: ")
        assert "FAILED" == served.journal.rows[-1].outcome


def test_each_member_is_judged_as_a_put_of_the_client_that_executes() -> None:
    rules = "UAG(ops) {alice} ASG(DEFAULT) { RULE(1,WRITE) } ASG(OPS) { RULE(1,READ) RULE(1,WRITE) {UAG(ops)} }"
    with serving("off", ", group: OPS") as (served, alice), CaClient(served.port, user="eve") as eve:
        served.on_loop(lambda: setattr(served.guard.rules, "file", parse_acf(rules, "site.acf")))
        assert ca.NORMAL == stage(alice, GOOD)
        assert ca.PUT_FAILED == execute(eve)
        assert ["DENIED"] * 5 == results(eve)
        assert {} == sent(served)
        assert ca.NORMAL == execute(alice)
        assert 5 == len(sent(served))


def test_a_member_that_another_client_has_locked_is_refused() -> None:
    with serving("off") as (served, alice), CaClient(served.port, user="bob") as bob:
        assert ca.NORMAL == bob.put(bob.create("Z:D:LOCK"), "tuning", STRING)
        stage(alice, GOOD)
        assert ca.PUT_FAILED == execute(alice)
        assert ["ACCEPTED", "ACCEPTED", "ACCEPTED", "DENIED", "ACCEPTED"] == results(alice)
        assert "locked by bob@console" in message(alice)
        assert "Z:D" not in sent(served)


def test_rates_count_each_member_before_the_first_is_sent() -> None:
    with serving("on", rates=Rates(RateLimit(4, 3600.0), NO_LIMIT, NO_LIMIT)) as (served, client):
        stage(client, GOOD)
        assert ca.PUT_FAILED == execute(client)
        assert {} == sent(served)
        assert "rate" in {row.layer for row in served.journal.rows}


def test_who_may_not_write_the_pvs_of_the_group_has_no_right_to() -> None:
    with Serving(plan_of("on", writes="off")) as served, served.client() as client:
        assert [1, 1] == [client.create(f"GRP:bump:{suffix}").rights for suffix in ("VALUES", "EXECUTE")]
        assert ca.NO_WRITE_ACCESS == execute(client)
    rules = "ASG(DEFAULT) { RULE(1,WRITE) } ASG(FEW) { RULE(1,READ) }"
    with Serving(plan_of("on", group="FEW"), file=parse_acf(rules, "site.acf")) as served, served.client() as client:
        assert [1, 1] == [client.create(f"GRP:bump:{suffix}").rights for suffix in ("VALUES", "EXECUTE")]
        assert ca.NO_WRITE_ACCESS == stage(client, GOOD)
        assert ("access security", "GRP:bump:VALUES") == (served.journal.rows[-1].layer, served.journal.rows[-1].pv)


def test_it_is_executed_for_one_client_at_a_time() -> None:
    with serving("on") as (served, alice), CaClient(served.port, user="bob") as bob:
        stage(alice, GOOD)
        order = alice.create("GRP:bump:EXECUTE")
        accept, sending, go_on = served.backend.on_write, threading.Event(), threading.Event()

        def slow(setting: Setting) -> SettingResult:
            sending.set()
            assert go_on.wait(PATIENCE)
            return accept(setting)

        served.backend.on_write = slow
        number = alice.ask_put(order, 1)
        assert sending.wait(PATIENCE)
        assert 1 == bob.get(bob.create("GRP:bump:EXECUTE"))
        assert ca.PUT_FAILED == execute(bob)
        assert "it is being executed for alice@console; try again" in served.journal.rows[-1].message
        go_on.set()
        assert ca.NORMAL == alice.take(ca.WRITE_NOTIFY, p2=number).p1
        assert 0 == bob.get(bob.create("GRP:bump:EXECUTE"))
