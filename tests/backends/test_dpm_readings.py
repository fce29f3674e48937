from dataclasses import replace

import numpy as np
import pytest

from gateway.backends.dpm_readings import (
    Arrived,
    SlotMap,
    arrived_columns,
    arrived_points,
    arrived_readings,
    known_only,
    reading_of,
    split,
    without_errors,
)
from gateway.core.batch import one_stamp
from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.drf import DataRequest
from gateway.core.remembered import constant
from gateway.core.status import OK, Status
from gateway.core.values import Reading, TimedArray
from gateway.wire import dpm
from gateway.wire.dpm_rows import ScalarColumns

REQUEST = DataRequest.parse("M:OUTTMP@p,1000")
WORD = DataRequest.parse("N|LGXS.BIT_VALUE")
MS = 1_736_942_400_123
LOST = Reading(REQUEST, None, 5, Status(1, -34))


def columns(*rows: tuple[int, float, int], stamp: int = MS) -> ScalarColumns:
    return ScalarColumns(
        np.array([ref for ref, _, _ in rows], np.int64),
        np.full(len(rows), stamp, np.int64),
        np.array([status for _, _, status in rows], np.int16),
        np.array([value for _, value, _ in rows], np.float64),
    )


def arrived(*rows: tuple[int, float, int], others: tuple[tuple[int, int, Reading], ...] = ()) -> Arrived:
    plain = arrived_columns(columns(*rows), np.zeros(16, np.bool_))
    return Arrived(plain.ref, plain.stamp_ns, plain.value, plain.status, others)


def test_a_scalar_keeps_its_value_and_its_stamp_becomes_nanoseconds() -> None:
    reading = reading_of(REQUEST, dpm.ScalarReply(1, MS, 0, 0, 72.5))
    assert (reading.value, reading.stamp_ns, reading.status) == (72.5, MS * 1_000_000, OK)


def test_a_warning_keeps_the_value_and_an_error_takes_it_away() -> None:
    assert reading_of(REQUEST, dpm.ScalarReply(1, MS, 0, 17 + 256 * 2, 1.0)).value == 1.0
    failed = reading_of(REQUEST, dpm.ScalarReply(1, MS, 0, 14 - 256 * 7, 1.0))
    assert (failed.value, failed.status) == (None, Status(14, -7))


def test_a_status_is_a_reading_without_a_value() -> None:
    reading = reading_of(REQUEST, dpm.StatusReply(1, MS, 0, -3312))
    assert (reading.value, reading.status) == (None, Status(16, -13))


@pytest.mark.parametrize("stamp", [-1, MS, 2**62])
def test_one_stamp_for_all_means_the_same_as_a_column_of_it(stamp: int) -> None:
    plain = columns((1, 1.0, 0), (2, 2.0, 0), stamp=stamp)
    one = replace(plain, timestamp_ms=one_stamp(stamp, 2))
    expected = [MS * 1_000_000 if stamp == MS else 0] * 2
    assert [arrived_columns(each, None).stamp_ns.tolist() for each in (plain, one)] == [expected] * 2


def test_slots_of_references_that_come_again_are_the_same_array() -> None:
    slots = SlotMap({1: [3], 2: [0]})
    ref, status = constant(np.array([2, 1])), constant(np.zeros(2, np.int16))
    first, second = (slots.batch(Arrived(ref, np.ones(2, np.int64), np.ones(2), status)) for _ in range(2))
    assert first.slot.tolist() == [0, 3]
    assert first.slot is second.slot
    warned = slots.batch(Arrived(ref, np.ones(2, np.int64), np.ones(2), constant(np.array([0, 0x0A0E], np.int16))))
    assert (warned.facility.tolist(), warned.number.tolist()) == ([0, 14], [0, 10])
    assert warned.slot is first.slot


@pytest.mark.parametrize("stamp", [0, -1, 2**62])
def test_a_stamp_that_no_clock_can_mean_is_unknown(stamp: int) -> None:
    assert reading_of(REQUEST, dpm.ScalarReply(1, stamp, 0, 0, 1.0)).stamp_ns == 0
    assert arrived_columns(columns((1, 1.0, 0), stamp=stamp), np.zeros(4, np.bool_)).stamp_ns.tolist() == [0]


def test_arrays_texts_and_bytes_keep_their_form() -> None:
    array = reading_of(REQUEST, dpm.ScalarArrayReply(1, MS, 0, 0, np.array([1.0, 2.0]))).value
    assert isinstance(array, np.ndarray)
    assert array.tolist() == [1.0, 2.0]
    assert reading_of(REQUEST, dpm.RawReply(1, MS, 0, 0, b"\x01")).value == b"\x01"
    assert reading_of(REQUEST, dpm.TextReply(1, MS, 0, 0, "Grad")).value == "Grad"
    assert reading_of(REQUEST, dpm.TextArrayReply(1, MS, 0, 0, ("a", "b"))).value == ("a", "b")


def test_points_of_a_plot_have_stamps_of_their_own_and_as_many_as_values() -> None:
    reply = dpm.TimedScalarArrayReply(1, MS, 0, 0, np.array([1.0, 2.0]), np.array([10, 20, 30], np.int64))
    value = reading_of(REQUEST, reply).value
    assert isinstance(value, TimedArray)
    assert (value.values.tolist(), value.stamps_ns.tolist()) == ([1.0, 2.0], [10_000, 20_000])
    points = arrived_points(4, reply)
    assert (points.ref.tolist(), points.stamp_ns.tolist()) == ([4, 4], [10_000, 20_000])


