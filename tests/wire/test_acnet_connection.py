import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.wire import acnet
from gateway.wire.acnet_connection import AcnetConnection, AcnetStreamError
from gateway.wire.dpm_connection import Role

COMMANDS = (acnet.Connect(), acnet.LocalNode(1, 0), acnet.SendRequest(1, 0, 2, 3, 1, 1000, b"SDD"))
ANSWERS = (acnet.ConnectAck(0, 1, 2), acnet.Ping(), acnet.Packet(5, 0, 1, 2, 3, 4, 5, b"abcd"))


@pytest.mark.parametrize("role", Role)
def test_messages_arrive_whole_byte_by_byte_and_with_a_tail(role: Role) -> None:
    other = AcnetConnection(Role.SERVER if role is Role.CLIENT else Role.CLIENT)
    messages: tuple[acnet.AcnetMessage, ...] = ANSWERS if role is Role.CLIENT else COMMANDS
    stream = b"".join(other.send(message) for message in messages)
    whole, bytewise, tail = AcnetConnection(role), AcnetConnection(role), AcnetConnection(role)
    assert whole.receive(stream) == messages
    assert sum((bytewise.receive(stream[i : i + 1]) for i in range(len(stream))), ()) == messages
    assert tail.receive(stream + stream[:7]) + tail.receive(stream[7:]) == messages * 2
    whole.eof()


def test_a_client_opens_with_raw_and_a_server_with_nothing() -> None:
    assert AcnetConnection(Role.CLIENT).client_hello() == b"RAW\r\n\r\n"
    with pytest.raises(ProtocolError):
        AcnetConnection(Role.SERVER).client_hello()


def test_each_role_sends_its_own_messages_only() -> None:
    with pytest.raises(ProtocolError):
        AcnetConnection(Role.CLIENT).send(acnet.Ping())
    with pytest.raises(ProtocolError):
        AcnetConnection(Role.SERVER).send(acnet.Connect())


@pytest.mark.parametrize("bad", ["00000001", "00010003", "ffffffff", "000000020001"])
def test_a_bad_frame_ends_the_connection_and_its_error_holds_what_came_before(bad: str) -> None:
    client = AcnetConnection(Role.CLIENT)
    with pytest.raises(AcnetStreamError) as broken:
        client.receive(acnet.encode(acnet.Ping()) + bytes.fromhex(bad))
    assert broken.value.before == (acnet.Ping(),)
    with pytest.raises(ProtocolError, match="dead"):
        client.receive(b"")


def test_the_end_inside_a_frame_is_an_error() -> None:
    client = AcnetConnection(Role.CLIENT)
    client.receive(b"\0")
    with pytest.raises(ProtocolError, match="inside a frame"):
        client.eof()


@given(st.sampled_from(Role), st.lists(st.binary().map(lambda body: len(body).to_bytes(4, "big") + body)))
def test_hostile_bytes_end_in_a_protocol_error(role: Role, chunks: list[bytes]) -> None:
    connection = AcnetConnection(role)
    try:
        for chunk in chunks:
            connection.receive(chunk)
        connection.eof()
    except ProtocolError:
        return
