"""Row feeds: the subscriptions of one client to the rows of one store. A gateway has one store more for each reload."""

from typing import Protocol

import numpy as np

from gateway.core.remembered import Remembered
from iocs.fast.rows import Flags, Headers, Readings, update_header
from iocs.store import Index, Store


class Sending(Protocol):
    """The outgoing half of a circuit, as its feeds see it."""

    dropped: int
    gone: bool

    @property
    def slow(self) -> bool:
        """Whether updates are conflated now."""
        ...

    def write(self, data: bytes | bytearray) -> None:
        """Queue bytes; all of one tick leave in one write."""
        ...

    def queue(self, data: bytes | bytearray) -> None:
        """The same where a flush follows."""
        ...

    def flush(self) -> None:
        """Hand what is queued to the kernel."""
        ...

    def single_out(self, store: Store, row: int) -> None:
        """Serve a row the ordinary way from now on."""
        ...


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


class RowFeed:
    """What one client monitors of one store, by DBR type; a listener of the store."""

    __slots__ = ("_outbox", "_tables", "store", "subscriptions")

    def __init__(self, outbox: Sending, store: Store) -> None:
        self._outbox, self.store = outbox, store
        self._tables: dict[int, RowTable] = {}  # by DBR type
        self.subscriptions = 0

    def take(self, data_type: int, row: int, subscription: int) -> bool:
        """Begin a subscription; False where this client has one to the same row and type."""
        table = self._tables.get(data_type)
        if table is None:
            table = self._tables[data_type] = RowTable(self.store.size)
        if table.has[row]:
            return False
        table.add(row, update_header(data_type, subscription))
        self.store.listen(self)
        self.subscriptions += 1
        return True

    def drop(self, data_type: int, row: int) -> None:
        """End a subscription."""
        self._tables[data_type].remove(row)
        self.store.forget(self)
        self.subscriptions -= 1

    def single_out(self, row: int) -> None:
        """Serve a row the ordinary way from now on."""
        self._outbox.single_out(self.store, row)

    def flush(self) -> None:
        """Send what was offered."""
        self._outbox.flush()

    def offer_rows(self, index: Index, readings: Readings) -> None:
        """News of many scalars, in order; `readings` are of table rows `index`, a row may occur several times."""
        outbox = self._outbox
        if outbox.gone:
            return
        for data_type, table in self._tables.items():
            mine, taken, headers = table.mine.of(index)
            if not len(taken):
                continue
            if outbox.slow:
                self._conflate(table, taken)
                continue
            outbox.queue(readings.messages(data_type, headers, mine))

    def _conflate(self, table: RowTable, index: Index) -> None:
        """Each row waits from now on; all else is left out, and counted."""
        new = np.unique(index[~table.dirty[index]])
        self._outbox.dropped += len(index) - len(new)
        np.add.at(self.store.dropped, index, 1)
        self.store.dropped[new] -= 1
        table.dirty[new] = True

    def catch_up(self) -> None:
        """The newest value of all that changed meanwhile, for as long as the kernel takes it."""
        for data_type, table in self._tables.items():
            if self._outbox.slow:
                return
            index = np.flatnonzero(table.dirty).astype(np.int32)
            if len(index):
                table.dirty[index] = False
                self._outbox.write(self.store.readings(index).messages(data_type, table.headers(index)))
                self._outbox.flush()
