import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.circular_buffer import CircularBuffer, Rings
from gateway.core.span import span_of
from gateway.runtime.worker import StopToken, Worker
from tests.support.leaks import no_leaks as no_leaks

depths = st.integers(1, 9)
batches = st.lists(st.lists(st.integers(0, 3), max_size=30), max_size=12)


@given(depths, st.integers(0, 40), st.integers(-2, 45))
def test_any_part_of_a_stream_across_any_wrap_is_the_part_of_a_list(depth: int, count: int, index: int) -> None:
    buffer = CircularBuffer(depth)
    for n in range(count):
        buffer.append(1000 + n, n)
    held = list(range(count))[-depth:]
    wished = list(range(count))[max(0, index) :]
    points = buffer.since(index)
    assert points.values.tolist() == [n for n in wished if n in held]
    assert points.stamps_ns.tolist() == [1000 + n for n in wished if n in held]
    assert points.next_index == count == buffer.count
    assert points.missed == len([n for n in wished if n not in held])


@given(depths, st.integers(0, 40), st.integers(-2, 45))
def test_the_last_readings_are_the_end_of_a_list(depth: int, count: int, n: int) -> None:
    buffer = CircularBuffer(depth)
    for number in range(count):
        buffer.append(number, number)
    expected = list(range(count))[-depth:]
    points = buffer.last(n)
    assert points.values.tolist() == (expected[-n:] if n > 0 else [])
    assert points.next_index == count
    assert points.missed == 0
    assert buffer.depth == depth


def test_a_reader_that_keeps_its_index_gets_everything_once() -> None:
    buffer = CircularBuffer(8)
    index, got = 0, []
    for n in range(100):
        buffer.append(n, n)
        if n % 5 == 0:
            points = buffer.since(index)
            index = points.next_index
            got += points.values.tolist()
    assert got == list(range(96))


def test_two_readers_each_get_every_reading() -> None:
    buffer = CircularBuffer(8)
    buffer.append(1, 10.0)
    buffer.append(2, 20.0)
    assert buffer.since(0).values.tolist() == [10.0, 20.0]
    assert buffer.since(0).values.tolist() == [10.0, 20.0]


def test_arrays_are_rows_filled_up_with_nan_or_cut() -> None:
    buffer = CircularBuffer(2, width=3)
    buffer.append(1, np.array([1.0, 2.0, 3.0, 4.0]))
    buffer.append(2, np.array([5.0]))
    np.testing.assert_array_equal([[1.0, 2.0, 3.0], [5.0, np.nan, np.nan]], buffer.last(9).values)
    buffer.append(3, np.array([6.0, 7.0]))
    np.testing.assert_array_equal([[5.0, np.nan, np.nan], [6.0, 7.0, np.nan]], buffer.last(9).values)


def test_a_copy_does_not_change_when_the_stream_goes_on() -> None:
    buffer = CircularBuffer(1)
    buffer.append(1, 1.0)
    points = buffer.last(1)
    buffer.append(2, 2.0)
    assert points.values.tolist() == [1.0]


@pytest.mark.usefixtures("no_leaks")
def test_readers_never_see_a_value_with_the_stamp_of_another() -> None:
    buffer = CircularBuffer(7)
    wrong: list[object] = []

    def read(token: StopToken) -> None:
        while not token.stopped():
            points = buffer.last(7)
            if points.values.tolist() != points.stamps_ns.tolist():
                wrong.append(points)

    readers = [Worker(f"reader {n}", read) for n in range(2)]
    for reader in readers:
        reader.start()
    for n in range(20_000):
        buffer.append(n, n)
    assert all(reader.stop(10) for reader in readers)
    assert wrong == []


@given(depths, batches, st.integers(-1, 60))
def test_rings_are_the_lists_of_their_rows_however_a_batch_mixes_them(
    depth: int, batches: list[list[int]], index: int
) -> None:
    rings = Rings(4, depth)
    lists: list[list[int]] = [[], [], [], []]
    number = 0
    for batch in batches:
        numbers = list(range(number, number + len(batch)))
        number += len(batch)
        rows = np.array(batch, np.int32)
        rings.append(rows, np.array(numbers, np.int64), np.array(numbers, np.float64), span_of(rows))
        for row, n in zip(batch, numbers, strict=True):
            lists[row].append(n)
    for row, expected in enumerate(lists):
        assert rings.count(row) == len(expected)
        assert rings.last(row, depth + 1).values.tolist() == expected[-depth:]
        points = rings.since(row, index)
        wished = expected[max(0, index) :]
        assert points.stamps_ns.tolist() == wished[-depth:]
        assert points.missed == len(wished) - len(wished[-depth:])
        assert points.next_index == len(expected)
