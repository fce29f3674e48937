"""Puts on alarm blocks, and limits that are the reading's own, both ways (P-43, N-08)."""

import math
import time

import numpy as np
import pytest

from gateway.access.acf import parse_acf
from gateway.core.alarm_block import AlarmBlock, AlarmFlag
from gateway.core.blocks import AnalogAlarm
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import DataRequest
from gateway.core.severity import Severity, Stat
from gateway.core.status import OK, Status
from gateway.core.values import Outcome, Reading, Setting, SettingResult
from simulator.facility import AppliedSetting, shipped_facility
from tests.iocs.serving import Serving
from tests.plan.planning import planned
from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")

DEVICE = "N:H801"
ENTRY = '{device: "N:H801", writable: true, alarms_writable: true}'
NO_ACCESS, PUT_FAILED, DONE = 376, 160, 1
MAJOR, MINOR = Severity.MAJOR, Severity.MINOR
ACCEPTED, DENIED, FAILED = 2, 5, 6


class Rig(Serving):
    """One device of the shipped facility behind the writers; its blocks are brought when a test says so."""

    def __init__(self, entry: str = ENTRY, device: str = DEVICE) -> None:
        self.facility = shipped_facility()
        info = self.facility.info(device)
        assert info is not None
        super().__init__(planned(entry, infos={device: info}))
        self.device = self.plan.devices[device]
        self.backend.on_write, self.backend.on_read = self._set, self._see

    def _set(self, setting: Setting) -> SettingResult:
        status = self.facility.write(setting.request, setting.value, time.time_ns())
        return SettingResult(setting, status, Outcome.REFUSED if status.failed else Outcome.ACCEPTED)

    def _see(self, request: DataRequest) -> Reading:
        value, status = self.facility.read(request, time.time_ns())
        return Reading(request, value, time.time_ns(), status)

    def held(self, field: str = "ALL") -> object:
        return self.facility.read(DataRequest.parse(f"{self.device.info.device}.{field}@I"), time.time_ns())[0]

    def bring_blocks(self) -> None:
        """What the stream of the blocks would bring now."""
        rows = self.device.block_rows(DataRequest.parse("M@X").property)
        rows += self.device.block_rows(DataRequest.parse("M$X").property)
        self.bring(*((row, self._see(self.plan.watches[row].request).value) for row in rows))
        self.settle()

    def change(self, text: str, value: float) -> None:
        """Somebody else sets something in ACNET."""
        assert OK == self.facility.write(DataRequest.parse(text), value, time.time_ns())

    def edits(self) -> list[AppliedSetting]:
        return self.facility.settings()


def put(client: CaClient, name: str, value: object, data_type: int | None = None) -> int:
    return client.put(client.create(name), value, data_type)


def get(client: CaClient, name: str) -> object:
    return client.get(client.create(name))


@pytest.mark.parametrize(
    ("part", "value", "field"),
    [
        ("ALM:MIN", -9.5, "ANALOG.MIN"), ("ALM:MAX", 9.5, "ANALOG.MAX"), ("ALM:NOM", 2.0, "ANALOG.NOM"),
        ("ALM:TOL", 4.0, "ANALOG.TOL"), ("ALM:ENABLE", 0, "ANALOG.ALARM_ENABLE"),
        ("ALM:ABORT_INHIBIT", 1, "ANALOG.ABORT_INHIBIT"), ("ALM:TRIES_NEEDED", 200, "ANALOG.TRIES_NEEDED"),
        ("DALM:NOM", 5, "DIGITAL.NOM"), ("DALM:MASK", 3, "DIGITAL.MASK"), ("DALM:ENABLE", 0, "DIGITAL.ALARM_ENABLE"),
        ("DALM:ABORT_INHIBIT", 1, "DIGITAL.ABORT_INHIBIT"), ("DALM:TRIES_NEEDED", 7, "DIGITAL.TRIES_NEEDED"),
    ],
)  # fmt: skip
def test_a_put_on_a_part_is_one_edit_of_the_block_and_the_pv_shows_it_when_the_put_is_done(
    part: str, value: float, field: str
) -> None:
    with Rig() as served, served.client() as client:
        served.bring_blocks()
        before = get(client, f"{DEVICE}:{part}")
        assert DONE == put(client, f"{DEVICE}:{part}", value)
        assert value == get(client, f"{DEVICE}:{part}") != before
        assert value == served.held(field)
        assert [f"{DEVICE}.{field}@N"] == [str(edit.request) for edit in served.edits()]
        assert ACCEPTED == get(client, f"{DEVICE}:WR:STATE")
        (row,) = served.journal.rows
        assert (f"{DEVICE}:{part}", "ACCEPTED", str(before), str(value)) == (row.pv, row.outcome, row.old, row.new)


