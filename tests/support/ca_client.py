"""CaClient: a raw Channel Access client for tests. Blocking, one circuit, written from the protocol's description.

It packs and cuts messages by itself, so that nothing of the server checks itself.
"""

import socket
import struct
import time
from dataclasses import dataclass
from typing import NamedTuple

PATIENCE = 10.0  # s to wait for what should come at once
HEADER = struct.Struct(">HHHHII")
DBE_VALUE, DBE_LOG, DBE_ALARM, DBE_PROPERTY = 1, 2, 4, 8
STRING, SHORT, FLOAT, ENUM, CHAR, LONG, DOUBLE = range(7)
TIME_STRING, TIME_ENUM, TIME_CHAR, TIME_LONG, TIME_DOUBLE = 14, 17, 18, 19, 20
CTRL_ENUM, CTRL_DOUBLE = 31, 34
_CONTROL = struct.Struct(">hhh2x8s8d")  # up to the value
_CODES = {0: "40s", 1: "h", 2: "f", 3: "H", 4: "B", 5: "i", 6: "d"}
# status, severity, seconds, nanoseconds, and the padding before the value
_TIME_PADS = {0: 0, 1: 2, 2: 0, 3: 2, 4: 3, 5: 0, 6: 4}


class Message(NamedTuple):
    """One message of the server."""

    command: int
    data_type: int
    count: int  # type: ignore[assignment]  # hides the method of tuples
    p1: int
    p2: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as the server has told of it."""

    cid: int
    sid: int
    data_type: int
    count: int
    rights: int


class Update(NamedTuple):
    """A value of a DBR_TIME type; seconds since 1990."""

    value: object
    status: int
    severity: int
    seconds: int
    nanoseconds: int


class Control(NamedTuple):
    """Metadata of a DBR_CTRL_DOUBLE; limits as (low, high)."""

    value: float
    status: int
    severity: int
    precision: int
    units: str
    display: tuple[float, float]
    warning: tuple[float, float]
    alarm: tuple[float, float]
    control: tuple[float, float]


def pack(command: int, data_type: int = 0, count: int = 0, p1: int = 0, p2: int = 0, payload: bytes = b"") -> bytes:
    """One message; the payload is padded to eight bytes."""
    payload += bytes(-len(payload) % 8)
    if len(payload) > 0xFFF0 or count > 0xFFFF:
        return HEADER.pack(command, 0xFFFF, data_type, 0, p1, p2) + struct.pack(">II", len(payload), count) + payload
    return HEADER.pack(command, len(payload), data_type, count, p1, p2) + payload


def cut(data: bytes) -> tuple[list[Message], bytes]:
    """The whole messages at the start, and the rest."""
    found = []
    while len(data) >= 16:
        command, size, data_type, count, p1, p2 = HEADER.unpack_from(data)
        start = 16
        if size == 0xFFFF and count == 0:
            if len(data) < 24:
                break
            size, count = struct.unpack_from(">II", data, 16)
            start = 24
        if len(data) < start + size:
            break
        found.append(Message(command, data_type, count, p1, p2, data[start : start + size]))
        data = data[start + size :]
    return found, data


def plain(data_type: int, count: int, payload: bytes) -> object:
    """The value of a plain type: one for a count of 1, else a list."""
    if data_type == STRING:
        texts = [payload[40 * n : 40 * n + 40].partition(b"\0")[0].decode("latin-1") for n in range(count)]
        return texts[0] if count == 1 else texts
    values = list(struct.unpack_from(f">{count}{_CODES[data_type]}", payload))
    return values[0] if count == 1 else values


def update(message: Message) -> Update:
    """The value of a DBR_TIME message."""
    native = message.data_type - 14
    status, severity, seconds, nanoseconds = struct.unpack_from(">HHII", message.payload)
    value = plain(native, message.count, message.payload[12 + _TIME_PADS[native] :])
    return Update(value, status, severity, seconds, nanoseconds)


def control(message: Message) -> Control:
    """The metadata of a DBR_CTRL_DOUBLE message."""
    status, severity, precision, units, *limits = _CONTROL.unpack_from(message.payload)
    high, low, alarm_high, warning_high, warning_low, alarm_low, control_high, control_low = limits
    (value,) = struct.unpack_from(">d", message.payload, _CONTROL.size)
    text = units.partition(b"\0")[0].decode("latin-1")
    return Control(value, status, severity, precision, text, (low, high), (warning_low, warning_high),
                   (alarm_low, alarm_high), (control_low, control_high))  # fmt: skip


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, neither TCP nor UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def search(
    port: int, names: list[str], sequence: int | None = None, wait: float = PATIENCE, host: str = "127.0.0.1"
) -> list[Message]:
    """Ask for names in one datagram; the messages of the one answer, empty when none comes in time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(wait)
        version = pack(0, 1, 13, sequence) if sequence is not None else pack(0, 0, 13)
        asked = b"".join(pack(6, 5, 13, n, n, name.encode() + b"\0") for n, name in enumerate(names))
        link.sendto(version + asked, (host, port))
        try:
            return cut(link.recv(65536))[0]
        except TimeoutError:
            return []


