"""Events: who is told of what, by mask, deadband and filter."""

import numpy as np
import pytest

from gateway.core.blocks import BasicStatus
from gateway.core.status import DISCONNECTED, OK, Status
from tests.iocs.serving import ARRAY, READING, connected
from tests.support import ca_client as ca
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")

VALUE, LOG, ALARM, PROPERTY = 1, 2, 4, 8
WARNING = Status(14, 10)
DEVICE = '{device: "Z:ACLTST", properties: [status]}'
RED = 'M:OUTTMP.{"sync":{"m":"while","s":"Z:ACLTST:STS:ON"}}'


def values(client: ca.CaClient, number: int) -> list[object]:
    client.settle()
    return [update.value for update in client.waiting(number)]


def test_each_mask_gets_its_own_events_and_the_first_value() -> None:
    with connected() as (served, client):
        channel = client.create("M:OUTTMP")
        numbers = {mask: client.subscribe(channel, mask=mask) for mask in (VALUE, LOG, ALARM, PROPERTY, 5, 7, 15)}
        client.settle()
        served.bring((0, 1.0))  # no alarm any more
        served.bring((0, 2.0))
        served.bring((0, 2.0))
        served.bring((0, 3.0), status=WARNING)
        served.bring((0, None), status=DISCONNECTED)  # an alarm alone
        served.settle()
        found = {mask: values(client, number) for mask, number in numbers.items()}
        every = [0.0, 1.0, 2.0, 2.0, 3.0, 3.0]
        assert {
            VALUE: every[:5],
            LOG: every[:5],
            ALARM: [0.0, 1.0, 3.0, 3.0],
            PROPERTY: [0.0],
            5: every,
            7: every,
            15: every,
        } == found


@pytest.mark.parametrize(
    ("deadband", "expected"), [(-1, [1, 1, 2, 3, 5.5, 5.5]), (0, [2, 3, 5.5]), (2, [5.5]), (100, [])]
)
def test_deadbands_are_exact_one_for_monitors_and_one_for_archivers(deadband: float, expected: list[float]) -> None:
    with connected() as (served, client):
        channel = client.create("M:OUTTMP")
        served.bring((0, 1.0))
        monitor, archiver, row = (client.subscribe(channel, mask=mask) for mask in (VALUE, LOG, VALUE | ALARM))
        client.settle()
        assert 1 == client.put(client.create("M:OUTTMP.MDEL"), deadband)
        for value in (1.0, 1.0, 2.0, 3.0, 5.5, 5.5):
            served.bring((0, value))
        served.settle()
        assert [1.0, *expected] == values(client, monitor)
        assert [1.0, *expected] == values(client, row)
        assert [1.0, 1.0, 1.0, 2.0, 3.0, 5.5, 5.5] == values(client, archiver)
        assert 1 == client.put(client.create("M:OUTTMP.ADEL"), 4.0)
        served.bring((0, 9.0), (0, 10.0))
        served.settle()
        assert [10.0] == values(client, archiver)


def test_a_row_that_is_singled_out_goes_on_without_a_gap_and_so_do_gets() -> None:
    with connected(READING, '{device: "G:AMANDA", properties: [reading]}') as (served, client):
        channel, neighbour = client.create("M:OUTTMP"), client.create("G:AMANDA")
        numbers = [client.subscribe(channel, data_type) for data_type in (20, 19)]
        other = client.subscribe(neighbour)
        client.settle()
        served.bring((0, 1.0), (1, 1.0))
        served.settle()
        assert 1 == client.put(client.create("M:OUTTMP.MDEL"), 0.5)
        served.bring((0, 1.25), (0, 2.0), (1, 2.0))
        served.settle()
        assert [[0.0, 1.0, 2.0], [0, 1, 2]] == [values(client, number) for number in numbers]
        assert [0.0, 1.0, 2.0] == values(client, other)
        for number in range(40):
            client.send(ca.pack(15, 6, 1, channel.sid, 1000 + number))
        assert {2.0} == {ca.plain(6, 1, client.take(15, p2=1000 + n).payload) for n in range(40)}
        client.cancel(channel, numbers[0])
        served.bring((0, 3.0))
        served.settle()
        assert [] == values(client, numbers[0])
        assert [3] == values(client, numbers[1])


def test_a_bit_is_news_when_it_changes_and_only_that_bit() -> None:
    with connected(DEVICE) as (served, client):
        row = served.plan.devices["Z:ACLTST"].status_row
        served.bring((row, BasicStatus(on=False, ready=True, remote=True, positive=True, ramp=False)))
        served.settle()
        numbers = {
            name: client.subscribe(client.create(f"Z:ACLTST:STS:{name}"), ca.TIME_ENUM)
            for name in ("ON", "READY", "REMOTE", "POSITIVE", "RAMP")
        }
        client.settle()
        for number in numbers.values():
            assert 1 == len(client.waiting(number))
        served.bring((row, BasicStatus(on=False, ready=True, remote=True, positive=True, ramp=False)))
        served.bring((row, BasicStatus(on=True, ready=True, remote=True, positive=True, ramp=False)))
        served.settle()
        assert {"ON": [1], "READY": [], "REMOTE": [], "POSITIVE": [], "RAMP": []} == {
            name: values(client, number) for name, number in numbers.items()
        }


