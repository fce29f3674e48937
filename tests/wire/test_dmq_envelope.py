from typing import Any

import pika
import pytest

from gateway.core.errors import ProtocolError
from gateway.wire.dmq_envelope import Envelope, key_of
from tests.wire.dmq_vectors import section

SIGNED, PROPERTIES = section("mic_inputs"), section("amqp_properties")


@pytest.mark.parametrize("vector", SIGNED.values(), ids=SIGNED.keys())
def test_a_signature_covers_body_and_properties_but_neither_key_nor_token(vector: dict[str, Any]) -> None:
    envelope = Envelope(
        "any key",
        bytes.fromhex(vector["body_hex"]),
        vector["message_id"],
        vector["correlation_id"],
        vector["reply_to"],
        vector["app_id"],
        bytes.fromhex(vector["host_address_hex"]),
        token=b"any token",
    )
    assert envelope.signed().hex() == vector["signed_hex"]


@pytest.mark.parametrize("vector", PROPERTIES.values(), ids=PROPERTIES.keys())
def test_properties_travel_as_the_wire_has_them(vector: dict[str, Any]) -> None:
    headers = {name: bytes.fromhex(octets["hex"]) for name, octets in vector["headers"].items()}
    envelope = Envelope(
        "I",
        b"",
        vector["message_id"],
        None,
        vector.get("reply_to"),
        vector.get("app_id"),
        headers["host-address"],
        headers.get("gss-token"),
        headers["signature"],
    )
    written = pika.BasicProperties(**envelope.properties())
    read = pika.BasicProperties()
    read.decode(bytes.fromhex(vector["hex"]))
    assert (read.headers, read.message_id, read.reply_to, read.app_id) == (
        written.headers, written.message_id, written.reply_to, written.app_id,
    )  # fmt: skip
    assert Envelope.of("I", read, b"") == envelope


def test_a_message_without_properties_has_none() -> None:
    assert Envelope("H").properties() == {}
    assert Envelope.of("H", pika.BasicProperties(), b"") == Envelope("H")


def test_headers_that_came_as_text_are_bytes_and_others_are_none() -> None:
    properties = pika.BasicProperties(headers={"signature": "abc", "gss-token": 5, "host-address": bytearray(b"\x7f")})
    found = Envelope.of("I", properties, b"")
    assert (found.signature, found.token, found.host_address) == (b"abc", None, b"\x7f")


def test_a_request_that_fits_into_no_routing_key_is_refused() -> None:
    assert key_of("S.", "x" * 253) == "S." + "x" * 253
    with pytest.raises(ProtocolError, match="253 bytes"):
        key_of("S.", "x" * 254)
