"""The largest step holds between puts, too, however late the readback is (features.md P-67)."""

from dataclasses import replace

import pytest

from gateway.core.status import OK, Status
from gateway.core.values import Outcome, Setting, SettingResult
from iocs.fast import messages as ca
from tests.iocs.serving import Serving, connected
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
ENTRY = '{device: "Z:ACLTST", writable: true, properties: [reading, setting], step: 30}'
SP, ROW = "Z:ACLTST:SP", 1


def begun(served: Serving, client: CaClient, held: float = 10.0):
    served.bring((ROW, held))
    served.settle()
    return client.create(SP)


def layers(served: Serving) -> list[str]:
    return [row.layer for row in served.journal.rows]


def test_a_step_is_measured_from_the_readback_and_from_what_was_accepted_since() -> None:
    with connected(ENTRY) as (served, client):
        setpoint = begun(served, client)
        assert ca.NORMAL == client.put(setpoint, 40.0)
        assert ca.PUT_FAILED == client.put(setpoint, -20.0)  # 30 from the readback, and 60 from where it may be
        assert ca.PUT_FAILED == client.put(setpoint, 65.0)  # 25 from where it may be, and 55 from the readback
        assert ca.NORMAL == client.put(setpoint, 20.0)
        served.bring((ROW, 20.0))
        served.settle()
        assert ca.NORMAL == client.put(setpoint, 50.0)
        assert ["", "step and slew", "step and slew", "", ""] == layers(served)


def test_a_step_is_measured_from_what_was_verified_until_a_readback_comes() -> None:
    with connected(ENTRY.replace("}", ", confirm: {tolerance: 0.1}}")) as (served, client):
        setpoint = begun(served, client)
        assert ca.NORMAL == client.put(setpoint, 40.0)
        assert ca.PUT_FAILED == client.put(setpoint, -20.0)  # 30 from the last readback, and 60 from where it is
        assert ca.NORMAL == client.put(setpoint, 65.0)
        served.bring((ROW, 20.0))  # somebody else has set it
        served.settle()
        assert ca.PUT_FAILED == client.put(setpoint, 65.0)
        assert ca.NORMAL == client.put(setpoint, 45.0)
        assert ["", "step and slew", "", "step and slew", ""] == layers(served)
        assert ["10.0", "40.0", "40.0", "20.0", "20.0"] == [row.old for row in served.journal.rows]


def test_puts_without_waiting_make_no_larger_step_than_those_that_wait() -> None:
    with connected(ENTRY) as (served, client):
        setpoint = begun(served, client)
        served.backend.on_write = lambda setting: SettingResult(setting, OK, Outcome.ACCEPTED)
        asked = [client.ask_put(setpoint, value) for value in (40.0, -20.0, 35.0)]
        assert [ca.NORMAL, ca.PUT_FAILED, ca.NORMAL] == [client.take(ca.WRITE_NOTIFY, p2=one).p1 for one in asked]
        assert [40.0, 35.0] == [setting.value for setting in served.backend.writes]


def test_a_put_that_failed_or_was_not_confirmed_moves_no_reference() -> None:
    entry = ENTRY.replace("}", ", confirm: {tolerance: 0.1, attempts: 1}}")
    with connected(entry) as (served, client):
        setpoint = begun(served, client)

        def refuse(setting: Setting) -> SettingResult:
            return SettingResult(setting, Status(14, -20), Outcome.REFUSED)

        accept, served.backend.on_write = served.backend.on_write, refuse
        assert ca.PUT_FAILED == client.put(setpoint, 40.0)
        served.backend.on_write = accept
        served.backend.on_read = lambda request: replace(served.backend._read_held(request), value=10.0)  # stuck
        assert ca.PUT_FAILED == client.put(setpoint, 35.0)
        assert ca.PUT_FAILED == client.put(setpoint, 45.0)
        assert ["FAILED", "UNCONFIRMED", "DENIED"] == [row.outcome for row in served.journal.rows]
        assert "a change of 35 from 10 is more than the largest step, 30" == served.journal.rows[2].message
