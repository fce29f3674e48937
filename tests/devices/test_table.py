import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.table import DeviceTable
from gateway.core.batch import batch_of, scalar_batch
from gateway.core.status import DISCONNECTED, OK, PEND, REQTMO, SCALEFAIL, Status
from gateway.core.values import Reading
from gateway.plan.model import Kind
from tests.devices.samples import SECOND, batch, identity, items, reading, request, scalars, watch
from tests.support.clock import ManualClock


def table_of(*kinds: Kind, depth: int = 8) -> DeviceTable:
    return DeviceTable([watch(kind, 4) for kind in kinds], depth, ManualClock())


def test_before_the_first_reading_a_row_is_pending_and_has_no_value() -> None:
    now = table_of(Kind.SCALAR).snapshot(0)
    assert (now.value, now.stamp_ns, now.status, now.has_value, now.seen) == (None, 0, PEND, False, 0)


def test_a_batch_is_taken_in_row_by_row_and_comes_back_with_rows_for_slots() -> None:
    table = DeviceTable(scalars(5), 8, ManualClock())
    news = table.accept(batch((0, 1.0), (1, 2.0, Status(14, 9)), (0, 3.0)), np.array([4, 2]))
    assert items(news) == [(4, 1.0), (2, 2.0), (4, 3.0)]
    four, two, one = table.snapshot(4), table.snapshot(2), table.snapshot(1)
    assert (four.value, four.stamp_ns, four.status, four.seen) == (3.0, SECOND + 2, OK, 2)
    assert (two.value, two.status, two.has_value) == (2.0, Status(14, 9), True)
    assert one.seen == 0
    assert table.last(4, 9).values.tolist() == [1.0, 3.0]
    assert table.last(4, 9).stamps_ns.tolist() == [SECOND, SECOND + 2]
    assert table.since(4, 1).values.tolist() == [3.0]


def test_a_lost_reading_keeps_the_last_good_value_and_its_stamp() -> None:
    table = table_of(Kind.SCALAR)
    table.accept(batch((0, 7.0)), identity(1))
    table.accept(batch_of([(0, reading(None, 9 * SECOND, DISCONNECTED, "line cut"))]), identity(1))
    now = table.snapshot(0)
    assert (now.value, now.stamp_ns, now.status, now.has_value) == (7.0, SECOND, DISCONNECTED, False)
    assert now.message == "line cut"
    assert table.last_error(0) == f"{DISCONNECTED}: line cut"
    assert table.last(0, 9).values.tolist() == [7.0]


def test_the_next_good_reading_ends_the_loss_but_the_last_error_stays_known() -> None:
    table = table_of(Kind.SCALAR, Kind.TEXT)
    for row, value in ((0, 7.0), (1, "on")):
        table.accept(batch((row, None, DISCONNECTED)), identity(2))
        table.accept(batch((row, value)), identity(2))
        now = table.snapshot(row)
        assert (now.value, now.status, now.has_value, now.message) == (value, OK, True, "")
        assert table.last_error(row) == str(DISCONNECTED)


def test_a_loss_that_only_repeats_is_no_news() -> None:
    table = table_of(Kind.SCALAR)
    assert len(table.accept(batch((0, None, PEND)), identity(1))) == 1
    assert len(table.accept(batch((0, None, PEND)), identity(1))) == 0
    assert len(table.accept(batch((0, None, DISCONNECTED)), identity(1))) == 1
    assert len(table.accept(batch((0, None, DISCONNECTED), (0, None, REQTMO)), identity(1))) == 1
    assert table.snapshot(0).seen == 5
    assert len(table.accept(batch((0, 1.0)), identity(1))) == 1
    assert len(table.accept(batch((0, None, REQTMO)), identity(1))) == 1


def test_of_a_value_and_a_loss_in_one_batch_the_later_one_counts() -> None:
    table = DeviceTable(scalars(2), 8, ManualClock())
    news = table.accept(batch((0, 1.0), (1, None, DISCONNECTED), (0, None, DISCONNECTED), (1, 2.0)), identity(2))
    assert items(news) == [(0, 1.0), (1, None), (0, None), (1, 2.0)]
    assert (table.snapshot(0).has_value, table.snapshot(0).value) == (False, 1.0)
    assert (table.snapshot(1).has_value, table.snapshot(1).status) == (True, OK)
    assert table.last_error(1) == str(DISCONNECTED)


def test_losing_rows_tells_only_those_that_are_not_lost_that_way_already() -> None:
    table = DeviceTable(scalars(3), 8, ManualClock())
    table.accept(batch((0, 1.0), (1, 1.0), (2, 1.0)), identity(3))
    assert items(table.lose(np.array([1]), DISCONNECTED, "gone")) == [(1, None)]
    assert items(table.lose(np.array([0, 1, 2]), DISCONNECTED, "gone")) == [(0, None), (2, None)]
    assert table.snapshot(2).message == "gone"


def test_a_missing_stamp_becomes_the_local_time_of_arrival_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock(now_ns=77)
    table = DeviceTable([watch(), watch(Kind.TEXT)], 8, clock)
    one = replace(batch((0, 1.0), (0, 2.0), (1, "on")), stamp_ns=np.array([0, 5]))
    others = tuple(replace(o, reading=replace(o.reading, stamp_ns=0)) for o in one.others)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            news = table.accept(replace(one, others=others), identity(2))
    assert news.stamp_ns.tolist() == [77, 5]
    assert news.others[0].reading.stamp_ns == 77
    assert table.last(0, 2).stamps_ns.tolist() == [77, 5]
    assert table.snapshot(1).stamp_ns == 77
    assert table.strange.zero == 4
    assert len([record for record in caplog.records if "without a time stamp" in record.getMessage()]) == 1


