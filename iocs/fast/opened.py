"""Opened: the channels that one client has open, by server id."""

from collections import deque
from collections.abc import ItemsView, ValuesView

import numpy as np

from iocs.fast import messages as ca
from iocs.fast.service import Client, Holding, Service
from iocs.store import Index, Store


class Opened:
    """The channels of one circuit. `rows` has the row of `store` of each server id, -1 where there is none.

    Gets of what is in another store, which a reload has brought, are answered one by one.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._clients: dict[int, Client] = {}
        self._next_id = 1
        self._free_ids: deque[int] = deque()  # of closed channels, oldest first
        self.holding = Holding()  # of its address
        self.rows: Index = np.full(64, -1, np.int32)

    def has_room(self, service: Service) -> bool:
        """Whether its client, and all of its address, may have one more."""
        most = service.most_of_address.channels
        return len(self._clients) < service.most_channels and self.holding.channels < most

    def __len__(self) -> int:
        return len(self._clients)

    def get(self, server_id: int) -> Client | None:
        """The channel of a server id."""
        return self._clients.get(server_id)

    def items(self) -> ItemsView[int, Client]:
        """All, with their server ids."""
        return self._clients.items()

    def values(self) -> ValuesView[Client]:
        """All."""
        return self._clients.values()

    def add(self, client: Client) -> int:
        """Its server id; used again, the one longest free first, before the table of rows has to grow."""
        if self._next_id >= len(self.rows) and self._free_ids:
            server_id = self._free_ids.popleft()
        else:
            if self._next_id >= len(self.rows):
                self.rows = np.concatenate([self.rows, np.full(len(self.rows), -1, np.int32)])
            server_id = self._next_id
            self._next_id += 1
        self._clients[server_id] = client
        self.holding.channels += 1
        self.judge(server_id)
        return server_id

    def judge(self, server_id: int) -> None:
        """Rows are for those who may read: look at the rights of the client anew."""
        client = self._clients[server_id]
        here = client.rights & ca.RIGHT_READ and client.channel.store is self._store
        self.rows[server_id] = client.channel.row if here else -1

    def remove(self, server_id: int) -> None:
        """Its id is free again."""
        del self._clients[server_id]
        self.holding.channels -= 1
        self.rows[server_id] = -1
        self._free_ids.append(server_id)

    def clear(self) -> None:
        """The client is gone."""
        self.holding.channels -= len(self._clients)
        self._clients.clear()
