"""The opening of a DPM connection: the HTTP-like request, and how each end reads the other (dpm-http.md 2, 15)."""

from dataclasses import dataclass, field
from typing import Literal

from gateway.core.errors import ProtocolError

CLIENT_HELLO = b"GET /dpm HTTP/1.1\r\nContent-Type: application/pc\r\n\r\n"
HTTP = b"HTTP"  # an error of the proxy begins so
LONGEST_LINE = 4096  # characters
_LONGEST_HEADER = 65536  # bytes; ours, the page names no limit
_LONGEST_HTTP = 4096  # bytes that a client reads of an HTTP error

Protocol = Literal["pc", "json", "grpc", "raw"]
_CONTENT_TYPES: dict[str, Protocol] = {"application/pc": "pc", "application/json": "json", "application/grpc": "grpc"}


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client opened with. `raw` is the client protocol of acnetd (section 15)."""

    kind: Protocol
    rest: bytes = b""  # what came behind the header, unless kind is pc
    forwarded_for: str | None = None  # one address, instead of the peer's
    upgrade: str | None = None  # list property TYPE


@dataclass(slots=True)
class HelloReader:
    """Reads the header of a client line by line, by the rules of section 2.2."""

    _lines: list[str] = field(default_factory=list)
    _size: int = 0

    def read(self, buffer: bytearray) -> Hello | None:
        """Takes the header from the front of the buffer; None until its empty line is there. Raises ProtocolError."""
        while (end := buffer.find(b"\n", 0, LONGEST_LINE + 2)) >= 0:
            line = buffer[:end].replace(b"\r", b"").decode("latin-1")
            del buffer[: end + 1]
            self._size += end + 1
            if len(line) > LONGEST_LINE or self._size > _LONGEST_HEADER:
                break
            if not line:
                return self._finished()
            self._check(line)
            self._lines.append(line)
        else:
            if len(buffer) < LONGEST_LINE + 2:
                return None
        raise ProtocolError("the header of the client is too long")

    def _check(self, line: str) -> None:
        if line == "RAW" and not self._lines:
            return
        if not self._lines:
            words = line.split(" ")
            if len(words) != 3 or not all(words):
                raise ProtocolError(f"the request line is not three words: {line!r}")
        elif len(parts := line.split(": ")) != 2 or not all(parts):
            raise ProtocolError(f"a header line is not name, colon, blank, value: {line!r}")

    def _finished(self) -> Hello:
        if not self._lines:
            raise ProtocolError("the header of the client is empty")
        if self._lines[0] == "RAW":
            return Hello("raw")
        pairs = (line.split(": ") for line in self._lines[1:])
        headers = {name.lower(): value for name, value in pairs}
        content = headers.get("content-type", "application/pc")
        kind = _CONTENT_TYPES.get(content.lower())
        if kind is None:
            raise ProtocolError(f"content type {content!r} is not served")
        address = headers.get("x-forwarded-for")
        single = address if address and "," not in address else None
        return Hello(kind, forwarded_for=single, upgrade=headers.get("upgrade"))


def http_complete(buffer: bytes | bytearray) -> bool:
    """Whether the header of an HTTP answer is complete, or longer than anyone reads."""
    text = bytes(buffer[:_LONGEST_HTTP])
    return b"\r\n\r\n" in text or b"\n\n" in text or len(text) == _LONGEST_HTTP


def http_error(buffer: bytes | bytearray) -> ProtocolError:
    """The error for an HTTP answer, with as much of its status line as came: any status is a failure."""
    status_line = bytes(buffer[:_LONGEST_HTTP]).split(b"\n", 1)[0].decode("latin-1").strip()
    return ProtocolError(f"the server answered with HTTP: {status_line}")
