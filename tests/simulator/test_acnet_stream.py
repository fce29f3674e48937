"""RAW mode, tested from the page (dpm-http.md 15): the sequence of Fermilab's own client over a socket."""

import socket
import time

import numpy as np
import pytest

from gateway.wire import acnet, dpm
from gateway.wire.acnet_connection import AcnetConnection
from gateway.wire.dpm_connection import Role
from simulator.acnet_stream import NODE, NODE_ADDRESS, PING_NS, AcnetStream
from simulator.dpm_stream import OpenLists
from simulator.facility import load_facility, shipped_facility

NOW = 1_700_000_000_000_000_000
NO_NODE, NO_SUCH_LIST, NODE_DOWN = -7679, 17 - 37 * 256, -10751


class RawClient:
    """The client protocol over any carrier of bytes."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, 5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = AcnetConnection(Role.CLIENT)
        self.socket.sendall(self.connection.client_hello())
        self.packets: list[acnet.Packet] = []
        self.acks: list[acnet.AcnetMessage] = []
        self.handle = 0
        ack = self.command(acnet.Connect())
        assert isinstance(ack, acnet.ConnectAck)
        self.handle = ack.handle

    def read(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        for message in self.connection.receive(data):
            (self.packets if isinstance(message, acnet.Packet) else self.acks).append(message)

    def command(self, message: acnet.Command) -> acnet.AcnetMessage:
        self.socket.sendall(self.connection.send(message))
        while not self.acks:
            self.read()
        return self.acks.pop(0)

    def request(self, message: dpm.Request, address: int = NODE_ADDRESS, many: bool = False, task: str = "DPMD") -> int:
        sent = acnet.SendRequest(self.handle, 0, acnet.rad50(task), address, int(many), 1000, dpm.encode(message))
        ack = self.command(sent)
        assert isinstance(ack, acnet.RequestIdAck)
        assert 0 == ack.status
        return ack.request_id

    def packet(self, request_id: int) -> acnet.Packet:
        """The next packet of a request; those of others stay."""
        while True:
            for place, packet in enumerate(self.packets):
                if packet.request_id == request_id:
                    return self.packets.pop(place)
            self.read()

    def reply(self, request_id: int) -> dpm.Reply:
        return dpm.decode_reply(self.packet(request_id).payload)

    def call(self, message: dpm.Request) -> dpm.Reply:
        """A request with a single reply."""
        packet = self.packet(self.request(message))
        assert acnet.REPLY == packet.flags
        return dpm.decode_reply(packet.payload)


@pytest.fixture
def raw(services):
    one = RawClient(services.dpm.address)
    yield one
    one.socket.close()


def test_nodes_are_found_by_name_and_address(raw):
    assert acnet.AddressAck(0, 0, 255) == raw.command(acnet.NameToAddress(raw.handle, 0, acnet.rad50("MCAST")))
    assert acnet.AddressAck(0, 0x0A, 0x06) == raw.command(acnet.NameToAddress(raw.handle, 0, acnet.rad50(NODE)))
    assert acnet.NameAck(0, acnet.rad50(NODE)) == raw.command(acnet.AddressToName(raw.handle, 0, NODE_ADDRESS))
    assert acnet.AddressAck(0, 0x0A, 0x06) == raw.command(acnet.LocalNode(raw.handle, 0))
    assert acnet.Ack(NO_NODE) == raw.command(acnet.NameToAddress(raw.handle, 0, acnet.rad50("NOSUCH")))
    assert acnet.Ack(NO_NODE) == raw.command(acnet.AddressToName(raw.handle, 0, 1))
    assert acnet.Ack(0) == raw.command(acnet.RequestAck(raw.handle, 0, 1))


def test_a_whole_session_as_the_page_has_it(raw, services):
    found = raw.request(dpm.ServiceDiscovery(), address=255)
    packet = raw.packet(found)
    assert NODE_ADDRESS == packet.server
    assert dpm.ServiceDiscoveryReply(0, NODE) == dpm.decode_reply(packet.payload)
    stream = raw.request(dpm.OpenList(), many=True)
    opened = raw.packet(stream)
    assert acnet.REPLY | acnet.MORE == opened.flags
    list_id = dpm.decode_reply(opened.payload).list_id
    for text in ("#USER:somebody", "#PID:1", "#TYPE:Python3"):
        assert dpm.AddToListReply(0, 0, 0) == raw.call(dpm.AddToList(list_id, 0, text))
    for ref, text in enumerate(("Z:ACLTST@p,50", "M:OUTTMP@X", "S:D00001@p,50", "B:IRMS06[0:3]@I"), 1):
        assert dpm.AddToListReply(0, ref, 0) == raw.call(dpm.AddToList(list_id, ref, text))
    status = raw.reply(stream)
    assert (2, 17 - 33 * 256) == (status.ref_id, status.status)
    assert dpm.StartListReply(list_id, 0) == raw.call(dpm.StartList(list_id))
    infos = [raw.reply(stream) for _ in range(3)]
    assert ["Z:ACLTST", "S:D00001", "B:IRMS06"] == [info.name for info in infos]
    data = [raw.reply(stream) for _ in range(5)]
    assert {1, 3, 4} == {reply.ref_id for reply in data}
    raw.call(dpm.AddToList(list_id, 7, "Z:ACLTST.SETTING@N"))
    assert 0 == raw.call(dpm.ApplySettings("", list_id, scaled_array=(dpm.ScaledSetting(7, np.full(1, 4.5)),))).status
    while not isinstance(reply := raw.reply(stream), dpm.ApplySettingsReply):
        pass
    assert (dpm.SettingStatus(7, 0),) == reply.status
    assert [4.5] == [item.value.tolist()[0] for item in services.facility.settings()]
    assert dpm.AuthenticateReply("daeset/bd@localhost", b"") == raw.call(dpm.Authenticate(list_id, b""))
    assert dpm.RemoveFromListReply(0, 7, 0) == raw.call(dpm.RemoveFromList(list_id, 7))
    assert isinstance(raw.call(dpm.StopList(list_id)), dpm.StatusReply)
    assert dpm.ListStatusReply(list_id, 0) == raw.call(dpm.ClearList(list_id))
    assert acnet.Ack(0) == raw.command(acnet.CancelRequest(raw.handle, 0, stream))
    assert NO_SUCH_LIST == raw.call(dpm.StartList(list_id)).status


def test_an_unknown_list_gives_17_37_in_each_reply(raw):
    for message in (
        dpm.AddToList(1, 1, "Z:A"),
        dpm.RemoveFromList(1, 1),
        dpm.StartList(1),
        dpm.ClearList(1),
        dpm.StopList(1),
    ):
        assert NO_SUCH_LIST == raw.call(message).status


def test_a_task_or_message_that_is_not_there_fails_the_request(raw):
    assert NODE_DOWN == raw.packet(raw.request(dpm.ServiceDiscovery(), task="ODD")).status
    assert NODE_DOWN == raw.packet(raw.request(dpm.ServiceDiscovery(), address=1)).status
    ack = raw.command(acnet.SendRequest(raw.handle, 0, acnet.rad50("DPMD"), NODE_ADDRESS, 0, 1000, b"odd"))
    assert NODE_DOWN == raw.packet(ack.request_id).status


def test_two_lists_of_one_client_know_nothing_of_each_other(raw):
    streams = [raw.request(dpm.OpenList(), many=True) for _ in range(2)]
    ids = [raw.reply(stream).list_id for stream in streams]
    for list_id, text in zip(ids, ("Z:ACLTST@I", "Z~ACLTST@I"), strict=True):
        raw.call(dpm.AddToList(list_id, 1, text))
        raw.call(dpm.StartList(list_id))
    kinds = [[type(raw.reply(stream)) for _ in range(2)] for stream in streams]
    assert [[dpm.DeviceInfoReply, dpm.ScalarReply], [dpm.DeviceInfoReply, dpm.TextReply]] == kinds


def test_a_quiet_list_beats(raw):
    stream = raw.request(dpm.OpenList(), many=True)
    raw.reply(stream)
    began = time.monotonic()
    assert isinstance(raw.reply(stream), dpm.ListStatusReply)
    assert 1.5 < time.monotonic() - began < 3


def test_a_frame_that_cannot_be_understood_closes_the_connection(raw):
    raw.socket.sendall(b"\0\0\0\2\0\7")
    with pytest.raises(ConnectionError):
        raw.read()


def test_the_server_pings_after_ten_quiet_seconds():
    stream = AcnetStream(OpenLists(shipped_facility()), NOW)
    client = AcnetConnection(Role.CLIENT)
    assert b"" == stream.tick(NOW + PING_NS - 1)
    assert NOW + PING_NS == stream.next_ns()
    assert (acnet.Ping(),) == client.receive(stream.tick(NOW + PING_NS))
    assert b"" == stream.tick(NOW + PING_NS + 1)


def test_a_reply_that_is_too_long_for_acnet_is_a_status():
    lists = OpenLists(load_facility("devices: [{name: 'Z:WIDE', units: V, length: 20000}]"), heartbeats=lambda: False)
    stream, client = AcnetStream(lists, NOW), AcnetConnection(Role.CLIENT)

    def send(message: dpm.Request) -> list[dpm.Reply]:
        sent = acnet.SendRequest(1, 0, acnet.rad50("DPMD"), NODE_ADDRESS, 1, 1000, dpm.encode(message))
        found = client.receive(stream.receive(client.send(sent), NOW))
        return [dpm.decode_reply(packet.payload) for packet in found if isinstance(packet, acnet.Packet)]

    list_id = send(dpm.OpenList())[0].list_id
    send(dpm.AddToList(list_id, 5, "Z:WIDE[]@I"))
    *_, overflow = send(dpm.StartList(list_id))
    assert (5, -11247) == (overflow.ref_id, overflow.status)
    assert b"" == stream.tick(NOW + 2_000_000_000)  # no heartbeats
    stream.close()
    assert set() == lists._open
