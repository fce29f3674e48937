import threading

import pytest

from gateway.backends.subscription import BoundedSubscription
from gateway.core.batch import ReadingBatch, batch_of
from gateway.core.drf import DataRequest
from gateway.core.errors import Closed
from gateway.core.status import OK
from gateway.core.values import Reading
from gateway.runtime.worker import StopToken, Worker

REQUEST = DataRequest.parse("M:OUTTMP@p,1000")


def scalars(*values: float) -> ReadingBatch:
    return batch_of([(0, Reading(REQUEST, value, 1, OK)) for value in values])


def test_batches_come_in_the_order_in_which_they_were_put() -> None:
    stream = BoundedSubscription(100)
    stream.put(scalars(1.0, 2.0))
    stream.put(scalars(3.0))
    assert stream.get(0).value.tolist() == [1.0, 2.0, 3.0]  # small ones come as one
    assert len(stream.get(0)) == 0


def test_large_batches_come_one_by_one() -> None:
    stream = BoundedSubscription(10_000)
    sizes = (600, 400, 1, 5000, 3)
    for size in sizes:
        stream.put(scalars(*[float(size)] * size))
    assert [len(stream.get(0)) for _ in sizes] == [1000, 1, 5000, 3, 0]


def test_nothing_within_the_timeout_is_an_empty_batch() -> None:
    assert len(BoundedSubscription(100).get(0.01)) == 0


def test_an_empty_batch_is_not_kept() -> None:
    stream = BoundedSubscription(100)
    stream.put(scalars())
    stream.put(scalars(1.0))
    assert stream.get(0).value.tolist() == [1.0]


def test_past_the_bound_the_oldest_batches_give_way_and_are_counted() -> None:
    stream = BoundedSubscription(3)
    for batch in (scalars(1.0, 2.0), scalars(3.0), scalars(4.0, 5.0)):
        stream.put(batch)
    assert stream.dropped == 2
    assert stream.get(0).value.tolist() == [3.0, 4.0, 5.0]


def test_a_batch_larger_than_the_bound_is_still_delivered() -> None:
    stream = BoundedSubscription(2)
    stream.put(scalars(1.0))
    stream.put(scalars(2.0, 3.0, 4.0))
    assert stream.get(0).value.tolist() == [2.0, 3.0, 4.0]
    assert stream.dropped == 1


def test_what_was_taken_makes_room() -> None:
    stream = BoundedSubscription(2)
    for value in range(10):
        stream.put(scalars(float(value)))
        stream.get(0)
    assert stream.dropped == 0


def test_a_getter_that_waits_is_freed_by_a_put_from_another_thread() -> None:
    stream = BoundedSubscription(100)
    worker = Worker("putter", lambda _: stream.put(scalars(7.0)))
    worker.start()
    assert stream.get(5.0).value.tolist() == [7.0]
    assert worker.stop(5.0)


def test_a_getter_that_waits_is_freed_by_close_with_closed() -> None:
    stream = BoundedSubscription(100)
    found: list[BaseException] = []
    waits = threading.Event()

    def getter(_: StopToken) -> None:
        waits.set()
        with pytest.raises(Closed) as raised:
            stream.get(30.0)
        found.append(raised.value)

    worker = Worker("getter", getter)
    worker.start()
    assert waits.wait(5.0)
    stream.close()
    assert worker.stop(5.0)
    assert len(found) == 1


def test_after_close_nothing_is_taken_or_given_and_closing_again_does_nothing() -> None:
    closes: list[int] = []
    stream = BoundedSubscription(100, lambda: closes.append(1))
    stream.put(scalars(1.0))
    assert not stream.closed
    stream.close()
    stream.close()
    stream.put(scalars(2.0))
    assert stream.closed
    assert closes == [1]
    with pytest.raises(Closed):
        stream.get(0)


def test_a_taker_gets_what_waits_and_what_comes_on_the_thread_that_brings_it() -> None:
    stream, taken = BoundedSubscription(100, direct=True), list[tuple[list[float], str]]()
    stream.put(scalars(1.0))
    assert stream.hand_to(lambda batch: taken.append((batch.value.tolist(), threading.current_thread().name)))
    worker = Worker("putter", lambda _: stream.put(scalars(2.0, 3.0)))
    worker.start()
    assert worker.stop(5.0)
    assert taken == [([1.0], threading.current_thread().name), ([2.0, 3.0], "putter")]
    assert len(stream.get(0)) == 0


def test_only_a_direct_stream_hands_over() -> None:
    stream = BoundedSubscription(100)
    assert not stream.hand_to(lambda _: None)
    stream.put(scalars(1.0))
    assert stream.get(0).value.tolist() == [1.0]


@pytest.mark.parametrize("waiting", [True, False])
def test_what_a_taker_raises_ends_the_stream_for_the_getter_alone(waiting: bool) -> None:
    def broken(_: ReadingBatch) -> None:
        raise ValueError("no table")

    stream = BoundedSubscription(100, direct=True)
    if waiting:
        stream.put(scalars(1.0))
        stream.put(scalars(2.0))
        stream.hand_to(broken)
    else:
        stream.hand_to(broken)
        stream.put(scalars(1.0))
    stream.put(scalars(3.0))
    for _ in range(2):
        with pytest.raises(ValueError, match="no table"):
            stream.get(0)
    stream.close()
    with pytest.raises(Closed):
        stream.get(0)


def test_nothing_is_handed_over_after_close() -> None:
    stream, taken = BoundedSubscription(100, direct=True), list[ReadingBatch]()
    stream.hand_to(taken.append)
    stream.close()
    stream.put(scalars(1.0))
    assert taken == []
