"""The PVs of every ACNET property, over the real table, queues and plan (contract.md 4)."""

import math
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gateway.core.blocks import BasicStatus
from gateway.core.severity import Severity, Stat
from gateway.core.status import DISCONNECTED, OK, PRIV, Status
from gateway.core.values import Outcome, Reading, Setting, SettingResult
from iocs.channel import Channel
from tests.iocs.serving import SECONDS, STAMP, Serving, connected
from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")

DEVICE = '{device: "Z:ACLTST", writable: true, units: mA, low: 0, high: 100, precision: 2}'
FAILED = Status(17, -33)
NORMAL, PUT_FAILED = 1, 160
INVALID, MAJOR, MINOR = Severity.INVALID, Severity.MAJOR, Severity.MINOR


def refuse(setting: Setting) -> SettingResult:
    return SettingResult(setting, FAILED, Outcome.REFUSED, "not today")


def text(client: CaClient, name: str) -> str:
    """A long text."""
    codes = client.get(client.create(name))
    return bytes(np.atleast_1d(np.array(codes, np.uint8))).partition(b"\0")[0].decode("latin-1")


def alarm(client: CaClient, name: str) -> tuple[int, int]:
    found = client.get_time(client.create(name))
    return found.severity, found.status


# -- reading ------------------------------------------------------------------------------------------------------


def test_a_reading_keeps_value_and_stamp_when_it_is_lost_and_says_so() -> None:
    with connected(DEVICE) as (served, client):
        reading = client.create("Z:ACLTST")
        served.bring((0, 7.5))
        served.settle()
        assert (7.5, 0, 0, SECONDS, 250_000_000) == client.get_time(reading)
        served.bring((0, None), status=DISCONNECTED, stamp_ns=STAMP + 10**9)
        served.settle()
        assert (7.5, Stat.COMM, INVALID, SECONDS, 250_000_000) == client.get_time(reading)
        served.bring((0, 8.5), status=Status(17, 2), stamp_ns=STAMP + 2 * 10**9)
        served.settle()
        found = client.get_time(reading)
        assert (8.5, MINOR, SECONDS + 2) == (found.value, found.severity, found.seconds)


def test_a_put_on_the_reading_is_a_put_on_the_setting_and_moves_no_reading() -> None:
    with connected(DEVICE) as (served, client):
        served.bring((0, 7.5), (1, 7.0))
        served.settle()
        reading, setpoint = client.create("Z:ACLTST"), client.create("Z:ACLTST:SP")
        assert NORMAL == client.put(reading, 20.0)
        assert ["Z:ACLTST.SETTING@N"] == [str(setting.request) for setting in served.backend.writes]
        assert (7.5, 20.0) == (client.get(reading), client.get(setpoint))


def test_an_array_a_text_and_raw_bytes_are_shown_whole() -> None:
    entries = (
        '{device: "B:IRMS06[0:3]", properties: [reading], name: "B:IRMS06"}',
        '{device: "G:TEXT", properties: [reading], text: true, length: 32}',
        '{device: "N:LGXS.RAW", properties: [reading], length: 4, name: "N:LGXS"}',
    )
    with connected(*entries) as (served, client):
        array, words, raw = (client.create(name) for name in ("B:IRMS06", "G:TEXT", "N:LGXS"))
        assert [(6, 4), (4, 32), (4, 4)] == [(c.data_type, c.count) for c in (array, words, raw)]
        monitors = [client.subscribe(array), client.subscribe(words, ca.TIME_CHAR), client.subscribe(raw, ca.TIME_CHAR)]
        assert {INVALID} == {client.update(number).severity for number in monitors}
        served.bring((0, np.arange(4.0)), (1, "hello"), (2, b"\1\2\3\4"))
        assert [[0.0, 1.0, 2.0, 3.0], [*b"hello\0"], [1, 2, 3, 4]] == [client.update(m).value for m in monitors]
        served.bring((0, None), (1, None), (2, None), status=DISCONNECTED)
        lost = [client.update(number) for number in monitors]
        assert {(INVALID, SECONDS)} == {(u.severity, u.seconds) for u in lost}
        assert [*b"hello\0"] == lost[1].value


