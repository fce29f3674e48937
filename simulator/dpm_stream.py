"""One client of the DPM port, without I/O: the header, then a list in frames, or the protocol of acnetd.

`receive` and `tick` give the bytes to send; a ProtocolError means: close the connection, without another byte.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from gateway.core.drf import DataRequest
from gateway.core.errors import ProtocolError
from gateway.core.status import REPLY_OVERFLOW
from gateway.wire import dpm
from gateway.wire.dpm_connection import DpmConnection, OversizeError, Received, Role, StreamError
from gateway.wire.dpm_hello import Hello
from gateway.wire.dpm_rows import encode_scalars
from simulator.dpm_identity import Anybody, Identity
from simulator.dpm_list import DpmList, Outgoing
from simulator.dpm_replies import status_reply
from simulator.facility import Facility
from simulator.schedule import Tick
from simulator.sent_log import SentLog

HANDSHAKE_NS = 500_000_000  # without a byte before the header is complete (dpm-http.md 2.2)
FIRST_LIST_ID, LISTS = 4096, 2048
_NEVER_NS = 1 << 62
_LOGGED = (dpm.ScalarReply, dpm.ScalarArrayReply, dpm.RawReply, dpm.TextReply, dpm.TextArrayReply)


@dataclass(slots=True)
class OpenLists:
    """The lists of a server: ids 4096 to 6143, handed out round robin."""

    facility: Facility
    identify: Callable[[], Identity] = Anybody  # makes what is known of the client of a new list
    sent_log: SentLog | None = None
    heartbeats: Callable[[], bool] = lambda: True
    _open: set[int] = field(default_factory=set)
    _next: int = 0

    def open(self, now_ns: int) -> DpmList:
        """A new list; ProtocolError when all ids are in use."""
        if len(self._open) >= LISTS:
            raise ProtocolError("all list ids are in use")
        while (list_id := FIRST_LIST_ID + self._next % LISTS) in self._open:
            self._next += 1
        self._next += 1
        self._open.add(list_id)
        return DpmList(list_id, self.facility, now_ns, self.identify())

    def close(self, closed: DpmList) -> None:
        """The list is disposed of."""
        self._open.discard(closed.list_id)

    def record(self, source: DpmList, item: Outgoing) -> None:
        """Write what is about to be sent into the sent log, if there is one."""
        if self.sent_log is None:
            return
        if isinstance(item, Tick):
            for tag, value in zip(item.tags.tolist(), item.values.tolist(), strict=True):
                self._record(source.request_of(tag), item.stamp_ns // 1_000_000, value)
        elif isinstance(item, _LOGGED):
            self._record(source.request_of(item.ref_id), item.timestamp, item.data)

    def _record(self, request: DataRequest | None, stamp_ms: int, value: object) -> None:
        if request is not None and self.sent_log is not None:
            self.sent_log.add(stamp_ms, request, value)  # type: ignore[arg-type]  # the data of a reply is a Value


class Conversation(Protocol):
    """What follows the header."""

    def receive(self, data: bytes, now_ns: int) -> bytes:
        """Take what arrived; the bytes to send. Raises ProtocolError."""
        ...

    def tick(self, now_ns: int) -> bytes:
        """Do what is due; the bytes to send."""
        ...

    def next_ns(self) -> int:
        """When `tick` has something to do next."""
        ...

    def close(self) -> None:
        """The client is gone."""
        ...


class FramedList:
    """A list in frames: the connection is the list (dpm-http.md 3, 6)."""

    def __init__(self, connection: DpmConnection, lists: OpenLists, now_ns: int) -> None:
        self._connection, self._lists = connection, lists
        self._list = lists.open(now_ns)
        self.opening = connection.send(dpm.OpenListReply(self._list.list_id))

    def receive(self, data: bytes, now_ns: int) -> bytes:
        """See `Conversation`. What came before something bad is still carried out."""
        try:
            received = self._connection.receive(data)
        except StreamError as error:
            self.handle(error.before, now_ns)
            raise
        return self.handle(received, now_ns)

    def handle(self, received: Received, now_ns: int) -> bytes:
        """Carry out requests, strictly in order."""
        out = []
        for _, message in received.messages:
            if isinstance(message, dpm.Request):
                stream, answer = self._list.handle(message, now_ns)
                out.append(self._bytes(stream, now_ns))
                if answer is not None:
                    out.append(self._connection.send(answer))
        return b"".join(out) + self.tick(now_ns)

    def tick(self, now_ns: int) -> bytes:
        """See `Conversation`."""
        if now_ns < self._list.next_ns():
            return b""
        return self._bytes(self._list.due(now_ns), now_ns)

    def _bytes(self, stream: Sequence[Outgoing], now_ns: int) -> bytes:
        return b"".join(self._one(item, now_ns) for item in stream)

    def _one(self, item: Outgoing, now_ns: int) -> bytes:
        if isinstance(item, dpm.ListStatusReply) and not self._lists.heartbeats():
            return b""
        if isinstance(item, Tick):
            data = encode_scalars(item.tags, np.full(len(item.tags), item.stamp_ns // 1_000_000), item.values)
        else:
            try:
                data = self._connection.send(item)
            except OversizeError:
                ref_id = (
                    item.ref_id if isinstance(item, dpm.ScalarArrayReply | dpm.RawReply | dpm.TextArrayReply) else 0
                )
                return self._connection.send(status_reply(ref_id, REPLY_OVERFLOW, now_ns))
        self._lists.record(self._list, item)
        return data

    def next_ns(self) -> int:
        """See `Conversation`."""
        return self._list.next_ns()

    def close(self) -> None:
        """See `Conversation`."""
        self._lists.close(self._list)


class ClientStream:
    """A connection from its first byte: reads the header, then is what the client asked for."""

    def __init__(self, lists: OpenLists, now_ns: int, raw: Callable[[OpenLists, int], Conversation]) -> None:
        self._lists, self._raw = lists, raw
        self._connection = DpmConnection(Role.SERVER)
        self._conversation: Conversation | None = None
        self._deadline_ns = now_ns + HANDSHAKE_NS
        self._ignored = False  # gRPC: accepted, but nothing ever happens

    def receive(self, data: bytes, now_ns: int) -> bytes:
        """See `Conversation`."""
        if self._conversation is not None:
            return self._conversation.receive(data, now_ns)
        if self._ignored:
            return b""
        self._deadline_ns = now_ns + HANDSHAKE_NS
        received = self._connection.receive(data)
        if not received.messages:
            return b""
        hello = received.messages[0][1]
        if isinstance(hello, Hello) and hello.kind == "raw":
            self._conversation = self._raw(self._lists, now_ns)
            return self._conversation.receive(hello.rest, now_ns)
        if not isinstance(hello, Hello) or hello.kind == "json":
            raise ProtocolError("the JSON variant is not served")
        if hello.kind == "grpc":
            self._ignored = True
            return b""
        self._conversation = framed = FramedList(self._connection, self._lists, now_ns)
        return framed.opening + framed.handle(received, now_ns)

    def tick(self, now_ns: int) -> bytes:
        """See `Conversation`; raises ProtocolError when the header does not come."""
        if self._conversation is not None:
            return self._conversation.tick(now_ns)
        if not self._ignored and now_ns >= self._deadline_ns:
            raise ProtocolError("the header did not come")
        return b""

    def next_ns(self) -> int:
        """See `Conversation`."""
        if self._conversation is not None:
            return self._conversation.next_ns()
        return _NEVER_NS if self._ignored else self._deadline_ns

    def close(self) -> None:
        """See `Conversation`."""
        if self._conversation is not None:
            self._conversation.close()
