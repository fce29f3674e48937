"""What a client sees on the wire: dpm-http.md 2, 3, 6 and 17, over real sockets."""

import csv
import socket
import struct
import time

import numpy as np
import pytest

from gateway.core.errors import BadInput
from gateway.runtime.clock import SystemClock
from gateway.wire import dpm
from simulator.dpm_server import DpmServer
from simulator.facility import load_facility, shipped_facility
from tests.simulator.dpm_client import DpmClient, setting
from tests.support.leaks import check_leaks

HELLO = b"GET /dpm HTTP/1.1\r\nContent-Type: application/pc\r\n\r\n"


def client(services) -> DpmClient:
    return DpmClient(services.dpm.address)


def test_the_first_bytes_are_an_open_list_reply_and_no_http(services):
    with socket.create_connection(services.dpm.address, 5) as raw:
        raw.sendall(HELLO)
        data = raw.recv(4096)
    assert len(data) == 4 + int.from_bytes(data[:4], "big")
    reply = dpm.decode_reply(data[4:])
    assert isinstance(reply, dpm.OpenListReply)
    assert 4096 <= reply.list_id <= 6143


@pytest.mark.parametrize(
    "header",
    [
        b"a b c\n\n",
        b"GET / HTTP/1.1\nX-Forwarded-For: 10.0.0.1\nUpgrade: x\n\n",
        b"G / H\ncontent-TYPE: APPLICATION/PC\n\n",
    ],
)
def test_method_path_and_version_are_not_looked_at(services, header):
    with socket.create_connection(services.dpm.address, 5) as raw:
        raw.sendall(header)
        assert len(raw.recv(4096)) > 4


@pytest.mark.parametrize(
    "header",
    [b"GET /dpm\r\n\r\n", b"G / H\nno colon\n\n", b"G / H\nContent-Type: text/html\n\n", b"x" * 5000,
     b"G / H\nContent-Type: application/json\n\n", HELLO + b"\0\0\0\0", HELLO + b"\xff\xff\xff\xff",
     HELLO + b"\0\0\0\4abcd"],
)  # fmt: skip
def test_a_client_that_cannot_be_understood_is_closed(services, header):
    with socket.create_connection(services.dpm.address, 5) as raw:
        raw.sendall(header)
        while data := raw.recv(4096):
            assert header.startswith(HELLO), data


def test_a_grpc_client_is_accepted_and_nothing_ever_happens(services):
    with socket.create_connection(services.dpm.address, 0.8) as raw:
        raw.sendall(b"G / H\nContent-Type: application/grpc\n\n")
        raw.sendall(b"anything")
        with pytest.raises(TimeoutError):
            raw.recv(1)


@pytest.mark.parametrize("start", [b"", b"GET /dpm HTTP/1.1\r\n"])
def test_a_header_that_does_not_come_within_half_a_second_closes_the_connection(services, start):
    with socket.create_connection(services.dpm.address, 5) as raw:
        began = time.monotonic()
        raw.sendall(start)
        assert b"" == raw.recv(1)
        assert 0.4 < time.monotonic() - began < 2


def test_everything_byte_by_byte_and_everything_in_one_segment_give_the_same(services):
    body = HELLO + b"".join(
        dpm.frame(dpm.encode(message)) for message in (dpm.AddToList(0, 1, "Z:ACLTST@I"), dpm.StartList(0))
    )
    answers = []
    for pieces in ([body], [body[place : place + 1] for place in range(len(body))]):
        with DpmClient(services.dpm.address, hello=False) as one:
            one.connection.client_hello()
            for piece in pieces:
                one.socket.sendall(piece)
            answers.append([type(one.next()) for _ in range(4)])
    assert answers[0] == answers[1] == [dpm.OpenListReply, dpm.DeviceInfoReply, dpm.StartListReply, dpm.ScalarReply]


def test_many_requests_in_one_call_are_all_answered(services):
    with client(services) as one:
        one.start(*[f"S:D{place:05d}@I" for place in range(1000)], "Z:NOTFND@I", "G:AMANDA@I")
        data = {one.until(dpm.ScalarReply).ref_id for _ in range(1001)}
        assert set(range(1, 1001)) | {1002} == data
        status = [reply for reply in one.replies if isinstance(reply, dpm.StatusReply)]
        assert [(1001, -3312)] == [(reply.ref_id, reply.status) for reply in status]


