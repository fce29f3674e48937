import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.queues import PendingSetting, PullQueue, PushQueue, WriteOutcome
from gateway.core.batch import EMPTY
from gateway.core.errors import Closed, Refused
from gateway.core.ports import ReadingSink
from gateway.core.status import OK
from gateway.core.values import Setting
from gateway.core.write_state import WriteState
from gateway.runtime.worker import StopToken, Worker
from tests.devices.samples import batch, items, request
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
DONE = WriteOutcome(WriteState.ACCEPTED, OK)


class Wakes:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_while_the_loop_keeps_up_everything_comes_in_order() -> None:
    push = PushQueue(100, Wakes())
    sink: ReadingSink = push
    sink.put(batch((0, 1.0), (0, 2.0)))
    sink.put(batch((0, None), (1, "on")))
    assert items(push.drain()) == [(0, 1.0), (0, 2.0), (0, None), (1, "on")]
    assert push.drain() == []
    assert (push.dropped, push.waiting, push.high_water) == (0, 0, 4)


def test_there_is_one_wake_up_per_drain() -> None:
    wakes = Wakes()
    push = PushQueue(100, wakes)
    push.put(EMPTY)
    assert wakes.count == 0
    for _ in range(3):
        push.put(batch((0, 1.0)))
    assert wakes.count == 1
    push.drain()
    push.put(batch((0, 1.0)))
    assert wakes.count == 2


def test_past_the_bound_only_the_newest_of_each_row_is_kept_and_the_rest_counted() -> None:
    push = PushQueue(4, Wakes())
    for n in range(40):
        push.put(batch((7, float(n)), (2, float(-n))))
    assert push.waiting <= 6
    found = items(push.drain())
    assert found[-2:] == [(7, 39.0), (2, -39.0)]
    assert push.dropped == 80 - len(found)
    assert push.dropped_of(7) + push.dropped_of(2) == push.dropped
    assert (push.dropped_of(3), push.dropped_of(99)) == (0, 0)
    assert 4 < push.high_water <= 6


def test_more_rows_than_the_bound_are_all_kept_once() -> None:
    push = PushQueue(2, Wakes())
    for _ in range(50):
        push.put(batch(*((row, 1.0) for row in range(10))))
    assert push.waiting <= 20 + 10
    found = items(push.drain())
    assert {row for row, _ in found} == set(range(10))
    assert push.dropped == 500 - len(found)


def test_after_an_overload_everything_comes_again() -> None:
    push = PushQueue(1, Wakes())
    for n in range(9):
        push.put(batch((0, float(n))))
    push.drain()
    dropped = push.dropped
    push.put(batch((0, 100.0)))
    assert items(push.drain()) == [(0, 100.0)]
    assert push.dropped == dropped


@given(
    st.integers(1, 12),
    st.lists(st.one_of(st.none(), st.lists(st.integers(0, 3), min_size=1, max_size=6)), max_size=30),
)
def test_no_overload_ever_changes_the_order_of_a_row_or_loses_its_newest(
    bound: int, steps: list[list[int] | None]
) -> None:
    push = PushQueue(bound, Wakes())
    sent: dict[int, list[float]] = {}
    got: dict[int, list[object]] = {}
    number = 0.0
    for step in [*steps, None]:
        if step is None:
            for row, value in items(push.drain()):
                got.setdefault(row, []).append(value)
            assert {row: values[-1] for row, values in got.items()} == {row: v[-1] for row, v in sent.items()}
            continue
        rows = []
        for row in step:
            number += 1
            rows.append((row, number))
            sent.setdefault(row, []).append(number)
        push.put(batch(*rows))
    for row, values in sent.items():
        assert got[row] == sorted(got[row], key=lambda value: values.index(float(str(value))))
        assert len(got[row]) + push.dropped_of(row) == len(values)


def test_a_closed_push_queue_throws_away_what_comes() -> None:
    push = PushQueue(4, Wakes())
    push.put(batch((0, 1.0)))
    push.close()
    push.put(batch((0, 2.0)))
    assert push.drain() == []


