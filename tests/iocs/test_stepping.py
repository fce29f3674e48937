"""A coroutine without a task: it begins at once, waits for futures, and its end is told once."""

import asyncio
import logging

import pytest

from iocs.fast.stepping import Prompt, Stepping


def test_it_begins_at_once_and_goes_on_when_its_future_is_done() -> None:
    async def main() -> list[str]:
        said: list[str] = []
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def inner() -> str:
            return await answer

        async def work() -> None:
            said.append("begun")
            said.append(await inner())

        Stepping(work(), lambda _: said.append("ended")).step()
        said.append("returned")
        answer.set_result("answered")
        await asyncio.sleep(0)
        return said

    assert ["begun", "returned", "answered", "ended"] == asyncio.run(main())


def test_the_exception_of_a_future_is_raised_where_it_is_awaited() -> None:
    async def main() -> list[str]:
        said: list[str] = []
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            try:
                await answer
            except ValueError as error:
                said.append(str(error))

        Stepping(work(), lambda _: said.append("ended")).step()
        answer.set_exception(ValueError("no"))
        await asyncio.sleep(0)
        return said

    assert ["no", "ended"] == asyncio.run(main())


def test_an_exception_that_nobody_catches_is_logged_and_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> list[str]:
        said: list[str] = []

        async def work() -> None:
            raise ValueError("broken")

        Stepping(work(), lambda _: said.append("ended")).step()
        return said

    with caplog.at_level(logging.ERROR):
        assert ["ended"] == asyncio.run(main())
    assert "broken" in caplog.text


def test_when_cancelled_it_cleans_up_and_ends() -> None:
    async def main() -> list[str]:
        said: list[str] = []
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            try:
                await answer
            finally:
                said.append("cleaned")

        one = Stepping(work(), lambda _: said.append("ended"))
        one.step()
        one.cancel()
        return said

    assert ["cleaned", "ended"] == asyncio.run(main())


def test_an_answer_that_comes_after_it_was_cancelled_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> list[str]:
        said: list[str] = []
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            said.append(await answer)

        one = Stepping(work(), lambda _: said.append("ended"))
        one.step()
        one.cancel()
        answer.set_result("late")
        await asyncio.sleep(0)
        return said

    assert ["ended"] == asyncio.run(main())
    assert not caplog.records


def test_who_waits_for_a_prompt_future_goes_on_at_once() -> None:
    steps: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        answer = Prompt[str](loop)

        async def work() -> None:
            steps.append("waits")
            steps.append(await answer)

        Stepping(work(), lambda _: steps.append("ended")).step()
        answer.set_result("answer")
        steps.append("after")

    asyncio.run(main())
    assert ["waits", "answer", "ended", "after"] == steps


def test_a_task_may_wait_for_a_prompt_future_and_be_cancelled() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        answered, cancelled = Prompt[int](loop), Prompt[int](loop)

        async def wait(answer: Prompt[int]) -> int:
            return await answer

        one, other = loop.create_task(wait(answered)), loop.create_task(wait(cancelled))
        await asyncio.sleep(0)
        loop.call_soon(answered.set_result, 7)
        assert 7 == await one
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other
        assert cancelled.cancelled()

    asyncio.run(main())
