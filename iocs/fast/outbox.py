"""Outbox: what one client is to be sent, and what it gets when it does not keep up.

A client is never waited for. While the kernel takes no more of its bytes, or after it said EVENTS_OFF, updates only
mark what is new; once it reads again it gets the newest value of each PV. So its memory is bounded, and no other
client notices.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gateway.core.remembered import Remembered
from iocs.fast import messages as ca
from iocs.fast.dbr import NotConverted
from iocs.fast.rows import Flags, Headers, Readings, update_header
from iocs.store import Index, Store

HIGH_WATER = 256 * 1024  # bytes waiting for a client at which it counts as slow


class RowTable:
    """The row subscriptions of one client for one DBR type: a header for each row of the store that it monitors."""

    __slots__ = ("_headers", "dirty", "has", "mine")

    def __init__(self, size: int) -> None:
        self._headers = np.zeros(size, "V16")
        self.has, self.dirty = np.zeros(size, bool), np.zeros(size, bool)
        self.mine = Remembered(self._mine)

    def add(self, row: int, header: bytes) -> None:
        """Begin to monitor a row."""
        self._headers[row] = np.void(header)
        self.has[row] = True
        self.mine.forget()

    def remove(self, row: int) -> None:
        """End it."""
        self.has[row] = self.dirty[row] = False
        self.mine.forget()

    def headers(self, index: Index) -> Headers:
        """The headers of these rows."""
        return self._headers[index]

    def _mine(self, index: Index) -> tuple[Flags | None, Index, Headers]:
        """Which of these rows are monitored, None for all; those rows, and their headers."""
        mine = self.has[index]
        index = index if mine.all() else index[mine]
        return None if len(index) == len(mine) else mine, index, self._headers[index]


class Source(Protocol):
    """A channel, as a subscription sees it."""

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
        self._tables: dict[int, RowTable] = {}  # by DBR type
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
        self._queue(data)

    def _queue(self, data: bytes | bytearray) -> None:
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
        self._tables.clear()

    def single_out(self, row: int) -> None:
        """Serve a row the ordinary way from now on."""
        raise NotImplementedError

    # -- subscriptions ------------------------------------------------------------------------------------------

    def take_row(self, data_type: int, row: int, subscription: int, mask: int) -> RowSink | None:
        """A row subscription, or None where this client has one to the same row and type."""
        table = self._tables.get(data_type)
        if table is None:
            table = self._tables[data_type] = RowTable(self.store.size)
        if table.has[row]:
            return None
        table.add(row, update_header(data_type, subscription))
        self.store.listen(self)
        return RowSink(data_type, row, mask)

    def drop_row(self, sink: RowSink) -> None:
        """End a row subscription."""
        self._tables[sink.data_type].remove(sink.row)
        self.store.forget(self)

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
            if (row := sink.channel.counted) >= 0:
                self.store.dropped[row] += 1
            else:
                self.store.dropped_elsewhere += 1
        else:
            self._dirty[sink] = None

    def offer_rows(self, index: Index, readings: Readings) -> None:
        """News of many scalars, in order; `readings` are of table rows `index`, a row may occur several times."""
        if self.gone:
            return
        for data_type, table in self._tables.items():
            mine, taken, headers = table.mine.of(index)
            if not len(taken):
                continue
            if self.slow:
                self._conflate(table, taken)
                continue
            self._queue(readings.messages(data_type, headers, mine))

    def _conflate(self, table: RowTable, index: Index) -> None:
        """Each row waits from now on; all else is left out, and counted."""
        new = np.unique(index[~table.dirty[index]])
        self.dropped += len(index) - len(new)
        np.add.at(self.store.dropped, index, 1)
        self.store.dropped[new] -= 1
        table.dirty[new] = True

    def catch_up(self) -> None:
        """The newest value of all that changed meanwhile, for as long as the kernel takes it."""
        for data_type, table in self._tables.items():
            index = np.flatnonzero(table.dirty).astype(np.int32)
            if self.slow:
                return
            if len(index):
                table.dirty[index] = False
                self.write(self.store.readings(index).messages(data_type, table.headers(index)))
                self.flush()
        while self._dirty and not self.slow:
            sink = next(iter(self._dirty))
            del self._dirty[sink]
            self.write(sink.update())
            self.flush()
