"""A raw Channel Access client for load: it searches, connects, subscribes, gets and puts, on the loopback only.

It decodes no value by itself, so that the client is not what is measured; `updates.py` counts monitors. Just enough of
CA 4.13 for that.
"""

import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gateway.core.errors import AcgateError

HOST = "127.0.0.1"
VERSION, EVENT_ADD, SEARCH, READ_NOTIFY, CREATE_CHAN, WRITE_NOTIFY = 0, 1, 6, 15, 18, 19
CLIENT_NAME, HOST_NAME, CREATE_CH_FAIL = 20, 21, 26
MINOR = 13
DBR_DOUBLE, DBR_TIME_DOUBLE = 6, 20
DBE_VALUE_ALARM = 5
ECA_NORMAL = 1
HEADER = struct.Struct(">HHHHII")
HEAD = np.dtype([("command", ">u2"), ("size", ">u2"), ("type", ">u2"), ("count", ">u2"), ("p1", ">u4"), ("p2", ">u4")])
LONG_HEADER = struct.Struct(">II")
_DATAGRAM = 1400  # bytes of one search datagram at most
_WINDOW = 8  # datagrams in flight
_RESEND = 0.2  # s


class MeasurementFailed(AcgateError):
    """A server or a client did not do what is to be measured."""


class Message(NamedTuple):
    """One message of the server."""

    command: int
    parameter1: int
    parameter2: int
    payload: bytes


def message(command: int, payload: bytes = b"", data_type: int = 0, count: int = 0, p1: int = 0, p2: int = 0) -> bytes:
    """One message of a client."""
    padded = payload + b"\0" * (-len(payload) % 8)
    return HEADER.pack(command, len(padded), data_type, count, p1, p2) + padded


def search(port: int, names: Sequence[str], timeout: float = 60.0) -> tuple[int, int]:
    """Search for all names over UDP; how many were found, and the TCP port that the server said."""
    datagrams, ids = _search_datagrams(names)
    missing = [set(group) for group in ids]
    home = {cid: place for place, group in enumerate(ids) for cid in group}
    queue, flying, tcp_port = list(range(len(datagrams)))[::-1], dict[int, float](), 0
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        link.bind((HOST, 0))
        while (queue or flying) and (now := time.monotonic()) < deadline:
            for place in [place for place, sent in flying.items() if now - sent > _RESEND]:
                del flying[place]
                queue.append(place)
            while queue and len(flying) < _WINDOW:
                place = queue.pop()
                link.sendto(datagrams[place], (HOST, port))
                flying[place] = now
            if not select.select([link], [], [], 0.05)[0]:
                continue
            for cid, answered in _found(link):
                tcp_port = answered
                place = home[cid]
                missing[place].discard(cid)
                if not missing[place]:
                    flying.pop(place, None)
                    queue = [other for other in queue if other != place]
    return len(names) - sum(map(len, missing)), tcp_port


def _search_datagrams(names: Sequence[str]) -> tuple[list[bytes], list[list[int]]]:
    head = message(VERSION, count=MINOR)
    datagrams, ids = [head], [list[int]()]
    for cid, name in enumerate(names):
        one = message(SEARCH, name.encode() + b"\0", 5, MINOR, cid, cid)
        if len(datagrams[-1]) + len(one) > _DATAGRAM:
            datagrams.append(head)
            ids.append([])
        datagrams[-1] += one
        ids[-1].append(cid)
    return datagrams, ids


def _found(link: socket.socket) -> Iterator[tuple[int, int]]:
    try:
        data = link.recv(65536)
    except ConnectionRefusedError:  # the server is not up yet: searched again
        return
    at = 0
    while at + HEADER.size <= len(data):
        command, size, data_type, _, _, cid = HEADER.unpack_from(data, at)
        at += HEADER.size + size
        if command == SEARCH:
            yield cid, data_type


