"""Alarm blocks: PVs of their own, and limits and severity of the reading they judge (values.md 9.3, contract.md 4)."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gateway.core.blocks import AnalogAlarm, DigitalAlarm
from gateway.core.device_info import DeviceInfo, PropertyInfo, StatusBit
from gateway.core.severity import Severity, Stat
from gateway.core.status import DISCONNECTED, Status
from tests.iocs.serving import SECONDS, STAMP, Serving
from tests.plan.planning import planned
from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")

GOOD = AnalogAlarm(20.0, 95.0, True, False, False, True, 2, 1)
BAD = replace(GOOD, alarm_status=True, tries_now=2)
PATTERN = DigitalAlarm(0x80000003, 0x80000001, True, False, True, False, 1, 0)
BITS = tuple(StatusBit(5 + n, name, 1 << n, 1 << n, False, "1", "0") for n, name in enumerate(("A", "B")))
INFO = DeviceInfo(
    "M:OUTTMP", reading=PropertyInfo(units="degF", precision=2, low=-20, high=120), status=True, bits=BITS,
    analog=True, digital=True,
)  # fmt: skip
INVALID, MAJOR, MINOR = Severity.INVALID, Severity.MAJOR, Severity.MINOR


class Rig(Serving):
    """One device with both blocks."""

    def __init__(self, entry: str = '{device: "M:OUTTMP"}', info: DeviceInfo = INFO) -> None:
        super().__init__(planned(entry, infos={"M:OUTTMP": info}))
        self.device = self.plan.devices["M:OUTTMP"]

    def alarm(self, client: CaClient, name: str = "M:OUTTMP") -> tuple[int, int]:
        self.settle()
        found = client.get_time(client.create(name))
        return found.severity, found.status


def test_every_part_of_a_block_is_a_pv_in_the_units_of_the_reading() -> None:
    with Rig() as served, served.client() as client:
        served.bring((served.device.analog_row, BAD), (served.device.digital_row, PATTERN))
        served.settle()
        analog = {"MIN": 20.0, "MAX": 95.0, "NOM": 57.5, "TOL": 37.5, "ENABLE": 1, "STATUS": 1, "ABORT": 0}
        analog |= {"ABORT_INHIBIT": 1, "TRIES_NEEDED": 2, "TRIES_NOW": 2}
        digital = {"NOM": 0x80000003 - 2**32, "MASK": 0x80000001 - 2**32, "ENABLE": 1, "STATUS": 0, "ABORT": 1}
        digital |= {"ABORT_INHIBIT": 0, "TRIES_NEEDED": 1, "TRIES_NOW": 0}
        for group, parts in (("ALM", analog), ("DALM", digital)):
            found = {part: client.get(client.create(f"M:OUTTMP:{group}:{part}")) for part in parts}
            assert parts == found
        limit = client.get_time(client.create("M:OUTTMP:ALM:MAX"))
        assert (0, SECONDS) == (limit.severity, limit.seconds)
        assert not client.create("M:OUTTMP:ALM:MAX").rights & 2


def test_a_block_that_cannot_be_read_turns_its_own_pvs_invalid_and_leaves_the_reading_alone() -> None:
    with Rig() as served, served.client() as client:
        served.bring((0, 50.0), (served.device.analog_row, BAD))
        assert (INVALID, Stat.UDF) == served.alarm(client, "M:OUTTMP:DALM:MASK")
        served.bring((served.device.analog_row, None), status=DISCONNECTED)
        assert (INVALID, Stat.COMM) == served.alarm(client, "M:OUTTMP:ALM:MIN")
        assert 20.0 == client.get(client.create("M:OUTTMP:ALM:MIN"))
        assert (MAJOR, Stat.STATE) == served.alarm(client)


@pytest.mark.parametrize(("value", "stat"), [(120.0, Stat.HIHI), (-5.0, Stat.LOLO), (50.0, Stat.STATE)])
@pytest.mark.parametrize("block_first", [True, False])
def test_the_block_says_that_a_reading_is_in_alarm_and_the_limits_on_which_side(
    value: float, stat: Stat, block_first: bool
) -> None:
    with Rig() as served, served.client() as client:
        items = [(served.device.analog_row, BAD), (0, value)]
        for item in items if block_first else items[::-1]:
            served.bring(item)
        assert (MAJOR, stat) == served.alarm(client)
        served.bring((served.device.analog_row, GOOD))
        assert (0, 0) == served.alarm(client)


def test_a_reading_outside_its_limits_is_in_no_alarm_before_the_block_says_so() -> None:
    with Rig() as served, served.client() as client:
        served.bring((served.device.analog_row, GOOD), (0, 500.0))
        assert (0, 0) == served.alarm(client)


def test_a_bypassed_block_contributes_nothing_and_has_no_limits() -> None:
    with Rig() as served, served.client() as client:
        served.bring((served.device.analog_row, replace(BAD, alarm_enable=False)), (0, 500.0))
        assert (0, 0) == served.alarm(client)
        assert np.isnan(client.get_control(client.create("M:OUTTMP")).alarm).all()


def test_a_warning_is_raised_to_the_alarm_and_a_lost_reading_stays_invalid() -> None:
    with Rig() as served, served.client() as client:
        served.bring((served.device.analog_row, BAD))
        served.bring((0, 120.0), status=Status(17, 2))
        assert (MAJOR, Stat.HIHI) == served.alarm(client)
        served.bring((0, None), status=DISCONNECTED)
        assert (INVALID, Stat.COMM) == served.alarm(client)
        served.bring((served.device.analog_row, GOOD))
        assert (INVALID, Stat.COMM) == served.alarm(client)
        served.bring((0, 120.0), status=Status(17, 2))
        assert MINOR == served.alarm(client)[0]


def test_news_of_the_block_alone_is_an_alarm_event_with_value_and_stamp_as_they_were() -> None:
    with Rig() as served, served.client() as client:
        served.bring((0, 120.0))
        number = client.subscribe(client.create("M:OUTTMP"))
        assert 0 == client.update(number).severity
        served.bring((served.device.analog_row, BAD), stamp_ns=STAMP + 10**9)
        update = client.update(number)
        assert (120.0, MAJOR, Stat.HIHI, SECONDS) == (update.value, update.severity, update.status, update.seconds)


def test_the_limits_of_the_reading_follow_the_block_and_are_a_property_event() -> None:
    with Rig() as served, served.client() as client:
        reading = client.create("M:OUTTMP")
        assert np.isnan(client.get_control(reading).alarm).all()
        number = client.subscribe(reading, ca.CTRL_DOUBLE, mask=ca.DBE_PROPERTY)
        client.control_update(number)
        served.bring((served.device.analog_row, GOOD))
        assert (20.0, 95.0) == client.control_update(number).alarm
        served.bring((served.device.analog_row, replace(GOOD, minimum=90.0, maximum=10.0, tries_now=0)))
        assert (10.0, 90.0) == client.control_update(number).alarm
        assert math.isnan(client.get_control(reading).warning[0])
        served.bring((served.device.analog_row, replace(GOOD, minimum=90.0, maximum=10.0, tries_now=2)))
        client.settle()
        assert [] == client.waiting(number)


def test_an_array_in_alarm_has_no_side_of_the_limits() -> None:
    info = replace(INFO, reading=PropertyInfo(length=4))
    with Rig('{device: "M:OUTTMP[0:3]"}', info) as served, served.client() as client:
        served.bring((0, np.arange(4.0)))
        client.create("M:OUTTMP")
        served.bring((served.device.analog_row, BAD))
        assert (MAJOR, Stat.STATE) == served.alarm(client)
        served.bring((0, np.arange(4.0) + 1000))
        assert (MAJOR, Stat.STATE) == served.alarm(client)
        assert (20.0, 95.0) == client.get_control(client.create("M:OUTTMP")).alarm


def test_raw_values_are_not_judged_by_limits_in_engineering_units() -> None:
    with Rig('{device: "M:OUTTMP.PRIMARY", name: "M:OUTTMP"}') as served, served.client() as client:
        served.bring((0, 50.0), (served.device.analog_row, BAD))
        assert (0, 0) == served.alarm(client)
        assert np.isnan(client.get_control(client.create("M:OUTTMP")).alarm).all()


def test_a_bad_digital_block_colours_the_reading_the_word_and_the_bits_that_differ_under_its_mask() -> None:
    bad = replace(PATTERN, alarm_status=True, mask=1)
    with Rig() as served, served.client() as client:
        names = [f"M:OUTTMP{part}" for part in ("", ":STS", ":STS:A", ":STS:B")]
        served.bring((0, 50.0), (served.device.word_row, 0.0))
        assert [(0, 0)] * 4 == [served.alarm(client, name) for name in names]
        served.bring((served.device.digital_row, bad))
        expected = [(MAJOR, Stat.STATE)] * 3 + [(0, 0)]
        assert expected == [served.alarm(client, name) for name in names]
        served.bring((served.device.word_row, 1.0))  # the front end has not said yet that it is good again
        assert [(MAJOR, Stat.STATE)] * 2 + [(0, 0)] * 2 == [served.alarm(client, name) for name in names]
        served.bring((served.device.digital_row, None), status=DISCONNECTED)
        assert (MAJOR, Stat.STATE) == served.alarm(client, "M:OUTTMP:STS")
        served.bring((served.device.digital_row, PATTERN))
        assert [(0, 0)] * 4 == [served.alarm(client, name) for name in names]