def test_a_pv_that_is_made_after_its_reading_came_shows_it() -> None:
    with connected('{device: "B:IRMS06[0:3]", properties: [reading], name: "B:IRMS06"}', DEVICE) as (served, client):
        served.bring((0, np.arange(4.0)), (1, 5.0))
        served.settle()
        assert ([0.0, 1.0, 2.0, 3.0], 5.0) == (
            client.get(client.create("B:IRMS06")),
            client.get(client.create("Z:ACLTST")),
        )


# -- setting ------------------------------------------------------------------------------------------------------


def test_the_setpoint_starts_as_the_first_readback_and_follows_only_what_somebody_else_sets() -> None:
    with connected(DEVICE) as (served, client):
        setpoint, readback = client.create("Z:ACLTST:SP"), client.create("Z:ACLTST:SP_RBV")
        numbers = client.subscribe(setpoint), client.subscribe(readback)
        assert [(0.0, INVALID), (0.0, INVALID)] == [client.update(n)[:3:2] for n in numbers]
        served.bring((1, 10.0))
        served.bring((1, 10.0), (1, 10.0))
        assert [10.0, 10.0, 10.0] == [client.update(numbers[1]).value for _ in range(3)]
        assert 10.0 == client.update(numbers[0]).value
        client.settle()
        assert [] == client.waiting(numbers[0])
        served.bring((1, 12.0))
        assert 12.0 == client.update(numbers[0]).value
        assert (12.0, 12.0) == (client.get(setpoint), client.get(readback))


def test_the_setpoint_moves_by_an_accepted_put_and_the_readback_by_readings_only() -> None:
    with connected(DEVICE) as (served, client):
        served.bring((1, 10.0))
        served.settle()
        setpoint, readback = client.create("Z:ACLTST:SP"), client.create("Z:ACLTST:SP_RBV")
        number = client.subscribe(setpoint)
        assert 10.0 == client.update(number).value
        assert NORMAL == client.put(setpoint, 55.0)
        assert (55.0, 0, 0) == client.update(number)[:3]
        assert (55.0, 10.0) == (client.get(setpoint), client.get(readback))


def test_a_put_before_the_first_readback_is_not_undone_by_it() -> None:
    with connected(DEVICE) as (served, client):
        setpoint = client.create("Z:ACLTST:SP")
        assert NORMAL == client.put(setpoint, 55.0)
        served.bring((1, 10.0))
        served.settle()
        assert 55.0 == client.get(setpoint)


def test_what_the_service_does_not_allow_is_denied_and_touches_no_alarm() -> None:
    with connected(DEVICE) as (served, client):
        served.bring((1, 10.0))
        served.settle()
        setpoint = client.create("Z:ACLTST:SP")
        served.backend.on_write = lambda setting: SettingResult(setting, PRIV, Outcome.REFUSED, "not with that role")
        assert PUT_FAILED == client.put(setpoint, 55.0)
        assert (10.0, 0, 0) == client.get_time(setpoint)[:3]
        assert "DENIED" == client.get(client.create("Z:ACLTST:WR:STATE"), ca.STRING)


def test_what_the_backend_failed_to_do_leaves_a_write_alarm_until_a_put_succeeds() -> None:
    with connected(DEVICE) as (served, client):
        served.bring((1, 10.0))
        served.settle()
        setpoint, accept = client.create("Z:ACLTST:SP"), served.backend.on_write
        served.backend.on_write = refuse
        assert PUT_FAILED == client.put(setpoint, 55.0)
        assert (10.0, Stat.WRITE, MAJOR) == client.get_time(setpoint)[:3]
        served.bring((1, 10.0))
        served.settle()
        assert (10.0, Stat.WRITE, MAJOR) == client.get_time(setpoint)[:3]
        assert (0, 0) == alarm(client, "Z:ACLTST:SP_RBV")
        served.backend.on_write = accept
        assert NORMAL == client.put(setpoint, 56.0)
        assert (56.0, 0, 0) == client.get_time(setpoint)[:3]


def test_an_exception_in_a_settings_worker_turns_the_setpoint_invalid_until_a_put_succeeds() -> None:
    def broken(setting: Setting) -> SettingResult:
        raise RuntimeError(str(setting))

    with connected(DEVICE) as (served, client):
        served.bring((1, 10.0))
        served.settle()
        setpoint, accept = client.create("Z:ACLTST:SP"), served.backend.on_write
        served.backend.on_write = broken
        assert PUT_FAILED == client.put(setpoint, 55.0)
        assert (10.0, Stat.WRITE, 3) == client.get_time(setpoint)[:3]
        served.backend.on_write = accept
        assert NORMAL == client.put(setpoint, 56.0)
        assert (56.0, 0, 0) == client.get_time(setpoint)[:3]


