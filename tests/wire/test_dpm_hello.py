import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.wire.dpm_hello import CLIENT_HELLO, Hello, HelloReader, http_complete, http_error
from tests.wire.dpm_vectors import VECTORS


def read(data: bytes) -> tuple[Hello | None, bytes]:
    buffer = bytearray(data)
    return HelloReader().read(buffer), bytes(buffer)


def test_the_client_opens_with_the_bytes_of_the_page() -> None:
    assert CLIENT_HELLO.hex() == VECTORS["handshake"]["request_hex"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (CLIENT_HELLO, Hello("pc")),
        (b"GET /dpm HTTP/1.1\n\n", Hello("pc")),
        (b"any three words\r\nCONTENT-TYPE: Application/PC\r\n\r\n", Hello("pc")),
        (b"GET / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n", Hello("json")),
        (b"GET / HTTP/1.1\r\nContent-Type: application/grpc\r\n\r\n", Hello("grpc")),
        (b"GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\nUpgrade: x\r\n\r\n", Hello("pc", b"", "192.0.2.1", "x")),
        (b"GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1, 192.0.2.2\r\n\r\n", Hello("pc")),
        (b"RAW\r\n\r\n", Hello("raw")),
    ],
)
def test_a_header_is_read_up_to_its_empty_line(header: bytes, expected: Hello) -> None:
    assert read(header + b"behind\n") == (expected, b"behind\n")


def test_a_header_may_come_byte_by_byte() -> None:
    reader, buffer = HelloReader(), bytearray()
    answers = []
    for octet in CLIENT_HELLO:
        buffer.append(octet)
        answers.append(reader.read(buffer))
    assert answers == [None] * (len(CLIENT_HELLO) - 1) + [Hello("pc")]


@pytest.mark.parametrize(
    "header",
    [
        b"\r\n",
        b"GET /dpm\r\n",
        b"GET  HTTP/1.1\r\n",
        b"GET /dpm HTTP/1.1 more\r\n",
        b"GET / HTTP/1.1\r\nContent-Type\r\n",
        b"GET / HTTP/1.1\r\nContent-Type:application/pc\r\n",
        b"GET / HTTP/1.1\r\nA: b: c\r\n",
        b"GET / HTTP/1.1\r\nA: \r\n",
        b"GET / HTTP/1.1\r\nRAW\r\n",
        b"RAW\r\nRAW\r\n",
        b"GET / HTTP/1.1\r\nContent-Type: text/html\r\n\r\n",
        b"GET / " + b"x" * 4091 + b"\r\n",
        b"x" * 4098,
        b"GET / HTTP/1.1\r\n" + (b"a: " + b"b" * 4000 + b"\r\n") * 17,
    ],
)
def test_a_bad_header_is_refused(header: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(header)


def test_a_line_of_4096_characters_is_long_enough_for_all() -> None:
    assert read(b"GET / " + b"x" * 4090 + b"\r\n\r\n")[0] == Hello("pc")


@given(st.binary() | st.text("RAWGET :/\r\n").map(str.encode))
def test_hostile_headers_end_in_a_protocol_error(data: bytes) -> None:
    try:
        read(data)
    except ProtocolError:
        return


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n", b"x" * 4096])
def test_an_http_answer_is_an_error_with_its_status_line(end: bytes) -> None:
    answer = b"HTTP/1.1 101 Switching\r\nA: b" + end
    assert http_complete(answer)
    assert str(http_error(answer)) == "the server answered with HTTP: HTTP/1.1 101 Switching"


def test_an_http_answer_is_read_to_the_end_of_its_header() -> None:
    assert not http_complete(b"HTTP/1.1 503 Unavail\r\nA: b\r\n")
    assert str(http_error(b"HTTP/1.1 503 Unavail")).endswith("HTTP/1.1 503 Unavail")
