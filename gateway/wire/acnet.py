"""The client protocol of acnetd, the RAW mode of the DPM port (dpm-http.md section 15).

A client opens with `HELLO`; the server sends nothing in answer. Then frames: length, type, content. Commands and
acknowledges are tables of big-endian structs; the packet header inside a data frame is mostly little-endian.
"""

import struct
from dataclasses import astuple, dataclass
from typing import ClassVar, get_args

from gateway.core.errors import ProtocolError

HELLO = b"RAW\r\n\r\n"
LONGEST_FRAME = 65536 + 2  # bytes of type and content; acnetd takes 64 KiB of content
PING, COMMAND, ACKNOWLEDGE, DATA = range(4)
REPLY, MORE = 0x0004, 0x0001  # flags of a packet
_RAD50 = " ABCDEFGHIJKLMNOPQRSTUVWXYZ$.%0123456789"
_HEADER = struct.Struct("<Hh")
_ADDRESSES = struct.Struct(">HH")
_IDS = struct.Struct("<IHHH")
_HEADER_SIZE = 18


@dataclass(frozen=True, slots=True)
class Ping:
    """The server lives, after 10 s without traffic; ignore it."""


@dataclass(frozen=True, slots=True)
class Connect:
    """A new client; its handle is still 0. Answered by ConnectAck."""

    CODE: ClassVar[int] = 1
    FORM: ClassVar[str] = "IIIH"
    handle: int = 0
    node: int = 0
    pid: int = 0
    port: int = 0


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """No more replies to a request are wanted. Answered by Ack."""

    CODE: ClassVar[int] = 8
    FORM: ClassVar[str] = "IIH"
    handle: int
    node: int
    request_id: int


@dataclass(frozen=True, slots=True)
class RequestAck:
    """A request was taken. Answered by Ack, whose status clients ignore."""

    CODE: ClassVar[int] = 9
    FORM: ClassVar[str] = "IIH"
    handle: int
    node: int
    request_id: int


@dataclass(frozen=True, slots=True)
class NameToAddress:
    """The address of a node is wanted; `name` is RAD50. Answered by AddressAck."""

    CODE: ClassVar[int] = 11
    FORM: ClassVar[str] = "III"
    handle: int
    node: int
    name: int


@dataclass(frozen=True, slots=True)
class AddressToName:
    """The name of a node is wanted. Answered by NameAck."""

    CODE: ClassVar[int] = 12
    FORM: ClassVar[str] = "IIH"
    handle: int
    node: int
    address: int


