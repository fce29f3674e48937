"""Stepping: a coroutine that waits for futures, run on the loop without a task.

A put costs a task and its scheduling otherwise, and would be queued a turn of the loop after it was received; so it
is queued at once, in the order received. It rests on what every kind of task does with a future: the coroutine
yields it, marked as being waited for. tests/iocs/test_stepping.py shows it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

log = logging.getLogger("acgate.stepping")


T = TypeVar("T")


class Prompt(asyncio.Future[T]):
    """A future that runs those who wait for it at once, and not in the next turn of the loop: a poll less per put.

    Its result is set by a callback of the loop, never by code that somebody else awaits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._waiting: list[Callable[[Any], object]] = []

    def add_done_callback(self, fn: Callable[[Any], object], *, context: Any = None) -> None:
        """Call `fn` when the result is there."""
        del context
        self._waiting.append(fn)

    def set_result(self, result: T) -> None:
        """Set the result and go on with it."""
        super().set_result(result)
        waiting, self._waiting = self._waiting, []
        for fn in waiting:
            fn(self)

    def cancel(self, msg: Any = None) -> bool:
        """Nobody will set a result any more; who waits learns it in the next turn, as of any future."""
        cancelled = super().cancel(msg)
        if cancelled:
            for fn in self._waiting:
                self.get_loop().call_soon(fn, self)
            self._waiting.clear()
        return cancelled


class Stepping:
    """One running coroutine; `ended` is called with it when it is over, however it ended."""

    __slots__ = ("_cancelled", "_ended", "_work")

    def __init__(self, work: Coroutine[Any, Any, None], ended: "Callable[[Stepping], None]") -> None:
        self._work, self._ended = work, ended
        self._cancelled = False

    def step(self, _: "asyncio.Future[Any] | None" = None) -> None:
        """Run on to the next future, or to the end. An exception that nobody caught is logged."""
        if self._cancelled:  # the future that it waited for is done all the same
            return
        try:
            waited = self._work.send(None)
        except StopIteration:
            self._ended(self)
        except Exception:  # the work ends here, and reports
            log.exception("%s died", self._work)
            self._ended(self)
        else:
            waited._asyncio_future_blocking = False
            waited.add_done_callback(self.step)

    def cancel(self) -> None:
        """End it where it waits; its `finally` blocks run."""
        self._cancelled = True
        self._work.close()
        self._ended(self)
