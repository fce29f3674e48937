"""Channel Access messages as bytes: version 4.13 of the protocol, without I/O."""

import struct
from collections.abc import Callable
from typing import NamedTuple

MINOR_VERSION = 13
EPICS_EPOCH = 631_152_000  # s from 1970 to 1990
VERSION, EVENT_ADD, EVENT_CANCEL, READ, WRITE, SEARCH = 0, 1, 2, 3, 4, 6
EVENTS_OFF, EVENTS_ON, READ_SYNC, ERROR, CLEAR_CHANNEL, BEACON = 8, 9, 10, 11, 12, 13
NOT_FOUND, DO_REPLY, DONT_REPLY = 14, 10, 5
READ_NOTIFY, CREATE_CHANNEL, WRITE_NOTIFY, CLIENT_NAME, HOST_NAME = 15, 18, 19, 20, 21
ACCESS_RIGHTS, ECHO, CREATE_FAILED, SERVER_DISCONNECT = 22, 23, 26, 27
REQUESTS = frozenset({
    VERSION, EVENT_ADD, EVENT_CANCEL, READ, WRITE, SEARCH, EVENTS_OFF, EVENTS_ON, READ_SYNC, CLEAR_CHANNEL,
    READ_NOTIFY, CREATE_CHANNEL, WRITE_NOTIFY, CLIENT_NAME, HOST_NAME, ECHO,
})  # fmt: skip  # what a client may send over a circuit
REPLIES = frozenset({
    VERSION, EVENT_ADD, READ_SYNC, ERROR, READ_NOTIFY, CREATE_CHANNEL, WRITE_NOTIFY, ACCESS_RIGHTS, CLEAR_CHANNEL, ECHO,
    CREATE_FAILED, SERVER_DISCONNECT,
})  # fmt: skip  # what a server may

# status codes of caerr.h: message number * 8 + severity
NORMAL, ALLOCATION_FAILED, TOO_LARGE, BAD_TYPE, INTERNAL = 1, 48, 72, 114, 142
GET_FAILED, PUT_FAILED, BAD_COUNT, BAD_MONITOR, BAD_MASK = 152, 160, 176, 242, 330
NO_READ_ACCESS, NO_WRITE_ACCESS = 368, 376

RIGHT_READ, RIGHT_WRITE = 1, 2
DBE_VALUE, DBE_LOG, DBE_ALARM, DBE_PROPERTY = 1, 2, 4, 8

HEADER = struct.Struct(">HHHHII")
_LARGE = struct.Struct(">II")
_EVENT_MASK = struct.Struct(">12xH2x")
_STATUS_DOUBLE = struct.Struct(">HH4xd")  # status, severity, value
STATUS_DOUBLE = 13  # the type of it
SEARCH_BODY = struct.pack(">H6x", MINOR_VERSION)


class Message(NamedTuple):
    """One message. The meaning of the two parameters depends on the command."""

    command: int
    data_type: int
    elements: int
    parameter1: int
    parameter2: int
    payload: bytes


def pack(command: int, data_type: int = 0, count: int = 0, p1: int = 0, p2: int = 0, payload: bytes = b"") -> bytes:
    """One message with its payload padded to eight bytes; the large header where the small one is too small."""
    payload += bytes(-len(payload) % 8)
    if len(payload) >= 0xFFFF or count > 0xFFFF:
        return HEADER.pack(command, 0xFFFF, data_type, 0, p1, p2) + _LARGE.pack(len(payload), count) + payload
    return HEADER.pack(command, len(payload), data_type, count, p1, p2) + payload


def split(data: bytearray, largest: int, known: frozenset[int] = REQUESTS) -> tuple[list[Message], int]:
    """All whole messages at the start of `data`, and how many bytes they take.

    Raises ValueError where a header has an unknown command, or announces a payload above `largest` bytes, before
    any of that is stored.
    """
    messages: list[Message] = []
    at, end = 0, len(data)
    while end - at >= 16:
        command, size, data_type, count, p1, p2 = HEADER.unpack_from(data, at)
        body = at + 16
        if command not in known:
            raise ValueError(f"unknown command {command}")
        if size == 0xFFFF and count == 0:
            if end - at < 24:
                break
            size, count = _LARGE.unpack_from(data, body)
            body += 8
        if size > largest:
            raise ValueError(f"message of {size} bytes, the limit is {largest}")
        if end < body + size:
            break
        messages.append(Message(command, data_type, count, p1, p2, bytes(data[body : body + size]) if size else b""))
        at = body + size
    return messages, at