def test_a_failure_before_the_first_readback_keeps_its_alarm_when_it_comes() -> None:
    with connected(DEVICE) as (served, client):
        setpoint = client.create("Z:ACLTST:SP")
        served.backend.on_write = refuse
        assert PUT_FAILED == client.put(setpoint, 55.0)
        served.bring((1, 10.0))
        served.settle()
        assert (10.0, Stat.WRITE, MAJOR) == client.get_time(setpoint)[:3]


def test_a_setting_that_waits_too_long_for_its_turn_fails_and_is_never_sent() -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(setting: Setting) -> SettingResult:
        begun.set()
        assert go.wait(ca.PATIENCE)
        return SettingResult(setting, OK, Outcome.ACCEPTED)

    with connected(DEVICE.replace("}", ", write_timeout: 0.5}")) as (served, client):
        served.backend.on_write = slow
        first = client.ask_put(setpoint := client.create("Z:ACLTST:SP"), 1.0)
        assert begun.wait(ca.PATIENCE), "the first has its turn before the second comes"
        second = client.ask_put(setpoint, 2.0)
        assert PUT_FAILED == client.take(19, p2=second).p1
        go.set()
        assert NORMAL == client.take(19, p2=first).p1
        assert NORMAL == client.put(setpoint, 3.0)
        assert [1.0, 3.0] == [setting.value for setting in served.backend.writes]
        assert 3.0 == client.get(setpoint)


def test_a_setpoint_waits_for_a_readback_with_a_value() -> None:
    with connected(DEVICE) as (served, client):
        setpoint = client.create("Z:ACLTST:SP")
        served.bring((1, None), status=DISCONNECTED)
        served.bring((1, 4.0))
        served.settle()
        assert (4.0, 0, 0) == client.get_time(setpoint)[:3]


def test_a_refusal_by_policy_touches_no_alarm_and_no_value() -> None:
    with connected(DEVICE) as (served, client):
        served.bring((0, 9.0), (1, 10.0))
        served.settle()
        for name in ("Z:ACLTST:SP", "Z:ACLTST"):
            number = client.subscribe(client.create(name))
            client.update(number)
            assert PUT_FAILED == client.put(client.create(name), 100.5)
            client.settle()
            assert [] == client.waiting(number)
            assert (0, 0) == alarm(client, name)
        assert "DENIED" == client.get(client.create("Z:ACLTST:WR:STATE"), ca.STRING)
        assert "Z:ACLTST:SP takes" not in text(client, "Z:ACLTST:WR:MSG")
        assert "Z:ACLTST takes values from 0 to 100 mA (limits)" == text(client, "Z:ACLTST:WR:MSG")
        assert [] == served.backend.writes


def test_a_put_that_the_queue_does_not_take_is_refused_and_touches_no_alarm() -> None:
    with connected(DEVICE) as (served, client):
        served.bring((1, 10.0))
        served.settle()
        setpoint = client.create("Z:ACLTST:SP")
        served.pull.close()
        assert PUT_FAILED == client.put(setpoint, 5.0)
        assert (10.0, 0, 0) == client.get_time(setpoint)[:3]
        assert "the gateway is ending and takes no more settings (queue)" == text(client, "Z:ACLTST:WR:MSG")


def test_a_confirmed_put_completes_when_the_readback_is_near() -> None:
    entry = DEVICE.replace("}", ", confirm: {tolerance: 0.1, timeout: 0.2, interval: 0.01}}")
    with connected(entry) as (served, client):
        setpoint = client.create("Z:ACLTST:SP")
        assert NORMAL == client.put(setpoint, 5.0)
        assert "VERIFIED" == client.get(client.create("Z:ACLTST:WR:STATE"), ca.STRING)
        attempts, readback = client.create("Z:ACLTST:WR:ATTEMPTS"), client.create("Z:ACLTST:WR:RBV")
        assert (1, 5.0) == (client.get(attempts), client.get(readback))
        served.backend.on_read = lambda request: replace(served.backend._read_held(request), value=1.0)
        assert PUT_FAILED == client.put(setpoint, 6.0)
        assert (6.0, Stat.WRITE, MINOR) == client.get_time(setpoint)[:3]
        assert "UNCONFIRMED" == client.get(client.create("Z:ACLTST:WR:STATE"), ca.STRING)
        assert 1.0 == client.get(readback)
        assert client.get(attempts) > 1
        assert client.get(client.create("Z:ACLTST:WR:LATENCY")) >= 0.2


