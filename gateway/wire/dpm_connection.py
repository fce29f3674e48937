"""The list protocol over TCP as a state table, for both ends, without I/O (dpm-http.md 2, 3, 6 and 13).

client   HELLO --client_hello()--> OPENING --OpenListReply received--> OPEN
server   HELLO --header received--> OPENING --OpenListReply sent--> OPEN
               `--header of another protocol--> SWITCHED
both     any --ProtocolError from received bytes, or eof()--> DEAD
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar, get_args

import numpy as np

from gateway.core.errors import ProtocolError
from gateway.wire.dpm import (
    Message,
    OpenListReply,
    Reply,
    Request,
    ScalarReply,
    decode_reply,
    decode_request,
    encode,
    frame,
)
from gateway.wire.dpm_frames import find_frames
from gateway.wire.dpm_hello import CLIENT_HELLO, HTTP, Hello, HelloReader, http_complete, http_error
from gateway.wire.dpm_refrain import Refrains
from gateway.wire.dpm_rows import ScalarColumns, empty_columns, find_scalars, joined

SERVER_BODY = 131072  # bytes of a message, both ways, at the server
CLIENT_BODY = 1048576  # bytes of a reply that a client takes
_FEW = 8  # frames; below it single decoding is faster than columns

M = TypeVar("M", Request, Reply)


class Role(Enum):
    """Which end of the connection this is."""

    CLIENT = "client"
    SERVER = "server"


class State(Enum):
    """How far the connection is."""

    HELLO = "hello"
    OPENING = "opening"
    OPEN = "open"
    SWITCHED = "switched"  # the client asked for another protocol on the same port
    DEAD = "dead"


class OversizeError(ProtocolError):
    """A message is larger than the other end takes; nothing was sent and the connection lives on."""


_REQUESTS = frozenset(get_args(Request))
_STREAM = frozenset(get_args(Reply)) - {OpenListReply}
_OPEN_LIST = frozenset({OpenListReply})

# Which messages may travel, by the state of the end that sends or receives them; all else is refused.
SENDS: dict[tuple[Role, State], frozenset[type]] = {
    (Role.CLIENT, State.OPEN): _REQUESTS,
    (Role.SERVER, State.OPENING): _OPEN_LIST,
    (Role.SERVER, State.OPEN): _STREAM,
}
RECEIVES: dict[tuple[Role, State], frozenset[type]] = {
    (Role.CLIENT, State.OPENING): _OPEN_LIST,
    (Role.CLIENT, State.OPEN): _STREAM,
    (Role.SERVER, State.OPENING): _REQUESTS,  # a client need not wait; it learns the list id too late, that is all
    (Role.SERVER, State.OPEN): _REQUESTS,
}


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """What one `receive` brought, in order: Scalar replies as columns, all else as messages among them."""

    columns: ScalarColumns
    messages: tuple[tuple[int, Message | Hello], ...]  # each with the number of rows of columns before it


class StreamError(ProtocolError):
    """Received bytes cannot be understood; `before` holds what came before them in the same call."""

    def __init__(self, reason: str, before: Received) -> None:
        super().__init__(reason)
        self.before = before


_NO_ROWS = empty_columns(0)
_NOTHING = Received(_NO_ROWS, ())


def _behind(taken: ScalarColumns, received: Received) -> Received:
    """What was received behind the rows that were taken before."""
    messages = tuple((after + len(taken), message) for after, message in received.messages)
    return Received(joined([taken, received.columns]), messages)


class DpmConnection:
    """One end of a DPM connection. Errors of received bytes are final; errors of `send` leave it as it was.

    `max_body` bounds a received message, `max_sent` one to be sent, in bytes without the frame.
    """

    def __init__(self, role: Role, max_body: int | None = None, max_sent: int = SERVER_BODY) -> None:
        self.role = role
        self.state = State.HELLO
        self._max_body = max_body or (CLIENT_BODY if role is Role.CLIENT else SERVER_BODY)
        self._max_sent = max_sent
        self._buffer = bytearray()
        self._hello = HelloReader()
        self._refrains = Refrains()  # stays empty at a server, which receives no Scalar replies

    def client_hello(self) -> bytes:
        """The bytes that a client opens with."""
        if (self.role, self.state) != (Role.CLIENT, State.HELLO):
            raise ProtocolError(f"a {self.role.value} in state {self.state.value} sends no hello")
        self.state = State.OPENING
        return CLIENT_HELLO

    def send(self, message: Message) -> bytes:
        """The framed message; ProtocolError when it may not be sent now or does not fit, OversizeError likewise."""
        if type(message) not in SENDS.get((self.role, self.state), ()):
            raise ProtocolError(
                f"a {self.role.value} in state {self.state.value} does not send {type(message).__name__}"
            )
        body = encode(message)
        if len(body) > self._max_sent:
            raise OversizeError(f"{type(message).__name__} takes {len(body)} bytes, at most {self._max_sent} can go")
        if isinstance(message, OpenListReply):
            self.state = State.OPEN
        return frame(body)

    def receive(self, data: bytes | memoryview) -> Received:
        """What these bytes complete. Raises StreamError, a ProtocolError that holds what came before the bad place.

        Nothing that is returned refers to `data`: a buffer may be used again.
        """
        if self._refrains.known and self.state is State.OPEN:
            if self._buffer:
                data = b"".join((self._buffer, data))
                self._buffer.clear()
            taken, used = self._refrains.take(data)
            if used == len(data) and taken:
                return Received(joined(taken), ())
            if taken:
                return self._after(joined(taken), data[used:])
        return self._receive(data)

    def _after(self, taken: ScalarColumns, rest: bytes | memoryview) -> Received:
        """The rest of a read whose beginning was taken already."""
        try:
            received = self._receive(rest)
        except StreamError as error:
            raise StreamError(str(error), _behind(taken, error.before)) from None
        return _behind(taken, received)

    def _receive(self, data: bytes | memoryview) -> Received:
        """As `receive`, frame by frame."""
        self._buffer += data
        before: list[tuple[int, Message | Hello]] = []
        try:
            if not self._open(before):
                return Received(_NO_ROWS, tuple(before)) if before else _NOTHING
            frames = find_frames(self._buffer, self._max_body)
            if not (frames.starts or before or frames.fault):
                return _NOTHING
            whole = bytes(self._buffer[: frames.end])
            del self._buffer[: frames.end]
            received, fault = self._decode(whole, frames.starts, frames.sizes, before)
            fault = fault or frames.fault
        except ProtocolError as error:
            self.state = State.DEAD
            raise StreamError(str(error), Received(_NO_ROWS, tuple(before))) from None
        if fault:
            self.state = State.DEAD
            raise StreamError(fault, received)
        return received

    def eof(self) -> None:
        """The other end closed. ProtocolError inside a frame and before the list is open; the connection is dead."""
        state, self.state = self.state, State.DEAD
        if state is State.OPENING and self.role is Role.CLIENT and self._buffer.startswith(HTTP):
            raise http_error(self._buffer)
        if state is State.HELLO or (state is State.OPENING and self.role is Role.CLIENT):
            raise ProtocolError("closed before the list was open")
        if self._buffer:
            raise ProtocolError("closed inside a frame")

    def _open(self, found: list[tuple[int, Message | Hello]]) -> bool:
        """Whether frames may follow; the server reads the header of the client here, into `found`."""
        if self.state is State.HELLO and self.role is Role.SERVER:
            hello = self._hello.read(self._buffer)
            if hello is None:
                return False
            if hello.kind != "pc":
                self.state = State.SWITCHED
                found.append((0, Hello(hello.kind, bytes(self._buffer), hello.forwarded_for, hello.upgrade)))
                self._buffer.clear()
                return False
            self.state = State.OPENING
            found.append((0, hello))
        elif self.state is State.OPENING and self.role is Role.CLIENT and self._buffer.startswith(HTTP):
            if http_complete(self._buffer):
                raise http_error(self._buffer)
            return False
        if (self.role, self.state) not in RECEIVES:
            raise ProtocolError(f"bytes arrived at a {self.role.value} in state {self.state.value}")
        return True

    def _decode(
        self, data: bytes, starts: list[int], sizes: list[int], first: list[tuple[int, Message | Hello]]
    ) -> tuple[Received, str]:
        """The messages of complete frames, up to the first that is bad, and what is wrong with that."""
        count, fault = len(starts), ""
        if self.role is Role.CLIENT and count >= _FEW:
            found, columns = find_scalars(data, np.array(starts, np.int64), np.array(sizes, np.int64))
            if self.state is State.OPENING:
                found[0] = False  # the first message must be looked at
        else:
            found, columns = np.zeros(count, np.bool_), empty_columns(count)
        others: list[tuple[int, Message]] = []
        for index in np.flatnonzero(~found).tolist():
            try:
                message = self._message(data[starts[index] + 4 : starts[index] + sizes[index]])
            except ProtocolError as error:
                found[index:] = False
                fault = str(error)
                break
            if isinstance(message, ScalarReply):
                columns.ref_id[index], columns.timestamp_ms[index] = message.ref_id, message.timestamp
                columns.status[index], columns.value[index] = message.status, message.data
                found[index] = True
            else:
                others.append((index, message))
        if not others and not fault and not first and self.role is Role.CLIENT:
            self._refrains.hear(data, starts, sizes, columns)
            return Received(columns, ()), ""
        before = np.cumsum(found)
        rows = columns if found.all() else columns.where(found)
        return Received(rows, (*first, *((int(before[index]), message) for index, message in others))), fault

    def _message(self, body: bytes) -> Message:
        """One message that may arrive now."""
        message: Message = decode_reply(body) if self.role is Role.CLIENT else decode_request(body)
        if type(message) not in RECEIVES[self.role, self.state]:
            raise ProtocolError(f"{type(message).__name__} may not come in state {self.state.value}")
        if isinstance(message, OpenListReply):
            self.state = State.OPEN
        return message
