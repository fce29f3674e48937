"""Gets and puts as a raw client sees them (users.md 4.1)."""

import struct
import threading

import numpy as np
import pytest

from gateway.core.status import DISCONNECTED, OK
from gateway.core.values import Outcome, Setting, SettingResult
from tests.iocs.serving import ARRAY, READING, SECONDS, WRITABLE, connected
from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")

ERROR = 11
NORMAL, BAD_TYPE, GET_FAILED, PUT_FAILED, BAD_COUNT = 1, 114, 152, 160, 176
NO_WRITE_ACCESS = 376


def test_gets_give_plain_values_and_those_of_other_types() -> None:
    with connected(READING, ARRAY) as (served, client):
        scalar, array = client.create("M:OUTTMP"), client.create("B:IRMS06")
        served.bring((0, 2.75), (1, np.arange(3.0)))
        served.settle()
        assert [2.75, 2, "2.750", 2] == [
            client.get(scalar, data_type) for data_type in (ca.DOUBLE, ca.LONG, ca.STRING, ca.CHAR)
        ]
        assert [0.0, 1.0, 2.0] == client.get(array)
        assert [0.0, 1.0] == client.get(array, count=2)
        assert 0.0 == client.get(array, count=1)
        assert [0.0, 1.0, 2.0, 0.0, 0.0] == client.get(array, count=5)
        assert (2.75, 0, 0, SECONDS, 250_000_000) == client.get_time(scalar)


@pytest.mark.parametrize(
    ("data_type", "count", "status"), [(ca.DOUBLE, 2, BAD_COUNT), (ca.DOUBLE, 70_000, BAD_COUNT), (77, 1, BAD_TYPE)]
)
def test_a_get_of_what_cannot_be_is_refused_with_a_status_and_no_inner_text(
    data_type: int, count: int, status: int
) -> None:
    with connected() as (_, client):
        refusal = client.get_message(client.create("M:OUTTMP"), data_type, count)
        assert (ERROR, status) == (refusal.command, refusal.p2)
        assert b"caproto" not in refusal.payload
        client.settle()


def test_the_old_get_answers_with_the_clients_id() -> None:
    with connected() as (served, client):
        channel = client.create("M:OUTTMP")
        served.bring((0, 4.0))
        served.settle()
        client.send(ca.pack(3, ca.DOUBLE, 1, channel.sid, 9))
        assert (3, ca.DOUBLE, 1, channel.cid, 9, struct.pack(">d", 4.0)) == client.take(3)


def test_a_text_that_is_no_number_cannot_be_had_as_one() -> None:
    with connected() as (_, client):
        channel = client.create("M:OUTTMP:GW:BACKEND")
        answer = client.get_message(channel, ca.DOUBLE)
        assert (15, GET_FAILED) == (answer.command, answer.p1)
        client.send(ca.pack(3, ca.DOUBLE, 1, channel.sid, 9))
        assert GET_FAILED == client.take(ERROR).p2
        number = client.ask_subscription(channel, ca.TIME_DOUBLE)
        assert GET_FAILED == client.take(1, p2=number).p1


def test_a_put_goes_to_the_backend_and_is_answered_when_it_has_accepted() -> None:
    with connected(WRITABLE) as (served, client):
        channel = client.create("Z:ACLTST")
        assert NORMAL == client.put(channel, 42.5)
        assert NORMAL == client.put(channel, " 7.5", ca.STRING)
        assert NORMAL == client.put(channel, 3, ca.LONG)
        assert [42.5, 7.5, 3.0] == [setting.value for setting in served.backend.writes]
        assert "Z:ACLTST.SETTING@N" == str(served.backend.writes[0].request)


def test_a_put_without_callback_gets_no_answer_when_it_is_accepted() -> None:
    with connected(WRITABLE) as (_, client):
        channel = client.create("Z:ACLTST:SP")
        number = client.subscribe(channel)
        client.update(number)
        client.ask_put(channel, 5.0, notify=False)
        assert 5.0 == client.update(number).value
        client.settle()
        assert [] == client.inbox


