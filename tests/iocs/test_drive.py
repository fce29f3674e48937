"""Limits that clamp, and limits that are PVs: what is sent, what is told, and what setpoints show (P-66)."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from iocs.fast import messages as ca
from tests.iocs.serving import Serving
from tests.plan.planning import planned
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
SP, SETTING_ROW, PROPERTY = "Z:ACLTST:SP", 1, 8
CTRL_DOUBLE = 34
ENTRY = '{{device: "Z:ACLTST", writable: true, properties: [reading, setting], low: -50, high: 50, drive: {{{}}}{}}}'
Limits = dict[str, float | None]


@contextmanager
def serving(drive: str, more: str = "", limits: Limits | None = None) -> Iterator[tuple[Serving, CaClient, Limits]]:
    """`limits` are the values of PVs, which a test may change while it serves."""
    values = limits if limits is not None else {}
    with Serving(planned(ENTRY.format(drive, more))) as served, served.client() as client:
        served.on_loop(lambda: setattr(served.guard, "limit_of", values.get))
        served.on_loop(lambda: setattr(served.guard, "limit_shown", values.get))
        served.bring((SETTING_ROW, 10.0))
        served.settle()
        yield served, client, values


def sent(served: Serving) -> list[object]:
    return [setting.value for setting in served.backend.writes]


def message(client: CaClient) -> str:
    said = np.atleast_1d(np.array(client.get(client.create("Z:ACLTST:WR:MSG")), np.uint8))
    return bytes(said).partition(b"\0")[0].decode()


@pytest.mark.parametrize("name", [SP, "Z:ACLTST"])
def test_a_put_beyond_a_limit_goes_on_with_the_limit_and_that_is_told(name: str) -> None:
    with serving("high: 20, outside: clamp") as (served, client, _):
        setpoint = client.create(SP)
        assert 10.0 == client.get(setpoint)
        assert ca.NORMAL == client.put(client.create(name), 30.0)
        assert [20.0] == sent(served)
        assert (20.0, 0, 0) == client.get_time(setpoint)[:3]
        assert "clamped from 30 to 20" == message(client)
        row = served.journal.rows[-1]
        assert ("", "ACCEPTED", "20.0", "clamped from 30 to 20") == (row.layer, row.outcome, row.new, row.message)
        assert ca.NORMAL == client.put(setpoint, 15.0)
        assert "" == message(client)


def test_a_clamped_value_is_judged_further_as_what_it_is() -> None:
    with serving("high: 20, outside: clamp", ", step: 5") as (served, client, _):
        assert ca.PUT_FAILED == client.put(client.create(SP), 30.0)
        row = served.journal.rows[-1]
        assert ("step and slew", "20.0", True) == (row.layer, row.new, row.message.endswith("; clamped from 30 to 20"))
        assert (
            "a change of 10 from 10 is more than the largest step, 5 (step and slew); clamped from 30 to 20"
            == message(client)
        )
        served.bring((SETTING_ROW, 16.0))
        served.settle()
        assert ca.NORMAL == client.put(client.create(SP), 30.0)
        assert [20.0] == sent(served)


def test_what_is_there_already_when_it_is_clamped_is_not_sent_again() -> None:
    with serving("high: 10, outside: clamp", ", skip_if_equal: true") as (served, client, _):
        assert ca.NORMAL == client.put(client.create(SP), 30.0)
        assert [] == sent(served)
        assert "skipped: it is there already; clamped from 30 to 10" == message(client)


def test_without_clamp_it_is_refused_and_nothing_changes_for_anybody() -> None:
    with serving("high: 20") as (served, client, _), served.client() as other:
        setpoint = other.create(SP)
        number = other.subscribe(setpoint)
        assert 10.0 == other.update(number).value
        assert ca.PUT_FAILED == client.put(client.create(SP), 30.0)
        assert [] == sent(served)
        assert (10.0, 0, 0) == other.get_time(setpoint)[:3]
        assert [] == other.waiting(number)
        assert "Z:ACLTST:SP takes values from -50 to 20 (limits)" == message(client)


def test_a_limit_that_is_a_pv_holds_as_it_is_at_the_moment() -> None:
    with serving("low: 'M:MIN', high: 'M:MAX'", limits={"M:MIN": 0.0, "M:MAX": 20.0}) as (served, client, limits):
        setpoint = client.create(SP)
        assert ca.NORMAL == client.put(setpoint, 20.0)
        limits["M:MAX"] = 15.0
        assert ca.PUT_FAILED == client.put(setpoint, 20.0)
        assert "Z:ACLTST:SP takes values from 0 to 15 (limits)" == message(client)
        limits["M:MAX"] = None
        assert ca.PUT_FAILED == client.put(setpoint, 1.0)
        assert "Z:ACLTST:SP is limited by M:MAX, which has no valid value now (limits)" == message(client)
        limits["M:MAX"] = -1.0
        assert ca.PUT_FAILED == client.put(setpoint, -0.5)
        assert "the limits of Z:ACLTST:SP exclude each other: from 0 to -1 (limits)" == message(client)
        assert [20.0] == sent(served)
        assert (20.0, 0, 0) == client.get_time(setpoint)[:3]


def test_a_limit_that_is_not_known_clamps_nothing() -> None:
    with serving("high: 'M:MAX', outside: clamp", limits={"M:MAX": None}) as (served, client, limits):
        assert ca.PUT_FAILED == client.put(client.create(SP), 5.0)
        assert [] == sent(served)
        limits["M:MAX"] = 3.0
        assert ca.NORMAL == client.put(client.create(SP), 5.0)
        assert [3.0] == sent(served)


def test_the_setpoint_shows_the_limits_and_tells_of_their_changes() -> None:
    with serving("high: 'M:MAX'", limits={"M:MAX": 20.0}) as (served, client, limits):
        setpoint, field = client.create(SP), client.create(f"{SP}.DRVH")
        assert ((-50.0, 20.0), (-50.0, 50.0)) == (
            client.get_control(setpoint).control, client.get_control(setpoint).display,
        )  # fmt: skip
        assert 20.0 == client.get(field)
        number = client.subscribe(setpoint, CTRL_DOUBLE, mask=PROPERTY)
        assert 20.0 == client.control_update(number).control[1]
        limits["M:MAX"] = 15.0
        served.on_loop(lambda: served.channels.limit("Z:ACLTST"))
        assert 15.0 == client.control_update(number).control[1]
        assert 15.0 == client.get(field)
        served.on_loop(lambda: served.channels.limit("Z:ACLTST"))  # nothing new is no news
        served.on_loop(lambda: served.channels.redescribe(served.ioc.plan.devices))
        assert 15.0 == client.get(field)
        limits["M:MAX"] = None
        served.on_loop(lambda: served.channels.limit("Z:ACLTST"))
        assert 0.0 == client.control_update(number).control[1], "EPICS has no word for a limit that is not known"
