from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.wire import dpm
from gateway.wire.dpm_connection import DpmConnection, OversizeError, Received, Role, State, StreamError
from gateway.wire.dpm_hello import CLIENT_HELLO, Hello
from tests.wire.dpm_vectors import framed, message_of, same, vectors

STREAMS = vectors("malformed", level="stream")
REPLIES = [message_of(v) for v in vectors("vectors", direction="reply").values() if v["message"] != "OpenList"]
REQUESTS = [message_of(v) for v in vectors("vectors", direction="request").values()]
OPENED = framed(dpm.OpenListReply(4096))


def opened(role: Role) -> DpmConnection:
    connection = DpmConnection(role)
    if role is Role.CLIENT:
        connection.client_hello()
        connection.receive(OPENED)
    else:
        connection.receive(CLIENT_HELLO)
        connection.send(dpm.OpenListReply(4096))
    return connection


def in_order(received: Received) -> list[object]:
    """All that came as messages in order of arrival, scalars with cycle 0."""
    rows = received.columns
    everything: list[object] = []
    for after, message in received.messages:
        everything += scalars(rows, len([m for m in everything if isinstance(m, dpm.ScalarReply)]), after)
        everything.append(message)
    return everything + scalars(rows, len([m for m in everything if isinstance(m, dpm.ScalarReply)]), len(rows))


def scalars(rows: Any, first: int, last: int) -> list[dpm.ScalarReply]:
    return [
        dpm.ScalarReply(int(rows.ref_id[i]), int(rows.timestamp_ms[i]), 0, int(rows.status[i]), float(rows.value[i]))
        for i in range(first, last)
    ]


def without_cycle(messages: Iterable[object]) -> list[object]:
    return [
        dpm.ScalarReply(m.ref_id, m.timestamp, 0, m.status, m.data) if isinstance(m, dpm.ScalarReply) else m
        for m in messages
    ]


def all_of(connection: DpmConnection, chunks: Iterable[bytes]) -> list[object]:
    return [message for chunk in chunks for message in in_order(connection.receive(chunk))]


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


@pytest.mark.parametrize("role", Role)
def test_messages_arrive_whole_byte_by_byte_and_with_a_tail(role: Role) -> None:
    messages = REPLIES if role is Role.CLIENT else REQUESTS
    stream = framed(*messages)
    half = len(stream) // 2
    for chunks in ([stream], bytewise(stream), [stream[:half], stream[half:] + stream[:9], stream[9:]]):
        connection = opened(role)
        received = all_of(connection, chunks)
        expected = without_cycle(messages * (1 if len(chunks) != 3 else 2))
        assert len(received) == len(expected)
        assert all(map(same, received, expected))
        connection.eof()


def test_a_client_and_a_server_understand_each_other_from_the_first_byte() -> None:
    client, server = DpmConnection(Role.CLIENT), DpmConnection(Role.SERVER)
    assert server.receive(client.client_hello()).messages == ((0, Hello("pc")),)
    assert client.receive(server.send(dpm.OpenListReply(4100))).messages == ((0, dpm.OpenListReply(4100)),)
    request = dpm.AddToList(4100, 1, "M:OUTTMP.READING@I")
    assert server.receive(client.send(request)).messages == ((0, request),)
    assert client.receive(server.send(dpm.StartListReply(4100, 0))).messages == ((0, dpm.StartListReply(4100, 0)),)
    assert (client.state, server.state) == (State.OPEN, State.OPEN)


def test_requests_may_follow_the_hello_at_once() -> None:
    stop = dpm.StopList(0)
    received = DpmConnection(Role.SERVER).receive(CLIENT_HELLO + framed(stop))
    assert received.messages == ((0, Hello("pc")), (0, stop))


def test_a_hello_may_come_in_pieces() -> None:
    server = DpmConnection(Role.SERVER)
    assert [len(server.receive(octet).messages) for octet in bytewise(CLIENT_HELLO)] == [0] * (
        len(CLIENT_HELLO) - 1
    ) + [1]