def test_arrays_and_texts_are_set_whole() -> None:
    entries = (
        '{device: "B:IRMS06[0:2]", properties: [reading, setting], writable: true, name: "B:IRMS06"}',
        '{device: "G:TEXT", properties: [reading, setting], text: true, length: 32, writable: true}',
    )
    with connected(*entries) as (served, client):
        assert NORMAL == client.put(client.create("B:IRMS06:SP"), [1.0, 2.0, 3.0])
        assert NORMAL == client.put(client.create("G:TEXT:SP"), [*b"hello\0"])
        array, words = (setting.value for setting in served.backend.writes)
        assert [1.0, 2.0, 3.0] == array.tolist()  # type: ignore[union-attr]
        assert "hello" == words
        assert [1.0, 2.0, 3.0] == client.get(client.create("B:IRMS06:SP"))
        assert "hello" == text(client, "G:TEXT:SP")


# -- status -------------------------------------------------------------------------------------------------------


def status_rows(served: Serving) -> tuple[int, int]:
    device = served.plan.devices["Z:ACLTST"]
    return device.word_row, device.status_row


def test_the_status_word_keeps_its_bit_pattern() -> None:
    with connected(DEVICE) as (served, client):
        word, _ = status_rows(served)
        number = client.subscribe(client.create("Z:ACLTST:STS"), ca.TIME_LONG)
        client.update(number)
        served.bring((word, 5.0), (word, float(0xFFFFFFFF)), (word, float("nan")), (word, 6.0))
        assert [(5, 0), (-1, 0), (-1, INVALID), (6, 0)] == [client.update(number)[:3:2] for _ in range(4)]


def test_a_status_bit_is_a_labelled_state_and_ready_says_when_it_is_not() -> None:
    with connected(DEVICE) as (served, client):
        _, row = status_rows(served)
        bits = {name: client.create(f"Z:ACLTST:STS:{name}") for name in ("ON", "READY", "REMOTE", "POSITIVE", "RAMP")}
        numbers = {name: client.subscribe(bit, ca.TIME_ENUM) for name, bit in bits.items()}
        assert {INVALID} == {client.update(number).severity for number in numbers.values()}
        served.bring((row, BasicStatus(on=True, ready=True, remote=False)))
        good = {
            name: client.update(number)[:3] for name, number in numbers.items() if name in ("ON", "READY", "REMOTE")
        }
        assert {"ON": (1, 0, 0), "READY": (1, 0, 0), "REMOTE": (0, 0, 0)} == good
        assert ["on", "ready", "local"] == [client.get(bits[name], ca.STRING) for name in ("ON", "READY", "REMOTE")]
        assert (INVALID, Stat.LINK) == alarm(client, "Z:ACLTST:STS:RAMP")  # it has none
        served.bring((row, BasicStatus(on=True, ready=False)))
        assert (0, Stat.STATE, MAJOR) == client.update(numbers["READY"])[:3]
        assert "tripped" == client.get(bits["READY"], ca.STRING)
        served.bring((row, BasicStatus(on=True, ready=False)), status=Status(17, 2))
        served.settle()
        assert (0, Stat.STATE, MAJOR) == client.get_time(bits["READY"])[:3]
        client.settle()
        assert [] == client.waiting(numbers["READY"])  # neither state nor alarm is another one
        assert MINOR == alarm(client, "Z:ACLTST:STS:ON")[0]
        served.bring((row, None), status=DISCONNECTED)
        assert (0, Stat.COMM, INVALID) == client.update(numbers["READY"])[:3]