def test_the_whole_block_and_its_sampling_are_one_write_of_twenty_bytes() -> None:
    with Rig() as served, served.client() as client:
        served.bring_blocks()
        assert DONE == put(client, f"{DEVICE}:ALM:FTD", 120)
        raw = np.array(get(client, f"{DEVICE}:ALM:RAW"), np.uint8).tobytes()
        assert 120 == AlarmBlock.decode(raw).ftd.word == get(client, f"{DEVICE}:ALM:FTD")
        wished = AlarmBlock.decode(raw).with_flag(AlarmFlag.EVENT, True).with_field("TRIES_NEEDED", 9).encode()
        assert DONE == put(client, f"{DEVICE}:ALM:RAW", list(wished))
        assert [1, 9] == [get(client, f"{DEVICE}:ALM:{part}") for part in ("EVENT", "TRIES_NEEDED")]
        assert wished == served.held("ANALOG.RAW")
        assert [f"{DEVICE}.ANALOG{{0:20}}.RAW@N"] * 2 == [str(edit.request) for edit in served.edits()]


@pytest.mark.parametrize(
    ("part", "value", "status"),
    [
        ("ALM:TRIES_NEEDED", 256, PUT_FAILED), ("ALM:TOL", -1.0, PUT_FAILED), ("ALM:MAX", math.nan, PUT_FAILED),
        ("ALM:FTD", 70000, PUT_FAILED), ("ALM:RAW", [1] * 19, PUT_FAILED), ("ALM:ENABLE", 2, PUT_FAILED),
        ("ALM:STATUS", 0, NO_ACCESS), ("ALM:ABORT", 1, NO_ACCESS), ("DALM:TRIES_NOW", 1, NO_ACCESS),
        ("DALM:EVENT", 1, NO_ACCESS),
    ],
)  # fmt: skip
def test_what_does_not_fit_or_cannot_be_set_is_refused_before_the_device_hears_of_it(
    part: str, value: object, status: int
) -> None:
    with Rig() as served, served.client() as client:
        served.bring_blocks()
        assert status == put(client, f"{DEVICE}:{part}", value)
        assert [] == served.edits()
        assert [] == served.backend.reads
        assert DENIED == get(client, f"{DEVICE}:WR:STATE")


def test_what_the_front_end_refuses_fails_the_put_and_touches_no_alarm_of_the_block() -> None:
    with Rig() as served, served.client() as client:
        served.bring_blocks()
        served.facility.fail(DEVICE, Status(1, -49))
        assert PUT_FAILED == put(client, f"{DEVICE}:ALM:MAX", 3.0)
        served.facility.fail(DEVICE, None)
        assert FAILED == get(client, f"{DEVICE}:WR:STATE")
        assert (15.0, 0, 0) == client.get_time(client.create(f"{DEVICE}:ALM:MAX"))[:3]


def test_a_device_that_is_not_writable_keeps_its_block_and_says_so_by_rights() -> None:
    with Rig('{device: "N:H801"}') as served, served.client() as client:
        served.bring_blocks()
        for name in (f"{DEVICE}:ALM:MAX", f"{DEVICE}.HIHI", f"{DEVICE}.LOLO", f"{DEVICE}.HHSV"):
            assert not client.create(name).rights & 2
            assert NO_ACCESS == put(client, name, 1)
        assert [] == served.edits()


def test_access_security_gives_alarm_blocks_to_those_who_may_set_fields() -> None:
    with Rig() as served, served.client() as client:
        file = parse_acf("ASG(DEFAULT) { RULE(1, READ) RULE(0, WRITE) }", "site.acf")
        served.on_loop(lambda: setattr(served.guard.rules, "file", file))
        rights = [client.create(f"{DEVICE}{part}").rights & 2 for part in (":SP", ":ALM:MAX", ".HIHI")]
        assert [2, 0, 0] == rights
        assert [NO_ACCESS, NO_ACCESS] == [put(client, f"{DEVICE}{part}", 3.0) for part in (":ALM:MAX", ".HIHI")]
        assert [] == served.edits()


