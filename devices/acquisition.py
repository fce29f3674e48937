"""Acquisition: one supervised worker per route, from the backend's subscription to the sinks."""

from collections.abc import Sequence

from devices.feed import PATIENCE, Feed
from devices.table import DeviceTable
from gateway.core.errors import Closed
from gateway.core.ports import Backend, Clock, ReadingSink
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker


class Acquisition:
    """Keeps the rows of one route of the table up to date and passes on what is news, by a feed.

    A backend that can, hands its batches over on its own threads; the worker then only looks for silence. When the
    worker dies, all its rows get a reading without a value at once, and it begins anew after its backoff.
    """

    def __init__(
        self,
        backend: Backend,
        table: DeviceTable,
        rows: Sequence[int],
        sinks: Sequence[ReadingSink],
        clock: Clock,
        backoff: Backoff | None = None,
    ) -> None:
        self._feed = Feed(backend, table, rows, sinks, clock)
        self._worker = SupervisedWorker(
            f"acquisition {backend.name}", self._acquire, self._feed.lost, backoff=backoff, clock=clock
        )

    @property
    def name(self) -> str:
        """The name of its backend."""
        return self._feed.name

    @property
    def feed(self) -> Feed:
        """The way of its readings."""
        return self._feed

    @property
    def rows(self) -> tuple[int, ...]:
        """Its rows of the table."""
        return self._feed.rows

    @property
    def restarts(self) -> int:
        """How often the worker died and began anew."""
        return self._worker.restarts

    @property
    def silent(self) -> int:
        """How many of its rows are silent for longer than their event allows."""
        return self._feed.silent

    @property
    def dropped(self) -> int:
        """Readings that its subscriptions lost because they came too fast, since the start."""
        return self._feed.dropped

    def start(self) -> None:
        """Start the worker."""
        self._worker.start()

    def signal_stop(self) -> None:
        """Tell the worker to end, without waiting."""
        self._worker.signal_stop()
        self._feed.free()

    def stop(self, timeout: float) -> bool:
        """End the worker, waiting `timeout` seconds at most; False when it still runs."""
        self.signal_stop()
        return self._worker.stop(timeout)

    def _acquire(self, token: StopToken) -> None:
        try:
            self._feed.begin()
            while not token.stopped():
                self._feed.take(PATIENCE)
                self._feed.look()
        except Closed:
            if not token.stopped():
                raise
        finally:
            self._feed.end()