def test_a_bit_of_its_own_follows_the_word() -> None:
    bit = "{name: DOOR, mask: 0x100, true_text: open, false_text: closed}"
    entry = f'{{device: "Z:ACLTST", properties: [status], bits: [{bit}]}}'
    with connected(entry) as (served, client):
        word, _ = status_rows(served)
        door = client.create("Z:ACLTST:STS:DOOR")
        number = client.subscribe(door, ca.TIME_ENUM)
        client.update(number)
        served.bring((word, float(0x100)), (word, float("inf")), (word, 0.0))
        assert [(1, 0), (1, INVALID), (0, 0)] == [client.update(number)[:3:2] for _ in range(3)]
        assert "closed" == client.get(door, ca.STRING)


# -- control ------------------------------------------------------------------------------------------------------


def test_a_command_sends_its_code_and_is_undefined_before_the_first() -> None:
    entry = (
        '{device: "Z:ACLTST", writable: true, properties: [control], commands: [RESET, ON, {code: 12, name: Purge}]}'
    )
    with connected(entry) as (served, client):
        command = client.create("Z:ACLTST:CMD")
        assert 3 == client.get_time(command).severity
        assert [] == served.backend.writes
        assert NORMAL == client.put(command, "Purge", ca.STRING)
        assert NORMAL == client.put(command, 0)
        assert [("Z:ACLTST.CONTROL@N", 12.0)] == [(str(s.request), s.value) for s in served.backend.writes[:1]]
        assert (0, 0, 0) == client.get_time(command)[:3]
        assert 160 == client.put(command, 3)
        assert 160 == client.put(command, "purge", ca.STRING)
        served.backend.on_write = refuse
        assert PUT_FAILED == client.put(command, 1)
        assert (0, Stat.WRITE, MAJOR) == client.get_time(command)[:3]  # until one succeeds
        assert 3 == len(served.backend.writes)


def test_a_command_is_confirmed_by_the_attribute_that_it_is_for() -> None:
    entry = (
        '{device: "Z:ACLTST", writable: true, properties: [status, control], '
        'commands: [RESET, ON, "OFF", {code: 12, name: Purge}], confirm: {tolerance: 0, timeout: 0.2, interval: 0.01}}'
    )
    with connected(entry) as (served, client):
        command, state = client.create("Z:ACLTST:CMD"), client.create("Z:ACLTST:WR:STATE")
        held = BasicStatus(on=True, ready=True)
        served.backend.on_read = lambda request: Reading(request, held, 1, OK)
        assert NORMAL == client.put(command, "ON", ca.STRING)
        assert "VERIFIED" == client.get(state, ca.STRING)
        assert PUT_FAILED == client.put(command, "OFF", ca.STRING)
        assert "UNCONFIRMED" == client.get(state, ca.STRING)
        assert "not confirmed within 0.2 s; the last status was on yes, ready yes" in text(client, "Z:ACLTST:WR:MSG")
        assert (1, Stat.WRITE, MINOR) == client.get_time(command)[:3]
        assert NORMAL == client.put(command, "Purge", ca.STRING)  # no attribute shows it
        assert "ACCEPTED" == client.get(state, ca.STRING)
        assert (3, 0, 0) == client.get_time(command)[:3]
        assert {"Z:ACLTST.STATUS@I"} == {str(request) for request in served.backend.reads}


# -- the gateway's own ----------------------------------------------------------------------------------------------


def test_who_serves_a_device_how_old_it_is_and_its_last_error() -> None:
    other = '{device: "M:OUTTMP", properties: [reading]}'
    with connected(DEVICE, other) as (served, client):
        device = {part: client.create(f"Z:ACLTST:GW:{part}") for part in ("BACKEND", "AGE", "ERR", "DROPS")}
        assert ("a", -1.0, "", 0) == tuple(client.get(device[part]) for part in ("BACKEND", "AGE", "ERR", "DROPS"))
        served.bring((served.row("M:OUTTMP"), 1.0), stamp_ns=served.clock.now_ns() - 60 * 10**9)
        assert -1.0 == client.get(device["AGE"])  # the age is its own, not another's
        served.bring((0, 1.0), stamp_ns=served.clock.now_ns() - 30 * 10**9)
        age = client.get(device["AGE"])
        assert isinstance(age, float)
        assert 30 <= age < 40
        served.bring((0, None), status=DISCONNECTED)
        assert str(DISCONNECTED) == client.get(device["ERR"])


