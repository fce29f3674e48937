"""Named threads that stop when told and report their death: the only place that starts threads."""

import logging
import random
import threading
from collections.abc import Callable

from gateway.core.ports import Clock
from gateway.runtime.backoff import Backoff
from gateway.runtime.clock import SystemClock

_log = logging.getLogger(__name__)


class StopToken:
    """What a worker looks at to learn that it shall end."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def stop(self) -> None:
        """Tell the worker to end; frees a waiting one at once."""
        self._event.set()

    def stopped(self) -> bool:
        """Whether it was told to end."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until told to end, `seconds` at most; True when told."""
        return self._event.wait(seconds)


Target = Callable[[StopToken], None]
OnDeath = Callable[[BaseException], None]


class Worker:
    """One named thread that runs `target` once.

    An exception that leaves `target` is logged and given to `on_death`, on the dying thread. A target that
    returns has simply done its work. The thread never keeps the process alive.
    """

    def __init__(self, name: str, target: Target, on_death: OnDeath | None = None) -> None:
        self.name = name
        self._target = target
        self._on_death = on_death
        self._token = StopToken()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs now."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread; RuntimeError when it was started before."""
        self._thread.start()

    def signal_stop(self) -> None:
        """Tell it to end, without waiting: to stop many workers, first tell all, then stop each."""
        self._token.stop()

    def stop(self, timeout: float) -> bool:
        """Tell it to end and wait for that, `timeout` seconds at most; False when it still runs.

        A worker that never started is ended already; a worker that stops itself is told, and not waited for.
        """
        self._token.stop()
        if self._thread.ident is None:
            return True
        if self._thread is threading.current_thread():
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._attempt()

    def _attempt(self) -> bool:
        """Run the target; True when it returned, False when it died, which is then reported."""
        try:
            self._target(self._token)
        except BaseException as death:  # noqa: BLE001 - the thread ends here, and says so
            _log.exception("the worker %s died", self.name)
            self._report(death)
            return False
        return True

    def _report(self, death: BaseException) -> None:
        if self._on_death is None:
            return
        try:
            self._on_death(death)
        except BaseException:  # noqa: BLE001 - the thread has to live on to be restarted
            _log.exception("the death of the worker %s could not be reported", self.name)


class SupervisedWorker(Worker):
    """A worker that is restarted after each death, when the delay of its backoff is over.

    A run that lasted longer than the backoff's cap was a success: the delays begin anew after it.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        on_death: OnDeath | None = None,
        backoff: Backoff | None = None,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(name, target, on_death)
        self._backoff = Backoff() if backoff is None else backoff
        self._clock = SystemClock() if clock is None else clock
        self._chance = chance
        self._restarts = 0

    @property
    def restarts(self) -> int:
        """How often the target was started again after a death."""
        return self._restarts

    def _run(self) -> None:
        attempt = 0
        while True:
            began = self._clock.monotonic()
            if self._attempt():
                return
            if self._clock.monotonic() - began > self._backoff.cap:
                attempt = 0
            if self._token.wait(self._backoff.delay(attempt, self._chance())):
                return
            attempt += 1
            self._restarts += 1
