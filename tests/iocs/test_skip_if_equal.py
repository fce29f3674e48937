"""What is there already is not sent, where a device says so (features.md P-41)."""

import pytest

from tests.iocs.serving import connected
from tests.support import ca_client as ca
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
ENTRY = '{device: "Z:ACLTST", writable: true, skip_if_equal: true}'
SP, MESSAGE, STATE = "Z:ACLTST:SP", "Z:ACLTST:WR:MSG", "Z:ACLTST:WR:STATE"
DONE, SETTING_ROW = 1, 1


def test_a_second_identical_put_is_accepted_and_sends_nothing() -> None:
    with connected(ENTRY) as (served, client):
        setpoint = client.create(SP)
        assert DONE == client.put(setpoint, 20.0)
        served.bring((SETTING_ROW, 20.0))
        served.settle()
        assert DONE == client.put(setpoint, 20.0)
        assert [20.0] == [setting.value for setting in served.backend.writes]
        assert 20.0 == client.get(setpoint)
        assert "ACCEPTED" == client.get(client.create(STATE), ca.STRING)
        assert "skipped: it is there already" == client.get(client.create(MESSAGE), ca.STRING)
        assert ["", "skipped: it is there already"] == [row.message for row in served.journal.rows]


def test_it_is_sent_while_the_readback_has_not_followed_an_earlier_put() -> None:
    with connected(ENTRY) as (served, client):
        setpoint = client.create(SP)
        served.bring((SETTING_ROW, 20.0))
        served.settle()
        assert DONE == client.put(setpoint, 30.0)
        assert DONE == client.put(setpoint, 20.0)  # the readback is still the one from before the first put
        assert [30.0, 20.0] == [setting.value for setting in served.backend.writes]


def test_it_is_sent_where_nothing_is_known_or_something_else_is_there() -> None:
    with connected(ENTRY) as (served, client):
        setpoint = client.create(SP)
        assert DONE == client.put(setpoint, 20.0)
        served.bring((SETTING_ROW, 21.0))
        served.settle()
        assert DONE == client.put(setpoint, 20.0)
        assert [20.0, 20.0] == [setting.value for setting in served.backend.writes]


def test_without_the_key_each_put_is_sent() -> None:
    with connected(ENTRY.replace("true}", "false}")) as (served, client):
        served.bring((SETTING_ROW, 20.0))
        served.settle()
        assert DONE == client.put(client.create(SP), 20.0)
        assert [20.0] == [setting.value for setting in served.backend.writes]
