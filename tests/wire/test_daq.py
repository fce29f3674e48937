from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.core.status import OK, PRIV, RETRY, Status
from gateway.wire import daq
from gateway.wire.protobuf import status_pb2
from tests.wire.dpm_vectors import same
from tests.wire.grpc_vectors import kind_of, message_of, vectors
from tests.wire.test_daq_values import ANY

MESSAGES = vectors("services.daq.", "common.")
LISTS = vectors("services.daq.ReadingList")
SETTINGS = vectors("services.daq.SettingList")
ANSWERS = vectors("services.daq.SettingReply")
STATUSES = vectors("common.status.Status")
MALFORMED = vectors("services.daq.", "common.", section="malformed")


def of(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["hex"])


@pytest.mark.parametrize("vector", MESSAGES.values(), ids=MESSAGES.keys())
def test_our_messages_have_the_numbers_of_the_protocol_both_ways(vector: dict[str, Any]) -> None:
    built = message_of(vector["message"], vector["fields"])
    assert built.SerializeToString(deterministic=True) == of(vector)
    came = kind_of(vector["message"]).FromString(of(vector))
    assert came.SerializeToString(deterministic=True) == of(vector)
    assert came == built or "NaN" in str(vector["fields"])


@pytest.mark.parametrize("vector", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_is_refused_and_what_is_unusual_is_read(vector: dict[str, Any]) -> None:
    kind = kind_of(vector["message"])
    if not vector["decodes"]:
        with pytest.raises(ProtocolError, match=f"bytes are no {vector['message']}"):
            daq.parsed(kind, of(vector))
    elif "fields" in vector:
        came = daq.parsed(kind, of(vector))
        came.DiscardUnknownFields()
        expected = message_of(vector["message"], vector["fields"])
        assert came.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)


@pytest.mark.parametrize("vector", LISTS.values(), ids=LISTS.keys())
def test_a_list_of_requests_is_read_and_written(vector: dict[str, Any]) -> None:
    requests = vector["fields"].get("drf", [])
    assert daq.decode_read(of(vector)) == requests
    assert daq.encode_read(requests) == of(vector)


@pytest.mark.parametrize("vector", SETTINGS.values(), ids=SETTINGS.keys())
def test_a_list_of_settings_is_read_and_written(vector: dict[str, Any]) -> None:
    came = daq.decode_set(of(vector))
    assert [request for request, _ in came] == [one["device"] for one in vector["fields"]["setting"]]
    assert daq.encode_set([(request, value) for request, value in came if value is not None]) == of(vector)


@pytest.mark.parametrize("vector", ANSWERS.values(), ids=ANSWERS.keys())
def test_the_answer_to_settings_is_read_and_written(vector: dict[str, Any]) -> None:
    statuses = [status for status, _ in daq.decode_set_reply(of(vector))]
    assert len(statuses) == len(vector["fields"].get("status", []))
    assert daq.encode_set_reply(statuses) == of(vector)


def test_an_answer_in_the_old_field_has_no_status_at_all() -> None:
    assert daq.decode_set_reply(of(MALFORMED["setting reply with old field number 1"])) == []


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("status, success", OK, ""),
        ("status, not privileged 17/-17", PRIV, "DPM_PRIV"),
        ("status, pending 17/1", Status(17, 1), ""),
        ("status, code sent as unsigned byte", PRIV, ""),
    ],
)
def test_a_status_is_read_whatever_its_sign(name: str, status: Status, text: str) -> None:
    assert daq.status_of(status_pb2.Status.FromString(of(STATUSES[name]))) == (status, text)
    assert daq.status_of(daq.status_message(status, text)) == (status, text)


@pytest.mark.parametrize("fields", [{"facility_code": 256}, {"facility_code": -1}, {"status_code": 256}])
def test_numbers_that_are_no_status_count_as_an_error_that_says_so(fields: dict[str, int]) -> None:
    status, text = daq.status_of(status_pb2.Status(**fields))
    assert status == RETRY
    assert "are no status" in text


def test_a_setting_without_a_value_has_none() -> None:
    assert daq.decode_set(
        message_of("services.daq.SettingList", {"setting": [{"device": "X"}]}).SerializeToString()
    ) == [("X", None)]


def test_a_value_that_cannot_be_carried_is_refused() -> None:
    with pytest.raises(ProtocolError):
        daq.encode_set([("G:MODE.SETTING@N", "\ud800")])


@pytest.mark.parametrize(
    ("text", "directive"), [("#ROLE:x", True), ("#:27235", False), ("#ROL", False), ("M:OUTTMP", False), ("", False)]
)
def test_a_list_directive_is_told_from_a_device(text: str, directive: bool) -> None:
    assert daq.is_directive(text) is directive


@given(st.lists(st.text(max_size=20), max_size=20))
def test_every_list_of_requests_comes_back(requests: list[str]) -> None:
    assert daq.decode_read(daq.encode_read(requests)) == requests


@given(st.lists(st.tuples(st.text(max_size=20), ANY.filter(lambda value: not hasattr(value, "texts"))), max_size=5))
def test_every_list_of_settings_comes_back(settings: list[tuple[str, Any]]) -> None:
    assert same(tuple(daq.decode_set(daq.encode_set(settings))), tuple(settings))


@given(st.binary(max_size=100))
def test_whatever_arrives_is_read_or_a_protocol_error(data: bytes) -> None:
    for decode in (daq.decode_read, daq.decode_set, daq.decode_set_reply):
        with suppress(ProtocolError):
            decode(data)


def test_a_message_that_the_runtime_refuses_is_told_by_its_own_error_alone() -> None:
    with pytest.raises(DecodeError):
        status_pb2.Status.FromString(b"\x08")