def test_an_older_or_an_equal_stamp_is_taken_all_the_same() -> None:
    table = table_of(Kind.SCALAR)
    for stamp, value in ((9, 1.0), (9, 2.0), (3, 3.0)):
        table.accept(batch_of([(0, reading(value, stamp))]), identity(1))
    assert table.snapshot(0).value == 3.0
    assert table.last(0, 9).stamps_ns.tolist() == [9, 9, 3]


def test_an_array_is_kept_as_it_came_and_in_a_buffer_of_its_own() -> None:
    table = table_of(Kind.ARRAY)
    table.accept(batch((0, np.array([1.0, 2.0])), (0, 3.0)), identity(1))
    value = table.snapshot(0).value
    assert isinstance(value, np.ndarray)
    assert value.tolist() == [3.0]
    points = table.last(0, 9)
    np.testing.assert_array_equal([[1.0, 2.0, np.nan, np.nan], [3.0, np.nan, np.nan, np.nan]], points.values)
    assert table.since(0, 1).values.shape == (1, 4)


def test_the_buffer_of_an_array_takes_a_megabyte_at_most() -> None:
    table = DeviceTable([watch(Kind.ARRAY, 50_000), watch(Kind.ARRAY, 1_000_000)], 1000, ManualClock())
    for stamp in range(5):
        table.accept(batch_of([(0, reading(np.zeros(3), stamp)), (1, reading(np.zeros(3), stamp))]), identity(2))
    assert len(table.last(0, 9).stamps_ns) == 2
    assert len(table.last(1, 9).stamps_ns) == 1


def test_other_kinds_keep_their_newest_value_and_no_history() -> None:
    table = table_of(Kind.TEXT, Kind.RAW)
    table.accept(batch((0, "off"), (0, "on"), (1, b"\1")), identity(2))
    assert (table.snapshot(0).value, table.snapshot(1).value) == ("on", b"\1")
    assert (table.snapshot(0).seen, table.last(0, 9).next_index, len(table.since(0, 0).values)) == (2, 0, 0)


def test_a_reply_of_another_kind_is_a_failed_scaling_and_changes_no_value() -> None:
    table = table_of(Kind.SCALAR, Kind.TEXT)
    table.accept(batch((0, 1.0), (1, "on")), identity(2))
    news = table.accept(batch((0, np.array([1.0, 2.0])), (1, 5.0)), identity(2))
    assert items(news) == [(0, None), (1, None)]
    assert (table.snapshot(0).value, table.snapshot(0).status) == (1.0, SCALEFAIL)
    assert (table.snapshot(1).value, table.snapshot(1).status) == ("on", SCALEFAIL)
    assert table.snapshot(1).message.endswith("was answered by a number; its PV was made for a text")


def test_age_counts_from_the_last_value() -> None:
    clock = ManualClock()
    table = DeviceTable(scalars(1), 8, clock)
    assert table.age(0) == np.inf
    table.accept(batch((0, 1.0)), identity(1))
    clock.advance(2.5)
    table.accept(batch((0, None, DISCONNECTED)), identity(1))
    clock.step(-3600)
    assert table.age(0) == 2.5


def test_the_watchdog_expects_news_of_rows_that_have_a_value_or_never_spoke() -> None:
    table = DeviceTable(scalars(3), 8, ManualClock(monotonic=50.0))
    table.accept(batch((0, 1.0), (1, 1.0), (1, None, DISCONNECTED)), identity(3))
    arrived, expected = table.news(np.array([2, 1, 0]))
    assert arrived.tolist() == [-np.inf, 50.0, 50.0]
    assert expected.tolist() == [True, False, True]


def test_a_slot_that_was_never_asked_for_is_an_error() -> None:
    with pytest.raises(IndexError):
        table_of(Kind.SCALAR).accept(batch((3, 1.0)), identity(1))


def test_ten_thousand_rows_are_one_batch() -> None:
    table = DeviceTable(scalars(10_000), 16, ManualClock())
    rows = np.arange(10_000, dtype=np.int32)
    for stamp in range(20):
        table.accept(scalar_batch(rows, np.full(10_000, stamp + 1), rows.astype(np.float64)), identity(10_000))
    assert table.snapshot(9_999).value == 9_999.0
    assert table.since(1, 0).missed == 4
    assert len(table) == 10_000


samples = st.tuples(st.integers(0, 2), st.one_of(st.none(), st.floats(0, 9), st.just("text")))


@given(st.lists(st.lists(samples, max_size=8), max_size=5))
def test_whatever_comes_the_table_agrees_with_one_reading_after_the_other(
    batches: list[list[tuple[int, float | str | None]]],
) -> None:
    kinds = (Kind.SCALAR, Kind.SCALAR, Kind.TEXT)
    at_once, one_by_one = table_of(*kinds), table_of(*kinds)
    for one in batches:
        readings = [
            (slot, Reading(request(), value, 1 + n, OK if value is not None else DISCONNECTED))
            for n, (slot, value) in enumerate(one)
        ]
        at_once.accept(batch_of(readings), identity(3))
        for item in readings:
            one_by_one.accept(batch_of([item]), identity(3))
    for row in range(3):
        found, expected = at_once.snapshot(row), one_by_one.snapshot(row)
        assert (found.value, found.status, found.has_value) == (expected.value, expected.status, expected.has_value)
        assert found.seen == expected.seen
        assert at_once.last(row, 8).values.tolist() == one_by_one.last(row, 8).values.tolist()


def test_rows_without_any_reading_are_counted() -> None:
    table = table_of(Kind.SCALAR, Kind.SCALAR)
    assert table.unanswered() == 2
    table.lose(np.array([0]), DISCONNECTED, "")
    assert table.unanswered() == 1
