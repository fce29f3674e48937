"""Record fields as clients see them: types, values, puts that stay in the gateway, monitors, and names without one."""

import gc
import struct
from dataclasses import replace

import numpy as np
import pytest

from gateway.core.severity import NO_ALARM, Severity, Stat
from gateway.core.status import DISCONNECTED, OK
from iocs.record_table import FIELDS
from tests.iocs.serving import ARRAY, STAMP, WRITABLE, Serving, connected
from tests.plan.planning import planned
from tests.support import ca_client as ca
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")

NUMBER = ('{device: "Z:ACLTST", writable: true, properties: [reading, setting, status, control], low: -10, high: 10, '
          'units: mA, precision: 2, description: "a supply"}')  # fmt: skip
TEXT = '{device: "G:TEXT", properties: [reading], text: true, length: 64, name: "G:TEXT"}'
OUTSIDE = '{device: "M:OUTTMP", properties: [reading], units: F, low: -20, high: 120, description: "outside"}'
NO_ACCESS, PUT_FAILED, MAJOR = 376, 160, int(Severity.MAJOR)


def fields(client: ca.CaClient, pv: str, *names: str) -> list[object]:
    return [client.get(client.create(f"{pv}.{name}")) for name in names]


def put(client: ca.CaClient, name: str, value: object, data_type: int | None = None) -> int:
    return client.put(client.create(name), value, data_type)


def test_a_number_has_the_fields_of_an_analog_record() -> None:
    with connected(NUMBER, OUTSIDE) as (served, client):
        served.bring((served.row("M:OUTTMP"), 3.25))
        served.settle()
        names = ("NAME", "RTYP", "DESC", "EGU", "PREC", "HOPR", "LOPR", "DRVH", "DRVL", "HIHI", "MDEL", "ADEL", "UDF")
        found = fields(client, "M:OUTTMP", *names)
        assert ["M:OUTTMP", "ai", "outside", "F", 3, 120, -20, 120, -20, 0, -1, -1, 0] == found
        assert ["ao", "mA", 2, 10] == fields(client, "Z:ACLTST:SP", "RTYP", "EGU", "PREC", "DRVH")
        assert ["2023-11-14 22:13:20.250000000", 3.25] == fields(client, "M:OUTTMP", "TIME", "VAL")
        assert ["", 1] == fields(client, "Z:ACLTST:SP", "TIME", "UDF")
        texts = [client.get(client.create(f"M:OUTTMP.{name}"), ca.STRING) for name in ("STAT", "SEVR", "SCAN", "HHSV")]
        assert ["NO_ALARM", "NO_ALARM", "I/O Intr", "NO_ALARM"] == texts


def test_other_types_have_the_fields_of_theirs() -> None:
    with connected(NUMBER, ARRAY, TEXT) as (served, client):
        served.bring((served.row("B:IRMS06"), np.arange(3.0)))
        served.settle()
        assert ["waveform", 5.0, 3.0, 10] == fields(client, "B:IRMS06", "RTYP", "NELM", "NORD", "FTVL")
        assert ["waveform", 64.0, 1] == fields(client, "G:TEXT", "RTYP", "NELM", "FTVL")
        assert ["bi", "tripped", "ready", MAJOR, 0] == fields(
            client, "Z:ACLTST:STS:READY", "RTYP", "ZNAM", "ONAM", "ZSV", "OSV"
        )
        assert ["mbbo", "RESET", "ON", "", 2.0] == fields(
            client, "Z:ACLTST:CMD", "RTYP", "ZRST", "ONST", "FFST", "TWVL"
        )
        assert ["longin", 0, "stringin"] == [
            *fields(client, "Z:ACLTST:STS", "RTYP", "HOPR"), *fields(client, "Z:ACLTST:GW:BACKEND", "RTYP"),
        ]  # fmt: skip
        assert ["Passive"] * 2 == [client.get(client.create(f"Z:ACLTST:{pv}.SCAN"), ca.STRING) for pv in ("SP", "CMD")]


