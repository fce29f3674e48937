"""The RAW mode of the DPM port: acnetd's client protocol, and DPM sessions over it (dpm-http.md 15). No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.errors import ProtocolError
from gateway.core.status import NO_NODE, NODE_DOWN, REPLY_OVERFLOW, Status
from gateway.wire import acnet, dpm
from gateway.wire.acnet_connection import AcnetConnection, AcnetStreamError
from gateway.wire.dpm_connection import Role
from simulator.dpm_list import DpmList, Outgoing
from simulator.dpm_replies import data_reply, status_reply
from simulator.dpm_stream import OpenLists
from simulator.schedule import Tick

NODE, NODE_ADDRESS = "DPMSIM", 0x0A06  # the simulated DPM node
MULTICAST, MULTICAST_ADDRESS = "MCAST", 255
TASK = "DPMD"
PING_NS = 10_000_000_000
NO_SUCH_LIST = Status(17, -37)
_DPMD = acnet.rad50(TASK)
_ADDRESSES = {acnet.rad50(MULTICAST): MULTICAST_ADDRESS, acnet.rad50(NODE): NODE_ADDRESS}
_NAMES = {address: name for name, address in _ADDRESSES.items()}


@dataclass(slots=True)
class _Session:
    """A list, and the OpenList request whose replies are its stream."""

    list: DpmList
    request_id: int


class AcnetStream:
    """A client that speaks RAW; it may have several lists."""

    def __init__(self, lists: OpenLists, now_ns: int) -> None:
        self._lists = lists
        self._connection = AcnetConnection(Role.SERVER)
        self._sessions: dict[int, _Session] = {}
        self._requests = 0
        self._ping_ns = now_ns + PING_NS

    def receive(self, data: bytes, now_ns: int) -> bytes:
        """See `Conversation`."""
        try:
            commands = self._connection.receive(data)
        except AcnetStreamError as error:
            self._handle(error.before, now_ns)
            raise
        return self._sent(self._handle(commands, now_ns) + self._due(now_ns), now_ns)

    def _handle(self, commands: Sequence[acnet.AcnetMessage], now_ns: int) -> bytes:
        out = []
        for command in commands:
            if isinstance(command, acnet.SendRequest):
                self._requests = self._requests % 0xFFFF + 1
                out.append(self._connection.send(acnet.RequestIdAck(0, self._requests)))
                out.append(self._request(command, self._requests, now_ns))
            else:
                out.append(self._connection.send(self._acknowledge(command)))
        return b"".join(out)

    def _acknowledge(self, command: acnet.AcnetMessage) -> acnet.Acknowledge:
        if isinstance(command, acnet.Connect):
            return acnet.ConnectAck(0, 1, acnet.rad50("%SIM"))
        if isinstance(command, acnet.NameToAddress):
            address = _ADDRESSES.get(command.name)
            return acnet.Ack(NO_NODE.packed) if address is None else acnet.AddressAck(0, *divmod(address, 256))
        if isinstance(command, acnet.AddressToName):
            name = _NAMES.get(command.address)
            return acnet.Ack(NO_NODE.packed) if name is None else acnet.NameAck(0, name)
        if isinstance(command, acnet.LocalNode):
            return acnet.AddressAck(0, *divmod(NODE_ADDRESS, 256))
        if isinstance(command, acnet.CancelRequest):
            for list_id, session in list(self._sessions.items()):
                if session.request_id == command.request_id:
                    self._lists.close(self._sessions.pop(list_id).list)
        return acnet.Ack(0)

    def _request(self, command: acnet.SendRequest, request_id: int, now_ns: int) -> bytes:
        """The replies to one request."""
        if command.task != _DPMD or command.address not in _NAMES:
            return self._packet(request_id, b"", NODE_DOWN)
        try:
            message = dpm.decode_request(command.payload)
        except ProtocolError:
            return self._packet(request_id, b"", NODE_DOWN)
        if isinstance(message, dpm.ServiceDiscovery):
            return self._packet(request_id, dpm.encode(dpm.ServiceDiscoveryReply(0, NODE)))
        if isinstance(message, dpm.OpenList):
            opened = self._lists.open(now_ns)
            self._sessions[opened.list_id] = _Session(opened, request_id)
            return self._packet(request_id, dpm.encode(dpm.OpenListReply(opened.list_id)), more=True)
        session = self._sessions.get(message.list_id)
        if session is None:
            return self._packet(request_id, dpm.encode(_own_answer(message, NO_SUCH_LIST, now_ns)))
        stream, answer = session.list.handle(message, now_ns)
        if answer is None:
            answer = _own_answer(message, Status(0, 0), now_ns)
        return self._packet(request_id, dpm.encode(answer)) + self._stream(session, stream, now_ns)

    def _stream(self, session: _Session, stream: Sequence[Outgoing], now_ns: int) -> bytes:
        out = []
        for item in stream:
            if isinstance(item, dpm.ListStatusReply) and not self._lists.heartbeats():
                continue
            self._lists.record(session.list, item)
            replies: list[dpm.Reply] = [item] if not isinstance(item, Tick) else _rows(item)
            out += [self._streamed(session.request_id, reply, now_ns) for reply in replies]
        return b"".join(out)

    def _streamed(self, request_id: int, reply: dpm.Reply, now_ns: int) -> bytes:
        try:
            return self._packet(request_id, dpm.encode(reply), more=True)
        except ProtocolError:  # on ACNET a reply has at most 65536 bytes (section 3)
            ref_id = getattr(reply, "ref_id", 0)
            return self._packet(request_id, dpm.encode(status_reply(ref_id, REPLY_OVERFLOW, now_ns)), more=True)

    def _packet(self, request_id: int, payload: bytes, status: Status | None = None, more: bool = False) -> bytes:
        flags = acnet.REPLY | (acnet.MORE if more else 0)
        packed = status.packed if status else 0
        packet = acnet.Packet(flags, packed, NODE_ADDRESS, NODE_ADDRESS, _DPMD, 1, request_id, payload)
        return self._connection.send(packet)

    def tick(self, now_ns: int) -> bytes:
        """See `Conversation`."""
        return self._sent(self._due(now_ns), now_ns)

    def _due(self, now_ns: int) -> bytes:
        sessions = [session for session in self._sessions.values() if session.list.next_ns() <= now_ns]
        return b"".join(self._stream(session, session.list.due(now_ns), now_ns) for session in sessions)

    def _sent(self, data: bytes, now_ns: int) -> bytes:
        """The data, or a ping when there was no traffic for 10 s."""
        if not data and now_ns >= self._ping_ns:
            data = self._connection.send(acnet.Ping())
        if data:
            self._ping_ns = now_ns + PING_NS
        return data

    def next_ns(self) -> int:
        """See `Conversation`."""
        return min((self._ping_ns, *(session.list.next_ns() for session in self._sessions.values())))

    def close(self) -> None:
        """See `Conversation`."""
        for session in self._sessions.values():
            self._lists.close(session.list)
        self._sessions.clear()


def _rows(tick: Tick) -> list[dpm.Reply]:
    pairs = zip(tick.tags.tolist(), tick.values.tolist(), strict=True)
    return [data_reply(tag, value, tick.stamp_ns) for tag, value in pairs]


def _own_answer(message: dpm.Request, status: Status, now_ns: int) -> dpm.Reply:
    """The single reply that a request has over ACNET only (section 15.4)."""
    if isinstance(message, dpm.AddToList):
        return dpm.AddToListReply(0, message.ref_id, status.packed)
    if isinstance(message, dpm.RemoveFromList):
        return dpm.RemoveFromListReply(0, message.ref_id, status.packed)
    if isinstance(message, dpm.StartList):
        return dpm.StartListReply(message.list_id, status.packed)
    if isinstance(message, dpm.ClearList):
        return dpm.ListStatusReply(message.list_id, status.packed)
    return status_reply(0, status, now_ns)
