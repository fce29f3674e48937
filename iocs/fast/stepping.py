"""Stepping: a coroutine that waits for futures, run on the loop without a task.

A put costs a task and its scheduling otherwise, and would be queued a turn of the loop after it was received; so it
is queued at once, in the order received. It rests on what every kind of task does with a future: the coroutine
yields it, marked as being waited for. tests/iocs/test_stepping.py shows it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger("acgate.stepping")


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
