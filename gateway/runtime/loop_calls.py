"""LoopCalls: what any thread wants done on the loop of the gateway."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

_log = logging.getLogger(__name__)
Call = Callable[[], object]


class LoopCalls:
    """Calls are carried out in order; the loop is woken once for all that wait, since waking it is what costs.

    What is brought before `begin` or after the end of the loop is dropped: nobody is connected who could miss it.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: deque[Call] = deque()
        self._woken = False  # the loop will look again, or is about to

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Calls are carried out on this loop from now on."""
        self._loop = loop

    def bring(self, call: Call) -> None:
        """Have it called on the loop; from any thread, never blocks. What it raises is logged, and stops no other."""
        if self._loop is None:
            return
        self._calls.append(call)
        if self._woken:  # set back before the calls are taken: this one is among them
            return
        self._woken = True
        try:
            self._loop.call_soon_threadsafe(self._carry_out)
        except RuntimeError:  # the loop has ended
            self._calls.clear()

    def _carry_out(self) -> None:
        self._woken = False
        for _ in range(len(self._calls)):  # who brings more meanwhile wakes the loop again: others have their turn
            try:
                self._calls.popleft()()
            except Exception:  # noqa: BLE001 - one call ends here, and reports; all others shall be carried out
                _log.exception("what a thread wanted done on the loop failed")
