"""Rows of a batch become a slice where they can be one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.span import span_of


def test_no_row_is_an_empty_slice() -> None:
    span = span_of(np.zeros(0, np.int64))
    assert (slice(0, 0), True) == (span.index, span.once)


def test_one_row_is_a_slice() -> None:
    span = span_of(np.array([4]))
    assert (slice(4, 5), True) == (span.index, span.once)


def test_rows_at_equal_distances_are_a_slice() -> None:
    span = span_of(np.array([2, 5, 8], np.int32))
    assert (slice(2, 9, 3), True) == (span.index, span.once)


def test_rows_in_another_order_are_listed() -> None:
    rows = np.array([3, 2, 1])
    span = span_of(rows)
    assert rows is span.index
    assert span.once


def test_ascending_rows_with_gaps_are_listed_and_occur_once() -> None:
    span = span_of(np.array([1, 2, 7]))
    assert isinstance(span.index, np.ndarray)
    assert span.once


def test_a_row_that_occurs_twice_is_known() -> None:
    assert not span_of(np.array([1, 1])).once
    assert not span_of(np.array([2, 1, 2])).once


@given(st.lists(st.integers(0, 20), max_size=12))
def test_the_index_of_a_span_means_the_same_rows(rows: list[int]) -> None:
    span = span_of(np.array(rows, np.int64))
    assert rows == np.arange(30)[span.index].tolist()
    assert span.once == (len(set(rows)) == len(rows))
