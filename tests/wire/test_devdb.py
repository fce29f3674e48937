"""gateway/wire/devdb.py: every message of the device database, by the vectors and in both roles."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.wire import devdb
from gateway.wire.devdb import (
    AlarmRecord,
    BitRecord,
    CommandRecord,
    DeviceRecord,
    Entry,
    PlainBitRecord,
    PropertyRecord,
)
from tests.wire.grpc_vectors import kind_of, message_of, vectors

VECTORS = vectors("services.devdb.")
LISTS = vectors("services.devdb.DeviceList")
IDS = vectors("services.devdb.AlarmTextIdList")
TEXTS = st.text(max_size=12)
NUMBERS = st.floats(allow_nan=False)
WORDS = st.integers(0, 2**32 - 1)
PROPERTIES = st.builds(
    PropertyRecord, st.none() | TEXTS, st.none() | TEXTS, NUMBERS, NUMBERS, WORDS, WORDS,
    st.lists(NUMBERS, max_size=10).map(tuple), *[st.booleans()] * 5,
)  # fmt: skip
BITS = st.builds(BitRecord, WORDS, WORDS, st.booleans(), TEXTS, TEXTS, TEXTS, TEXTS)
DEVICES = st.builds(
    DeviceRecord,
    WORDS,
    TEXTS,
    st.none() | PROPERTIES,
    st.none() | PROPERTIES,
    st.none() | st.lists(st.builds(CommandRecord, WORDS, TEXTS, TEXTS), max_size=4).map(tuple),
    st.lists(BITS, max_size=4).map(tuple),
    st.lists(st.builds(PlainBitRecord, WORDS, TEXTS, TEXTS, TEXTS), max_size=4).map(tuple),
)
ENTRIES = st.builds(Entry, TEXTS, DEVICES) | st.builds(Entry, TEXTS, st.none(), TEXTS)
ALARMS = st.builds(AlarmRecord, TEXTS, st.sampled_from([1, 5]), st.integers(0, 0xFFFF), *[WORDS] * 5)


def of(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name]["hex"])


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_our_messages_have_the_numbers_of_the_protocol_both_ways(vector: dict[str, Any]) -> None:
    built = message_of(vector["message"], vector["fields"])
    assert built.SerializeToString(deterministic=True) == bytes.fromhex(vector["hex"])
    assert kind_of(vector["message"]).FromString(bytes.fromhex(vector["hex"])) == built


@pytest.mark.parametrize("vector", LISTS.values(), ids=LISTS.keys())
def test_a_list_of_names_is_read_and_written(vector: dict[str, Any]) -> None:
    names = vector["fields"].get("device", [])
    assert names == devdb.decode_names(bytes.fromhex(vector["hex"]))
    assert bytes.fromhex(vector["hex"]) == devdb.encode_names(names)


@pytest.mark.parametrize("vector", IDS.values(), ids=IDS.keys())
def test_a_list_of_text_ids_is_read_and_written(vector: dict[str, Any]) -> None:
    ids = vector["fields"]["alarm_text_id"]
    assert ids == devdb.decode_text_ids(bytes.fromhex(vector["hex"]))
    assert bytes.fromhex(vector["hex"]) == devdb.encode_text_ids(ids)


def test_a_full_record_is_read() -> None:
    (entry,) = devdb.decode_info(of("devdb, info reply full"))
    blip = PropertyRecord(None, "blip", -500.0, 500.0, 22, 6, (1.0, 1.0))
    commands = CommandRecord(3, "RESET", "Reset"), CommandRecord(1, "ON", "On")
    bits = (BitRecord(1, 1, False, "OnOff", "", "On", "Off"),)
    record = DeviceRecord(140013, "ACL test device!", blip, None, commands, bits)
    assert Entry("Z:ACLTST", record) == entry


def test_an_unknown_device_a_real_one_of_index_0_an_error_and_no_answer_are_told_apart() -> None:
    names = "unknown device as all-default entry", "index 0 but real", "error text", "entry without result"
    found = [devdb.decode_info(of(f"devdb, info reply {name}"))[0] for name in names]
    assert [
        Entry("X:NOTREAL", DeviceRecord()),
        Entry("L:B0MODR", DeviceRecord(description="Modulator/PFN Status")),
        Entry("X:ERR", None, "database trouble"),
        Entry("X:NONE"),
    ] == found


def test_alarm_blocks_are_bit_patterns_whatever_their_sign() -> None:
    analog, digital = devdb.decode_alarms(of("devdb, alarm info analog and digital"))
    assert AlarmRecord("N:H801", devdb.ANALOG, 49696, 59352, 62628, 1, 42) == analog
    assert AlarmRecord("N:H801", devdb.DIGITAL, 129, 1, 0xFFFFFFFF, 0, 43) == digital
    block = message_of("services.devdb.AlarmBlock", VECTORS["devdb, alarm block status negative"]["fields"])
    reply = message_of("services.devdb.AlarmInfoReply", {"alarm_info": [{"device_name": "N:H801"}]})
    reply.alarm_info[0].alarm_block.CopyFrom(block)  # type: ignore[attr-defined]
    (negative,) = devdb.decode_alarms(reply.SerializeToString())
    assert (0xC220, 2**32 - 6184) == (negative.flags, negative.first)


def test_alarm_texts_are_found_by_their_ids() -> None:
    assert {42: "Too warm"} == devdb.decode_texts(of("devdb, alarm texts"))
    assert {7: "hot", 9: ""} == devdb.decode_texts(devdb.encode_texts([(7, "hot"), (9, "")]))


@given(st.lists(ENTRIES, max_size=4))
def test_what_is_known_of_devices_comes_back(entries: list[Entry]) -> None:
    assert entries == devdb.decode_info(devdb.encode_info(entries))


def test_a_device_without_status_has_no_bits_and_is_told_from_one_with_a_status_of_none() -> None:
    pair = [Entry("A:B", DeviceRecord(1, bits=None)), Entry("A:C", DeviceRecord(1, bits=()))]
    assert pair == devdb.decode_info(devdb.encode_info(pair))


@given(st.lists(ALARMS, max_size=4))
def test_alarm_blocks_come_back(records: list[AlarmRecord]) -> None:
    assert records == devdb.decode_alarms(devdb.encode_alarms(records))


@given(st.binary(max_size=200))
def test_whatever_arrives_is_a_message_or_a_protocol_error(data: bytes) -> None:
    for decode in (
        devdb.decode_names, devdb.decode_info, devdb.decode_alarms, devdb.decode_text_ids, devdb.decode_texts
    ):  # fmt: skip
        with suppress(ProtocolError):
            decode(data)


@pytest.mark.parametrize("hostile", ["0a", "0affffffff0f", "0a0212ff", "0a060a04ff3a4141"])
def test_what_is_cut_or_no_utf_8_is_a_protocol_error(hostile: str) -> None:
    with pytest.raises(ProtocolError):
        devdb.decode_info(bytes.fromhex(hostile))
