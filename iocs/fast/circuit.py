"""One client's TCP circuit: requests in, replies and updates out, one write per loop tick.

A client that does not keep up is never waited for. While the kernel takes no more of its bytes, or after it said
EVENTS_OFF, updates only mark what is new; once it reads again it gets the newest value of each PV. So its memory is
bounded, and no other client notices. caproto's circuit is not used: performance.md 1 lists why.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from iocs.channel import Channel, Put, PutFailed
from iocs.fast import messages as ca
from iocs.fast.encode import NotConverted, decode, readable
from iocs.fast.rows import ROW, TIME_DOUBLE, Rows, update_header
from iocs.store import Store

log = logging.getLogger("acgate.circuit")
HIGH_WATER = 256 * 1024  # bytes waiting for a client at which it counts as slow
AT_ONCE = 1000  # requests answered before others have their turn
KEEPALIVE = ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))  # s, s, probes


class Service(Protocol):
    """What a circuit needs of its server."""

    store: Store
    largest: int  # bytes of one message
    most_channels: int  # of one circuit

    def find(self, name: str) -> tuple[Channel, bool] | None:
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

    def begin(self, put: Any) -> None:
        """Run the coroutine of a put."""
        ...


@dataclass(slots=True, eq=False)
class Client:
    """A channel as one client has it."""

    cid: int
    channel: Channel
    long_string: bool
    subscriptions: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Sink:
    """One subscription that takes the ordinary way."""

    circuit: "Circuit"
    client: Client
    subscription: int
    data_type: int
    count: int
    mask: int

    def update(self) -> bytes:
        """The newest value as one message, brought up to date first."""
        self.client.channel.refresh()
        return self.message()

    def message(self) -> bytes:
        """The value that the channel shows as one message."""
        channel = self.client.channel
        try:
            count, payload = channel.payload(self.data_type, self.count, self.client.long_string)
        except NotConverted:
            return ca.pack(ca.EVENT_ADD, self.data_type, 0, ca.GET_FAILED, self.subscription)
        return ca.pack(ca.EVENT_ADD, self.data_type, count, ca.NORMAL, self.subscription, payload)


class Circuit(asyncio.Protocol):
    """The protocol object of one TCP connection; lives on the loop."""

    def __init__(self, service: Service) -> None:
        self.service, self.store = service, service.store
        self.user, self.host, self.peer = "", "", ""
        self.dropped = 0  # updates that a slow client never got
        self.paused_at: float | None = None  # loop time since which the kernel takes nothing
        self._events_off = self._gone = False
        self.unfinished_since: float | None = None  # loop time since which half a message, or the first, is awaited
        self._input = bytearray()
        self._requests: deque[ca.Message] = deque()  # read, and not yet answered
        self._output: list[bytes] = []
        self._waiting = 0  # bytes in _output
        self._clients: dict[int, Client] = {}  # by server id
        self._next_id = 1
        self._sinks: dict[int, Sink | int] = {}  # by subscription id; an int is the row of a row subscription
        self._owner: dict[int, Client] = {}  # by subscription id
        self._dirty: dict[Sink, None] = {}  # sinks with news that a slow client has not got, oldest first
        self._headers: npt.NDArray[np.void] | None = None  # header of each row's updates
        self._has_row: npt.NDArray[np.bool_] = np.zeros(0, bool)
        self._dirty_rows: npt.NDArray[np.bool_] = np.zeros(0, bool)

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
            self._gone = True
            self.transport.abort()
            return
        self.write(ca.pack(ca.VERSION, count=ca.MINOR_VERSION))

    def connection_lost(self, exc: Exception | None) -> None:
        """Free all that this client had."""
        self._gone = True
        for subscription in list(self._sinks):
            self._cancel(subscription)
        self._clients.clear()
        self._requests.clear()
        self._output.clear()
        self._headers = None
        self.service.closed(self)

    def close(self, reason: str = "") -> None:
        """End the circuit; a reason is logged, once."""
        if reason and not self._gone:
            log.warning("circuit of %s closed: %s", self.peer, reason)
        self._gone = True
        self.transport.abort()

    def pause_writing(self) -> None:
        """The kernel takes no more: updates are conflated, and no further request is read."""
        self.paused_at = self.loop.time()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        self.paused_at = None
        if not self._gone:
            self._catch_up()
            self._work()

    @property
    def slow(self) -> bool:
        """Whether updates are conflated now."""
        return self.paused_at is not None or self._events_off

    def write(self, data: bytes) -> None:
        """Queue bytes; all of one tick leave in one write."""
        if self._gone:
            return
        if not self._output:
            self.loop.call_soon(self.flush)
        self._output.append(data)
        self._waiting += len(data)
        if self._waiting > HIGH_WATER:
            self.flush()

    def flush(self) -> None:
        """Hand what is queued to the kernel."""
        if self._output and not self._gone:
            self.transport.write(b"".join(self._output))
        self._output.clear()
        self._waiting = 0

    # -- updates ------------------------------------------------------------------------------------------------

    def offer(self, sink: Sink) -> None:
        """The channel of an ordinary subscription has news."""
        if not self.slow:
            self.write(sink.message())
        elif sink in self._dirty:
            self.dropped += 1
            if (row := sink.client.channel.spec.row) >= 0:
                self.store.dropped[row] += 1
        else:
            self._dirty[sink] = None

    def offer_rows(self, index: npt.NDArray[np.int32], rows: Rows) -> None:
        """Updates of many scalars; `rows[i]` is news of table row `index[i]`, a row may occur several times."""
        if self._headers is None:
            return
        mine = self._has_row[index]
        if not mine.all():
            if not mine.any():
                return
            index, rows = index[mine], rows[mine]
        if self.slow:
            new = np.unique(index[~self._dirty_rows[index]])  # each waits from now on; all else is left out
            self.dropped += len(index) - len(new)
            np.add.at(self.store.dropped, index, 1)
            self.store.dropped[new] -= 1
            self._dirty_rows[new] = True
            return
        out = rows.copy()
        out["header"] = self._headers[index]
        self.write(out.tobytes())

    def _catch_up(self) -> None:
        """The newest value of all that changed meanwhile, for as long as the kernel takes it."""
        if self._headers is not None and not self.slow:
            index = np.flatnonzero(self._dirty_rows).astype(np.int32)
            if len(index):
                self._dirty_rows[index] = False
                rows = self.store.rows(index)
                rows["header"] = self._headers[index]
                self.write(rows.tobytes())
                self.flush()
        while self._dirty and not self.slow:
            sink = next(iter(self._dirty))
            del self._dirty[sink]
            self.write(sink.update())
            self.flush()

    # -- requests -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Answer all whole messages; whatever breaks the protocol ends this circuit and no other."""
        self._input += data
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

    def _work(self) -> None:
        """Answer requests for as long as the kernel takes the replies.

        What is left waits, and nothing more is read: 2000 gets of an array of 8 MB are 32 kB of requests.
        """
        for _ in range(AT_ONCE):
            if not self._requests or self.paused_at is not None or self._gone:
                break
            message = self._requests.popleft()
            try:
                ANSWERS[message.command](self, message)
            except Exception:  # this circuit ends here, and no other
                log.exception("a request of %s broke", self.peer)
                self.close(f"command {message.command} broke")
        if self._gone or self.paused_at is not None:
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
        self._events_off = message.command == ca.EVENTS_OFF
        self._catch_up()

    def _search(self, message: ca.Message) -> None:
        if self.service.known(ca.text_of(message.payload)):
            port = self.transport.get_extra_info("sockname")[1]
            self.write(ca.pack(ca.SEARCH, port, 0, 0xFFFFFFFF, message.parameter2, ca.SEARCH_BODY))
        elif message.data_type == ca.DO_REPLY:
            self.write(ca.pack(ca.NOT_FOUND, ca.DO_REPLY, ca.MINOR_VERSION, *message[3:5]))

    def _create(self, message: ca.Message) -> None:
        name, cid = ca.text_of(message.payload), message.parameter1
        found = self.service.find(name) if len(self._clients) < self.service.most_channels else None
        if found is None:
            self.write(ca.pack(ca.CREATE_FAILED, p1=cid))
            return
        channel, long_string = found
        server_id, self._next_id = self._next_id, self._next_id + 1
        self._clients[server_id] = Client(cid, channel, long_string)
        data_type, count = channel.native(long_string)
        self.write(
            ca.pack(ca.ACCESS_RIGHTS, p1=cid, p2=channel.rights())
            + ca.pack(ca.CREATE_CHANNEL, data_type, count, cid, server_id)
        )

    def _clear(self, message: ca.Message) -> None:
        client = self._client(message)
        if client is None:
            return
        for subscription in tuple(client.subscriptions):
            self._cancel(subscription)
        del self._clients[message.parameter1]
        self.write(ca.pack(ca.CLEAR_CHANNEL, 0, 0, message.parameter1, client.cid))

    def _subscribe(self, message: ca.Message) -> None:
        client = self._client(message)
        if client is None:
            return
        channel, subscription, mask = client.channel, message.parameter2, ca.event_mask(message.payload) & 15
        if refusal := self._why_not(message, client, mask):
            self._refuse(message, client.cid, *refusal)
            return
        self._owner[subscription] = client
        client.subscriptions.add(subscription)
        sink = Sink(self, client, subscription, message.data_type, message.elements, mask)
        self.write(sink.update())
        both = ca.DBE_VALUE | ca.DBE_ALARM  # a row tells of values and alarms alike
        if channel.row >= 0 and message.data_type == TIME_DOUBLE and mask & both == both and self._take_row(
            channel.row, subscription
        ):  # fmt: skip
            self._sinks[subscription] = channel.row
        else:
            self._sinks[subscription] = sink
            channel.subscribe_sink(sink)

    def _why_not(self, message: ca.Message, client: Client, mask: int) -> tuple[int, str] | None:
        """Status and text where a subscription cannot be."""
        if not readable(message.data_type):
            return ca.BAD_TYPE, "no such type"
        if not mask:
            return ca.BAD_MASK, "the event mask is empty"
        if message.parameter2 in self._sinks:
            return ca.BAD_MONITOR, "the subscription id is in use"
        if message.elements > client.channel.native(client.long_string)[1]:
            return ca.BAD_COUNT, "more elements than the channel has"
        if len(self._sinks) >= self.service.most_channels:
            return ca.ALLOCATION_FAILED, "too many subscriptions"
        return None

    def _take_row(self, row: int, subscription: int) -> bool:
        if self._headers is None:
            size = self.store.size
            self._headers = np.zeros(size, ROW["header"])
            self._has_row, self._dirty_rows = np.zeros(size, bool), np.zeros(size, bool)
        if self._has_row[row]:
            return False  # a second subscription of this client to the same PV
        self._headers[row] = np.void(update_header(subscription))
        self._has_row[row] = True
        self.store.listen(self)
        return True

    def _cancel(self, subscription: int) -> bool:
        sink = self._sinks.pop(subscription, None)
        if (owner := self._owner.pop(subscription, None)) is not None:
            owner.subscriptions.discard(subscription)
        if isinstance(sink, Sink):
            self._dirty.pop(sink, None)
            sink.client.channel.unsubscribe_sink(sink)
        elif sink is not None:
            self._has_row[sink] = self._dirty_rows[sink] = False
            self.store.forget(self)
        return sink is not None

    def _unsubscribe(self, message: ca.Message) -> None:
        if self._cancel(message.parameter2):
            self.write(ca.pack(ca.EVENT_ADD, message.data_type, 0, message.parameter1, message.parameter2))
        else:
            self.close(f"unknown subscription id {message.parameter2}")

    def _read(self, message: ca.Message) -> None:
        client = self._client(message)
        if client is None:
            return
        data_type, count = message.data_type, message.elements
        if not readable(data_type) or count > client.channel.native(client.long_string)[1]:
            status = ca.BAD_COUNT if readable(data_type) else ca.BAD_TYPE
            self._refuse(message, client.cid, status, "type or count is not acceptable")
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

    def _write(self, message: ca.Message) -> None:
        client = self._client(message)
        if client is None:
            return
        if not client.channel.rights() & ca.RIGHT_WRITE:
            self._answer_put(message, client, ca.NO_WRITE_ACCESS)
            return
        if message.elements > client.channel.native(client.long_string)[1]:
            self._answer_put(message, client, ca.BAD_COUNT)
            return
        try:
            value = decode(client.channel, message.data_type, message.elements, message.payload)
        except NotConverted:
            self._answer_put(message, client, ca.NO_CONVERSION if message.data_type in range(7) else ca.BAD_TYPE)
            return
        self.service.begin(self._put(message, client, value))

    async def _put(self, message: ca.Message, client: Client, value: Any) -> None:
        status = ca.NORMAL
        try:
            await client.channel.put(value, Put(self.user, self.host, self.address))
        except PutFailed as failure:
            log.info("put of %s@%s to %s failed: %s", self.user, self.peer, client.channel.pvname, failure)
            status = ca.PUT_FAILED
        except Exception:  # a task ends here, and reports
            log.exception("put to %s broke", client.channel.pvname)
            status = ca.PUT_FAILED
        self._answer_put(message, client, status)

    def _answer_put(self, message: ca.Message, client: Client, status: int) -> None:
        """A put-callback always gets a put reply, a plain put an error message when it fails (users.md 2.1)."""
        if message.command == ca.WRITE_NOTIFY:
            self.write(ca.pack(ca.WRITE_NOTIFY, message.data_type, message.elements, status, message.parameter2))
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
