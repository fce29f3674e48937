"""gateway/core/batch.py: what one socket read brought, as columns."""

import numpy as np

from gateway.core.batch import EMPTY, batch_of, merged, one_stamp, scalar_batch, stamp_of_all, zeros
from gateway.core.drf import DataRequest
from gateway.core.status import DISCONNECTED, OK, Status
from gateway.core.values import Reading, Value

REQUEST = DataRequest.parse("M:OUTTMP")


def reading(value: Value | None, stamp_ns: int = 7, status: Status = OK) -> Reading:
    return Reading(REQUEST, value, stamp_ns, status)


def test_plain_scalars_become_columns_in_order_of_arrival() -> None:
    batch = batch_of([(3, reading(1.5, 10)), (1, reading(2.5, 11, Status(17, 2)))])
    assert batch.slot.tolist() == [3, 1]
    assert batch.stamp_ns.tolist() == [10, 11]
    assert batch.value.tolist() == [1.5, 2.5]
    assert batch.facility.tolist() == [0, 17]
    assert batch.number.tolist() == [0, 2]
    assert batch.others == ()


def test_the_columns_have_their_types_even_without_rows() -> None:
    for batch in (EMPTY, batch_of([(0, reading(1.0))])):
        columns = (batch.slot, batch.stamp_ns, batch.value, batch.facility, batch.number)
        assert [column.dtype for column in columns] == [np.int32, np.int64, np.float64, np.int16, np.int16]


def test_everything_else_keeps_its_place_among_the_scalars() -> None:
    lost, array = reading(None, status=DISCONNECTED), reading(np.array([1.0, 2.0]))
    batch = batch_of([(0, lost), (1, reading(1.0)), (2, array), (3, reading(2.0))])
    assert [(other.slot, other.after) for other in batch.others] == [(0, 0), (2, 1)]
    assert batch.others[0].reading is lost
    assert batch.others[1].reading is array


def test_the_length_counts_scalars_and_others() -> None:
    assert len(batch_of([(0, reading(1.0)), (1, reading("text")), (2, reading(None))])) == 3
    assert len(EMPTY) == 0


def test_a_batch_of_good_scalars_has_the_status_zero() -> None:
    batch = scalar_batch(np.array([4, 5], np.int32), np.array([1, 2], np.int64), np.array([0.5, 1.5]))
    assert batch.facility.tolist() == batch.number.tolist() == [0, 0]
    assert batch.number.dtype == np.int16
    assert len(batch) == 2


def test_the_zeros_of_all_batches_are_one_array_that_cannot_change() -> None:
    assert zeros(3) is zeros(3)
    assert not zeros(3).flags.writeable
    one = scalar_batch(np.zeros(3, np.int32), np.zeros(3, np.int64), np.zeros(3))
    assert one.facility is one.number is zeros(3)


def test_a_column_of_one_stamp_is_known_as_such() -> None:
    column = one_stamp(17, 3)
    assert column.tolist() == [17, 17, 17]
    assert (column.dtype, column.flags.writeable) == (np.int64, False)
    assert [stamp_of_all(part) for part in (column, column[1:], column[:0])] == [17, 17, None]
    assert stamp_of_all(np.array([17, 17])) is None


def test_merged_batches_are_one_with_all_readings_in_order() -> None:
    lost = reading(None, status=DISCONNECTED)
    one = batch_of([(0, reading(1.0, 5)), (1, lost), (2, reading(2.0, 6, Status(17, 2)))])
    two = batch_of([(3, lost), (0, reading(3.0, 7))])
    both = merged([one, EMPTY, two])
    assert both.slot.tolist() == [0, 2, 0]
    assert both.stamp_ns.tolist() == [5, 6, 7]
    assert both.value.tolist() == [1.0, 2.0, 3.0]
    assert (both.facility.tolist(), both.number.tolist()) == ([0, 17, 0], [0, 2, 0])
    assert [(other.slot, other.after) for other in both.others] == [(1, 1), (3, 2)]
    assert merged([one]) is one
