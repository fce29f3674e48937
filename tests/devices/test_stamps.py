"""Strange time stamps: counted, said once, and never bent."""

import logging

import numpy as np
import pytest

from devices.stamps import AHEAD, StrangeStamps, stamps_before
from devices.table import DeviceTable
from gateway.core.batch import batch_of, one_stamp
from tests.devices.samples import identity, reading, watch
from tests.support.clock import ManualClock

NOW = 1_700_000_000_000_000_000  # ns


def columns(*stamps: int) -> np.ndarray:
    return np.array(stamps, np.int64)


def test_a_stamp_may_be_ten_seconds_ahead_of_our_clock() -> None:
    strange = StrangeStamps()
    strange.look(columns(NOW, NOW + AHEAD, NOW + AHEAD + 1), columns(0, 0, 0), NOW)
    assert (0, 1, 0) == (strange.zero, strange.future, strange.backward)


def test_a_stamp_may_be_equal_to_the_one_before_and_not_older() -> None:
    strange = StrangeStamps()
    strange.look(columns(5, 5, 4), columns(5, 0, 5), NOW)
    assert (0, 0, 1) == (strange.zero, strange.future, strange.backward)


def test_a_burst_with_one_stamp_is_judged_as_a_whole() -> None:
    strange = StrangeStamps()
    strange.look(one_stamp(NOW + 2 * AHEAD, 3), columns(0, NOW + 3 * AHEAD, 0), NOW)
    strange.look(one_stamp(NOW, 3), columns(0, 0, 0), NOW)
    assert (3, 1) == (strange.future, strange.backward)


def test_each_kind_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    strange = StrangeStamps()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            strange.missing(2)
            strange.look(columns(NOW + 2 * AHEAD, 1), columns(0, 2), NOW)
        strange.missing(0)
    assert (6, 3, 3, 3) == (strange.zero, strange.future, strange.backward, len(caplog.records))


def test_of_a_row_that_occurs_twice_each_reading_has_the_one_before() -> None:
    rows = np.array([4, 2, 4, 2, 4], np.int32)
    found = stamps_before(rows, columns(10, 20, 11, 19, 12), columns(9, 18, 9, 18, 9))
    assert [9, 18, 10, 20, 11] == found.tolist()


def test_the_table_counts_and_keeps_them_as_they_came() -> None:
    table = DeviceTable([watch()], 8, ManualClock(now_ns=NOW))
    far = NOW + 60 * AHEAD
    table.accept(batch_of([(0, reading(1.0, NOW)), (0, reading(2.0, NOW - 1)), (0, reading(3.0, far))]), identity(1))
    table.accept(batch_of([(0, reading(4.0, NOW))]), identity(1))
    table.accept(batch_of([(0, reading(5.0, 0))]), identity(1))
    assert (1, 1, 2) == (table.strange.zero, table.strange.future, table.strange.backward)
    assert [NOW, NOW - 1, far, NOW, NOW] == table.last(0, 9).stamps_ns.tolist()
