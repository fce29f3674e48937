"""The stream of acnetd frames, for both ends, without I/O (dpm-http.md 15.1).

The server side begins behind the `RAW` header, which `DpmConnection` has read: feed it `Hello.rest` first.
"""

from gateway.core.errors import ProtocolError
from gateway.wire.acnet import (
    HELLO,
    LONGEST_FRAME,
    AcnetMessage,
    Command,
    decode_from_client,
    decode_from_server,
    encode,
)
from gateway.wire.dpm_connection import Role


class AcnetStreamError(ProtocolError):
    """Received bytes cannot be understood; `before` holds the messages before them in the same call."""

    def __init__(self, reason: str, before: tuple[AcnetMessage, ...]) -> None:
        super().__init__(reason)
        self.before = before


class AcnetConnection:
    """One end of an acnetd connection. Errors of received bytes are final; errors of `send` leave it as it was."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self._buffer = bytearray()
        self._dead = False

    def client_hello(self) -> bytes:
        """The bytes that a client opens with; nothing is sent in answer."""
        if self.role is Role.SERVER:
            raise ProtocolError("a server sends no hello")
        return HELLO

    def send(self, message: AcnetMessage) -> bytes:
        """The framed message; ProtocolError when this end does not send it or a value does not fit."""
        if isinstance(message, Command) is not (self.role is Role.CLIENT):
            raise ProtocolError(f"a {self.role.value} does not send {type(message).__name__}")
        return encode(message)

    def receive(self, data: bytes) -> tuple[AcnetMessage, ...]:
        """The messages that these bytes complete. Raises AcnetStreamError, a ProtocolError."""
        if self._dead:
            raise AcnetStreamError("bytes arrived at a dead connection", ())
        self._buffer += data
        found: list[AcnetMessage] = []
        try:
            while (content := self._next_frame()) is not None:
                decode = decode_from_server if self.role is Role.CLIENT else decode_from_client
                found.append(decode(content))
        except ProtocolError as error:
            self._dead = True
            raise AcnetStreamError(str(error), tuple(found)) from None
        return tuple(found)

    def eof(self) -> None:
        """The other end closed; ProtocolError inside a frame."""
        self._dead = True
        if self._buffer:
            raise ProtocolError("closed inside a frame")

    def _next_frame(self) -> bytes | None:
        if len(self._buffer) < 4:
            return None
        size = int.from_bytes(self._buffer[:4], "big")
        if not 2 <= size <= LONGEST_FRAME:
            raise ProtocolError(f"a frame has the length {size}, allowed are 2 to {LONGEST_FRAME}")
        if len(self._buffer) < 4 + size:
            return None
        content = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]
        return content
