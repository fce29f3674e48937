"""A run of gets is answered as rows, and only when each of them is a get of a row."""

import struct

import numpy as np
import pytest

from iocs.fast.bursts import SHORTEST, answers, run_of_gets
from iocs.store import Store

MANY = SHORTEST + 4


def get(server_id: int, request: int, data_type: int = 20, count: int = 1) -> bytes:
    return struct.pack(">HHHHII", 15, 0, data_type, count, server_id, request)


def store_of_three() -> Store:
    store = Store(3)
    index, zero = np.arange(3, dtype=np.int32), np.zeros(3, np.uint16)
    store.put(index, np.array([1.0, 2.0, 3.0]), np.full(3, 10**18), zero, zero)
    return store


def test_a_run_is_answered_in_order_with_its_request_ids() -> None:
    run = run_of_gets(bytearray(b"".join(get(1 + i % 2, 100 + i, data_type=6) for i in range(MANY))))
    assert run is not None
    replies = answers(run, np.array([-1, 0, 2], np.int32), store_of_three())
    expected = b"".join(struct.pack(">HHHHIId", 15, 8, 6, 1, 1, 100 + i, [1.0, 3.0][i % 2]) for i in range(MANY))
    assert expected == replies


@pytest.mark.parametrize(
    "data",
    [
        b"",
        get(1, 1) * (SHORTEST - 1),
        struct.pack(">HHHHII", 4, 0, 20, 1, 1, 1) * MANY,
        get(1, 1, data_type=0) * MANY,
        get(1, 1) * 3 + get(1, 1, data_type=6) * MANY,
        get(1, 1) * 3 + get(1, 1, count=2) * MANY,
    ],
    ids=["nothing", "too few", "another command", "text", "a mixture of types", "arrays"],
)
def test_whatever_is_no_long_run_of_gets_takes_the_ordinary_way(data: bytes) -> None:
    assert run_of_gets(bytearray(data)) is None


def test_a_run_ends_where_something_else_begins_or_a_message_is_not_whole() -> None:
    run = run_of_gets(bytearray(get(1, 1) * MANY + get(1, 1, data_type=6) + get(1, 1)))
    assert run is not None
    assert MANY == len(run)
    run = run_of_gets(bytearray(get(1, 1) * MANY + get(1, 1)[:7]))
    assert run is not None
    assert MANY == len(run)


@pytest.mark.parametrize("server_id", [2, 3, 2**32 - 1], ids=["no row", "unknown", "far away"])
def test_one_channel_that_is_no_row_sends_the_whole_run_the_ordinary_way(server_id: int) -> None:
    run = run_of_gets(bytearray(get(1, 1) * MANY + get(server_id, 1)))
    assert run is not None
    assert answers(run, np.array([-1, 0, -1], np.int32), store_of_three()) is None