@pytest.mark.parametrize(
    ("pv", "record"),
    [("Z:ACLTST:SP_RBV", "ai"), ("Z:ACLTST", "ao"), ("Z:ACLTST:STS", "longin"), ("Z:ACLTST:STS:ON", "bi"),
     ("Z:ACLTST:CMD", "mbbo"), ("B:IRMS06", "waveform"), ("Z:ACLTST:GW:BACKEND", "stringin"), ("GW1:FIGURE", "ai")],
)  # fmt: skip
def test_every_field_can_be_had_in_its_type_and_as_text_and_no_other_field_exists(pv: str, record: str) -> None:
    with connected(NUMBER, ARRAY) as (_, client):
        for name, field in FIELDS[record].items():
            channel = client.create(f"{pv}.{name}")
            assert (field.type, 1) == (channel.data_type, channel.count)
            client.get(channel)
            client.get_time(channel)
            assert 15 == client.get_message(channel, 28 + field.type).command
            assert isinstance(client.get(channel, ca.STRING), str)
        for name in {name for fields_ in FIELDS.values() for name in fields_} - set(FIELDS[record]) | {"NOPE", "egu"}:
            with pytest.raises(LookupError):
                client.create(f"{pv}.{name}")
        assert {"acgate"} == {client.get(client.create("GW1:NAME"), ca.STRING)}


def test_a_search_for_a_field_is_answered_where_there_is_one_and_makes_nothing() -> None:
    with connected(OUTSIDE) as (served, _):
        names = [
            "M:OUTTMP.EGU",
            "M:OUTTMP.ZNAM",
            "M:OUTTMP.DESC$",
            "M:OUTTMP.HIHI$",
            "M:OUTTMP.VAL",
            'M:OUTTMP.{"x":{}}',
        ]
        assert [0, 2, 4] == [found.p2 for found in ca.search(served.port, names) if found.command == 6]
        assert 0 == served.on_loop(lambda: len(served.channels._whole) - len(served.channels._rows) - 2)


def test_texts_can_be_had_as_long_strings() -> None:
    with connected(OUTSIDE) as (_, client):
        for name, size, text in (("DESC", 41, "outside"), ("NAME", 61, "M:OUTTMP"), ("EGU", 16, "F")):
            channel = client.create(f"M:OUTTMP.{name}$")
            assert (ca.CHAR, size) == (channel.data_type, channel.count)
            assert (text + "\0").encode() == bytes(client.get(channel))  # type: ignore[arg-type]
        channel = client.create("M:OUTTMP.DESC$")
        assert 1 == client.put(channel, list(b"the temperature outside of the building\0"))
        assert ["the temperature outside of the building"] == fields(client, "M:OUTTMP", "DESC")


def test_what_is_set_stays_in_the_gateway_and_is_told_to_everybody() -> None:
    with connected(OUTSIDE) as (served, client), served.client() as other:
        assert [1] * 4 == [
            put(client, "M:OUTTMP.DESC", "mine"), put(client, "M:OUTTMP.EGU", "degF"), put(client, "M:OUTTMP.PREC", 1),
            put(client, "M:OUTTMP.HOPR", "99", ca.STRING),
        ]  # fmt: skip
        assert ["mine", "degF", 1, 99.0] == fields(other, "M:OUTTMP", "DESC", "EGU", "PREC", "HOPR")
        payload = other.get_message(other.create("M:OUTTMP"), 34).payload
        assert (1, b"degF\0\0\0\0", 99.0) == struct.unpack_from(">4xhxx8sd", payload)
        assert [] == served.backend.writes


def test_a_monitor_of_texts_follows_the_precision_that_a_client_sets() -> None:
    with connected(OUTSIDE) as (served, client):
        number = client.subscribe(client.create("M:OUTTMP"), 14)
        client.settle()
        for value, precision in ((1.23456, None), (2.34567, 1), (3.45678, 4)):
            if precision is not None:
                assert put(client, "M:OUTTMP.PREC", precision) == 1
            served.bring((served.row("M:OUTTMP"), value))
            served.settle()
        client.settle()
        texts = [m.payload[12:52].rstrip(b"\0") for m in client.inbox if m.command == 1 and m.p2 == number]
        assert [b"1.235", b"2.3", b"3.4568"] == texts[-3:]