def test_a_loop_that_has_ended_closes_the_push_queue() -> None:
    loop = asyncio.new_event_loop()
    loop.close()

    def wake() -> None:
        loop.call_soon_threadsafe(str)

    push = PushQueue(4, wake)
    push.put(batch((0, 1.0)))
    push.put(batch((0, 2.0)))
    assert push.drain() == []


def test_threads_and_a_draining_loop_lose_nothing_below_the_bound() -> None:
    woken = threading.Event()
    push = PushQueue(10**6, woken.set)

    def fill(row: int) -> Callable[[StopToken], None]:
        def target(_: StopToken) -> None:
            for n in range(500):
                push.put(batch((row, float(n))))

        return target

    workers = [Worker(f"filler {row}", fill(row)) for row in range(3)]
    for worker in workers:
        worker.start()
    got: dict[int, list[object]] = {0: [], 1: [], 2: []}
    while sum(len(values) for values in got.values()) < 1500:
        assert woken.wait(10)
        woken.clear()
        for row, value in items(push.drain()):
            got[row].append(value)
    assert all(worker.stop(5) for worker in workers)
    assert all(values == [float(n) for n in range(500)] for values in got.values())
    assert push.dropped == 0


class Asker:
    """Makes settings and keeps the answers to them."""

    def __init__(self) -> None:
        self.answers: queue.Queue[tuple[float, WriteOutcome]] = queue.Queue()

    def pending(self, device: str = "Z:ACLTST", value: float = 1.0) -> PendingSetting:
        setting = Setting(request(device), value)
        return PendingSetting(setting, device, "ann@desk", lambda outcome: self.answers.put((value, outcome)))


def test_a_setting_that_was_not_sent_yet_can_be_withdrawn_and_is_then_never_sent() -> None:
    asker = Asker()
    pending = asker.pending()
    assert pending.withdraw(DONE)
    assert not pending.begin()
    assert not pending.answer(DONE)
    assert not pending.withdraw(DONE)
    assert asker.answers.qsize() == 1


def test_a_setting_on_its_way_cannot_be_withdrawn() -> None:
    asker = Asker()
    pending = asker.pending()
    assert pending.begin()
    assert not pending.withdraw(DONE)
    assert asker.answers.empty()
    assert pending.answer(DONE)


def value_of(pending: PendingSetting | None) -> object:
    return None if pending is None else pending.setting.value


def test_a_setting_is_answered_exactly_once() -> None:
    asker = Asker()
    pending = asker.pending()
    assert not pending.answered
    assert pending.answer(DONE)
    assert not pending.answer(DONE)
    assert pending.answered
    assert asker.answers.qsize() == 1


def test_settings_of_a_device_come_one_at_a_time_in_order() -> None:
    pull = PullQueue(10)
    for value in (1.0, 2.0):
        pull.put(Asker().pending(value=value))
    assert value_of(pull.get(5)) == 1.0
    assert [value_of(pending) for pending in pull.in_work()] == [1.0]
    assert pull.get(0) is None
    pull.done("Z:ACLTST")
    assert value_of(pull.get(5)) == 2.0
    pull.done("Z:ACLTST")
    assert pull.get(0) is None
    assert pull.in_work() == []


def test_a_setting_for_a_device_in_work_waits_until_that_is_done() -> None:
    pull = PullQueue(10)
    pull.put(Asker().pending(value=1.0))
    pull.get(5)
    pull.put(Asker().pending(value=2.0))
    assert pull.get(0) is None
    pull.done("Z:ACLTST")
    assert value_of(pull.get(5)) == 2.0


def test_a_slow_device_holds_up_only_itself_and_devices_take_turns() -> None:
    pull = PullQueue(10)
    for device, value in (("A:SLOW", 1.0), ("A:SLOW", 2.0), ("B:FAST", 3.0), ("B:FAST", 4.0), ("C:FAST", 5.0)):
        pull.put(Asker().pending(device, value))
    got = []
    assert value_of(pull.get(5)) == 1.0
    while (pending := pull.get(0)) is not None:
        got.append(pending.setting.value)
        pull.done(pending.device)
    assert got == [3.0, 5.0, 4.0]


