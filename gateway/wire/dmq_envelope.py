"""Envelope: one AMQP message of DMQ, and the bytes that its signature covers (dmq.md 2.5, 3, 4.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.core.errors import ProtocolError

LONGEST_KEY = 255  # bytes of UTF-8 in a routing key
INIT, BEAT, DROP, ALIVE, JOB, NOWHERE = "I", "H", "D", "Q", "R", "R.null"
SETTING_PREFIX, READING_PREFIX = "S.", "R."
_TOKEN, _SIGNATURE, _HOST = "gss-token", "signature", "host-address"


class AmqpProperties(Protocol):
    """The basic properties of an AMQP message, as far as DMQ looks at them."""

    @property
    def message_id(self) -> str | None: ...  # noqa: D102
    @property
    def correlation_id(self) -> str | None: ...  # noqa: D102
    @property
    def reply_to(self) -> str | None: ...  # noqa: D102
    @property
    def app_id(self) -> str | None: ...  # noqa: D102
    @property
    def headers(self) -> Mapping[str, object] | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message with what travels around its body. Texts that are None are absent."""

    key: str
    body: bytes = b""
    message_id: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None  # of an INIT: the client's private exchange
    app_id: str | None = None
    host_address: bytes | None = None  # IPv4, four bytes
    token: bytes | None = None  # GSS
    signature: bytes | None = None  # the MIC

    def signed(self) -> bytes:
        """What the MIC is computed over: neither routing key nor token."""
        texts = (self.message_id, self.correlation_id, self.reply_to, self.app_id)
        return b"\0".join((self.body, *((text or "").encode() for text in texts), self.host_address or b"", b""))

    def properties(self) -> dict[str, object]:
        """Those basic properties that are present, by their AMQP names."""
        headers = {_HOST: self.host_address, _TOKEN: self.token, _SIGNATURE: self.signature}
        found: dict[str, object] = {
            "message_id": self.message_id,
            "correlation_id": self.correlation_id,
            "reply_to": self.reply_to,
            "app_id": self.app_id,
            "headers": {name: octets for name, octets in headers.items() if octets is not None} or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def of(cls, key: str, properties: AmqpProperties, body: bytes) -> "Envelope":
        """What was delivered. A header of another type than bytes or text counts as absent."""
        headers = properties.headers or {}
        return cls(
            key,
            body,
            properties.message_id,
            properties.correlation_id,
            properties.reply_to,
            properties.app_id,
            *(_octets(headers.get(name)) for name in (_HOST, _TOKEN, _SIGNATURE)),
        )


def _octets(header: object) -> bytes | None:
    """A byte array; a long string that happened to be UTF-8 is one, too (3)."""
    if isinstance(header, str):
        return header.encode()
    return bytes(header) if isinstance(header, bytes | bytearray) else None


def key_of(prefix: str, drf: str) -> str:
    """The routing key of an entry; ProtocolError when the DRF is too long for one (2.5)."""
    key = prefix + drf
    if len(key.encode()) > LONGEST_KEY:
        raise ProtocolError(
            f"the request {drf[:40]}... takes more than the {LONGEST_KEY - 2} bytes that DMQ can address"
        )
    return key