class Circuit:
    """One TCP virtual circuit with its channels, named by their place in `sids`."""

    def __init__(self, port: int, buffer: int | None = None) -> None:
        self.link = socket.socket()
        if buffer is not None:  # bytes that may wait for us: said before the connection, or the kernel gives more
            self.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.link.settimeout(10.0)
        self.link.connect((HOST, port))
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting, self._at = bytearray(), 0
        self.sids: list[int] = []
        hello = message(VERSION, count=MINOR) + message(HOST_NAME, b"localhost\0") + message(CLIENT_NAME, b"bench\0")
        self.link.sendall(hello)

    def close(self) -> None:
        """Close the circuit and with it all channels."""
        self.link.close()

    def messages(self, timeout: float = 30.0) -> Iterator[Message]:
        """What the server sends, waiting for it; MeasurementFailed when nothing comes."""
        while True:
            while (cut := cut_message(self._waiting, self._at)) is not None:
                found, self._at = cut
                yield found
            self._more(timeout)

    def _more(self, timeout: float = 30.0) -> None:
        del self._waiting[: self._at]
        self._at = 0
        if not select.select([self.link], [], [], timeout)[0]:
            raise MeasurementFailed(f"the server sent nothing for {timeout:g} s")
        data = self.link.recv(1 << 20)
        if not data:
            raise MeasurementFailed("the server closed the circuit")
        self._waiting += data

    def rest(self) -> bytes:
        """Take what has arrived and was not looked at."""
        rest = bytes(self._waiting[self._at :])
        self._waiting.clear()
        self._at = 0
        return rest

    def create(self, names: Sequence[str], batch: int = 2000) -> None:
        """Create all channels, pipelined."""
        sids, left, todo = [0] * len(names), len(names), 0
        stream = self.messages()
        while left:
            if todo < len(names) and len(names) - left >= todo - batch // 2:
                part = names[todo : todo + batch]
                self.link.sendall(
                    b"".join(
                        message(CREATE_CHAN, name.encode() + b"\0", p1=todo + place, p2=MINOR)
                        for place, name in enumerate(part)
                    )
                )
                todo += len(part)
            answer = next(stream)
            if answer.command == CREATE_CHAN:
                sids[answer.parameter1] = answer.parameter2
                left -= 1
            elif answer.command == CREATE_CH_FAIL:
                raise MeasurementFailed(f"the server has no channel {names[answer.parameter1]}")
        self.sids = sids

    def subscribe(self, data_type: int = DBR_TIME_DOUBLE) -> None:
        """Monitor one element of every channel; the place of a channel is the id of its subscription."""
        mask = struct.pack(">fffHH", 0, 0, 0, DBE_VALUE_ALARM, 0)
        self.link.sendall(
            b"".join(message(EVENT_ADD, mask, data_type, 1, sid, place) for place, sid in enumerate(self.sids))
        )

    def subscribe_plain(self) -> None:
        """Monitor every channel as DBR_DOUBLE with all its elements, however many they are now."""
        mask = struct.pack(">fffHH", 0, 0, 0, DBE_VALUE_ALARM, 0)
        self.link.sendall(
            b"".join(message(EVENT_ADD, mask, DBR_DOUBLE, 0, sid, place) for place, sid in enumerate(self.sids))
        )

    def replies(self, command: int, count: int) -> None:
        """Wait for so many replies of a command; MeasurementFailed when one says that it failed."""
        stream = self.messages()
        while count:
            answer = next(stream)
            if answer.command == command:
                if answer.parameter1 != ECA_NORMAL:
                    raise MeasurementFailed(f"a reply of command {command} has the CA status {answer.parameter1}")
                count -= 1

    def many_replies(self, command: int, count: int, payload: int) -> None:
        """As `replies`, for replies with so many bytes of payload; as columns while nothing else comes."""
        shape = np.dtype([("head", HEAD), ("payload", "V", payload)] if payload else [("head", HEAD)])
        while len(self._waiting) - self._at < count * shape.itemsize:
            self._more()
        head = np.frombuffer(bytes(self._waiting[self._at :]), shape, count)["head"]
        if ((head["command"] == command) & (head["p1"] == ECA_NORMAL) & (head["size"] == payload)).all():
            self._at += count * shape.itemsize
        else:
            self.replies(command, count)


def cut_message(data: bytearray, at: int) -> tuple[Message, int] | None:
    """The message that begins at `at` and where the next one begins; None when it has not arrived whole."""
    if len(data) - at < HEADER.size:
        return None
    head = HEADER.size
    command, size, _, count, p1, p2 = HEADER.unpack_from(data, at)
    if size == 0xFFFF and count == 0:
        if len(data) - at < head + LONG_HEADER.size:
            return None
        size, count = LONG_HEADER.unpack_from(data, at + head)
        head += LONG_HEADER.size
    if len(data) - at < head + size:
        return None
    return Message(command, p1, p2, bytes(data[at + head : at + head + size])), at + head + size
