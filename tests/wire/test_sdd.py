import pytest

from gateway.core.errors import ProtocolError
from gateway.wire.dmq import SettingRequest
from gateway.wire.dmq_values import KEYS
from gateway.wire.dpm_layout import layout_of
from gateway.wire.sdd import Vocabulary

WORDS: Vocabulary[SettingRequest, SettingRequest] = Vocabulary.of(5, {1: layout_of(SettingRequest, KEYS)}, {})
FIELDS = "5102 12627c 51014101 78"


def test_a_message_begins_with_magic_protocol_and_number() -> None:
    assert WORDS.start(300).hex() == "534444025103110512012c"


@pytest.mark.parametrize("header", ["53444402 5103 1105", "53444402 520003 120005"])
def test_a_request_is_read_however_its_header_is_written(header: str) -> None:
    assert WORDS.decode_request(bytes.fromhex(f"{header} 1101 {FIELDS}")) == SettingRequest(("x",))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("53444401 5103 1105 1101", "version 2"),
        ("53444402 5102 1105 1101", "3 elements"),
        ("53444402 5103 1106 1101", "unknown protocol 6"),
        ("53444402 5103 1105 1102", "unknown message id 2"),
    ],
)
def test_another_header_is_refused(body: str, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        WORDS.decode_request(bytes.fromhex(body))


def test_requests_and_replies_have_ids_of_their_own() -> None:
    with pytest.raises(ProtocolError, match="unknown message id 1"):
        WORDS.decode_reply(bytes.fromhex(f"53444402 5103 1105 1101 {FIELDS}"))