def test_a_full_queue_refuses_at_once_and_a_device_cannot_take_all_places() -> None:
    pull = PullQueue(3, device_bound=2)
    asker = Asker()
    pull.put(asker.pending("A:ONE"))
    pull.put(asker.pending("A:ONE"))
    with pytest.raises(Refused, match="2 settings of A:ONE wait already"):
        pull.put(asker.pending("A:ONE"))
    pull.put(asker.pending("B:TWO"))
    with pytest.raises(Refused, match="3 settings wait already"):
        pull.put(asker.pending("C:THREE"))
    assert (pull.waiting, pull.high_water, pull.refused) == (3, 3, 2)
    assert asker.answers.empty()


def test_a_device_of_which_nothing_would_be_taken_is_told_with_the_reason() -> None:
    pull, asker = PullQueue(3, device_bound=2), Asker()
    assert "" == pull.refusal("A:ONE")
    for _ in range(2):
        pull.put(asker.pending("A:ONE"))
    assert ["2 settings of A:ONE wait already; try again later", ""] == [pull.refusal("A:ONE"), pull.refusal("B:TWO")]
    pull.put(asker.pending("B:TWO"))
    assert "3 settings wait already; try again later" == pull.refusal("B:TWO")
    pull.close()
    assert "the gateway is ending and takes no more settings" == pull.refusal("B:TWO")


def test_one_client_cannot_take_all_places_and_has_them_again_when_its_settings_have_left() -> None:
    pull, asker = PullQueue(10, client_bound=2), Asker()

    def put(client: str, device: str) -> None:
        pull.put(replace(asker.pending(device), client=client))

    put("greedy", "A:ONE")
    put("greedy", "B:TWO")
    with pytest.raises(Refused, match="2 settings of this client wait already"):
        put("greedy", "C:THREE")
    put("modest", "C:THREE")
    assert pull.get(5) is not None
    put("greedy", "D:FOUR")
    with pytest.raises(Refused, match="of this client"):
        put("greedy", "E:FIVE")
    pull.close()


def test_a_device_may_take_half_of_the_places_when_nothing_else_is_said() -> None:
    pull = PullQueue(3)
    pull.put(Asker().pending())
    pull.put(Asker().pending())
    with pytest.raises(Refused):
        pull.put(Asker().pending())


def test_closing_answers_each_waiter_and_leaves_what_is_in_work_to_its_worker() -> None:
    pull = PullQueue(10)
    asker = Asker()
    in_work = asker.pending(value=0.0)
    pull.put(in_work)
    assert pull.get(5) is in_work
    for value in (1.0, 2.0):
        pull.put(asker.pending(value=value))
    pull.put(asker.pending("B:TWO", 3.0))
    pull.close()
    answers = [asker.answers.get(timeout=5) for _ in range(3)]
    assert [value for value, _ in answers] == [1.0, 2.0, 3.0]
    assert all(outcome.failed and "before the setting was sent" in outcome.message for _, outcome in answers)
    assert not in_work.answered
    pull.done("Z:ACLTST")
    with pytest.raises(Refused, match="is ending"):
        pull.put(asker.pending())
    with pytest.raises(Closed):
        pull.get(5)
    pull.close()
    assert asker.answers.empty()


def test_closing_frees_a_worker_that_waits() -> None:
    pull = PullQueue(10)
    freed: queue.Queue[str] = queue.Queue()

    def target(_: StopToken) -> None:
        try:
            pull.get(60)
        except Closed:
            freed.put("freed")

    worker = Worker("waiter", target)
    worker.start()
    pull.close()
    assert freed.get(timeout=5) == "freed"
    assert worker.stop(5)


def test_whoever_wants_to_know_learns_of_a_setting_before_any_worker() -> None:
    told: list[float] = []

    def taken(pending: PendingSetting) -> None:
        assert pull.waiting == 0
        told.append(float(str(pending.setting.value)))

    pull = PullQueue(1, taken=taken)
    pull.put(Asker().pending(value=1.0))
    with pytest.raises(Refused):
        pull.put(Asker().pending(value=2.0))
    assert told == [1.0]