def test_another_protocol_is_reported_with_what_came_behind_its_header() -> None:
    server = DpmConnection(Role.SERVER)
    assert server.receive(b"RAW\r\n\r\nrest").messages == ((0, Hello("raw", b"rest")),)
    assert server.state is State.SWITCHED
    with pytest.raises(ProtocolError, match="switched"):
        server.receive(b"more")


@pytest.mark.parametrize("vector", STREAMS.values(), ids=STREAMS.keys())
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte by byte"])
def test_a_malformed_stream_is_refused(vector: dict[str, Any], cut: bool) -> None:
    data = bytes.fromhex(vector["hex"])
    if vector["receiver"] == "server":
        connection = opened(Role.SERVER)
    else:
        connection = DpmConnection(Role.CLIENT)
        connection.client_hello()

    def deliver() -> None:
        for chunk in bytewise(data) if cut else [data]:
            connection.receive(chunk)
        connection.eof()

    with pytest.raises(ProtocolError) as refusal:
        deliver()
    assert connection.state is State.DEAD
    if "HTTP" in vector["name"]:
        assert data.split(b"\r\n")[0].decode() in str(refusal.value)
    with pytest.raises(ProtocolError, match="dead"):
        connection.receive(b"")


def test_what_came_before_a_bad_frame_is_in_the_error() -> None:
    server = opened(Role.SERVER)
    with pytest.raises(StreamError) as broken:
        server.receive(framed(dpm.StopList(1)) + dpm.frame(b"garbage") + framed(dpm.StopList(2)))
    assert broken.value.before.messages == ((0, dpm.StopList(1)),)
    with pytest.raises(StreamError) as header:
        DpmConnection(Role.SERVER).receive(CLIENT_HELLO + bytes(4))
    assert header.value.before.messages == ((0, Hello("pc")),)


@pytest.mark.parametrize("bad", [dpm.frame(b"garbage"), bytes(4), framed(dpm.OpenListReply(1))])
def test_the_rows_before_a_bad_frame_are_in_the_error_and_none_behind_it(bad: bytes) -> None:
    client = opened(Role.CLIENT)
    some = [dpm.ScalarReply(ref, 5, 0, 0, 1.5) for ref in range(20)]
    with pytest.raises(StreamError) as broken:
        client.receive(framed(*some[:10]) + framed(dpm.ListStatusReply(1, 0)) + bad + framed(*some))
    assert broken.value.before.columns.ref_id.tolist() == list(range(10))
    assert broken.value.before.messages == ((10, dpm.ListStatusReply(1, 0)),)


def test_the_first_message_must_open_the_list_however_many_follow() -> None:
    client = DpmConnection(Role.CLIENT)
    client.client_hello()
    with pytest.raises(StreamError) as broken:
        client.receive(framed(*(dpm.ScalarReply(ref, 5, 0, 0, 1.5) for ref in range(20))))
    assert len(broken.value.before.columns) == 0


def test_rows_may_follow_the_opening_at_once() -> None:
    client = DpmConnection(Role.CLIENT)
    client.client_hello()
    received = client.receive(OPENED + framed(*(dpm.ScalarReply(ref, 5, 0, 0, 1.5) for ref in range(20))))
    assert received.messages == ((0, dpm.OpenListReply(4096)),)
    assert received.columns.ref_id.tolist() == list(range(20))


def test_a_status_that_is_not_written_in_the_fewest_bytes_is_a_row_too() -> None:
    body = dpm.encode(dpm.ScalarReply(1, 5, 0, -1, 2.5)).replace(
        b"\x12\x44\x54\x11\xff", b"\x12\x44\x54\x13\xff\xff\xff"
    )
    received = opened(Role.CLIENT).receive(dpm.frame(body) * 10)
    assert received.columns.status.tolist() == [-1] * 10


