"""Monitors: the subscriptions of one client, as rows where they can be, and one by one where not."""

from iocs.fast import messages as ca
from iocs.fast.conversions import STRING
from iocs.fast.dbr import LAST_TYPE, SIZES, readable
from iocs.fast.outbox import Outbox, RowSink, Sink
from iocs.fast.rows import ROWS
from iocs.fast.service import Client, Holding, Service
from iocs.store import Store


class Monitors(Outbox):
    """The subscriptions of one circuit; lives on the loop."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.store)
        self.service = service
        self._sinks: dict[int, Sink | RowSink] = {}  # by subscription id
        self._owner: dict[int, Client] = {}  # by subscription id
        self.holding = Holding()  # of its address

    def subscribe(self, message: ca.Message, client: Client) -> None:
        """Begin a subscription, or say why it cannot be."""
        channel, subscription, mask = client.channel, message.parameter2, ca.event_mask(message.payload) & 15
        if refusal := self._why_not(message, client, mask):
            self.refuse(message, client.cid, *refusal)
            return
        if self.service.restricts:
            client.asked[subscription] = message
            if not client.rights & ca.RIGHT_READ:
                self.withhold(message, client)
                return
        self._owner[subscription] = client
        self.holding.monitors += 1
        client.subscriptions.add(subscription)
        sink = Sink(self, channel, client.long_string, subscription, message.data_type, message.elements, mask)
        if first := sink.first():
            self.write(first)
        plain = mask & ~ca.DBE_LOG == ca.DBE_VALUE | ca.DBE_ALARM  # a row tells of values and alarms alike
        store = channel.store
        if plain and store is not None and channel.row >= 0 and message.data_type in ROWS and message.elements <= 1:
            if message.data_type % 7 == STRING:
                store.precision[channel.row] = channel.precision
            row = self.take_row(store, message.data_type, channel.row, subscription, mask)
            if row is not None:
                self._sinks[subscription] = row
                return
        self._sinks[subscription] = sink
        channel.subscribe_sink(sink)

    def _why_not(self, message: ca.Message, client: Client, mask: int) -> tuple[int, str] | None:
        """Status and text where a subscription cannot be."""
        if not readable(message.data_type):
            return ca.BAD_TYPE, "no such type"
        if not mask:
            return ca.BAD_MASK, "the event mask is empty"
        if message.parameter2 in self._sinks or message.parameter2 in client.asked:
            return ca.BAD_MONITOR, "the subscription id is in use"
        if message.elements > client.channel.native(client.long_string)[1]:
            return ca.BAD_COUNT, "more elements than the channel has"
        if self.too_large(message.data_type, message.elements, client):
            return ca.TOO_LARGE, "more than EPICS_CA_MAX_ARRAY_BYTES"
        if len(self._sinks) >= self.service.most_monitors:
            return ca.ALLOCATION_FAILED, "too many subscriptions"
        if self.holding.monitors >= self.service.most_of_address.monitors:
            return ca.ALLOCATION_FAILED, "too many subscriptions of one address"
        return None

    def single_out(self, store: Store, row: int) -> None:
        """Serve a row the ordinary way from now on: its subscriptions go on, each by itself."""
        for subscription, sink in tuple(self._sinks.items()):
            if isinstance(sink, RowSink) and sink.feed.store is store and sink.row == row:
                self.drop_row(sink)
                channel = self._owner[subscription].channel
                new = Sink(self, channel, False, subscription, sink.data_type, 1, sink.mask)
                self._sinks[subscription] = new
                channel.subscribe_sink(new)

    def cancel(self, subscription: int) -> bool:
        """End a subscription; whether there was one."""
        sink = self._sinks.pop(subscription, None)
        if (owner := self._owner.pop(subscription, None)) is not None:
            owner.subscriptions.discard(subscription)
            self.holding.monitors -= 1
        if isinstance(sink, Sink):
            self.drop_sink(sink)
        elif sink is not None:
            self.drop_row(sink)
        return sink is not None

    def withhold(self, message: ca.Message, client: Client) -> None:
        """In place of a value: that the client may not read it, as a C IOC says it."""
        _, payload = client.channel.payload(message.data_type, message.elements or 1, client.long_string)
        self.write(ca.pack(message.command, message.data_type, message.elements or 1, ca.NO_READ_ACCESS,
                           message.parameter2, bytes(len(payload))))  # fmt: skip

    def refuse(self, message: ca.Message, cid: int, status: int, text: str) -> None:
        """An error message about a request."""
        header = ca.HEADER.pack(message.command, min(len(message.payload), 0xFFFE), message.data_type,
                                min(message.elements, 0xFFFF), message.parameter1, message.parameter2)  # fmt: skip
        self.write(ca.pack(ca.ERROR, 0, 0, cid, status, header + text.encode() + b"\0"))

    def too_large(self, data_type: int, count: int, client: Client) -> bool:
        """Whether so many elements, or all of them, are more than clients are sent."""
        limit = self.service.largest_value
        size = SIZES[data_type % 7 if data_type <= LAST_TYPE else 0]
        return limit is not None and size * (count or client.channel.native(client.long_string)[1]) > limit
