"""Messages as bytes: packed, cut out of a stream, and the answers to searches."""

import struct

import pytest

from iocs.fast import messages as ca
from iocs.fast.circuit import ANSWERS


def test_a_message_is_padded_to_eight_bytes() -> None:
    assert struct.pack(">HHHHII", 15, 8, 6, 1, 2, 3) + b"abc\0\0\0\0\0" == ca.pack(15, 6, 1, 2, 3, b"abc")
    assert struct.pack(">HHHHII", 23, 0, 0, 0, 0, 0) == ca.pack(23)


@pytest.mark.parametrize(("size", "count"), [(0xFFF8, 1), (0x10000, 1), (8, 0x10000)])
def test_the_large_header_is_used_where_the_small_one_is_too_small(size: int, count: int) -> None:
    packed = ca.pack(15, 6, count, 2, 3, bytes(size))
    if size < 0xFFFF and count <= 0xFFFF:
        assert struct.pack(">HHHHII", 15, size, 6, count, 2, 3) == packed[:16]
    else:
        assert struct.pack(">HHHHIIII", 15, 0xFFFF, 6, 0, 2, 3, size, count) == packed[:24]
    assert ([ca.Message(15, 6, count, 2, 3, bytes(size))], len(packed)) == ca.split(bytearray(packed), size)


def test_split_gives_whole_messages_and_leaves_the_rest() -> None:
    first, second = ca.pack(20, payload=b"alice"), ca.pack(19, 6, 70_000, 1, 2, bytes(560_000))
    stream = first + second
    for end in (0, 15, 16, len(first) - 1):
        assert ([], 0) == ca.split(bytearray(stream[:end]), 1 << 20)
    for end in (len(first), len(first) + 16, len(first) + 23, len(first) + 24, len(stream) - 1):
        messages, used = ca.split(bytearray(stream[:end]), 1 << 20)
        assert (["alice"], len(first)) == ([ca.text_of(m.payload) for m in messages], used)
    messages, used = ca.split(bytearray(stream), 1 << 20)
    assert ([0, 70_000], len(stream)) == ([m.elements for m in messages], used)


@pytest.mark.parametrize("size", [0, 8, 40, 1000, 0xFFF8])
def test_one_message_alone_is_what_split_finds_and_everything_else_is_left_to_split(size: int) -> None:
    message = ca.pack(19, 6, 1, 2, 3, bytes(size))
    assert ([ca.alone(message, 1 << 20)], len(message)) == ca.split(bytearray(message), 1 << 20)
    for other in (
        b"",
        message[:15],
        message[:-1],
        message + b"\0",
        message + message,
        ca.pack(99, payload=bytes(size)),
    ):
        assert ca.alone(other, 1 << 20) is None
    assert ca.alone(message, size - 1) is None
    large = struct.pack(">HHHHII", 19, 0xFFFF, 6, 0, 2, 3) + bytes(0xFFFF)  # announces more than it brings
    assert ca.alone(large, 1 << 20) is None


@pytest.mark.parametrize(
    "header",
    [
        struct.pack(">HHHHII", 19, 1001, 6, 1, 1, 1),
        struct.pack(">HHHHIIII", 19, 0xFFFF, 6, 0, 1, 1, 1001, 1),
        struct.pack(">HHHHIIII", 19, 0xFFFF, 6, 0, 1, 1, 0xFFFFFFFF, 1),
        struct.pack(">HHHHII", 28, 0, 0, 0, 0, 0),
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(8),  # a TLS hello
    ],
)
def test_what_cannot_be_a_request_is_refused_by_its_header(header: bytes) -> None:
    with pytest.raises(ValueError, match=r"unknown command|the limit is 1000"):
        ca.split(bytearray(header), 1000)


def test_every_request_that_is_let_through_has_an_answer() -> None:
    assert ca.REQUESTS == frozenset(ANSWERS)


def test_a_text_ends_at_its_first_nul() -> None:
    assert ["M:OUTTMP", "M:OUTTMP", "", "\xff"] == [
        ca.text_of(payload) for payload in (b"M:OUTTMP\0junk", b"M:OUTTMP", b"\0", b"\xff\0")
    ]


def test_the_event_mask_stands_after_three_floats() -> None:
    assert 5 == ca.event_mask(struct.pack(">fffHH", 1, 2, 3, 5, 0))
    assert 0 == ca.event_mask(bytes(12))
    assert 0 == ca.event_mask(b"")


def search(*names: str, sequence: int | None = None) -> bytes:
    head = ca.pack(ca.VERSION, 0 if sequence is None else 1, 13, sequence or 0)
    return head + b"".join(ca.pack(ca.SEARCH, 5, 13, n, n, name.encode() + b"\0") for n, name in enumerate(names))


def known(name: str) -> bool:
    return name.startswith("M:")


def test_a_search_is_answered_with_the_port_and_the_clients_id() -> None:
    answer = ca.search_replies(search("N:NO", "M:OUTTMP"), 5064, known)
    version = struct.pack(">HHHHII", 0, 0, 0, 13, 0, 0)
    assert version + struct.pack(">HHHHIIH6x", 6, 8, 5064, 0, 0xFFFFFFFF, 1, 13) == answer


def test_the_sequence_number_is_echoed() -> None:
    assert (
        struct.pack(">HHHHII", 0, 0, 1, 13, 4711, 0) == ca.search_replies(search("M:A", sequence=4711), 1, known)[:16]
    )


@pytest.mark.parametrize(
    "datagram",
    [b"", bytes(7), b"\xff" * 16, search(), search("N:NO"), search(""), search("M:A")[:-1], ca.pack(ca.SEARCH)],
)
def test_what_is_unknown_or_broken_is_not_answered(datagram: bytes) -> None:
    assert b"" == ca.search_replies(datagram, 5064, known)


def test_what_came_before_a_broken_message_is_answered() -> None:
    assert 16 + 24 == len(ca.search_replies(search("M:A") + b"\0\6\xff\xff", 5064, known))


def test_messages_that_are_no_searches_are_passed_over() -> None:
    assert 16 + 24 == len(ca.search_replies(ca.pack(99, payload=b"x" * 8) + search("M:A"), 5064, known))


def test_of_one_datagram_only_so_many_names_are_looked_at() -> None:
    asked: list[str] = []

    def look(name: str) -> bool:
        asked.append(name)
        return True

    datagram = search(*(f"M:{n}" for n in range(2500)))
    assert 16 + 64 * 24 == len(ca.search_replies(datagram, 5064, look, most=64))
    assert 64 == len(asked)
    assert len(ca.search_replies(datagram, 5064, look)) < len(datagram)


def test_a_beacon_tells_port_and_number() -> None:
    assert struct.pack(">HHHHII", 13, 0, 13, 5064, 1, 0x7F000001) == ca.beacon(5064, (1 << 32) + 1, 0x7F000001)