def test_each_role_sends_only_what_its_state_allows() -> None:
    client, server = DpmConnection(Role.CLIENT), DpmConnection(Role.SERVER)
    for connection, message in (
        (client, dpm.StopList(1)),
        (server, dpm.OpenListReply(1)),
        (opened(Role.CLIENT), dpm.OpenListReply(1)),
        (opened(Role.SERVER), dpm.OpenListReply(1)),
        (opened(Role.SERVER), dpm.StopList(1)),
    ):
        with pytest.raises(ProtocolError, match="does not send"):
            connection.send(message)
    for connection in (server, opened(Role.CLIENT)):
        with pytest.raises(ProtocolError, match="no hello"):
            connection.client_hello()


def test_a_client_that_did_not_say_hello_expects_nothing() -> None:
    with pytest.raises(ProtocolError, match="state hello"):
        DpmConnection(Role.CLIENT).receive(OPENED)


def test_a_message_that_is_too_large_is_not_built_and_the_connection_lives() -> None:
    server = opened(Role.SERVER)
    with pytest.raises(OversizeError):
        server.send(dpm.ScalarArrayReply(1, 0, 0, 0, np.zeros(14600)))
    assert server.send(dpm.StatusReply(1, 0, 0, -11247))


def test_a_client_takes_a_body_of_1_mib_and_a_server_one_of_131072() -> None:
    assert opened(Role.CLIENT).receive((1048576).to_bytes(4, "big")).messages == ()
    assert opened(Role.SERVER).receive((131072).to_bytes(4, "big")).messages == ()
    small = DpmConnection(Role.SERVER, max_body=10)
    with pytest.raises(ProtocolError, match="allowed are 1 to 10"):
        small.receive(CLIENT_HELLO + (11).to_bytes(4, "big"))


@pytest.mark.parametrize("role", Role)
def test_the_end_before_the_list_is_open_is_an_error(role: Role) -> None:
    connection = DpmConnection(role)
    if role is Role.CLIENT:
        connection.client_hello()
    with pytest.raises(ProtocolError, match="before the list was open"):
        connection.eof()


def test_an_http_error_that_is_cut_off_is_reported_with_what_came() -> None:
    client = DpmConnection(Role.CLIENT)
    client.client_hello()
    client.receive(b"HTTP/1.1 503 Serv")
    with pytest.raises(ProtocolError, match="503 Serv"):
        client.eof()


@given(st.lists(st.sampled_from(REPLIES + [m for m in REPLIES if isinstance(m, dpm.ScalarReply)] * 20)), st.data())
def test_columns_and_messages_are_the_same_however_the_stream_is_cut(messages: list[dpm.Reply], data: Any) -> None:
    stream = framed(*messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    received, expected = all_of(opened(Role.CLIENT), chunks), without_cycle(messages)
    assert len(received) == len(expected)
    assert all(map(same, received, expected))


@given(st.sampled_from(Role), st.booleans(), st.lists(st.binary(max_size=40) | st.binary().map(dpm.frame)))
def test_hostile_bytes_end_in_a_protocol_error(role: Role, is_open: bool, chunks: list[bytes]) -> None:
    connection = opened(role) if is_open else DpmConnection(role)
    if role is Role.CLIENT and not is_open:
        connection.client_hello()
    try:
        all_of(connection, chunks)
        connection.eof()
    except ProtocolError:
        return


@given(st.sampled_from(Role), st.data())
def test_damaged_streams_end_in_a_protocol_error_or_other_messages(role: Role, data: Any) -> None:
    samples = [m for m in (REPLIES if role is Role.CLIENT else REQUESTS) if len(dpm.encode(m)) < 200]
    stream = bytearray(framed(*data.draw(st.lists(st.sampled_from(samples), min_size=1, max_size=12))))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        all_of(opened(role), [bytes(stream)])
    except ProtocolError:
        return
