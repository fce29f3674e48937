"""One client's TCP circuit: its requests, each answered in order. Its subscriptions are its monitors.

caproto's circuit is not used: performance.md 1 lists why.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

from iocs.fast import messages as ca
from iocs.fast.bursts import answers, run_of_gets
from iocs.fast.dbr import ACKNOWLEDGES, NotConverted, readable
from iocs.fast.link import prepare
from iocs.fast.opened import Opened
from iocs.fast.outbox import HIGH_WATER
from iocs.fast.puts import Puts
from iocs.fast.service import Client, Service
from iocs.served import Served

log = logging.getLogger("acgate.circuit")
AT_ONCE = 1000  # requests answered before others have their turn


class Circuit(Puts, asyncio.Protocol):
    """The protocol object of one TCP connection; lives on the loop."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.unfinished_since: float | None = None  # loop time since which half a message, or the first, is awaited
        self._input = bytearray()
        self._requests: deque[ca.Message] = deque()  # read, and not yet answered
        self._clients = Opened(service.store)

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
        prepare(self.transport.get_extra_info("socket"))
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        holding = self.service.opened(self) if self.address else None
        if holding is None:
            self.gone = True
            self.transport.abort()
            return
        self.holding = self._clients.holding = holding
        self.write(ca.pack(ca.VERSION, count=ca.MINOR_VERSION))

    def connection_lost(self, exc: Exception | None) -> None:
        """Free all that this client had."""
        self.gone = True
        for subscription in list(self._sinks):
            self.cancel(subscription)
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
        """Answer all whole messages, in one write; whatever breaks the protocol ends this circuit and no other."""
        self.corked = True
        try:
            self._take(data)
        finally:
            self.corked = False
        self.flush()

    def _take(self, data: bytes) -> None:
        idle = not self._input and not self._requests and self.paused_at is None
        if idle and (message := ca.alone(data, self.service.largest)) is not None:
            self.unfinished_since = None
            self._answer(message)  # the usual case of a client that waits for each answer, quickly
            return
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
        replies = answers(gets, self._clients.rows, self.store) if gets is not None else None
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
            self._answer(self._requests.popleft())
        if self.gone or self.paused_at is not None:
            return
        if self._requests:
            self.transport.pause_reading()
            self.loop.call_soon(self._work)
        else:
            self.transport.resume_reading()

    def _answer(self, message: ca.Message) -> None:
        try:
            ANSWERS[message.command](self, message)
        except Exception:  # this circuit ends here, and no other
            log.exception("a request of %s broke", self.peer)
            self.close(f"command {message.command} broke")

    def _client(self, message: ca.Message) -> Client | None:
        client = self._clients.get(message.parameter1)
        if client is None:
            self.close(f"unknown channel id {message.parameter1} in command {message.command}")
        return client

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
        found = self.service.find(name) if self._clients.has_room(self.service) else None
        if found is None:
            self.write(ca.pack(ca.CREATE_FAILED, p1=cid))
            return
        channel, long_string = found
        rights = self.service.rights(channel, self.who())
        server_id = self._clients.add(Client(cid, channel, long_string, rights))
        data_type, count = channel.native(long_string)
        self.write(
            ca.pack(ca.ACCESS_RIGHTS, p1=cid, p2=rights) + ca.pack(ca.CREATE_CHANNEL, data_type, count, cid, server_id)
        )

    @property
    def channels(self) -> Iterator[Served]:
        """What its client has."""
        return (client.channel for client in self._clients.values())

    def _clear(self, message: ca.Message) -> None:
        client = self._client(message)
        if client is None:
            return
        for subscription in tuple(client.subscriptions):
            self.cancel(subscription)
        self._clients.remove(message.parameter1)
        self.write(ca.pack(ca.CLEAR_CHANNEL, 0, 0, message.parameter1, client.cid))

    def _subscribe(self, message: ca.Message) -> None:
        if (client := self._client(message)) is not None:
            self.subscribe(message, client)

    def reassess(self) -> None:
        """Tell the client what it may do now; monitors of what it may not read pause, and go on when it may again."""
        who = self.who()
        for server_id, client in self._clients.items():
            before, client.rights = client.rights, self.service.rights(client.channel, who)
            if client.rights == before:
                continue
            self.write(ca.pack(ca.ACCESS_RIGHTS, p1=client.cid, p2=client.rights))
            if (client.rights ^ before) & ca.RIGHT_READ:
                self._clients.judge(server_id)
                for subscription, message in list(client.asked.items()):
                    self.cancel(subscription)
                    client.asked.pop(subscription)
                    self.subscribe(message._replace(parameter1=server_id), client)

    def _unsubscribe(self, message: ca.Message) -> None:
        owner = self._clients.get(message.parameter1)
        withheld = owner is not None and owner.asked.pop(message.parameter2, None) is not None
        if self.cancel(message.parameter2) or withheld:
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
            self.refuse(message, client.cid, status, "type or count is not acceptable")
            return
        if self.too_large(data_type, count, client):
            self.refuse(message, client.cid, ca.TOO_LARGE, "more than EPICS_CA_MAX_ARRAY_BYTES")
            return
        status = client.cid if message.command == ca.READ else ca.NORMAL
        try:
            client.channel.refresh()
            count, payload = client.channel.payload(data_type, count, client.long_string)
        except NotConverted:
            if message.command == ca.READ:
                self.refuse(message, client.cid, ca.GET_FAILED, "the value cannot be had as this type")
                return
            status, count, payload = ca.GET_FAILED, 0, b""
        self.write(ca.pack(message.command, data_type, count, status, message.parameter2, payload))

    def _forbid(self, message: ca.Message, client: Client) -> None:
        """A get of what the client may not read."""
        if message.command == ca.READ or not readable(message.data_type):
            self.refuse(message, client.cid, ca.NO_READ_ACCESS, "no read access")
        else:
            self.withhold(message, client)

    def _write(self, message: ca.Message) -> None:
        if (client := self._client(message)) is not None:
            self.take_put(message, client)


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
