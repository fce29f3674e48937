import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from devices.conflate import conflate
from gateway.core.batch import EMPTY
from gateway.core.status import Status
from tests.devices.samples import batch, items

readings = st.tuples(st.integers(0, 4), st.one_of(st.none(), st.floats(0, 9), st.just("text")))


@given(st.lists(st.lists(readings, max_size=12), min_size=1, max_size=6))
def test_what_is_kept_is_the_newest_of_each_row_in_order_of_arrival(
    batches: list[list[tuple[int, float | str | None]]],
) -> None:
    kept, left_out = conflate([batch(*one) for one in batches])
    everything = [item for one in batches for item in one]
    last = {slot: at for at, (slot, _) in enumerate(everything)}
    expected = [item for at, item in enumerate(everything) if last[item[0]] == at]
    assert items(kept) == expected
    dropped = [slot for at, (slot, _) in enumerate(everything) if last[slot] != at]
    assert sorted(left_out.tolist()) == sorted(dropped)


def test_all_columns_stay_together() -> None:
    kept, left_out = conflate([batch((3, 1.0)), batch((3, 2.0, Status(14, 9)), (1, 5.0))])
    assert kept.slot.tolist() == [3, 1]
    assert kept.value.tolist() == [2.0, 5.0]
    assert kept.facility.tolist() == [14, 0]
    assert kept.number.tolist() == [9, 0]
    assert kept.slot.dtype == np.int32
    assert left_out.tolist() == [3]


def test_of_nothing_nothing_is_kept() -> None:
    kept, left_out = conflate([EMPTY])
    assert (len(kept), len(left_out)) == (0, 0)
