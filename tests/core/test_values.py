"""gateway/core/values.py: what is read and what is written."""

import dataclasses

import numpy as np
import pytest

from gateway.core.drf import DataRequest
from gateway.core.status import DISCONNECTED, OK
from gateway.core.values import Outcome, Reading, Setting, SettingResult, TimedArray

REQUEST = DataRequest.parse("M:OUTTMP")


def test_a_reading_without_a_value_says_why() -> None:
    reading = Reading(REQUEST, None, 0, DISCONNECTED, "the link is lost")
    assert reading.value is None
    assert reading.status.failed
    assert reading.message == "the link is lost"


def test_values_cannot_be_changed() -> None:
    reading = Reading(REQUEST, 1.0, 7, OK)
    with pytest.raises(dataclasses.FrozenInstanceError):
        reading.value = 2.0  # type: ignore[misc]


def test_readings_are_told_apart_by_identity_since_arrays_have_no_single_equality() -> None:
    first, second = (Reading(REQUEST, np.array([1.0]), 7, OK) for _ in range(2))
    assert first != second
    assert len({first, second}) == 2


def test_a_result_belongs_to_its_setting() -> None:
    setting = Setting(REQUEST.for_writing(), 3.0)
    result = SettingResult(setting, OK, Outcome.ACCEPTED)
    assert setting is result.setting
    assert not result.message


def test_a_setting_ends_accepted_refused_or_unknown() -> None:
    assert {outcome.value for outcome in Outcome} == {"accepted", "refused", "unknown"}


def test_a_timed_array_has_a_stamp_for_every_value() -> None:
    points = TimedArray(np.array([1.0, 2.0]), np.array([5, 6], np.int64))
    assert len(points.values) == len(points.stamps_ns)