def test_nothing_comes_after_a_cancel() -> None:
    with connected() as (served, client):
        channel = client.create("M:OUTTMP")
        for turn in range(50):
            number = client.subscribe(channel, mask=(5, 4, 1)[turn % 3])
            served.bring((0, float(turn)))
            client.cancel(channel, number)
            served.bring((0, float(-turn)))
            client.settle()
            assert [] == [message for message in client.inbox if message.p2 == number and message.payload]
            client.inbox.clear()


@pytest.mark.parametrize(
    ("name", "native", "expected"),
    [("B:IRMS06.[1:2]", (6, 2), [1.0, 2.0]), ("B:IRMS06.[-1]", (6, 1), 4.0),
     ('B:IRMS06.{"arr":{"s":0,"i":2,"e":-1}}', (6, 3), [0.0, 2.0, 4.0]), ("B:IRMS06.[9:]", (6, 0), []),
     ("B:IRMS06.VAL[0:1]", (6, 2), [0.0, 1.0]), ("B:IRMS06.{}", (6, 5), [0.0, 1.0, 2.0, 3.0, 4.0])],
)  # fmt: skip
def test_a_part_of_an_array_is_a_channel_of_its_own(name: str, native: tuple[int, int], expected: object) -> None:
    with connected(ARRAY) as (served, client):
        channel = client.create(name)
        assert native == (channel.data_type, channel.count)
        number = client.subscribe(channel)
        client.update(number)
        served.bring((0, np.arange(5.0)))
        assert expected == client.update(number).value
        assert expected == client.get(channel)


def test_a_deadband_of_a_client_is_its_own() -> None:
    with connected() as (served, client):
        filtered = client.subscribe(client.create('M:OUTTMP.{"dbnd":{"abs":1.5}}'))
        plain = client.subscribe(client.create("M:OUTTMP"))
        client.settle()
        for value in (1.0, 2.0, 3.0, 5.0):
            served.bring((0, value))
        served.settle()
        assert [0.0, 2.0, 5.0] == values(client, filtered)
        assert [0.0, 1.0, 2.0, 3.0, 5.0] == values(client, plain)


def test_news_can_be_tied_to_a_bit_of_a_device() -> None:
    with connected(READING, DEVICE) as (served, client):
        row = served.plan.devices["Z:ACLTST"].status_row
        channel = client.create(RED)
        number = client.subscribe(channel)
        assert [] == values(client, number)  # not even the first value: the state is off
        for on, value in ((False, 1.0), (True, 2.0), (True, 3.0), (False, 4.0)):
            served.bring((row, BasicStatus(on=on)), (0, value))
        served.settle()
        assert [2.0, 3.0] == values(client, number)
        assert 4.0 == client.get(channel)


@pytest.mark.parametrize(
    "name",
    ['M:OUTTMP.{"arr":{"i":1.5}}', 'M:OUTTMP.{"dbnd":{"abs":"x"}}', 'M:OUTTMP.{"nope":{}}', "M:OUTTMP.[a]",
     "M:OUTTMP[0:1]",
     RED.replace(":ON", ""), "M:OUTTMP." + "[" * 200, 'M:OUTTMP.{"ts":{"num":"dbl"}}', "M:OUTTMP.[0:1]x"],
)  # fmt: skip
def test_a_filter_that_is_not_understood_makes_no_channel_and_harms_nobody(name: str) -> None:
    with connected(READING, DEVICE) as (served, client):
        with pytest.raises(LookupError):
            client.create(name)
        assert [] == ca.search(served.port, [name], wait=0.05)
        number = client.subscribe(client.create("M:OUTTMP"))
        assert 0.0 == client.update(number).value
        served.bring((0, 7.0))
        assert 7.0 == client.update(number).value


def test_three_filters_that_kill_stock_caproto_are_served_or_refused() -> None:
    with connected(READING, DEVICE) as (served, client):
        row = served.plan.devices["Z:ACLTST"].status_row
        numbers = [
            client.subscribe(client.create(name), data_type)
            for name, data_type in (('M:OUTTMP.{"arr":{"i":0}}', 20), ('Z:ACLTST:GW:BACKEND.{"dbnd":{"abs":1}}', 14),
                                    ('Z:ACLTST:STS:ON.{"dbnd":{"abs":1}}', 17))
        ]  # fmt: skip
        assert [0.0, "a", 0] == [client.update(number).value for number in numbers]
        served.bring((0, 5.0), (row, BasicStatus(on=True)), (row, BasicStatus(on=False)))
        assert 5.0 == client.update(numbers[0]).value
        served.settle()
        assert [] == values(client, numbers[2])  # a step of 1 is not above 1
        assert OK


def test_a_filtered_channel_takes_puts() -> None:
    entry = '{device: "Z:ACLTST", writable: true, properties: [reading, setting]}'
    with connected(entry) as (served, client):
        assert 1 == client.put(client.create('Z:ACLTST:SP.{"dbnd":{"abs":1}}'), 2.5)
        assert [2.5] == [setting.value for setting in served.backend.writes]
