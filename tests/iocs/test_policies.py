"""Policies of a site are asked last; what they change is judged again, and every decision is in the journal (P-68)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from gateway.access.policy import Allow, Context, Deny, Modify, Policy, PutAsked
from iocs import guard
from iocs.fast import messages as ca
from tests.iocs.serving import Serving
from tests.plan.planning import planned
from tests.support.ca_client import CHAR, CaClient
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
ENTRY = (
    '{device: "Z:ACLTST", writable: true, low: 0, high: 100, step: 60, commands: [ON, OFF, RESET],'
    " properties: [reading, setting, control]}"
)
SETTING_ROW, NORMAL = 1, 1


@contextmanager
def ruled(*policies: Policy, **rules: object) -> Iterator[tuple[Serving, CaClient]]:
    with Serving(planned(ENTRY), policies=policies, **rules) as served, served.client() as client:
        served.bring((SETTING_ROW, 10.0))
        served.settle()
        yield served, client


def half(put: PutAsked, context: Context) -> Any:
    """One tenth for 50, itself plus 1000 for 60, half of it for all others."""
    assert isinstance(put.value, float)
    if put.value == 60.0:
        return Modify(put.value + 1000, "more")
    return Modify(put.value / 2, f"held {put.held:g}, {context.options['why']}")


HALF = Policy("half", half, options={"why": "option"})


def message(client: CaClient) -> str:
    """The whole of `:WR:MSG`."""
    signs = client.get(client.create("Z:ACLTST:WR:MSG"), CHAR)
    return bytes(np.atleast_1d(np.asarray(signs, np.uint8))).partition(b"\0")[0].decode()


def test_every_decision_stands_in_the_row_of_its_put() -> None:
    with ruled(Policy("day", lambda *_: Allow("it is day")), Policy("open", lambda *_: Allow())) as (served, client):
        assert NORMAL == client.put(client.create("Z:ACLTST:SP"), 20.0)
        (row,) = served.journal.rows
        assert ("ACCEPTED", "20.0", "day allowed: it is day; open allowed") == (row.outcome, row.new, row.message)
        assert "" == message(client)


def test_a_changed_value_is_what_is_sent_shown_and_journaled() -> None:
    with ruled(HALF) as (served, client):
        setpoint = client.create("Z:ACLTST:SP")
        assert NORMAL == client.put(setpoint, 40.0)
        assert [20.0] == [setting.value for setting in served.backend.writes]
        assert 20.0 == client.get(setpoint)
        (row,) = served.journal.rows
        assert ("ACCEPTED", "20.0", "10.0") == (row.outcome, row.new, row.old)
        assert "half made 20.0 of 40.0: held 10, option" == row.message == message(client)


def test_a_denial_changes_nothing_and_names_the_policy() -> None:
    with ruled(HALF, Policy("shut", lambda *_: Deny("it is night"))) as (served, client):
        setpoint = client.create("Z:ACLTST:SP")
        before = client.get_time(setpoint)
        assert ca.PUT_FAILED == client.put(setpoint, 40.0)
        assert [] == served.backend.writes
        assert before == client.get_time(setpoint)
        (row,) = served.journal.rows
        assert ("policy", "DENIED") == (row.layer, row.outcome)
        assert "shut denies: it is night; half made 20.0 of 40.0: held 10, option" == row.message
        assert message(client).startswith("shut denies: it is night (policy)")


def test_nothing_that_a_policy_makes_gets_past_limits_and_steps() -> None:
    far = Policy("far", lambda *_: Modify(75.0))
    for policies, layer in (((HALF,), "limits"), ((far,), "step and slew")):
        with ruled(*policies) as (served, client):
            assert ca.PUT_FAILED == client.put(client.create("Z:ACLTST:SP"), 60.0)
            assert [] == served.backend.writes
            (row,) = served.journal.rows
            assert (layer, "DENIED") == (row.layer, row.outcome)
            assert f"{policies[0].name} made" in row.message


def test_only_what_every_other_layer_lets_through_is_asked_about() -> None:
    asked: list[object] = []

    def hear(put: PutAsked, _context: Context) -> Allow:
        asked.append(put.value)
        return Allow()

    trouble = ["the journal cannot be written"]
    with ruled(Policy("ear", hear), audit=lambda: trouble[0]) as (served, client):
        setpoint = client.create("Z:ACLTST:SP")
        for value in (101.0, 80.0, 20.0):
            assert ca.PUT_FAILED == client.put(setpoint, value)
        assert ["limits", "step and slew", "audit"] == [row.layer for row in served.journal.rows]
        assert [] == asked
        trouble[0] = ""
        assert NORMAL == client.put(setpoint, 20.0)
        assert [20.0] == asked


def test_a_command_is_known_by_its_label_and_can_be_denied_but_not_changed() -> None:
    def rule(put: PutAsked, _context: Context) -> Any:
        return Deny("stays on") if put.value == "OFF" else Modify("OFF") if put.value == "RESET" else Allow()

    with ruled(Policy("rule", rule)) as (served, client):
        command = client.create("Z:ACLTST:CMD")
        labels = client.get_labels(command)
        for label, status in (("OFF", ca.PUT_FAILED), ("RESET", ca.PUT_FAILED), ("ON", NORMAL)):
            assert status == client.put(command, labels.index(label))
        assert ["policy", "policy error", ""] == [row.layer for row in served.journal.rows]
        assert ["Z:ACLTST.CONTROL@N"] == [str(setting.request) for setting in served.backend.writes]


def test_a_policy_that_breaks_denies_with_one_traceback_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with ruled(Policy("broken", lambda *_: 1 / 0), Policy("none", lambda *_: None)) as (served, client):  # type: ignore[arg-type, return-value]
        assert ca.PUT_FAILED == client.put(client.create("Z:ACLTST:SP"), 20.0)
        (row,) = served.journal.rows
        assert ("policy error", "DENIED") == (row.layer, row.outcome)
        told = "broken broke with ZeroDivisionError; whoever keeps it has to mend it"
        assert (told, f"{told} (policy error)") == (row.message, message(client))
        assert [] == served.backend.writes
    (logged,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert row.id in logged.getMessage()
    assert logged.exc_info is not None
    assert ZeroDivisionError is logged.exc_info[0]


def test_a_policy_of_other_devices_is_not_asked() -> None:
    with ruled(Policy("shut", lambda *_: Deny("never"), ("M:*",))) as (served, client):
        assert NORMAL == client.put(client.create("Z:ACLTST:SP"), 20.0)
        assert [""] == [row.message for row in served.journal.rows]


def test_a_slow_policy_is_told_of_in_the_log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SLOW", 0.0)
    with ruled(Policy("slow", lambda *_: Allow())) as (_, client):
        assert NORMAL == client.put(client.create("Z:ACLTST:SP"), 20.0)
    assert any("the policies slow took 0.00" in record.getMessage() for record in caplog.records)