class CaClient:
    """One circuit. Messages that nobody waited for stay in `inbox`, in order."""

    def __init__(
        self, port: int, host: str = "127.0.0.1", receive_buffer: int = 0, hello: bool = True, user: str = "alice"
    ) -> None:
        self.link = socket.socket()
        if receive_buffer:
            self.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.link.connect((host, port))
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inbox: list[Message] = []
        self._rest = b""
        self._number = 0
        if hello:
            self.send(pack(0, 0, 13) + pack(20, payload=user.encode() + b"\0") + pack(21, payload=b"console\0"))
            self.take(0)

    def __enter__(self) -> "CaClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()

    def send(self, data: bytes) -> None:
        self.link.settimeout(PATIENCE)
        self.link.sendall(data)

    def next_id(self) -> int:
        self._number += 1
        return self._number

    def read_some(self, timeout: float) -> bool:
        """Take what has come into the inbox; False at the end of the circuit. Raises TimeoutError."""
        self.link.settimeout(max(timeout, 0.001))
        try:
            data = self.link.recv(1 << 20)
        except ConnectionResetError:
            return False
        found, self._rest = cut(self._rest + data)
        self.inbox += found
        return bool(data)

    def take(self, command: int, p1: int | None = None, p2: int | None = None, timeout: float = PATIENCE) -> Message:
        """The oldest message of that kind, as soon as there is one."""
        deadline = time.monotonic() + timeout
        while True:
            for at, message in enumerate(self.inbox):
                if message.command == command and p1 in (None, message.p1) and p2 in (None, message.p2):
                    return self.inbox.pop(at)
            if not self.read_some(deadline - time.monotonic()):
                raise ConnectionError("the server has closed the circuit")

    def closed_by_server(self, timeout: float = PATIENCE) -> bool:
        """Whether the server closes the circuit in time."""
        deadline = time.monotonic() + timeout
        try:
            while self.read_some(deadline - time.monotonic()):
                pass
        except TimeoutError:
            return False
        return True

    def settle(self) -> None:
        """Wait until the server has answered all that was sent: an echo comes back."""
        mark = self.next_id()
        self.send(pack(23, p1=mark))
        self.take(23, p1=mark)

    def create(self, name: str) -> Channel:
        """Create a channel; LookupError when the server says that it cannot."""
        cid = self.next_id()
        self.send(pack(18, p1=cid, p2=13, payload=name.encode("latin-1") + b"\0"))
        while True:
            for at, message in enumerate(self.inbox):
                if message.command == 26 and message.p1 == cid:
                    del self.inbox[at]
                    raise LookupError(name)
                if message.command == 18 and message.p1 == cid:
                    del self.inbox[at]
                    rights = self.take(22, p1=cid).p2
                    return Channel(cid, message.p2, message.data_type, message.count, rights)
            if not self.read_some(PATIENCE):
                raise ConnectionError("the server has closed the circuit")

    def clear(self, channel: Channel) -> None:
        self.send(pack(12, p1=channel.sid, p2=channel.cid))
        self.take(12, p1=channel.sid)

    def ask_subscription(
        self, channel: Channel, data_type: int = TIME_DOUBLE, count: int = 0, mask: int = 5, number: int | None = None
    ) -> int:
        """Send EVENT_ADD and do not wait; the subscription id."""
        number = self.next_id() if number is None else number
        body = struct.pack(">fffHH", 0, 0, 0, mask, 0)
        self.send(pack(1, data_type, count, channel.sid, number, body))
        return number

    def subscribe(self, channel: Channel, data_type: int = TIME_DOUBLE, count: int = 0, mask: int = 5) -> int:
        """Subscribe; the first value stays in the inbox."""
        return self.ask_subscription(channel, data_type, count, mask)

    def cancel(self, channel: Channel, number: int, data_type: int = TIME_DOUBLE) -> None:
        """Cancel and wait for the answer, an update without payload."""
        self.send(pack(2, data_type, 0, channel.sid, number))
        while self.take(1, p2=number).payload:
            pass

    def update(self, number: int, timeout: float = PATIENCE) -> Update:
        """The next update of a subscription of a DBR_TIME type."""
        message = self.take(1, p2=number, timeout=timeout)
        assert message.p1 == 1, f"an update with status {message.p1}"
        return update(message)

    def control_update(self, number: int, timeout: float = PATIENCE) -> Control:
        """The next update of a subscription of DBR_CTRL_DOUBLE."""
        message = self.take(1, p2=number, timeout=timeout)
        assert message.p1 == 1, f"an update with status {message.p1}"
        return control(message)

    def waiting(self, number: int) -> list[Update]:
        """The updates of a subscription that are in the inbox."""
        found = [m for m in self.inbox if m.command == 1 and m.p2 == number]
        self.inbox = [m for m in self.inbox if m not in found]
        return [update(m) for m in found]

    def get_message(self, channel: Channel, data_type: int, count: int = 0) -> Message:
        """The reply to a get, whatever it is: READ_NOTIFY or ERROR."""
        number = self.next_id()
        self.send(pack(15, data_type, count, channel.sid, number))
        while True:
            for at, message in enumerate(self.inbox):
                if (message.command == 15 and message.p2 == number) or message.command == 11:
                    return self.inbox.pop(at)
            if not self.read_some(PATIENCE):
                raise ConnectionError("the server has closed the circuit")

    def get(self, channel: Channel, data_type: int | None = None, count: int = 0) -> object:
        """The value of a plain type."""
        message = self.get_message(channel, channel.data_type if data_type is None else data_type, count)
        assert (15, 1) == (message.command, message.p1)
        return plain(message.data_type, message.count, message.payload)

    def get_control(self, channel: Channel) -> Control:
        """Units, precision and limits."""
        message = self.get_message(channel, CTRL_DOUBLE)
        assert (15, 1) == (message.command, message.p1)
        return control(message)

    def get_labels(self, channel: Channel) -> list[str]:
        """The labels of an enum."""
        message = self.get_message(channel, CTRL_ENUM)
        assert (15, 1) == (message.command, message.p1)
        (count,) = struct.unpack_from(">h", message.payload, 4)
        slots = (message.payload[6 + 26 * n : 32 + 26 * n] for n in range(count))
        return [slot.partition(b"\0")[0].decode("latin-1") for slot in slots]

    def get_time(self, channel: Channel) -> Update:
        """The value with alarm and stamp, in the channel's own type."""
        message = self.get_message(channel, channel.data_type + 14)
        assert (15, 1) == (message.command, message.p1)
        return update(message)

    def ask_put(self, channel: Channel, value: object, data_type: int | None = None, notify: bool = True) -> int:
        """Send a put and do not wait; its id."""
        number, data_type = self.next_id(), channel.data_type if data_type is None else data_type
        values = value if isinstance(value, list) else [value]
        if data_type == STRING:
            payload = b"".join(str(item).encode("latin-1").ljust(40, b"\0") for item in values)
        else:
            payload = struct.pack(f">{len(values)}{_CODES[data_type]}", *values)
        self.send(pack(19 if notify else 4, data_type, len(values), channel.sid, number, payload))
        return number

    def put(self, channel: Channel, value: object, data_type: int | None = None) -> int:
        """Put and wait for the put reply; its status."""
        return self.take(19, p2=self.ask_put(channel, value, data_type)).p1
