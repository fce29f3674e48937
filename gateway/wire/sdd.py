"""Messages of SDD, "self-describing data": the frame that DPM and DMQ share (dpm-http.md 4.1, dmq.md 6.2).

A vocabulary is one protocol: its id, and two separate tables of message ids, for requests and for replies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.core.errors import ProtocolError
from gateway.wire.dpm_layout import Layout
from gateway.wire.pc import ARRAY, INTEGER, pack_number, unpack_number

MAGIC = b"SDD\x02"
_ELEMENTS = 3  # protocol, message, content

Q = TypeVar("Q")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Vocabulary(Generic[Q, R]):
    """The requests and replies of a protocol, by message id. Whatever the bytes are: a message or a ProtocolError."""

    protocol: int
    header: bytes
    requests: Mapping[int, Layout[Q]]
    replies: Mapping[int, Layout[R]]

    @classmethod
    def of(
        cls, protocol: int, requests: Mapping[int, Layout[Q]], replies: Mapping[int, Layout[R]]
    ) -> "Vocabulary[Q, R]":
        """The vocabulary of a protocol id."""
        return cls(protocol, MAGIC + pack_number(ARRAY, _ELEMENTS) + pack_number(INTEGER, protocol), requests, replies)

    def start(self, number: int) -> bytes:
        """What stands before the fields of message `number`."""
        return self.header + pack_number(INTEGER, number)

    def decode_request(self, body: bytes) -> Q:
        """The request in a body; bytes behind it are ignored."""
        return self._decode(self.requests, body)

    def decode_reply(self, body: bytes) -> R:
        """The reply in a body; bytes behind it are ignored."""
        return self._decode(self.replies, body)

    def _decode(self, layouts: Mapping[int, Layout[T]], body: bytes) -> T:
        at = len(self.header)
        if not body.startswith(self.header):
            at = self._read_header(body)
        number, at = unpack_number(INTEGER, body, at)
        layout = layouts.get(number)
        if layout is None:
            raise ProtocolError(f"unknown message id {number}")
        return layout.unpack(body, at)[0]

    def _read_header(self, body: bytes) -> int:
        """The place behind a header that is not written in the usual, minimal way."""
        if not body.startswith(MAGIC):
            raise ProtocolError(f"no SDD message of version 2: it begins with {body[:4].hex(' ')!r}")
        elements, at = unpack_number(ARRAY, body, len(MAGIC))
        if elements != _ELEMENTS:
            raise ProtocolError(f"a message has 3 elements, this one {elements}")
        protocol, at = unpack_number(INTEGER, body, at)
        if protocol != self.protocol:
            raise ProtocolError(f"unknown protocol {protocol}")
        return at