def test_a_connection_may_be_used_again_with_the_same_references(services):
    with client(services) as one:
        for device, index in (("Z:ACLTST", 140013), ("G:AMANDA", 101)) * 3:
            one.start(f"{device}.INDEX@I")
            assert index == one.until(dpm.ScalarReply, 1).data
            one.send(dpm.StopList(one.list_id), dpm.ClearList(one.list_id))


def test_a_stream_is_on_its_grid_and_nothing_is_lost(services):
    with client(services) as one:
        one.start("S:D00000@p,100", "S:D00001@p,100")
        replies = [one.until(dpm.ScalarReply, ref) for _ in range(15) for ref in (1, 2)]
    first = [reply for reply in replies if reply.ref_id == 1]
    assert {100} == {int(gap) for gap in np.diff([reply.timestamp for reply in first])}
    assert {1.0} == {round(gap, 6) for gap in np.diff([reply.data for reply in first])}


def test_a_write_of_one_client_is_seen_by_another_and_by_the_facility(services):
    with client(services) as writer, client(services) as reader:
        reader.start("Z:ACLTST.SETTING@p,50")
        assert 10.0 == reader.until(dpm.ScalarReply).data
        assert 0 == writer.set("Z:ACLTST.SETTING@N", 12.5)
        while reader.until(dpm.ScalarReply).data != 12.5:
            pass
        assert 12.5 == writer.answer("Z_ACLTST@I").data
    assert ["Z:ACLTST.SETTING@N"] == [str(item.request) for item in services.facility.settings()]


def test_the_sequence_of_an_authenticated_write_is_answered_step_by_step(services):
    with client(services) as one:
        one.send(dpm.Authenticate(one.list_id, b""))
        assert dpm.AuthenticateReply("daeset/bd@localhost", b"") == one.next()
        one.send(dpm.Authenticate(one.list_id, b"a token"))
        assert dpm.AuthenticateReply("daeset/bd@localhost", None) == one.next()
        one.send(dpm.EnableSettings(one.list_id, b"mic", b"1234"))
        assert 0 == one.next().status
        one.send(
            dpm.StopList(0), dpm.ClearList(0), dpm.AddToList(0, 0, "#ROLE:testing"),
            dpm.AddToList(0, 1, "Z:ACLTST.SETTING@N"), dpm.AddToList(0, 2, "Z:NOTFND.SETTING@N"), dpm.StartList(0),
        )  # fmt: skip
        kinds = [type(one.next()) for _ in range(3)]
        assert [dpm.DeviceInfoReply, dpm.StatusReply, dpm.StartListReply] == kinds
        one.send(setting(0, 1, 3.0))
        assert dpm.ApplySettingsReply((dpm.SettingStatus(1, 0),)) == one.next()


def test_an_idle_connection_gets_heartbeats(services):
    with client(services) as one:
        began = time.monotonic()
        assert dpm.ListStatusReply(one.list_id, 0) == one.next()
        assert 1.5 < time.monotonic() - began < 3.0


def test_a_reply_that_does_not_fit_is_a_status_and_the_connection_lives_on():
    wide = load_facility("devices: [{name: 'Z:WIDE', units: V, length: 20000}]")
    server = DpmServer(wide, SystemClock(), 0)
    server.start()
    try:
        with DpmClient(server.address) as one:
            assert -11247 == one.answer("Z:WIDE[]@I").status
            assert 14000 == len(one.answer("Z:WIDE[0:13999]@I").data)
    finally:
        assert server.stop()


def test_a_client_that_does_not_read_is_dropped_and_disturbs_nobody():
    with check_leaks():
        facility = shipped_facility()
        facility.synthetic(5000, rate_hz=20)
        server = DpmServer(facility, SystemClock(), 0, buffered=1 << 20)
        server.start()
        try:
            with DpmClient(server.address) as slow, DpmClient(server.address) as quick:
                slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.start(*[f"S:D{place:05d}@p,50" for place in range(5000)])
                quick.start("S:D00000@p,50")
                stamps = [quick.until(dpm.ScalarReply).timestamp for _ in range(100)]
                assert {50} == {int(gap) for gap in np.diff(stamps)}
                assert 1 == server.clients
        finally:
            assert server.stop()