@dataclass(frozen=True, slots=True)
class LocalNode:
    """The address of the daemon's own node is wanted. Answered by AddressAck."""

    CODE: ClassVar[int] = 13
    FORM: ClassVar[str] = "II"
    handle: int
    node: int


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A request to a task (RAD50) at a node; bit 0 of flags asks for many replies. Answered by RequestIdAck."""

    CODE: ClassVar[int] = 18
    FORM: ClassVar[str] = "IIIHHI"
    handle: int
    node: int
    task: int
    address: int
    flags: int
    timeout_ms: int
    payload: bytes  # one SDD message


@dataclass(frozen=True, slots=True)
class Ack:
    """A command was done, or failed when `status` (packed) is not 0."""

    CODE: ClassVar[int] = 0
    FORM: ClassVar[str] = "h"
    status: int = 0


@dataclass(frozen=True, slots=True)
class ConnectAck:
    """The handle that all later commands carry."""

    CODE: ClassVar[int] = 1
    FORM: ClassVar[str] = "hBI"
    status: int
    task_id: int
    handle: int


@dataclass(frozen=True, slots=True)
class RequestIdAck:
    """The id that the packets of a request will carry."""

    CODE: ClassVar[int] = 2
    FORM: ClassVar[str] = "hH"
    status: int
    request_id: int


@dataclass(frozen=True, slots=True)
class AddressAck:
    """The address of a node."""

    CODE: ClassVar[int] = 4
    FORM: ClassVar[str] = "hBB"
    status: int
    trunk: int
    node: int


@dataclass(frozen=True, slots=True)
class NameAck:
    """The name of a node, RAD50."""

    CODE: ClassVar[int] = 5
    FORM: ClassVar[str] = "hI"
    status: int
    name: int


@dataclass(frozen=True, slots=True)
class Packet:
    """An ACNET packet: a reply to a request. Its payload is one SDD message, padded to an even length."""

    flags: int  # REPLY, and MORE when further replies follow
    status: int  # packed; 1/1 (pending) is to be skipped
    server: int  # address of the replier, trunk * 256 + node
    client: int
    task: int  # RAD50
    task_id: int  # the client's
    request_id: int
    payload: bytes = b""


Command = Connect | CancelRequest | RequestAck | NameToAddress | AddressToName | LocalNode | SendRequest
Acknowledge = Ack | ConnectAck | RequestIdAck | AddressAck | NameAck
FromClient = Command
FromServer = Ping | Acknowledge | Packet
AcnetMessage = FromClient | FromServer

_COMMANDS: dict[int, type[Command]] = {kind.CODE: kind for kind in get_args(Command)}
_ACKNOWLEDGES: dict[int, type[Acknowledge]] = {kind.CODE: kind for kind in get_args(Acknowledge)}


def rad50(name: str) -> int:
    """A name of up to 6 characters as a number, its first half in the low word."""
    places = [_RAD50.find(letter) for letter in name.upper().ljust(6)]
    if len(places) != 6 or min(places) < 0:
        raise ProtocolError(f"{name!r} is no ACNET name: up to 6 of {_RAD50!r}")
    first, second = (a * 1600 + b * 40 + c for a, b, c in (places[:3], places[3:]))
    return second << 16 | first


def from_rad50(number: int) -> str:
    """The name in a number, without trailing blanks; ProtocolError when it holds none."""
    halves = (number & 0xFFFF, number >> 16)
    if not all(0 <= half < 64000 for half in halves):
        raise ProtocolError(f"0x{number:x} is no RAD50 name")
    return "".join(_RAD50[half // 1600] + _RAD50[half // 40 % 40] + _RAD50[half % 40] for half in halves).rstrip()


def encode(message: AcnetMessage) -> bytes:
    """One frame; ProtocolError when a number has no place in its field or the frame is too long."""
    try:
        kind, content = _content(message)
    except struct.error as error:
        raise ProtocolError(f"{type(message).__name__}: {error}") from None
    if len(content) + 2 > LONGEST_FRAME:
        raise ProtocolError(f"{type(message).__name__} takes {len(content)} bytes, at most {LONGEST_FRAME - 2} can go")
    return struct.pack(">IH", len(content) + 2, kind) + content


def _content(message: AcnetMessage) -> tuple[int, bytes]:
    if isinstance(message, Ping):
        return PING, b""
    if isinstance(message, Packet):
        return DATA, _pack_packet(message)
    kind = COMMAND if isinstance(message, Command) else ACKNOWLEDGE
    values = astuple(message)
    payload = values[-1] if isinstance(message, SendRequest) else b""
    numbers = values[:-1] if isinstance(message, SendRequest) else values
    return kind, struct.pack(f">H{message.FORM}", message.CODE, *numbers) + payload


def _pack_packet(packet: Packet) -> bytes:
    payload = packet.payload + b"\0" * (len(packet.payload) % 2)
    return (
        _HEADER.pack(packet.flags, packet.status)
        + _ADDRESSES.pack(packet.server, packet.client)
        + _IDS.pack(packet.task, packet.task_id, packet.request_id, _HEADER_SIZE + len(payload))
        + payload
    )


def decode_from_client(content: bytes) -> Command:
    """The command in a frame, given without its length. Raises ProtocolError only."""
    if len(content) < 4 or content[:2] != b"\0\1":
        raise ProtocolError("a client sends nothing but commands")
    code = int.from_bytes(content[2:4], "big")
    kind = _COMMANDS.get(code)
    if kind is None:
        raise ProtocolError(f"unknown command {code}")
    form = struct.Struct(f">{kind.FORM}")
    if len(content) - 4 < form.size or (kind is not SendRequest and len(content) - 4 > form.size):
        raise ProtocolError(f"{kind.__name__} has {len(content) - 4} bytes of arguments instead of {form.size}")
    numbers = form.unpack_from(content, 4)
    payload = (content[4 + form.size :],) if kind is SendRequest else ()
    return kind(*numbers, *payload)


def decode_from_server(content: bytes) -> FromServer:
    """The message in a frame, given without its length. Raises ProtocolError only."""
    kind = int.from_bytes(content[:2], "big")
    if len(content) < 2 or kind not in (PING, ACKNOWLEDGE, DATA):
        raise ProtocolError(f"a server sends no frame of {len(content)} bytes and type {kind}")
    if kind == PING:
        return Ping()
    return _acknowledge(content) if kind == ACKNOWLEDGE else _packet(content[2:])


def _acknowledge(content: bytes) -> Acknowledge:
    code = int.from_bytes(content[2:4], "big")
    kind = _ACKNOWLEDGES.get(code)
    if len(content) < 6 or kind is None:
        raise ProtocolError(f"unknown acknowledge {content[2:].hex(' ')!r}")
    form = struct.Struct(f">{kind.FORM}")
    if len(content) - 4 != form.size:
        raise ProtocolError(f"{kind.__name__} has {len(content) - 4} bytes instead of {form.size}")
    return kind(*form.unpack_from(content, 4))


def _packet(content: bytes) -> Packet:
    if len(content) < _HEADER_SIZE:
        raise ProtocolError(f"a packet of {len(content)} bytes has no header")
    flags, status = _HEADER.unpack_from(content, 0)
    server, client = _ADDRESSES.unpack_from(content, 4)
    task, task_id, request_id, size = _IDS.unpack_from(content, 8)
    if not _HEADER_SIZE <= size <= len(content):
        raise ProtocolError(f"a packet says {size} bytes and has {len(content)}")
    return Packet(flags, status, server, client, task, task_id, request_id, content[_HEADER_SIZE:size])