def test_a_limit_of_the_reading_is_the_limit_of_the_block_and_moves_by_a_put_on_either() -> None:
    with Rig() as served, served.client() as client:
        served.bring_blocks()
        reading = client.create(DEVICE)
        number = client.subscribe(reading, ca.CTRL_DOUBLE, mask=ca.DBE_PROPERTY)
        field = client.subscribe(client.create(f"{DEVICE}.HIHI"))
        assert (-15.0, 15.0) == client.control_update(number).alarm
        assert 15.0 == client.update(field).value
        assert DONE == put(client, f"{DEVICE}.HIHI", 12.0)
        assert (-15.0, 12.0) == client.control_update(number).alarm
        assert 12.0 == client.update(field).value
        assert DONE == put(client, f"{DEVICE}.LOLO", "-11", ca.STRING)
        assert (-11.0, 12.0) == client.control_update(number).alarm
        assert DONE == put(client, f"{DEVICE}:ALM:MAX", 13.0)
        assert (-11.0, 13.0) == client.control_update(number).alarm
        served.change(f"{DEVICE}.ANALOG.MAX@N", 8.0)  # from outside
        served.bring_blocks()
        assert (-11.0, 8.0) == client.control_update(number).alarm
        assert [-11.0, 8.0, 0.0] == [get(client, f"{DEVICE}.{name}") for name in ("LOLO", "HIHI", "HIGH")]
        block = served.held("ANALOG")
        assert isinstance(block, AnalogAlarm)
        assert (-11.0, 8.0) == (block.minimum, block.maximum)
        assert ["MAX", "MIN", "MAX", "MAX"] == [edit.request.field for edit in served.edits()]


def test_of_a_falling_transform_the_upper_limit_is_the_minimum_of_the_block() -> None:
    with Rig() as served, served.client() as client:
        falling = AnalogAlarm(15.0, -15.0, True, False, False, False, 1, 0)
        served.bring((served.device.analog_row, falling))
        served.settle()
        assert DONE == put(client, f"{DEVICE}.HIHI", 9.0)
        assert ["MIN"] == [edit.request.field for edit in served.edits()]


def test_a_bypass_in_acnet_ends_the_severity_and_keeps_the_limits_in_their_fields() -> None:
    with Rig() as served, served.client() as client:
        served.change(f"{DEVICE}.ANALOG.MAX@N", -10.0)
        served.change(f"{DEVICE}.ANALOG.MIN@N", -12.0)
        served.bring((served.device.reading_row, -3.25))
        served.bring_blocks()
        reading = client.create(DEVICE)
        assert (MAJOR, Stat.HIHI) == client.get_time(reading)[2:0:-1]
        number = client.subscribe(reading)
        client.update(number)
        served.change(f"{DEVICE}.ANALOG.ALARM_ENABLE@N", 0.0)
        served.bring_blocks()
        assert 0 == client.update(number).severity
        assert np.isnan(client.get_control(reading).alarm).all()
        assert [-10.0, -12.0, 0] == [get(client, f"{DEVICE}.{name}") for name in ("HIHI", "LOLO", "HHSV")]
        assert DONE == put(client, f"{DEVICE}:ALM:ENABLE", 1)
        assert MAJOR == client.update(number).severity
        assert (-12.0, -10.0) == client.get_control(reading).alarm


