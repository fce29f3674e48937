from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.wire.dpm import Message, decode_reply, decode_request, encode, frame
from tests.wire.dpm_vectors import VECTORS, message_of, same, vectors

LENIENT = vectors("lenient")
MALFORMED = vectors("malformed", level="message")
UNENCODABLE = vectors("unencodable")
FRAMES = vectors("frames")
GOOD = [(vector["direction"], bytes.fromhex(vector["hex"])) for vector in VECTORS["vectors"]]


def decode(direction: str, body: bytes) -> Message:
    return decode_request(body) if direction == "request" else decode_reply(body)


@pytest.mark.parametrize("vector", LENIENT.values(), ids=LENIENT.keys())
def test_unusual_but_legal_bytes_are_read(vector: dict[str, Any]) -> None:
    assert same(decode(vector["direction"], bytes.fromhex(vector["hex"])), message_of(vector))


@pytest.mark.parametrize("vector", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_message_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        decode(vector["direction"], bytes.fromhex(vector["hex"]))


@pytest.mark.parametrize("vector", UNENCODABLE.values(), ids=UNENCODABLE.keys())
def test_what_has_no_place_in_its_field_is_not_written(vector: dict[str, Any]) -> None:
    message = message_of(vector)
    with pytest.raises(ProtocolError):
        encode(message)


@pytest.mark.parametrize("vector", FRAMES.values(), ids=FRAMES.keys())
def test_messages_are_framed_by_their_length(vector: dict[str, Any]) -> None:
    named = vectors("vectors")
    assert b"".join(frame(encode(message_of(named[name]))) for name in vector["messages"]).hex() == vector["hex"]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("53444402520003 14b13a703a", None),
        ("534444025103 18ffffffffb13a703a", None),
        ("534444025102 14b13a703a", "3 elements"),
        ("534444025103 14b13a703b", "unknown protocol"),
        ("534444015103 14b13a703a", "version 2"),
    ],
)
def test_the_header_is_checked_but_need_not_be_minimal(header: str, reason: str | None) -> None:
    message = bytes.fromhex(header + "127370 5104 12e820121000 1244541100")
    if reason is None:
        assert encode(decode_reply(message)) == bytes.fromhex(
            "53444402510314b13a703a 127370 5104 12e820121000 1244541100"
        )
    else:
        with pytest.raises(ProtocolError, match=reason):
            decode_reply(message)


@given(st.binary() | st.binary().map(lambda tail: bytes.fromhex("53444402510314b13a703a") + tail))
def test_hostile_bytes_end_in_a_protocol_error(body: bytes) -> None:
    for direction in ("request", "reply"):
        try:
            decode(direction, body)
        except ProtocolError:
            continue


@given(st.sampled_from(GOOD), st.data())
def test_damaged_messages_end_in_a_protocol_error_or_another_message(
    good: tuple[str, bytes], data: st.DataObject
) -> None:
    direction, body = good
    octets = bytearray(body[:400])
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(direction, bytes(octets))
    except ProtocolError:
        return
