"""gateway/core/severity.py: what a status means as an EPICS alarm."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.batch import zeros
from gateway.core.severity import (
    BAD_PLAN,
    DISABLED,
    LOST,
    NO_ALARM,
    SILENT,
    TRIPPED,
    UDF,
    WRONG_KIND,
    Alarm,
    Severity,
    Stat,
    alarm_columns,
    alarm_of,
    block_columns,
    no_alarms,
    severity_name,
    status_name,
    worst,
)
from gateway.core.status import Status
from tests.core.vectors import vectors


@pytest.mark.parametrize("vector", vectors("values", "epics_alarm"))
def test_a_status_has_its_alarm(vector: dict[str, Any]) -> None:
    status = Status(vector["facility"], vector["error"])
    alarm = alarm_of(status, vector["has_value"], vector["had_value_before"], vector["write"])
    assert (vector["severity"], vector["status"]) == (severity_name(alarm.severity), status_name(alarm.status))


@given(st.integers(0, 255), st.integers(-128, 127), st.booleans(), st.booleans(), st.booleans())
def test_every_status_has_an_alarm_that_says_invalid_exactly_when_there_is_no_usable_value(
    facility: int, number: int, has_value: bool, had_value: bool, write: bool
) -> None:
    alarm = alarm_of(Status(facility, number), has_value, had_value, write)
    usable = number >= 0 and (has_value or write)
    assert (alarm.severity == Severity.INVALID) == (not usable)
    assert (alarm.severity == Severity.NO_ALARM) == (alarm.status == Stat.NO_ALARM)


def columns(rows: list[tuple[float, int, int]]) -> list[Alarm]:
    """The alarms of rows of value, facility and number, by columns."""
    value, facility, number = (np.array(column) for column in zip(*rows, strict=True))
    stat, sevr = alarm_columns(value.astype(np.float64), facility.astype(np.int16), number.astype(np.int16))
    assert (np.uint16, np.uint16) == (stat.dtype, sevr.dtype)
    return [Alarm(int(s), int(t)) for s, t in zip(sevr, stat, strict=True)]


def test_good_rows_have_no_alarm() -> None:
    assert columns([(1.0, 0, 0), (2.0, 17, 0)]) == [NO_ALARM, NO_ALARM]


def test_values_that_are_not_finite_are_invalid_and_warnings_are_minor() -> None:
    rows = [(1.0, 0, 0), (np.nan, 0, 0), (2.0, 17, 2), (np.inf, 17, 2), (3.0, 14, 6), (4.0, 14, 9), (5.0, 17, 2)]
    stale, clipped = Alarm(1, Stat.TIMEOUT), Alarm(1, Stat.HWLIMIT)
    assert columns(rows) == [NO_ALARM, WRONG_KIND, stale, WRONG_KIND, NO_ALARM, clipped, stale]


def test_an_error_stays_what_it_is_when_the_value_is_not_finite() -> None:
    assert columns([(np.nan, 1, -42)]) == [LOST]


def test_a_value_that_is_not_finite_is_invalid_without_any_remark() -> None:
    assert columns([(1.0, 0, 0), (np.nan, 0, 0)]) == [NO_ALARM, WRONG_KIND]


def test_rows_without_an_alarm_share_one_array() -> None:
    stat, sevr = alarm_columns(np.ones(3), zeros(3), zeros(3))
    assert stat is sevr is no_alarms(3)
    assert not stat.flags.writeable


def test_no_rows_have_no_alarms() -> None:
    stat, sevr = alarm_columns(np.zeros(0), np.zeros(0, np.int16), np.zeros(0, np.int16))
    assert (len(stat), len(sevr)) == (0, 0)


@given(st.lists(st.tuples(st.floats(width=32), st.integers(0, 255), st.integers(-128, 127)), min_size=1, max_size=20))
def test_columns_say_the_same_as_single_readings(rows: list[tuple[float, int, int]]) -> None:
    for (value, facility, number), alarm in zip(rows, columns(rows), strict=True):
        single = alarm_of(Status(facility, number), has_value=True, had_value=True)
        if not np.isfinite(value) and single.severity < Severity.INVALID:
            single = WRONG_KIND
        assert single == alarm


@pytest.mark.parametrize(
    ("alarms", "shown"),
    [
        ((), NO_ALARM),
        ((NO_ALARM, TRIPPED), TRIPPED),
        ((TRIPPED, LOST), LOST),
        ((WRONG_KIND, LOST), LOST),
        ((SILENT, LOST, BAD_PLAN, DISABLED), DISABLED),
        ((SILENT, LOST, BAD_PLAN), BAD_PLAN),
        ((UDF, SILENT), SILENT),
        ((UDF, WRONG_KIND), UDF),
    ],
)
def test_of_several_alarms_the_worst_is_shown(alarms: tuple[Alarm, ...], shown: Alarm) -> None:
    assert shown == worst(*alarms)


def test_an_alarm_is_displayed_by_its_names() -> None:
    assert [str(UDF), str(LOST), str(TRIPPED)] == ["INVALID/UDF", "INVALID/COMM", "MAJOR/STATE"]


def test_the_numbers_are_those_of_channel_access() -> None:
    assert [Stat.COMM, Stat.TIMEOUT, Stat.LINK, Stat.UDF, Stat.WRITE_ACCESS] == [9, 10, 14, 17, 21]
    assert [Severity.MINOR, Severity.MAJOR, Severity.INVALID] == [1, 2, 3]


def test_a_bad_block_shows_the_side_of_the_limits_and_no_side_within_them_or_without_any() -> None:
    nan = float("nan")
    value, low, high = np.array([[-1.0, 11.0, 5.0, 5.0], [0.0] * 3 + [nan], [10.0] * 3 + [nan]])

    assert [Stat.LOLO, Stat.HIHI, Stat.STATE, Stat.STATE] == block_columns(value, low, high).tolist()