def alone(data: bytes, largest: int) -> Message | None:
    """The request that `data` is, no more and no less and of a small header; None for everything else."""
    if len(data) < 16:
        return None
    command, size, data_type, count, p1, p2 = HEADER.unpack_from(data)
    if len(data) != 16 + size or size > min(largest, 0xFFFE) or command not in REQUESTS:
        return None
    return Message(command, data_type, count, p1, p2, data[16:])


def text_of(payload: bytes) -> str:
    """A name in a payload: up to the first NUL, one character per byte."""
    return payload.partition(b"\0")[0].decode("latin-1")


def event_mask(payload: bytes) -> int:
    """The event mask of an EVENT_ADD payload, 0 where it is too short to have one."""
    return int(_EVENT_MASK.unpack_from(payload)[0]) if len(payload) >= 16 else 0


def event_add(data_type: int, count: int, server_id: int, subscription: int, mask: int) -> bytes:
    """The request for a monitor."""
    return pack(EVENT_ADD, data_type, count, server_id, subscription, _EVENT_MASK.pack(mask))


def status_double(payload: bytes) -> tuple[int, int, float] | None:
    """Status, severity and value of a DBR_STS_DOUBLE; None where it is too short to have them."""
    return _STATUS_DOUBLE.unpack_from(payload) if len(payload) >= _STATUS_DOUBLE.size else None


def searches(names: dict[int, str], most: int = 1400) -> list[bytes]:
    """Datagrams that search for names, by the id that an answer shall have, each of about `most` bytes at most."""
    version = HEADER.pack(VERSION, 0, 0, MINOR_VERSION, 0, 0)
    found = [version]
    for number, name in names.items():
        asked = pack(SEARCH, DONT_REPLY, MINOR_VERSION, number, number, name.encode("latin-1", "replace") + b"\0")
        if len(found[-1]) + len(asked) > most and found[-1] != version:
            found.append(version)
        found[-1] += asked
    return found


def answers_to_searches(datagram: bytes) -> list[tuple[int, str, int]]:
    """The id of each name that a server has, the server's address (empty: the sender's) and its port."""
    found, at = [], 0
    while len(datagram) - at >= HEADER.size:
        command, size, port, _, address, number = HEADER.unpack_from(datagram, at)
        at += HEADER.size + size
        if command == SEARCH:
            where = "" if address == 0xFFFFFFFF else ".".join(str(byte) for byte in address.to_bytes(4, "big"))
            found.append((number, where, port))
    return found


def search_replies(datagram: bytes, port: int, known: Callable[[str], bool], most: int = 512) -> bytes:
    """The answer to one datagram of searches; empty when no name is known.

    The sequence number of the request's VERSION header is echoed: without it libca never opens its search window
    and finds 10 000 names in 8 s instead of 0.1 s. At most `most` names of one datagram are looked at.
    """
    replies = [b""]
    at = 0
    while len(datagram) - at >= 16 and most:
        command, size, data_type, _, p1, p2 = HEADER.unpack_from(datagram, at)
        body = datagram[at + 16 : at + 16 + size]
        if len(body) < size:
            break
        at += 16 + size
        if command == VERSION and data_type & 1:
            replies[0] = HEADER.pack(VERSION, 0, 1, MINOR_VERSION, p1, 0)
        elif command == SEARCH:
            most -= 1
            if known(text_of(body)):
                replies.append(HEADER.pack(SEARCH, 8, port, 0, 0xFFFFFFFF, p2) + SEARCH_BODY)
    if len(replies) == 1:
        return b""
    replies[0] = replies[0] or HEADER.pack(VERSION, 0, 0, MINOR_VERSION, 0, 0)
    return b"".join(replies)


def beacon(port: int, count: int, address: int) -> bytes:
    """One beacon; `address` is the server's IPv4 address as a number, 0 where the datagram's own is right."""
    return HEADER.pack(BEACON, 0, MINOR_VERSION, port, count & 0xFFFFFFFF, address)