def test_many_edits_from_both_sides_are_each_sent_once_and_nothing_echoes() -> None:
    with Rig() as served, served.client() as client:
        served.bring_blocks()
        channel, count = client.create(f"{DEVICE}.HIHI"), 9_800  # and 196 of others: the simulator remembers 10 000
        for begin in range(0, count, 50):
            numbers = [client.ask_put(channel, float(n)) for n in range(begin, begin + 50)]
            served.change(f"{DEVICE}.ANALOG.MIN@N", -float(begin))
            served.bring_blocks()
            assert {DONE} == {client.take(19, p2=number).p1 for number in numbers}
        served.bring_blocks()  # what was brought during the edits may have been read before the last of them
        fields = [edit.request.field for edit in served.edits()]
        assert (count, count // 50) == (fields.count("MAX"), fields.count("MIN"))
        assert [float(n) for n in range(count)] == [e.value for e in served.edits() if e.request.field == "MAX"]
        assert (-float(count - 50), float(count - 1)) == client.get_control(client.create(DEVICE)).alarm


def test_an_event_is_minor_and_the_flags_tell_the_side() -> None:
    with Rig('{device: "Z:BLOCKS"}', "Z:BLOCKS") as served, served.client() as client:
        bad = AnalogAlarm(0.0, 5.0, True, True, False, False, 1, 1)
        low = AlarmBlock(AlarmFlag.ENABLE | AlarmFlag.BAD | AlarmFlag.EVENT | AlarmFlag.LOW)
        served.bring((served.device.reading_row, 3.0), (served.device.analog_row, bad))
        served.settle()
        channel = client.create("Z:BLOCKS")
        assert (MAJOR, Stat.STATE) == client.get_time(channel)[2:0:-1]
        served.bring((served.device.analog_raw_row, low.encode()))
        served.settle()
        assert (MINOR, Stat.LOLO) == client.get_time(channel)[2:0:-1]
        assert [MINOR, 1] == [get(client, name) for name in ("Z:BLOCKS.HHSV", "Z:BLOCKS:ALM:EVENT")]
        served.bring((served.device.reading_row, 3.5))
        served.settle()
        assert (3.5, Stat.LOLO, MINOR) == client.get_time(channel)[:3]
        high = low.with_flag(AlarmFlag.LOW, False).with_flag(AlarmFlag.HIGH, True)
        served.bring((served.device.analog_raw_row, high.with_flag(AlarmFlag.EVENT, False).encode()))
        served.settle()
        assert (MAJOR, Stat.HIHI) == client.get_time(channel)[2:0:-1]
        served.bring((served.device.analog_row, AnalogAlarm(0.0, 5.0, True, False, False, False, 1, 0)))
        served.settle()
        assert (0, 0) == client.get_time(channel)[2:0:-1]


def test_an_event_of_the_digital_block_colours_word_and_bits_minor() -> None:
    with Rig('{device: "Z:BLOCKS"}', "Z:BLOCKS") as served, served.client() as client:
        served.change("Z:BLOCKS.DIGITAL{0:20}.RAW@N", served_block(served))  # type: ignore[arg-type]
        served.bring((served.device.word_row, 3.0))
        served.bring_blocks()
        for name in ("Z:BLOCKS:STS", "Z:BLOCKS:STS:ON"):
            assert (MINOR, Stat.STATE) == client.get_time(client.create(name))[2:0:-1]


def served_block(served: Rig) -> bytes:
    """The digital block with another nominal pattern, so that it is in alarm."""
    raw = served.held("DIGITAL.RAW")
    assert isinstance(raw, bytes)
    return AlarmBlock.decode(raw).with_field("NOM", 0).encode()


def test_bytes_that_are_no_block_turn_their_own_pvs_invalid_and_judge_nothing() -> None:
    with Rig('{device: "Z:BLOCKS"}', "Z:BLOCKS") as served, served.client() as client:
        served.bring((served.device.analog_raw_row, b"short"), (served.device.reading_row, 1.0))
        served.settle()
        assert (Severity.INVALID, Stat.CALC) == client.get_time(client.create("Z:BLOCKS:ALM:EVENT"))[2:0:-1]
        assert 0 == client.get_time(client.create("Z:BLOCKS")).severity


def test_a_reading_without_a_block_keeps_its_limits_in_the_gateway() -> None:
    info = DeviceInfo("M:X", reading=PropertyInfo(), setting=PropertyInfo())
    with (
        Serving(planned('{device: "M:X", writable: true}', infos={"M:X": info})) as served,
        served.client() as client,
    ):
        assert DONE == put(client, "M:X.HIHI", 5.0)
        assert 5.0 == get(client, "M:X.HIHI")
        assert [] == served.backend.writes


def test_who_only_looks_at_a_limit_makes_no_pvs_of_the_block() -> None:
    with Rig() as served, served.client() as client:
        served.bring_blocks()
        assert 15.0 == get(client, f"{DEVICE}.HIHI")
        assert not [name for name in served.on_loop(lambda: set(served.channels._whole)) if ":ALM:" in name]
