"""One client's TCP circuit: its requests, each answered in order. What goes out to it is its outbox.

caproto's circuit is not used: performance.md 1 lists why.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np

from gateway.access.judge import Layer, Refusal
from iocs.fast import messages as ca
from iocs.fast.bursts import answers, run_of_gets
from iocs.fast.conversions import STRING
from iocs.fast.dbr import ACKNOWLEDGES, LAST_TYPE, SIZES, NotConverted, readable
from iocs.fast.encode import decode
from iocs.fast.outbox import HIGH_WATER, Outbox, RowSink, Sink
from iocs.fast.rows import ROWS
from iocs.put import NotSettable, Put, PutFailed
from iocs.served import Served
from iocs.store import Store

log = logging.getLogger("acgate.circuit")
AT_ONCE = 1000  # requests answered before others have their turn
KEEPALIVE = ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))  # s, s, probes


class Service(Protocol):
    """What a circuit needs of its server."""

    store: Store
    largest: int  # bytes of one message
    largest_value: int | None  # bytes of values in one message to a client; None for no limit
    most_channels: int  # of one circuit
    most_monitors: int  # of one circuit
    settling: Callable[[str], "asyncio.Future[None] | None"]  # what to wait for before a channel of a name is made

    def find(self, name: str) -> tuple[Served, bool] | None:
        """The channel of a name, and whether the name asks for a long string."""
        ...

    def known(self, name: str) -> bool:
        """Whether the name is served; makes nothing."""
        ...

    def opened(self, circuit: "Circuit") -> bool:
        """Count a new circuit; False refuses it."""
        ...

    def closed(self, circuit: "Circuit") -> None:
        """Forget a circuit."""
        ...

    def rights(self, channel: Served, who: Put) -> int:
        """Access rights of one client."""
        ...

    @property
    def restricts(self) -> bool:
        """Whether rights depend on the client, and may change."""
        ...

    def begin(self, put: Any) -> None:
        """Run the coroutine of a put."""
        ...

    def denied(self, channel: Served, value: Any, put: Put, refusal: Refusal | None) -> None:
        """A put never came to its device: tell the journal and the outcome PVs. None: for want of rights."""
        ...


@dataclass(slots=True, eq=False)
class Client:
    """A channel as one client has it."""

    cid: int
    channel: Served
    long_string: bool
    rights: int = ca.RIGHT_READ
    subscriptions: set[int] = field(default_factory=set)
    asked: dict[int, ca.Message] = field(default_factory=dict)  # subscriptions, where rights may change


class Circuit(Outbox, asyncio.Protocol):
    """The protocol object of one TCP connection; lives on the loop."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.store)
        self.service = service
        self.user, self.host, self.peer = "", "", ""
        self.unfinished_since: float | None = None  # loop time since which half a message, or the first, is awaited
        self._input = bytearray()
        self._requests: deque[ca.Message] = deque()  # read, and not yet answered
        self._clients: dict[int, Client] = {}  # by server id
        self._next_id = 1
        self._free_ids: deque[int] = deque()  # server ids of cleared channels, oldest first
        self._row_of = np.full(64, -1, np.int32)  # the row of each server id, -1 for channels that have none
        self._sinks: dict[int, Sink | RowSink] = {}  # by subscription id
        self._owner: dict[int, Client] = {}  # by subscription id
        self._putting = 0  # puts under way

    # -- the link ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client; refuse it when it may not connect."""
        self.transport = cast(asyncio.Transport, transport)
        self.loop = asyncio.get_running_loop()
        self.unfinished_since = self.loop.time()
        # whoever hung up at once has no name any more: such a circuit is refused, too
        peer = self.transport.get_extra_info("peername") or ("", 0)
        self.address, port = str(peer[0]), int(peer[1])
        self.peer = f"{self.address}:{port}"
        link = self.transport.get_extra_info("socket")
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            link.setsockopt(socket.IPPROTO_TCP, option, value)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        if not self.address or not self.service.opened(self):
            self.gone = True
            self.transport.abort()
            return
        self.write(ca.pack(ca.VERSION, count=ca.MINOR_VERSION))

    def connection_lost(self, exc: Exception | None) -> None:
        """Free all that this client had."""
        self.gone = True
        for subscription in list(self._sinks):
            self._cancel(subscription)
        self._clients.clear()
        self._requests.clear()
        self.discard()
        self.service.closed(self)

    def close(self, reason: str = "") -> None:
        """End the circuit; a reason is logged, once."""
        if reason and not self.gone:
            log.warning("circuit of %s closed: %s", self.peer, reason)
        self.gone = True
        self.transport.abort()

    def pause_writing(self) -> None:
        """The kernel takes no more: updates are conflated, and no further request is read."""
        self.paused_at = self.loop.time()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        self.paused_at = None
        if not self.gone:
            self.catch_up()
            self._work()

    # -- requests -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Answer all whole messages; whatever breaks the protocol ends this circuit and no other."""
        self._input += data
        if not self._requests and self.paused_at is None:
            self._answer_gets()
        try:
            received, used = ca.split(self._input, self.service.largest)
        except ValueError as error:
            self.close(str(error))
            return
        del self._input[:used]
        if received:
            self.unfinished_since = None
        if self._input and self.unfinished_since is None:
            self.unfinished_since = self.loop.time()
        idle = not self._requests
        self._requests.extend(received)
        if idle:
            self._work()

    def _answer_gets(self) -> None:
        """Answer the run of gets at the start of the input, if there is one, without a look at each."""
        gets = run_of_gets(self._input)
        replies = answers(gets, self._row_of, self.store) if gets is not None else None
        if gets is not None and replies is not None:
            self.write(replies)
            del self._input[: 16 * len(gets)]
            self.unfinished_since = None

    def _work(self) -> None:
        """Answer requests for as long as the kernel takes the replies.

        What is left waits, and nothing more is read: 2000 gets of an array of 8 MB are 32 kB of requests.
        """
        for _ in range(AT_ONCE):
            if not self._requests or self.paused_at is not None or self.gone:
                break
            message = self._requests.popleft()
            try:
                ANSWERS[message.command](self, message)
            except Exception:  # this circuit ends here, and no other
                log.exception("a request of %s broke", self.peer)
                self.close(f"command {message.command} broke")
        if self.gone or self.paused_at is not None:
            return
        if self._requests:
            self.transport.pause_reading()
            self.loop.call_soon(self._work)
        else:
            self.transport.resume_reading()

    def _client(self, message: ca.Message) -> Client | None:
        client = self._clients.get(message.parameter1)
        if client is None:
            self.close(f"unknown channel id {message.parameter1} in command {message.command}")
        return client

    def _refuse(self, message: ca.Message, cid: int, status: int, text: str) -> None:
        header = ca.HEADER.pack(message.command, min(len(message.payload), 0xFFFE), message.data_type,
                                min(message.elements, 0xFFFF), message.parameter1, message.parameter2)  # fmt: skip
        self.write(ca.pack(ca.ERROR, 0, 0, cid, status, header + text.encode() + b"\0"))

    def _nothing(self, message: ca.Message) -> None:
        """VERSION and READ_SYNC need no answer: ours went out with the greeting."""

    def _echo(self, message: ca.Message) -> None:
        self.write(ca.pack(*message))

    def _name(self, message: ca.Message) -> None:
        text = "".join(sign if sign.isprintable() else "?" for sign in ca.text_of(message.payload)[:80])
        if message.command == ca.CLIENT_NAME:
            self.user = self.user or text
        else:
            self.host = self.host or text

    def _events(self, message: ca.Message) -> None:
        self.events_off = message.command == ca.EVENTS_OFF
        self.catch_up()

    def _search(self, message: ca.Message) -> None:
        if self.service.known(ca.text_of(message.payload)):
            port = self.transport.get_extra_info("sockname")[1]
            self.write(ca.pack(ca.SEARCH, port, 0, 0xFFFFFFFF, message.parameter2, ca.SEARCH_BODY))
        elif message.data_type == ca.DO_REPLY:
            self.write(ca.pack(ca.NOT_FOUND, ca.DO_REPLY, ca.MINOR_VERSION, *message[3:5]))

    def _create(self, message: ca.Message) -> None:
        name, cid = ca.text_of(message.payload), message.parameter1
        if (settling := self.service.settling(name)) is not None:
            settling.add_done_callback(lambda _: None if self.gone else self._create(message))
            return
        found = self.service.find(name) if len(self._clients) < self.service.most_channels else None
        if found is None:
            self.write(ca.pack(ca.CREATE_FAILED, p1=cid))
            return
        channel, long_string = found
        server_id = self._new_id()
        rights = self.service.rights(channel, self._who())
        self._clients[server_id] = Client(cid, channel, long_string, rights)
        if rights & ca.RIGHT_READ:
            self._row_of[server_id] = channel.row
        data_type, count = channel.native(long_string)
        self.write(
            ca.pack(ca.ACCESS_RIGHTS, p1=cid, p2=rights) + ca.pack(ca.CREATE_CHANNEL, data_type, count, cid, server_id)
        )

    @property
    def channels(self) -> Iterator[Served]:
        """What its client has."""
        return (client.channel for client in self._clients.values())

    def _new_id(self) -> int:
        """A server id; used again, the one longest free first, before the table of rows has to grow."""
        if self._next_id >= len(self._row_of):
            if self._free_ids:
                return self._free_ids.popleft()
            self._row_of = np.concatenate([self._row_of, np.full(len(self._row_of), -1, np.int32)])
        self._next_id += 1
        return self._next_id - 1

    def _clear(self, message: ca.Message) -> None:
        client = self._client(message)
        if client is None:
            return
        for subscription in tuple(client.subscriptions):
            self._cancel(subscription)
        del self._clients[message.parameter1]
        self._row_of[message.parameter1] = -1
        self._free_ids.append(message.parameter1)
        self.write(ca.pack(ca.CLEAR_CHANNEL, 0, 0, message.parameter1, client.cid))

    def _subscribe(self, message: ca.Message) -> None:
        client = self._client(message)
        if client is None:
            return
        channel, subscription, mask = client.channel, message.parameter2, ca.event_mask(message.payload) & 15
        if refusal := self._why_not(message, client, mask):
            self._refuse(message, client.cid, *refusal)
            return
        if self.service.restricts:
            client.asked[subscription] = message
            if not client.rights & ca.RIGHT_READ:
                self._withhold(message, client)
                return
        self._owner[subscription] = client
        client.subscriptions.add(subscription)
        sink = Sink(self, channel, client.long_string, subscription, message.data_type, message.elements, mask)
        if first := sink.first():
            self.write(first)
        plain = mask & ~ca.DBE_LOG == ca.DBE_VALUE | ca.DBE_ALARM  # a row tells of values and alarms alike
        if plain and channel.row >= 0 and message.data_type in ROWS and message.elements <= 1:
            if message.data_type % 7 == STRING:
                self.store.precision[channel.row] = channel.precision
            row = self.take_row(message.data_type, channel.row, subscription, mask)
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
        if self._too_large(message.data_type, message.elements, client):
            return ca.TOO_LARGE, "more than EPICS_CA_MAX_ARRAY_BYTES"
        if len(self._sinks) >= self.service.most_monitors:
            return ca.ALLOCATION_FAILED, "too many subscriptions"
        return None

    def single_out(self, row: int) -> None:
        """Serve a row the ordinary way from now on: its subscriptions go on, each by itself."""
        for subscription, sink in tuple(self._sinks.items()):
            if isinstance(sink, RowSink) and sink.row == row:
                self.drop_row(sink)
                channel = self._owner[subscription].channel
                new = Sink(self, channel, False, subscription, sink.data_type, 1, sink.mask)
                self._sinks[subscription] = new
                channel.subscribe_sink(new)

    def _cancel(self, subscription: int) -> bool:
        sink = self._sinks.pop(subscription, None)
        if (owner := self._owner.pop(subscription, None)) is not None:
            owner.subscriptions.discard(subscription)
        if isinstance(sink, Sink):
            self.drop_sink(sink)
        elif sink is not None:
            self.drop_row(sink)
        return sink is not None

    def _withhold(self, message: ca.Message, client: Client) -> None:
        """In place of a value: that the client may not read it, as a C IOC says it."""
        _, payload = client.channel.payload(message.data_type, message.elements or 1, client.long_string)
        self.write(ca.pack(message.command, message.data_type, message.elements or 1, ca.NO_READ_ACCESS,
                           message.parameter2, bytes(len(payload))))  # fmt: skip

    def reassess(self) -> None:
        """Tell the client what it may do now; monitors of what it may not read pause, and go on when it may again."""
        who = self._who()
        for server_id, client in self._clients.items():
            before, client.rights = client.rights, self.service.rights(client.channel, who)
            if client.rights == before:
                continue
            self.write(ca.pack(ca.ACCESS_RIGHTS, p1=client.cid, p2=client.rights))
            if (client.rights ^ before) & ca.RIGHT_READ:
                self._row_of[server_id] = client.channel.row if client.rights & ca.RIGHT_READ else -1
                for subscription, message in list(client.asked.items()):
                    self._cancel(subscription)
                    client.asked.pop(subscription)
                    self._subscribe(message._replace(parameter1=server_id))

    def _unsubscribe(self, message: ca.Message) -> None:
        owner = self._clients.get(message.parameter1)
        withheld = owner is not None and owner.asked.pop(message.parameter2, None) is not None
        if self._cancel(message.parameter2) or withheld:
            self.write(ca.pack(ca.EVENT_ADD, message.data_type, 0, message.parameter1, message.parameter2))
        else:
            self.close(f"unknown subscription id {message.parameter2}")

    def _read(self, message: ca.Message) -> None:
        client = self._client(message)
        if client is None:
            return
        data_type, count = message.data_type, message.elements
        if not client.rights & ca.RIGHT_READ:
            self._forbid(message, client)
            return
        known = readable(data_type) or data_type in ACKNOWLEDGES
        if not known or count > client.channel.native(client.long_string)[1]:
            status = ca.BAD_COUNT if known else ca.BAD_TYPE
            self._refuse(message, client.cid, status, "type or count is not acceptable")
            return
        if self._too_large(data_type, count, client):
            self._refuse(message, client.cid, ca.TOO_LARGE, "more than EPICS_CA_MAX_ARRAY_BYTES")
            return
        status = client.cid if message.command == ca.READ else ca.NORMAL
        try:
            client.channel.refresh()
            count, payload = client.channel.payload(data_type, count, client.long_string)
        except NotConverted:
            if message.command == ca.READ:
                self._refuse(message, client.cid, ca.GET_FAILED, "the value cannot be had as this type")
                return
            status, count, payload = ca.GET_FAILED, 0, b""
        self.write(ca.pack(message.command, data_type, count, status, message.parameter2, payload))

    def _too_large(self, data_type: int, count: int, client: Client) -> bool:
        """Whether so many elements, or all of them, are more than clients are sent."""
        limit = self.service.largest_value
        size = SIZES[data_type % 7 if data_type <= LAST_TYPE else 0]
        return limit is not None and size * (count or client.channel.native(client.long_string)[1]) > limit

    def _forbid(self, message: ca.Message, client: Client) -> None:
        """A get of what the client may not read."""
        if message.command == ca.READ or not readable(message.data_type):
            self._refuse(message, client.cid, ca.NO_READ_ACCESS, "no read access")
        else:
            self._withhold(message, client)

    def _write(self, message: ca.Message) -> None:
        client = self._client(message)
        if client is None:
            return
        try:
            if message.elements > client.channel.native(client.long_string)[1]:
                raise NotConverted(f"{message.elements} elements are more than it has")
            value = decode(client.channel, message.data_type, message.elements, message.payload)
        except NotConverted as error:
            value = error
        if not client.rights & ca.RIGHT_WRITE:
            self._deny(message, client, "" if isinstance(value, NotConverted) else value, None, ca.NO_WRITE_ACCESS)
            return
        if isinstance(value, NotConverted):
            reason = str(value) or "the value is none of its type"
            too_many = message.elements > client.channel.native(client.long_string)[1]
            status = ca.BAD_COUNT if too_many else ca.PUT_FAILED
            self._deny(message, client, "", Refusal(Layer.VALUE, reason), status)
            return
        self.service.begin(self._put(message, client, value))

    def _who(self) -> Put:
        return Put(self.user, self.host, self.address, self)

    def _deny(self, message: ca.Message, client: Client, value: Any, refusal: Refusal | None, status: int) -> None:
        """Refuse a put here: for want of rights (None), or since its value is none for the PV."""
        self.service.denied(client.channel, value, self._who(), refusal)
        self._answer_put(message, client, status)

    async def _put(self, message: ca.Message, client: Client, value: Any) -> None:
        status, channel = ca.NORMAL, client.channel
        self._putting += 1
        try:
            await channel.put(value, self._who())
        except PutFailed as failure:
            log.info("put of %s@%s to %s failed: %s", self.user, self.peer, channel.pvname, failure)
            if isinstance(failure, NotSettable):
                self.service.denied(channel, value, self._who(), Refusal(Layer.DEVICE, str(failure)))
            status = ca.NO_WRITE_ACCESS if failure.by_rights else ca.PUT_FAILED
        except Exception:  # a task ends here, and reports
            log.exception("put to %s broke", channel.pvname)
            status = ca.PUT_FAILED
        self._putting -= 1
        self._answer_put(message, client, status)

    def _answer_put(self, message: ca.Message, client: Client, status: int) -> None:
        """A put-callback always gets a put reply, a plain put an error message when it fails (users.md 2.1)."""
        if message.command == ca.WRITE_NOTIFY:
            answer = (
                self.write if self._putting else self.send
            )  # while puts are under way, their answers leave together
            answer(ca.pack(ca.WRITE_NOTIFY, message.data_type, message.elements, status, message.parameter2))
        elif status != ca.NORMAL:
            self._refuse(message, client.cid, status, "the value was not written")


ANSWERS: dict[int, Callable[[Circuit, ca.Message], None]] = {
    ca.VERSION: Circuit._nothing,
    ca.READ_SYNC: Circuit._nothing,
    ca.ECHO: Circuit._echo,
    ca.CLIENT_NAME: Circuit._name,
    ca.HOST_NAME: Circuit._name,
    ca.EVENTS_ON: Circuit._events,
    ca.EVENTS_OFF: Circuit._events,
    ca.SEARCH: Circuit._search,
    ca.CREATE_CHANNEL: Circuit._create,
    ca.CLEAR_CHANNEL: Circuit._clear,
    ca.EVENT_ADD: Circuit._subscribe,
    ca.EVENT_CANCEL: Circuit._unsubscribe,
    ca.READ: Circuit._read,
    ca.READ_NOTIFY: Circuit._read,
    ca.WRITE: Circuit._write,
    ca.WRITE_NOTIFY: Circuit._write,
}
