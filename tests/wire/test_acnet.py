import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.wire import acnet

MESSAGES: list[tuple[acnet.AcnetMessage, str]] = [
    (acnet.Ping(), "00000002 0000"),
    (acnet.Connect(), "00000012 0001 0001 00000000 00000000 00000000 0000"),
    (acnet.CancelRequest(1, 0, 7), "0000000e 0001 0008 00000001 00000000 0007"),
    (acnet.RequestAck(1, 0, 7), "0000000e 0001 0009 00000001 00000000 0007"),
    (acnet.NameToAddress(1, 0, 0x19001B8D), "00000010 0001 000b 00000001 00000000 19001b8d"),
    (acnet.AddressToName(1, 0, 0x09FF), "0000000e 0001 000c 00000001 00000000 09ff"),
    (acnet.LocalNode(1, 0), "0000000c 0001 000d 00000001 00000000"),
    (
        acnet.SendRequest(1, 0, 0x19001B8D, 255, 1, 1000, b"SDD"),
        "0000001b 0001 0012 00000001 00000000 19001b8d 00ff 0001 000003e8 534444",
    ),
    (acnet.Ack(), "00000006 0002 0000 0000"),
    (acnet.ConnectAck(0, 3, 0x01020304), "0000000b 0002 0001 0000 03 01020304"),
    (acnet.RequestIdAck(0, 7), "00000008 0002 0002 0000 0007"),
    (acnet.AddressAck(-7679, 9, 255), "00000008 0002 0004 e201 09 ff"),
    (acnet.NameAck(0, 0x19001B8D), "0000000a 0002 0005 0000 19001b8d"),
    (
        acnet.Packet(acnet.REPLY | acnet.MORE, -7679, 0x0901, 0x0902, 0x19001B8D, 3, 7, b"abcd"),
        "00000018 0003 0500 01e2 0901 0902 8d1b0019 0300 0700 1600 61626364",
    ),
]
ids = [type(message).__name__ for message, _ in MESSAGES]


@pytest.mark.parametrize(("message", "octets"), MESSAGES, ids=ids)
def test_a_message_is_written_and_read_as_the_page_says(message: acnet.AcnetMessage, octets: str) -> None:
    frame = bytes.fromhex(octets)
    assert acnet.encode(message).hex(" ") == frame.hex(" ")
    decode = acnet.decode_from_client if isinstance(message, acnet.Command) else acnet.decode_from_server
    assert decode(frame[4:]) == message


def test_a_payload_of_odd_length_is_padded_with_a_zero() -> None:
    frame = acnet.encode(acnet.Packet(4, 0, 1, 2, 3, 4, 5, b"abc"))
    packet = acnet.decode_from_server(frame[4:])
    assert isinstance(packet, acnet.Packet)
    assert packet.payload == b"abc\0"


def test_a_packet_says_how_long_it_is() -> None:
    frame = acnet.encode(acnet.Packet(4, 0, 1, 2, 3, 4, 5, b"ab"))
    assert acnet.decode_from_server(frame[4:] + b"more") == acnet.Packet(4, 0, 1, 2, 3, 4, 5, b"ab")


@pytest.mark.parametrize(
    "content",
    ["", "00", "0000", "0001", "0002 0001", "0001 0063 00000000 00000000", "0001 000d 00000001", "0001 000d" + "00" * 9,
     "0001 0012 00000001"],
)  # fmt: skip
def test_what_is_no_command_is_refused(content: str) -> None:
    with pytest.raises(ProtocolError):
        acnet.decode_from_client(bytes.fromhex(content))


@pytest.mark.parametrize(
    "content",
    ["", "00", "0001 0001", "0004", "0002", "0002 0000", "0002 0063 0000", "0002 0001 0000", "0002 0000 0000 00",
     "0003", "0003 0500 0000 0901 0902 8d1b0019 0300 0700 1100", "0003 0500 0000 0901 0902 8d1b0019 0300 0700 1300"],
)  # fmt: skip
def test_what_no_server_sends_is_refused(content: str) -> None:
    with pytest.raises(ProtocolError):
        acnet.decode_from_server(bytes.fromhex(content))


@pytest.mark.parametrize(
    "message",
    [
        acnet.Connect(handle=-1),
        acnet.Ack(40000),
        acnet.SendRequest(1, 0, 1, 1, 1, 1, bytes(65536)),
        acnet.Packet(4, 0, 1, 2, 3, 4, 5, bytes(65520)),
        acnet.Packet(4, 0, 65536, 2, 3, 4, 5),
    ],
)
def test_what_does_not_fit_is_not_written(message: acnet.AcnetMessage) -> None:
    with pytest.raises(ProtocolError):
        acnet.encode(message)


@pytest.mark.parametrize(("name", "number"), [("DPMD", 0x19001B8D), ("", 0), ("A", 1600), ("999999", 0xF9FFF9FF)])
def test_names_are_numbers_in_radix_50(name: str, number: int) -> None:
    assert acnet.rad50(name) == number
    assert acnet.from_rad50(number) == name


def test_small_letters_are_capital_ones() -> None:
    assert acnet.rad50("mcast") == acnet.rad50("MCAST")


@pytest.mark.parametrize("name", ["SEVENTH", "A_B"])
def test_what_is_no_acnet_name_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError):
        acnet.rad50(name)


@pytest.mark.parametrize("number", [0xFFFF, 0xFFFF0000, -1, 1 << 32])
def test_a_number_that_holds_no_name_is_refused(number: int) -> None:
    with pytest.raises(ProtocolError):
        acnet.from_rad50(number)


@given(st.binary() | st.tuples(st.integers(0, 4), st.binary()).map(lambda pair: bytes([0, pair[0], 0]) + pair[1]))
def test_hostile_bytes_end_in_a_protocol_error(content: bytes) -> None:
    for decode in (acnet.decode_from_client, acnet.decode_from_server):
        try:
            decode(content)
        except ProtocolError:
            continue
