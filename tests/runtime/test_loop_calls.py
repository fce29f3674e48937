"""LoopCalls: calls from threads, carried out on the loop."""

import asyncio
import threading
from functools import partial

import pytest

from gateway.runtime.loop_calls import LoopCalls


class CountingLoop:
    """A loop that only notes how often it was woken."""

    def __init__(self, ended: bool = False) -> None:
        self.woken, self._ended = list[object](), ended

    def call_soon_threadsafe(self, call: object) -> None:
        if self._ended:
            raise RuntimeError("Event loop is closed")
        self.woken.append(call)


def test_calls_of_each_thread_are_carried_out_in_order_on_the_loop() -> None:
    calls, seen = LoopCalls(), list[tuple[int, int, threading.Thread]]()

    def note(who: int, number: int) -> None:
        seen.append((who, number, threading.current_thread()))

    def bring(who: int) -> None:
        for number in range(1000):
            calls.bring(partial(note, who, number))

    async def serve() -> None:
        calls.begin(asyncio.get_running_loop())
        await asyncio.gather(*(asyncio.to_thread(bring, who) for who in range(4)))
        for _ in range(1000):
            if len(seen) == 4000:
                break
            await asyncio.sleep(0.01)

    asyncio.run(serve())
    assert {thread for _, _, thread in seen} == {threading.current_thread()}
    for who in range(4):
        assert [number for one, number, _ in seen if one == who] == list(range(1000))


def test_the_loop_is_woken_once_for_all_that_wait_and_again_after_they_were_taken() -> None:
    calls, loop, seen = LoopCalls(), CountingLoop(), list[int]()
    calls.begin(loop)  # type: ignore[arg-type]
    for number in range(3):
        calls.bring(partial(seen.append, number))
    assert len(loop.woken) == 1
    loop.woken[0]()  # type: ignore[operator]
    assert seen == [0, 1, 2]
    calls.bring(lambda: seen.append(3))
    assert len(loop.woken) == 2


def test_what_is_brought_while_others_are_carried_out_waits_for_the_next_turn() -> None:
    calls, loop, seen = LoopCalls(), CountingLoop(), list[str]()
    calls.begin(loop)  # type: ignore[arg-type]

    def first() -> None:
        seen.append("first")
        calls.bring(lambda: seen.append("second"))

    calls.bring(first)
    loop.woken.pop()()  # type: ignore[operator]
    assert seen == ["first"]
    loop.woken.pop()()  # type: ignore[operator]
    assert seen == ["first", "second"]


def test_a_call_that_fails_is_logged_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    calls, loop, seen = LoopCalls(), CountingLoop(), list[str]()
    calls.begin(loop)  # type: ignore[arg-type]
    calls.bring(lambda: 1 / 0)
    calls.bring(lambda: seen.append("after"))
    loop.woken[0]()  # type: ignore[operator]
    assert seen == ["after"]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("loop", [None, CountingLoop(ended=True)])
def test_without_a_loop_calls_are_dropped(loop: CountingLoop | None) -> None:
    calls, seen = LoopCalls(), list[str]()
    if loop is not None:
        calls.begin(loop)  # type: ignore[arg-type]
    calls.bring(lambda: seen.append("never"))
    alive = CountingLoop()
    calls.begin(alive)  # type: ignore[arg-type]
    calls._carry_out()
    assert seen == []