def test_a_client_that_goes_away_leaves_no_list_behind(services):
    for _ in range(30):
        with client(services) as one:
            one.start("Z:ACLTST@p,20")
            one.until(dpm.ScalarReply)
    with client(services) as one, client(services) as other:
        assert 30 == one.list_id - 4096
        other.answer("Z:ACLTST@I")
        assert services.dpm.clients == 2


def test_twenty_clients_at_once_get_their_own_values(services):
    clients = [client(services) for _ in range(20)]
    try:
        for number, one in enumerate(clients):
            one.start(f"S:D{number:05d}@p,100")
        for number, one in enumerate(clients):
            value = one.until(dpm.ScalarReply).data
            assert number == round((value % 1) * (1 << 17))
    finally:
        for one in clients:
            one.socket.close()


def test_the_sent_log_says_what_was_sent(services, tmp_path):
    with client(services) as one:
        one.start("Z:ACLTST@p,100", "B:IRMS06[0:3]@I", "G:MODE@I", "Z:ACLTST.RAW@I", "G:NOTES[]@I", "S:D00001@p,50")
        received = {(reply.timestamp, reply.data) for reply in (one.until(dpm.ScalarReply, 1) for _ in range(10))}
        scalars = [reply for reply in one.replies if isinstance(reply, dpm.ScalarReply) and reply.ref_id == 6]
        mine = {(reply.timestamp, reply.data) for reply in scalars}
    assert services.stop()
    with (tmp_path / "sent.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["property"] == "READING"]
    for name, got in (("Z:ACLTST", received), ("S:D00001", mine)):
        texts = {(int(row["stamp_ms"]), row["value"]) for row in rows if row["device"] == name}
        assert {(stamp, repr(value)) for stamp, value in got} <= texts
    assert {"Standby", "800c"} <= {row["value"] for row in rows}
    (array,) = [row["value"] for row in rows if row["device"] == "B:IRMS06"]
    assert 4 == len([float(word) for word in array.split()])


def test_a_taken_port_is_said_in_one_sentence(services):
    port = services.dpm.address[1]
    with pytest.raises(BadInput, match=f"127.0.0.1:{port} .*choose another port"):
        DpmServer(services.facility, SystemClock(), port).start()
    with pytest.raises(BadInput, match="no such port"):
        DpmServer(services.facility, SystemClock(), 99999).start()


def test_when_all_list_ids_are_in_use_a_client_is_closed_without_a_byte(services):
    opened = [services.dpm._lists.open(0) for _ in range(2048)]
    with pytest.raises(ConnectionError):
        client(services)
    services.dpm._lists.close(opened[7])
    with client(services) as one:
        assert opened[7].list_id == one.list_id


def test_what_came_before_something_that_cannot_be_understood_is_still_carried_out(services):
    with client(services) as one:
        good = one.connection.send(dpm.AddToList(0, 1, "Z:ACLTST.SETTING@N")) + one.connection.send(setting(0, 1, 44.0))
        one.socket.sendall(good + b"\0\0\0\4abcd")
        assert one.closed_within(2)
    assert [44.0] == [item.value.tolist()[0] for item in services.facility.settings()]


def test_a_client_that_resets_disturbs_nobody(services):
    with client(services) as one:
        for _ in range(10):
            other = client(services)
            other.start("S:D00000@p,10")
            other.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            other.socket.close()
        assert 10.0 == one.answer("Z:ACLTST@I").data


def test_a_large_reply_reaches_a_client_that_reads_slowly():
    wide = load_facility("devices: [{name: 'Z:WIDE', units: V, length: 14000}]")
    server = DpmServer(wide, SystemClock(), 0)
    server.start()
    try:
        with DpmClient(server.address) as one:
            one.start(*["Z:WIDE[]@I"] * 100)
            replies = [one.until(dpm.ScalarArrayReply) for _ in range(100)]
            assert list(range(1, 101)) == [reply.ref_id for reply in replies]
    finally:
        assert server.stop()


def test_a_server_that_never_started_can_be_stopped():
    assert DpmServer(shipped_facility(), SystemClock(), 0).stop()
