import numpy as np
import pytest

from devices.kinds import fit, fitted, target_of
from gateway.core.batch import OtherReading, ReadingBatch
from gateway.core.blocks import BasicStatus
from gateway.core.status import DISCONNECTED, SCALEFAIL, Status
from gateway.core.values import TimedArray, Value
from gateway.plan.model import Kind
from tests.devices.samples import batch, identity, items, reading, watch

ARRAY = np.array([1.0, 2.0])
STATUS = BasicStatus(True, True, None, None, None)
PLOT = TimedArray(ARRAY, np.array([1, 2]))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.SCALAR, 1.5),
        (Kind.ARRAY, ARRAY),
        (Kind.TEXT, "on"),
        (Kind.TEXT_ARRAY, ("a", "b")),
        (Kind.RAW, b"\1"),
        (Kind.STATUS, STATUS),
    ],
)
def test_the_kind_that_was_wished_for_stays_as_it_is(kind: Kind, value: Value) -> None:
    original = reading(value)
    assert fit(kind, original) is original


def test_a_scalar_for_an_array_becomes_an_array_of_one() -> None:
    value = fit(Kind.ARRAY, reading(2.5)).value
    assert isinstance(value, np.ndarray)
    assert value.tolist() == [2.5]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Kind.SCALAR, ARRAY, "an array; its PV was made for a number"),
        (Kind.SCALAR, PLOT, "a plot; its PV was made for a number"),
        (Kind.SCALAR, "on", "a text; its PV was made for a number"),
        (Kind.TEXT, 1.0, "a number; its PV was made for a text"),
        (Kind.STATUS, ("a",), "texts; its PV was made for a status"),
        (Kind.ANALOG, STATUS, "a status; its PV was made for an analog alarm block"),
    ],
)
def test_another_kind_is_a_failed_scaling_that_says_what_came(kind: Kind, value: Value, text: str) -> None:
    found = fit(kind, reading(value))
    assert (found.value, found.status) == (None, SCALEFAIL)
    assert found.message.endswith(f"was answered by {text}")


def test_a_reading_without_a_value_is_of_any_kind() -> None:
    lost = reading(None, status=DISCONNECTED)
    assert fit(Kind.ARRAY, lost) is lost


def test_a_value_with_an_error_is_no_value() -> None:
    found = fit(Kind.SCALAR, reading(1.0, status=Status(17, -1)))
    assert (found.value, found.status) == (None, Status(17, -1))


def fit_batch(kinds: list[Kind], one: ReadingBatch) -> ReadingBatch:
    watches = [watch(kind) for kind in kinds]
    is_scalar = np.array([kind is Kind.SCALAR for kind in kinds])
    rows = identity(len(kinds))
    target = target_of(one.slot, rows, is_scalar, np.cumsum(is_scalar) - 1)
    return fitted(one, target, rows, watches, is_scalar)


def test_scalars_that_do_not_belong_in_the_columns_leave_them_in_their_place_of_the_order() -> None:
    kinds = [Kind.SCALAR, Kind.ARRAY, Kind.TEXT]
    found = fit_batch(kinds, batch((0, 1.0), (1, 2.0), (2, "on"), (2, 3.0), (0, 4.0), (1, ARRAY)))
    assert found.slot.tolist() == [0, 0]
    assert [(other.slot, other.after) for other in found.others] == [(1, 1), (2, 1), (2, 1), (1, 2)]
    values = [value.tolist() if isinstance(value, np.ndarray) else value for _, value in items(found)]
    assert values == [1.0, [2.0], "on", None, 4.0, [1.0, 2.0]]


def test_an_error_in_the_columns_leaves_them_without_its_value() -> None:
    bad = Status(17, -1)
    found = fit_batch([Kind.SCALAR], batch((0, 1.0), (0, 2.0, bad), (0, 3.0)))
    assert items(found) == [(0, 1.0), (0, None), (0, 3.0)]
    assert found.others[0].reading.status == bad


def test_plain_scalars_among_the_others_go_to_the_columns_where_they_belong() -> None:
    one = batch((0, 1.0), (0, 2.0), (0, 3.0))
    warning = Status(14, 9)
    others = (
        OtherReading(0, 0, reading(0.5)),
        OtherReading(0, 1, reading(None)),
        OtherReading(0, 1, reading(1.5, 7, warning)),
        OtherReading(0, 1, reading(1.7)),
        OtherReading(0, 3, reading(None)),
        OtherReading(0, 3, reading(3.5)),
    )
    found = fit_batch([Kind.SCALAR], ReadingBatch(one.slot, one.stamp_ns, one.value, one.facility, one.number, others))
    assert [value for _, value in items(found)] == [0.5, 1.0, None, 1.5, 1.7, 2.0, 3.0, None, 3.5]
    assert (found.stamp_ns[2], found.facility[2], found.number[2]) == (7, 14, 9)
