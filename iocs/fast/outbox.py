"""Outbox: what one client is to be sent, and what it gets when it does not keep up.

A client is never waited for. While the kernel takes no more of its bytes, or after it said EVENTS_OFF, updates only
mark what is new; once it reads again it gets the newest value of each PV. So its memory is bounded, and no other
client notices.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from iocs.fast import messages as ca
from iocs.fast.dbr import NotConverted
from iocs.fast.row_feed import RowFeed
from iocs.store import Store

HIGH_WATER = 256 * 1024  # bytes waiting for a client at which it counts as slow


class Source(Protocol):
    """A channel, as a subscription sees it."""

    @property
    def store(self) -> Store | None:
        """The store of its row; None for PVs without one."""
        ...

    @property
    def counted(self) -> int:
        """The row of the store where dropped updates are counted, -1 for PVs without one."""
        ...

    def refresh(self) -> None:
        """Bring the value up to date."""
        ...

    def admits(self) -> bool:
        """Whether a new subscription is sent the value at once."""
        ...

    def payload(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        """The value as (count, bytes) of a DBR type."""
        ...

    def unsubscribe_sink(self, sink: Any) -> None:
        """Remove an ordinary subscription."""
        ...


@dataclass(slots=True, eq=False)
class RowSink:
    """One subscription that is a row of a table."""

    feed: RowFeed
    data_type: int
    row: int
    mask: int


@dataclass(slots=True, eq=False)
class Sink:
    """One subscription that takes the ordinary way."""

    outbox: "Outbox"
    channel: Source  # a row channel gives way to its whole one when it is subscribed to
    long_string: bool
    subscription: int
    data_type: int
    count: int
    mask: int

    def tell(self) -> None:
        """The channel has news."""
        self.outbox.offer(self)

    def first(self) -> bytes:
        """What a new subscription is sent at once; nothing where a filter keeps it back."""
        self.channel.refresh()
        return self.message() if self.channel.admits() else b""

    def update(self) -> bytes:
        """The newest value as one message, brought up to date first."""
        self.channel.refresh()
        return self.message()

    def message(self) -> bytes:
        """The value that the channel shows as one message."""
        try:
            count, payload = self.channel.payload(self.data_type, self.count, self.long_string)
        except NotConverted:
            return ca.pack(ca.EVENT_ADD, self.data_type, 0, ca.GET_FAILED, self.subscription)
        return ca.pack(ca.EVENT_ADD, self.data_type, count, ca.NORMAL, self.subscription, payload)


class Outbox:
    """The outgoing half of a circuit; lives on the loop."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop

    def __init__(self, store: Store) -> None:
        self.store = store
        self.dropped = 0  # updates that a slow client never got
        self.paused_at: float | None = None  # loop time since which the kernel takes nothing
        self.gone = False
        self.events_off = False
        self._output: list[bytes | bytearray] = []
        self._waiting = 0  # bytes in _output
        self._flushing = False  # the loop will call `flush`
        self.corked = False  # who writes now will flush
        self._feeds: dict[Store, RowFeed] = {}  # row subscriptions, by the store that they are of
        self._dirty: dict[Sink, None] = {}  # sinks with news that a slow client has not got, oldest first

    @property
    def slow(self) -> bool:
        """Whether updates are conflated now."""
        return self.paused_at is not None or self.events_off

    def write(self, data: bytes | bytearray) -> None:
        """Queue bytes; all of one tick leave in one write."""
        if self.gone:
            return
        if not self._flushing and not self.corked:
            self._flushing = True
            self.loop.call_soon(self._flush_later)
        self.queue(data)

    def queue(self, data: bytes | bytearray) -> None:
        """Queue bytes where a flush follows."""
        self._output.append(data)
        self._waiting += len(data)
        if self._waiting > HIGH_WATER:
            self.flush()

    def _flush_later(self) -> None:
        self._flushing = False
        self.flush()

    def send(self, data: bytes) -> None:
        """Hand bytes to the kernel at once, after all that waits: where nothing else would leave with them."""
        if not self.gone:
            self._output.append(data)
            self.flush()

    def flush(self) -> None:
        """Hand what is queued to the kernel."""
        if self._output and not self.gone:
            self.transport.write(self._output[0] if len(self._output) == 1 else b"".join(self._output))
        self._output.clear()
        self._waiting = 0

    def discard(self) -> None:
        """Forget everything: the client is gone."""
        self.gone = True
        self._output.clear()
        self._dirty.clear()
        self._feeds.clear()

    def single_out(self, store: Store, row: int) -> None:
        """Serve a row the ordinary way from now on."""
        raise NotImplementedError

    # -- subscriptions ------------------------------------------------------------------------------------------

    def take_row(self, store: Store, data_type: int, row: int, subscription: int, mask: int) -> RowSink | None:
        """A row subscription, or None where this client has one to the same row and type."""
        feed = self._feeds.get(store)
        if feed is None:
            feed = self._feeds[store] = RowFeed(self, store)
        return RowSink(feed, data_type, row, mask) if feed.take(data_type, row, subscription) else None

    def drop_row(self, sink: RowSink) -> None:
        """End a row subscription; a store that a reload has brought, and may take away, is not held on to."""
        feed = sink.feed
        feed.drop(sink.data_type, sink.row)
        if not feed.subscriptions and feed.store is not self.store:
            self._feeds.pop(feed.store, None)

    def drop_sink(self, sink: Sink) -> None:
        """End an ordinary subscription."""
        self._dirty.pop(sink, None)
        sink.channel.unsubscribe_sink(sink)

    # -- updates ------------------------------------------------------------------------------------------------

    def offer(self, sink: Sink) -> None:
        """The channel of an ordinary subscription has news."""
        if not self.slow:
            self.write(sink.message())
        elif sink in self._dirty:
            self.dropped += 1
            store, row = sink.channel.store, sink.channel.counted
            if store is not None and row >= 0:
                store.dropped[row] += 1
            else:
                self.store.dropped_elsewhere += 1
        else:
            self._dirty[sink] = None

    def catch_up(self) -> None:
        """The newest value of all that changed meanwhile, for as long as the kernel takes it."""
        for feed in tuple(self._feeds.values()):
            feed.catch_up()
        while self._dirty and not self.slow:
            sink = next(iter(self._dirty))
            del self._dirty[sink]
            self.write(sink.update())
            self.flush()
