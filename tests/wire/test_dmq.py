from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.blocks import BasicStatus
from gateway.core.errors import ProtocolError
from gateway.wire import dmq
from gateway.wire.dmq import Sample, SampleKind
from tests.wire.dmq_vectors import VECTORS, message_of, section
from tests.wire.dpm_vectors import same

MESSAGES, MALFORMED = section("vectors"), section("malformed")
TIMES = st.integers(-(2**63), 2**63 - 1)
NUMBERS = {
    SampleKind.SHORT: st.integers(-(2**15), 2**15 - 1),
    SampleKind.INTEGER: st.integers(-(2**31), 2**31 - 1),
    SampleKind.LONG: TIMES,
    SampleKind.DOUBLE: st.floats(allow_nan=False),
    SampleKind.STRING: st.text(st.characters(max_codepoint=255)),
    SampleKind.BINARY: st.binary(),
    SampleKind.BOOLEAN: st.booleans(),
    SampleKind.STRING_ARRAY: st.lists(st.text(st.characters(max_codepoint=255))).map(tuple),
    SampleKind.INTEGER_ARRAY: st.lists(st.integers(-(2**31), 2**31 - 1)).map(tuple),
    SampleKind.DOUBLE_ARRAY: st.lists(st.floats(allow_nan=False)).map(lambda items: np.array(items, np.float64)),
    SampleKind.BASIC_STATUS: st.builds(BasicStatus, *[st.none() | st.booleans()] * 5),
}


def decode(kind: str, body: bytes) -> Any:
    return dmq.decode_request(body) if kind == "request" else dmq.decode_reply(body)


@pytest.mark.parametrize("vector", MESSAGES.values(), ids=MESSAGES.keys())
def test_a_message_is_written_byte_for_byte_and_read_back(vector: dict[str, Any]) -> None:
    message, body = message_of(vector), bytes.fromhex(vector["body_hex"])
    assert dmq.encode(message) == body
    assert same(decode(vector["kind"], body), message)


@pytest.mark.parametrize("vector", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_is_refused_and_what_is_only_unusual_is_read(vector: dict[str, Any]) -> None:
    body = bytes.fromhex(vector["body_hex"])
    if vector["expect"] == "reject":
        with pytest.raises(ProtocolError):
            decode(vector["kind"], body)
        return
    expected = vector["pacsys_0.3.0"]
    found = decode(vector["kind"], body)
    assert same(found, message_of({"message": expected["accepts"], "fields": expected["fields"], "kind": "reply"}))


def test_every_message_begins_with_the_header_of_the_protocol() -> None:
    header = bytes.fromhex(VECTORS["protocol"]["header_hex"])
    assert all(dmq.encode(message_of(vector)).startswith(header) for vector in MESSAGES.values())


@given(st.data(), st.sampled_from(sorted(NUMBERS, key=lambda kind: kind.name)), TIMES)
def test_a_sample_survives_the_way(data: st.DataObject, kind: SampleKind, time: int) -> None:
    sample = Sample(kind, data.draw(NUMBERS[kind]), time, ref_id=data.draw(st.none() | st.integers(-32768, 32767)))
    assert dmq.decode_sample(dmq.encode(sample)) == sample


@given(st.binary() | st.binary().map(lambda tail: bytes.fromhex("53444402510314eeb90699") + tail))
def test_hostile_bytes_end_in_a_protocol_error(body: bytes) -> None:
    for read in (dmq.decode_init, dmq.decode_sample):
        try:
            read(body)
        except ProtocolError:
            continue


@given(st.sampled_from(sorted(MESSAGES)), st.data())
def test_damaged_messages_end_in_a_protocol_error_or_another_message(name: str, data: st.DataObject) -> None:
    octets = bytearray(bytes.fromhex(MESSAGES[name]["body_hex"])[:400])
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(MESSAGES[name]["kind"], bytes(octets))
    except ProtocolError:
        return


def test_a_list_message_opens_no_job_and_is_no_sample() -> None:
    with pytest.raises(ProtocolError, match="opens no job"):
        dmq.decode_init(dmq.encode(dmq.ClearList(1)))
    with pytest.raises(ProtocolError, match="no sample"):
        dmq.decode_sample(dmq.encode(dmq.OpenListReply(1)))


def test_samples_are_equal_by_their_content() -> None:
    array = Sample(SampleKind.DOUBLE_ARRAY, np.array([1.0, 2.0]), 5)
    assert array == Sample(SampleKind.DOUBLE_ARRAY, np.array([1.0, 2.0]), 5)
    assert array != Sample(SampleKind.DOUBLE_ARRAY, np.array([1.0, 3.0]), 5)
    assert array != "a sample"


@pytest.mark.parametrize(
    "sample",
    [
        Sample(SampleKind.SHORT, 40000, 0),
        Sample(SampleKind.STRING, "Ω", 0),
        Sample(SampleKind.DOUBLE, 1.0, 1 << 63),
        Sample(SampleKind.DOUBLE_ARRAY, (1.0,), 0),  # type: ignore[arg-type]  # no array
    ],
)
def test_what_has_no_place_in_its_field_is_not_written(sample: Sample) -> None:
    with pytest.raises(ProtocolError):
        dmq.encode(sample)
