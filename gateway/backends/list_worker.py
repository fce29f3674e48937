"""ListWorker: the outside of a list of watched requests, whatever its protocol: orders come in, a worker obeys them."""

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

from gateway.backends.dpm_orders import Join, Leave
from gateway.backends.feeds import Changes, Feeds
from gateway.core.ports import Clock, LinkState
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker

_log = logging.getLogger(__name__)


class ListWorker(ABC):
    """A `WatchedList`; its state belongs to its worker.

    `ring` frees the worker where it waits, from any thread; `free`, if any, gives back what it waited with.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        backoff: Backoff,
        ring: Callable[[], None],
        free: Callable[[], None] | None = None,
    ) -> None:
        self.name, self._clock, self._ring, self._free = name, clock, ring, free
        self._orders: deque[Join | Leave] = deque()
        self._feeds = Feeds(name, clock)
        self._worker = SupervisedWorker(name, self._run, self._died, backoff, clock)
        self._started = False
        self.connected = False
        self.reconnects = -1  # the first connection is none

    @property
    def state(self) -> LinkState:
        """The state of its link."""
        return self._feeds.state

    @property
    def last_error(self) -> tuple[float, str]:
        """The newest error and the monotonic time of it."""
        return self._feeds.last_error

    def start(self) -> None:
        """Start the worker, once."""
        if not self._started:
            self._started = True
            self._worker.start()

    def order(self, order: Join | Leave) -> None:
        """Give an order; from any thread, never blocks."""
        self._orders.append(order)
        self._ring()

    def signal_stop(self) -> None:
        """Tell the worker to end, without waiting."""
        self._worker.signal_stop()
        self._ring()

    def stop(self, timeout: float) -> None:
        """End the worker and give the link back."""
        self.signal_stop()
        if not self._worker.stop(timeout):
            _log.error("the worker %s did not end within %g s", self.name, timeout)
        elif self._free is not None:
            self._free()

    @abstractmethod
    def _run(self, token: StopToken) -> None:
        """The work, until the token says stop."""

    def _carry_out(self) -> Changes:
        """Carry out the orders that came; what they did to the requests."""
        return self._feeds.obey(lambda: self._orders.popleft() if self._orders else None)

    def _died(self, death: BaseException) -> None:
        """On the dying thread, before the worker is started again."""
        self._feeds.tell_lost(f"the worker of this list died: {death!r}")
