"""Readings as lines and as JSON, every kind of value."""

import json

import numpy as np
import pytest

from gateway.app.show import reading_json, reading_line, readings, result_json, result_line, stamp
from gateway.core.batch import batch_of
from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.drf import DataRequest
from gateway.core.status import NOPROP, OK, PEND, PRIV
from gateway.core.values import Outcome, Reading, Setting, SettingResult, TimedArray, Value

REQUEST = DataRequest.parse("M:X")
NS = 1_700_000_000_123_456_789
ANALOG = AnalogAlarm(0.0, 1.0, True, False, False, False, 2, 0)
DIGITAL = DigitalAlarm(1, 3, True, False, False, False, 2, 0)


@pytest.mark.parametrize(
    ("value", "text", "machine"),
    [
        (72.5, "72.5", 72.5),
        (float("nan"), "nan", "nan"),
        (np.array([1.0, 2.0]), "[1 2]", [1.0, 2.0]),
        (np.arange(10.0), "[0 1 2 3 4 5 6 7 ... 10 values]", list(range(10))),
        (TimedArray(np.array([1.0]), np.array([5])), "[1]", {"values": [1.0], "stamps_ns": [5]}),
        (b"\x01\xff", "01 ff", "01ff"),
        ("hello", "hello", "hello"),
        (("a", "b"), "a | b", ["a", "b"]),
        (BasicStatus(on=True, ready=False), "on=yes ready=no", {"on": True, "ready": False}),
    ],
)
def test_every_kind_of_value_is_shown(value: Value, text: str, machine: object) -> None:
    reading = Reading(REQUEST, value, NS, OK)

    assert reading_line("M:X", reading, "V") == f"M:X  {text} V  2023-11-14T22:13:20.123Z"
    assert json.loads(json.dumps(reading_json("M:X", reading, "V")))["value"] == machine


@pytest.mark.parametrize("alarm", [ANALOG, DIGITAL])
def test_alarms_are_shown_by_their_fields(alarm: AnalogAlarm | DigitalAlarm) -> None:
    reading = Reading(REQUEST, alarm, NS, OK)

    assert "tries_needed=2" in reading_line("M:X", reading)
    assert '"alarm_enable": true' in json.dumps(reading_json("M:X", reading))


def test_without_a_value_the_status_is_shown() -> None:
    reading = Reading(REQUEST, None, 0, NOPROP, "there is none")

    assert reading_line("M:X", reading) == "M:X  DBM_NOPROP [16 -13]  there is none"
    assert reading_json("M:X", reading) == {
        "drf": "M:X",
        "request": "M:X.READING",
        "value": None,
        "units": None,
        "stamp_ns": 0,
        "status": {"facility": 16, "number": -13, "name": "DBM_NOPROP"},
        "message": "there is none",
    }


def test_a_warning_is_shown_beside_the_value_and_a_stamp_that_is_not_there_as_a_dash() -> None:
    assert reading_line("M:X", Reading(REQUEST, 1.0, 0, PEND)) == "M:X  1  DPM_PEND [17 1]  -"
    assert stamp(0) == "-"


def test_the_readings_of_a_batch_come_in_order_of_arrival() -> None:
    items = [
        (0, Reading(REQUEST, 1.0, 1, OK)),
        (1, Reading(REQUEST, None, 2, NOPROP)),
        (0, Reading(REQUEST, 3.0, 3, OK)),
    ]

    shown = list(readings(batch_of(items), [REQUEST, REQUEST]))

    assert [reading.value for reading in shown] == [1.0, None, 3.0]
    assert shown[2].stamp_ns == 3


def test_the_outcome_of_a_setting_is_shown() -> None:
    setting = Setting(REQUEST.for_writing(), 1.0)

    assert result_line("M:X", SettingResult(setting, OK, Outcome.ACCEPTED)) == "M:X  accepted"
    refused = SettingResult(setting, PRIV, Outcome.REFUSED, "no")
    assert result_line("M:X", refused) == "M:X  refused  DPM_PRIV [17 -17]  no"
    assert result_json("M:X", refused)["outcome"] == "refused"