def test_a_put_without_rights_is_answered_by_no_write_access() -> None:
    with connected() as (_, client):
        channel = client.create("M:OUTTMP")
        assert NO_WRITE_ACCESS == client.put(channel, 1.0)
        client.ask_put(channel, 1.0, notify=False)
        refusal = client.take(ERROR)
        assert (channel.cid, NO_WRITE_ACCESS) == (refusal.p1, refusal.p2)


@pytest.mark.parametrize(
    ("data_type", "count", "payload", "status"),
    [
        (34, 1, bytes(96), PUT_FAILED),  # DBR_CTRL_DOUBLE: its limits and units are nobody's to set
        (35, 1, bytes(8), PUT_FAILED),  # acknowledges alarms
        (4000, 1, bytes(8), PUT_FAILED),
        (ca.DOUBLE, 0, b"", PUT_FAILED),
        (ca.DOUBLE, 1, b"", PUT_FAILED),
        (ca.DOUBLE, 2, bytes(16), BAD_COUNT),
        (ca.DOUBLE, 100_000_000, bytes(16), BAD_COUNT),
        (ca.STRING, 1, b"\xff" * 40, PUT_FAILED),
        (ca.STRING, 1, b"1_0\0", PUT_FAILED),
        (ca.STRING, 1, b"", PUT_FAILED),
        (ca.DOUBLE, 1, struct.pack(">d", float("nan")), PUT_FAILED),
        (ca.DOUBLE, 1, struct.pack(">d", 100.5), PUT_FAILED),
    ],
)
def test_a_put_that_cannot_be_always_gets_a_put_reply(data_type: int, count: int, payload: bytes, status: int) -> None:
    """users.md 4.d2, 4.d6, 4.d9 to 4.d11; Java clients wait for ever where only an error message comes."""
    with connected(WRITABLE) as (served, client):
        channel = client.create("Z:ACLTST:SP")
        client.send(ca.pack(19, data_type, count, channel.sid, 9, payload))
        assert status == client.take(19, p2=9).p1
        assert [] == served.backend.writes
        client.settle()


def test_a_put_that_fails_says_so_to_its_client() -> None:
    with connected(WRITABLE) as (served, client):
        served.backend.on_write = lambda s: SettingResult(s, DISCONNECTED, Outcome.REFUSED, "no link")
        channel = client.create("Z:ACLTST:SP")
        assert PUT_FAILED == client.put(channel, 1.0)
        client.ask_put(channel, 1.0, notify=False)
        assert PUT_FAILED == client.take(ERROR).p2


def test_a_put_of_too_few_elements_is_refused_however_many_it_claims() -> None:
    array = '{device: "B:IRMS06[0:4]", properties: [reading, setting], writable: true, name: "B:IRMS06"}'
    with connected(array) as (served, client):
        channel = client.create("B:IRMS06")
        for data_type, payload in ((ca.DOUBLE, bytes(16)), (ca.STRING, b"1".ljust(40, b"\0"))):
            client.send(ca.pack(19, data_type, 5, channel.sid, 9, payload))
            assert client.take(19, p2=9).p1 == PUT_FAILED
        assert PUT_FAILED == client.put(channel, [1.0, 2.0])
        assert NORMAL == client.put(channel, ["1", "2", "3", "4", "5.5"], ca.STRING)
        assert [1.0, 2.0, 3.0, 4.0, 5.5] == served.backend.writes[0].value.tolist()  # type: ignore[union-attr]
        assert 1 == len(served.backend.writes)