@pytest.mark.parametrize(
    ("field", "value", "data_type", "status"),
    [
        ("NAME", "y", 0, NO_ACCESS), ("RTYP", "bo", 0, NO_ACCESS), ("SEVR", 1, 3, NO_ACCESS),
        ("DRVH", 1e9, 6, NO_ACCESS),
        ("SCAN", "Passive", 0, NO_ACCESS), ("PREC", "x", 0, PUT_FAILED), ("HHSV", "major", 0, PUT_FAILED),
        ("HHSV", 9, 3, PUT_FAILED), ("HIHI", float("nan"), 6, PUT_FAILED), ("HHSV", "MAJOR", 0, 1), ("HHSV", "1", 0, 1),
        ("MDEL", 2, 5, 1), ("PREC", 5.7, 6, 1), ("EGU", "0123456789abcdefghij", 0, 1),
    ],
)  # fmt: skip
def test_a_field_is_set_where_a_record_lets_people_set_it(
    field: str, value: object, data_type: int, status: int
) -> None:
    with connected(OUTSIDE) as (_, client):
        assert status == put(client, f"M:OUTTMP.{field}", value, data_type)


def test_no_field_can_be_set_while_writes_are_off() -> None:
    with Serving(replace(planned(OUTSIDE), writes=False)) as served, served.client() as client:
        assert 1 == client.create("M:OUTTMP.DESC").rights
        assert NO_ACCESS == put(client, "M:OUTTMP.DESC", "x")


def test_who_monitors_a_field_hears_of_it_alone() -> None:
    with connected(OUTSIDE) as (served, client):
        numbers = {
            name: client.subscribe(client.create(f"M:OUTTMP.{name}"), data_type)
            for name, data_type in (("SEVR", 17), ("STAT", 17), ("EGU", 14), ("DESC", 14))
        }
        assert [3, 17, "F", "outside"] == [client.update(number).value for number in numbers.values()]
        row = served.row("M:OUTTMP")
        served.bring((row, 1.0), (row, 2.0), (row, 3.0))
        served.bring((row, None), status=DISCONNECTED)
        assert [0, int(Severity.INVALID)] == [client.update(numbers["SEVR"]).value for _ in range(2)]
        assert [0, int(Stat.COMM)] == [client.update(numbers["STAT"]).value for _ in range(2)]
        put(client, "M:OUTTMP.EGU", "C")
        assert "C" == client.update(numbers["EGU"]).value
        client.settle()
        assert [[], []] == [client.waiting(numbers[name]) for name in ("SEVR", "DESC")]


def test_a_property_event_says_that_units_or_limits_are_others() -> None:
    with connected(OUTSIDE) as (served, client):
        channel = client.create("M:OUTTMP")
        property_only = client.subscribe(channel, 34, mask=8)
        values = client.subscribe(channel)
        first = client.take(1, p2=property_only).payload
        client.settle()
        served.bring((served.row("M:OUTTMP"), 1.0))
        put(client, "M:OUTTMP.EGU", "C")
        assert b"C\0" == client.take(1, p2=property_only).payload[8:10]
        assert b"F\0" == first[8:10]
        put(client, "M:OUTTMP.DESC", "no property")
        client.settle()
        assert [] == [m for m in client.inbox if m.p2 == property_only]
        assert [0.0, 1.0] == [update.value for update in client.waiting(values)]


def test_alarm_limits_that_a_client_sets_judge_the_readings_and_no_device() -> None:
    with connected(OUTSIDE, WRITABLE) as (served, client):
        channel, row = client.create("M:OUTTMP"), served.row("M:OUTTMP")
        number = client.subscribe(channel)
        client.update(number)
        served.bring((row, 11.0))
        assert 0 == client.update(number).severity
        assert [1, 1] == [put(client, "M:OUTTMP.HIHI", 10.0), put(client, "M:OUTTMP.HHSV", "MAJOR", ca.STRING)]
        served.bring((row, 11.0), (row, 9.0))
        assert [(11.0, 3, MAJOR), (9.0, 0, 0)] == [client.update(number)[:3] for _ in range(2)]
        served.bring((row, 12.0))
        served.settle()
        assert (12.0, int(Stat.HIHI), MAJOR) == client.get_time(channel)[:3]
        assert [MAJOR] == fields(client, "M:OUTTMP", "SEVR")
        assert 10.0 == struct.unpack_from(">32xd", client.get_message(channel, 34).payload)[0]
        served.bring((row, None), status=DISCONNECTED)
        served.settle()
        assert (int(Stat.COMM), int(Severity.INVALID)) == client.get_time(channel)[1:3]