def test_both_edges_of_staleness_are_told_at_once_and_each_once() -> None:
    with connected(DEVICE) as (served, client):
        stale, here, nobody = client.create("Z:ACLTST:GW:STALE"), np.array([0]), np.array([], np.int64)
        number = client.subscribe(stale, ca.TIME_ENUM)
        assert 0 == client.update(number).value
        assert "fresh" == client.get(stale, ca.STRING)
        served.table.age_out(here, nobody)
        assert 1 == client.update(number).value
        served.table.age_out(nobody, here)
        assert 0 == client.update(number).value
        served.table.age_out(np.array([1]), nobody)  # its setting only
        client.settle()
        assert [] == client.waiting(number)


def test_updates_that_a_slow_client_lost_are_counted() -> None:
    with connected(DEVICE) as (served, client):
        number = client.subscribe(client.create("Z:ACLTST"))
        client.update(number)
        client.send(ca.pack(8))
        client.settle()
        served.bring(*[(0, float(n)) for n in range(5)])
        served.settle()
        assert 4 == client.get(client.create("Z:ACLTST:GW:DROPS"))


def test_the_outcome_of_a_write_is_told_at_once_to_those_who_monitor_it() -> None:
    go = threading.Event()

    def slow(setting: Setting) -> SettingResult:
        assert go.wait(ca.PATIENCE)
        return refuse(setting)

    with connected(DEVICE) as (served, client):
        served.backend.on_write = slow
        state = client.create("Z:ACLTST:WR:STATE")
        number = client.subscribe(state, ca.TIME_STRING)
        assert "IDLE" == client.update(number).value
        assert "" == text(client, "Z:ACLTST:WR:TIME")
        began = datetime.now(UTC) - timedelta(milliseconds=1)
        asked = client.ask_put(client.create("Z:ACLTST:SP"), 5.0)
        assert "PENDING" == client.update(number).value
        go.set()
        assert "FAILED" == client.update(number).value
        assert PUT_FAILED == client.take(19, p2=asked).p1
        assert "alice@console" == text(client, "Z:ACLTST:WR:WHO")
        assert f"{FAILED}: not today" == text(client, "Z:ACLTST:WR:MSG")
        entered = datetime.fromisoformat(text(client, "Z:ACLTST:WR:TIME"))
        assert began <= entered < began + timedelta(minutes=1)


def test_a_good_put_says_so_too() -> None:
    with connected(DEVICE) as (_, client):
        assert NORMAL == client.put(client.create("Z:ACLTST:SP"), 5.0)
        assert "ACCEPTED" == client.get(client.create("Z:ACLTST:WR:STATE"), ca.STRING)
        assert "" == text(client, "Z:ACLTST:WR:MSG")
        assert 0.0 <= client.get(client.create("Z:ACLTST:WR:LATENCY")) < ca.PATIENCE
        assert 0 == client.get(client.create("Z:ACLTST:WR:ATTEMPTS"))
        assert math.isnan(client.get(client.create("Z:ACLTST:WR:RBV")))
        assert OK.good


def test_a_figure_that_another_client_gets_first_is_still_told_to_those_who_monitor_it() -> None:
    with connected(DEVICE) as (served, client), served.client() as other:
        number = client.subscribe(client.create("GW1:FIGURE"))
        assert client.update(number).value == 1
        seen = other.create("GW1:FIGURE")
        served.figure = 2.0
        assert other.get(seen) == 2
        assert client.update(number).value == 2


def test_a_pv_that_is_made_while_readings_wait_does_not_go_back_to_them() -> None:
    shown: list[float] = []

    class Listener:
        mask = 5

        def __init__(self, channel: Channel) -> None:
            self.channel = channel

        def tell(self) -> None:
            """Remember what a subscriber would get."""
            shown.append(float(self.channel._data["value"][0]))

    with connected('{device: "B:IRMS06[0:3]", properties: [reading], name: "B:IRMS06"}') as (served, _):

        def make() -> None:
            for number in (0.0, 1.0, 2.0):
                served.bring((0, np.full(4, number)))
            listener = Listener(served.channels.whole("B:IRMS06"))
            listener.tell()
            listener.channel.subscribe_sink(listener)

        served.on_loop(make)
        served.bring((0, np.full(4, 3.0)))
        served.settle()
        assert [2.0, 3.0] == shown