def test_gets_and_updates_go_on_while_a_put_waits() -> None:
    with connected(WRITABLE) as (served, client):
        go = threading.Event()

        def slow(setting: Setting) -> SettingResult:
            assert go.wait(ca.PATIENCE)
            return SettingResult(setting, OK, Outcome.ACCEPTED)

        served.backend.on_write = slow
        channel, setpoint = client.create("Z:ACLTST"), client.create("Z:ACLTST:SP")
        number = client.subscribe(channel)
        client.update(number)
        asked = client.ask_put(setpoint, 5.0)
        served.bring((0, 9.0))
        assert 9.0 == client.update(number).value
        assert 9.0 == client.get(channel)
        go.set()
        assert NORMAL == client.take(19, p2=asked).p1


def test_who_puts_is_the_first_name_that_a_client_gives() -> None:
    with connected(WRITABLE) as (served, client):
        client.send(ca.pack(20, payload=b"mallory\0") + ca.pack(21, payload=b"elsewhere\0"))
        client.put(client.create("Z:ACLTST:SP"), 1.0)
        assert "alice@console" == served.devices["Z:ACLTST"].write_record.who


def test_names_of_clients_are_harmless_in_logs() -> None:
    with connected(WRITABLE) as (served, _), CaClient(served.port, hello=False) as client:
        client.send(ca.pack(0, 0, 13) + ca.pack(20, payload=b"a\n\x1b[31mb\0") + ca.pack(21, payload=b"h\0"))
        client.put(client.create("Z:ACLTST:SP"), 1.0)
        assert "a??[31mb@h" == served.devices["Z:ACLTST"].write_record.who


@pytest.mark.parametrize("length", [0, 1, 1_000_000])
def test_arrays_of_none_one_and_a_million_elements_are_sent_whole(length: int) -> None:
    entry = '{device: "N:LONG[0:999999]", properties: [reading], name: "N:LONG"}'
    with connected(entry) as (served, client):
        channel = client.create("N:LONG")
        assert 1_000_000 == channel.count
        number = client.subscribe(channel, ca.DOUBLE)
        client.take(1, p2=number)
        served.bring((0, np.arange(float(length))))
        update = client.take(1, p2=number)
        assert (length, 8 * length) == (update.count, len(update.payload))
        found = client.get_message(channel, ca.DOUBLE)
        assert np.array_equal(np.arange(float(length)), np.frombuffer(found.payload, ">f8"))


def test_one_client_has_several_circuits_and_a_million_elements_on_one_of_them() -> None:
    """users.md 2.6: Phoebus asks for large arrays over a second circuit, of lower priority."""
    million = '{device: "N:H801[0:999999]", properties: [reading], name: "N:H801"}'
    with connected(million, READING) as (served, normal), served.client() as low:
        low.send(ca.pack(0, 10, 13))  # the priority stands where other messages have their type
        served.bring((0, np.arange(1_000_000.0)), (1, 1.5))
        large, small = low.create("N:H801"), normal.create("M:OUTTMP")
        number, heartbeat = low.ask_subscription(large, ca.DOUBLE, mask=1), normal.subscribe(small)
        assert normal.update(heartbeat).value == 1.5
        for value in range(5):
            served.bring((0, np.full(1_000_000, float(value))), (1, float(value)))
            assert normal.update(heartbeat).value == value
        assert len(low.take(1, p2=number).payload) == 8_000_000
        assert low.get(low.create("M:OUTTMP")) == 4.0


def test_more_than_the_largest_array_is_refused_with_a_status() -> None:
    with connected(ARRAY, largest_value=39) as (served, client):
        channel = client.create("B:IRMS06")
        served.bring((0, np.arange(5.0)))
        served.settle()
        assert [0.0, 1.0, 2.0, 3.0] == client.get(channel, count=4)
        assert (ERROR, 72) == client.get_message(channel, ca.DOUBLE)[0:5:4]
        client.ask_subscription(channel)
        assert 72 == client.take(ERROR).p2
        assert [0, 1, 2, 3, 4] == client.get(channel, ca.SHORT)
        client.settle()
