"""gateway/core/batch.py: what one socket read brought, as columns."""

import numpy as np

from gateway.core.batch import EMPTY, batch_of, scalar_batch
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