def test_alarm_blocks_and_basic_status_become_their_structures() -> None:
    analog = reading_of(REQUEST, dpm.AnalogAlarmReply(1, MS, 0, -1.0, 2.0, True, False, True, False, 3, 1)).value
    assert analog == AnalogAlarm(-1.0, 2.0, True, False, True, False, 3, 1)
    digital = reading_of(REQUEST, dpm.DigitalAlarmReply(1, MS, 0, -1, 255, True, False, True, False, 3, 1)).value
    assert digital == DigitalAlarm(0xFFFFFFFF, 255, True, False, True, False, 3, 1)
    status = reading_of(REQUEST, dpm.BasicStatusReply(1, MS, 0, on=True, ramp=False)).value
    assert status == BasicStatus(True, None, None, None, False)


def test_a_word_of_bits_is_unsigned() -> None:
    assert reading_of(WORD, dpm.ScalarReply(1, MS, 0, 0, -1.0)).value == 0xFFFFFFFF
    words = np.array([False, True, False])
    assert arrived_columns(columns((1, -1.0, 0), (2, -1.0, 0)), words).value.tolist() == [0xFFFFFFFF, -1.0]


def test_rows_of_references_that_were_never_given_are_dropped() -> None:
    all_known, before = known_only(columns((1, 1.0, 0), (2, 2.0, 0)), 3)
    assert (len(all_known), before) == (2, None)
    known, counts = known_only(columns((0, 1.0, 0), (1, 2.0, 0), (3, 3.0, 0), (-1, 4.0, 0), (2, 5.0, 0)), 3)
    assert known.value.tolist() == [2.0, 5.0]
    assert counts is not None
    assert counts.tolist() == [0, 0, 1, 1, 1, 2]


def test_a_row_with_an_error_becomes_a_reading_without_a_value_in_its_place() -> None:
    mixed = arrived((1, 1.0, 0), (2, 2.0, -3312), (1, 3.0, 0), others=((1, 3, LOST), (2, 3, LOST)))
    found = without_errors(mixed, {1: REQUEST, 2: WORD}.get)
    assert found.value.tolist() == [1.0, 3.0]
    assert [(after, ref) for after, ref, _ in found.others] == [(1, 3), (1, 2), (1, 3)]
    assert found.others[1][2].status == Status(16, -13)


def test_without_an_error_everything_stays_as_it_is() -> None:
    plain = arrived((1, 1.0, 0), (2, 2.0, 529))
    assert without_errors(plain, {}.get) is plain


def test_an_error_of_a_request_that_is_gone_is_dropped() -> None:
    found = without_errors(arrived((1, 1.0, -3312)), {}.get)
    assert (len(found.ref), found.others) == (0, ())


def test_references_are_joined_with_slots() -> None:
    batch = SlotMap({1: [5], 3: [7]}).batch(arrived((1, 1.0, 0), (3, 2.0, 0), (1, 3.0, 0)))
    assert batch.slot.tolist() == [5, 7, 5]
    assert batch.value.tolist() == [1.0, 2.0, 3.0]
    assert batch.slot.dtype == np.int32


def test_one_reference_may_feed_several_slots_and_none() -> None:
    rows = arrived((1, 1.0, 0), (2, 2.0, 0), (9, 3.0, 0), (1, 4.0, 0), others=((1, 1, LOST), (4, 2, LOST)))
    batch = SlotMap({1: [5, 6]}).batch(rows)
    assert batch.slot.tolist() == [5, 6, 5, 6]
    assert batch.value.tolist() == [1.0, 1.0, 4.0, 4.0]
    assert [(other.slot, other.after) for other in batch.others] == [(5, 2), (6, 2)]


def test_a_reference_above_all_of_a_subscription_feeds_nothing_of_it() -> None:
    batch = SlotMap({1: [0]}).batch(arrived((9, 1.0, 0), others=((0, 9, LOST),)))
    assert len(batch) == 0


def test_a_warning_shows_in_the_columns_of_the_batch() -> None:
    batch = SlotMap({1: [0]}).batch(arrived((1, 1.0, 17 + 256 * 2), (1, 2.0, 0)))
    assert (batch.facility.tolist(), batch.number.tolist()) == ([17, 0], [2, 0])


def test_readings_alone_are_a_batch_without_rows() -> None:
    batch = SlotMap({1: [0], 2: [1]}).batch(arrived_readings([(2, LOST), (1, LOST)]))
    assert [(other.slot, other.after) for other in batch.others] == [(1, 0), (0, 0)]


def test_points_among_other_rows_split_them_in_order() -> None:
    points = arrived((3, 30.0, 0), (3, 31.0, 0))
    pieces = list(split(arrived((1, 1.0, 0), (1, 2.0, 0)), [(0, 2, LOST), (1, 3, points), (2, 2, LOST)]))
    assert [piece.value.tolist() for piece in pieces] == [[1.0], [30.0, 31.0], [2.0]]
    assert [[after for after, _, _ in piece.others] for piece in pieces] == [[0], [], [1]]


def test_rows_without_points_stay_one_piece() -> None:
    (piece,) = split(arrived((1, 1.0, 0)), [(1, 2, LOST)])
    assert (piece.value.tolist(), len(piece.others)) == ([1.0], 1)
