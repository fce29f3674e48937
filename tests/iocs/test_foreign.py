"""Somebody else moves a setting: the setpoint follows, the move is counted, our own value is kept, nothing is sent."""

import pytest

from gateway.core.severity import Severity, Stat
from gateway.core.status import Status
from gateway.core.values import Outcome, SettingResult
from tests.iocs.serving import WRITABLE, connected
from tests.support import ca_client as ca
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
SP, FOREIGN, OWN = "Z:ACLTST:SP", "Z:ACLTST:WR:FOREIGN", "Z:ACLTST:WR:OWN"


def test_the_setpoint_follows_and_whoever_monitors_is_told_at_once() -> None:
    with connected(WRITABLE) as (served, client):
        served.bring((1, 10.0))
        setpoint, own = client.create(SP), client.create(OWN)
        before = client.get_time(own)
        assert (Severity.INVALID, Stat.UDF) == (before.severity, before.status)
        assert 1 == client.put(setpoint, 20.0)
        served.bring((1, 20.0))
        moved, count, kept = client.subscribe(setpoint), client.subscribe(client.create(FOREIGN), ca.TIME_LONG), own
        assert (20.0, 0) == (client.update(moved).value, client.update(count).value)
        served.bring((1, 35.0))
        assert (35.0, 1) == (client.update(moved).value, client.update(count).value)
        assert (20.0, 0, 0) == client.get_time(kept)[:3]
        assert 35.0 == client.get(setpoint)
        assert [20.0] == [setting.value for setting in served.backend.writes]
        assert "ACCEPTED" == client.get(client.create("Z:ACLTST:WR:STATE"), ca.STRING)


def test_the_write_alarm_of_a_failed_put_stays_when_somebody_else_sets() -> None:
    with connected(WRITABLE) as (served, client):
        served.bring((1, 10.0))
        setpoint = client.create(SP)
        served.backend.on_write = lambda setting: SettingResult(setting, Status(17, -33), Outcome.REFUSED, "no")
        assert 1 != client.put(setpoint, 20.0)
        served.bring((1, 35.0))
        served.settle()
        assert (1, 35.0) == (client.get(client.create(FOREIGN)), client.get(setpoint))
        assert (Severity.MAJOR, Stat.WRITE) == (client.get_time(setpoint).severity, client.get_time(setpoint).status)
        assert "INVALID" != client.get(client.create(OWN), ca.STRING)
        assert (0.0, Stat.UDF) == (
            client.get_time(client.create(OWN)).value,
            client.get_time(client.create(OWN)).status,
        )


def test_an_array_has_an_own_value_of_its_length() -> None:
    entry = '{device: "D:GAINS[0:2]", writable: true, properties: [reading, setting], name: "D:GAINS"}'
    with connected(entry) as (_, client):
        assert 1 == client.put(client.create("D:GAINS:SP"), [1.0, 2.0, 3.0])
        assert [1.0, 2.0, 3.0] == client.get(client.create("D:GAINS:WR:OWN"))