def test_a_field_of_a_text_or_a_state_can_be_set_and_the_pv_goes_on() -> None:
    with connected(NUMBER, TEXT) as (served, client):
        names = ("Z:ACLTST:GW:BACKEND", "GW1:NAME", "G:TEXT", "Z:ACLTST:STS:ON", "Z:ACLTST:STS")
        assert [1] * 5 == [put(client, f"{name}.DESC", "mine") for name in names]
        text, word = client.create("G:TEXT"), client.create("Z:ACLTST:STS")
        numbers = [client.subscribe(text, ca.TIME_STRING), client.subscribe(word, ca.TIME_LONG)]
        client.settle()
        served.bring((served.row("G:TEXT"), "hello"), (served.plan.devices["Z:ACLTST"].word_row, 3.0))
        served.settle()
        assert ["", 0] == [client.update(number).value for number in numbers]
        assert ["hello", 3] == [client.update(number).value for number in numbers]
        assert "mine" == client.get(client.create("GW1:NAME.DESC"))


def test_updates_of_fields_that_a_slow_client_did_not_get_are_counted() -> None:
    with connected(OUTSIDE) as (served, client):
        row, number = served.row("M:OUTTMP"), client.subscribe(client.create("M:OUTTMP.STAT"), 17)
        figure = client.subscribe(client.create("GW1:FIGURE"))
        client.update(number), client.update(figure)
        client.send(ca.pack(8))  # EVENTS_OFF
        client.settle()
        for value in (1.0, None, 1.0, None):
            served.bring((row, value), status=DISCONNECTED if value is None else OK)
        served.settle()
        assert 3 == served.on_loop(lambda: int(served.store.dropped[row]))
        served.on_loop(lambda: [served.channels.whole("GW1:FIGURE").show(n, STAMP, NO_ALARM) for n in (2.0, 3.0, 4.0)])
        assert 2 == served.store.dropped_elsewhere


def test_a_limit_that_was_known_and_that_a_client_changes_keeps_its_severity() -> None:
    with connected(OUTSIDE) as (served, client):
        channel = client.create("GW1:FIGURE")
        served.on_loop(lambda: served.channels.whole("GW1:FIGURE").judge_low(50.0, 20.0, lambda _: NO_ALARM))
        assert [50.0, 20.0, MAJOR, 0] == fields(client, "GW1:FIGURE", "LOW", "LOLO", "LLSV", "HSV")
        assert 1 == put(client, "GW1:FIGURE.LOLO", 10.0)
        assert [10.0, MAJOR] == fields(client, "GW1:FIGURE", "LOLO", "LLSV")
        assert (50.0, 10.0) == struct.unpack_from(">48x2d", client.get_message(channel, 34).payload)


def test_a_plain_scalar_whose_fields_nobody_asks_for_stays_a_row() -> None:
    with connected(OUTSIDE) as (served, client):
        channel = client.create("M:OUTTMP")
        first = [client.subscribe(channel, data_type, mask=mask) for data_type, mask in ((20, 5), (6, 7))]
        assert 2 == len(first)
        ca.search(served.port, ["M:OUTTMP.EGU", "M:OUTTMP.[0:1]"])
        client.get(channel), client.get_time(channel), client.settle()
        assert served.fast != ("M:OUTTMP" in served.on_loop(lambda: set(served.channels._whole)))
        client.create("M:OUTTMP.EGU")
        assert "M:OUTTMP" in served.on_loop(lambda: set(served.channels._whole))


def test_a_field_that_nobody_has_any_more_takes_no_memory() -> None:
    with connected(OUTSIDE) as (served, client):
        channel = client.create("M:OUTTMP.EGU")
        assert client.create("M:OUTTMP.EGU").sid != channel.sid
        assert 1 == served.on_loop(lambda: len(served.channels._fields))
    gc.collect()
    assert 0 == len(served.channels._fields)
    assert STAMP
