import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.errors import ProtocolError
from gateway.wire.daq_values import StatusTexts, WireValue, fill, value_of
from gateway.wire.protobuf import device_pb2
from tests.wire.dpm_vectors import same
from tests.wire.grpc_vectors import message_of, vectors

VALUES = vectors("common.device.Value")
MALFORMED = vectors("common.device.Value", section="malformed")
KINDS = {
    "scalar": float, "scalarArr": np.ndarray, "raw": bytes, "text": str, "textArr": tuple, "anaAlarm": AnalogAlarm,
    "digAlarm": DigitalAlarm,
}  # fmt: skip


def message(data: str) -> device_pb2.Value:
    return device_pb2.Value.FromString(bytes.fromhex(data))


def filled(value: WireValue) -> device_pb2.Value:
    made = device_pb2.Value()
    fill(made, value)
    return made


@pytest.mark.parametrize("vector", VALUES.values(), ids=VALUES.keys())
def test_the_vectors_are_read_and_written_back(vector: dict[str, object]) -> None:
    came = message(str(vector["hex"]))
    value = value_of(came)
    assert value is not None
    # by content: the order of a map is free, and so are the bits of NaN
    assert same(value_of(filled(value)), value)
    assert filled(value).SerializeToString(deterministic=True).hex() == vector["hex"]
    assert (
        message_of("common.device.Value", vector["fields"]).SerializeToString(deterministic=True).hex()
        == (vector["hex"])
    )


@pytest.mark.parametrize(
    "vector", [v for v in VALUES.values() if set(v["fields"]) <= set(KINDS)], ids=lambda v: v["name"]
)
def test_each_member_is_a_value_of_its_kind(vector: dict[str, dict[str, object]]) -> None:
    (member,) = vector["fields"]
    assert type(value_of(message(str(vector["hex"])))) is KINDS[member]


@pytest.mark.parametrize("vector", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_a_runtime_refuses_and_what_it_accepts(vector: dict[str, object]) -> None:
    if not vector["decodes"]:
        with pytest.raises(DecodeError):
            message(str(vector["hex"]))
    elif "fields" in vector:
        expected = value_of(message_of("common.device.Value", vector["fields"]))
        assert same(value_of(message(str(vector["hex"]))), expected)
    else:
        assert value_of(message(str(vector["hex"]))) is None


def test_patterns_of_a_digital_alarm_are_unsigned_here_and_the_nominal_is_signed_there() -> None:
    came = value_of(message(VALUES["value, digital alarm with negative nominal"]["hex"]))
    assert came == DigitalAlarm(0xFFFFFFFB, 0xFFFFFFFF, False, False, True, False, 1, 0)


def test_a_status_is_attributes_only_where_all_of_it_says_so() -> None:
    booleans = value_of(message(VALUES["value, basic status booleans as text"]["hex"]))
    texts = value_of(message(VALUES["value, basic status device texts"]["hex"]))
    assert booleans == BasicStatus(on=True, ready=False)
    assert texts == StatusTexts({"On": "No", "Ready": "Yes", "Polarity": "Minus"})
    assert isinstance(texts, StatusTexts)
    assert texts.pairs() == ("On", "No", "Polarity", "Minus", "Ready", "Yes")
    assert value_of(message(VALUES["value, basic status empty map"]["hex"])) == BasicStatus()


@pytest.mark.parametrize(
    "value",
    [
        "a lone surrogate \ud800",
        ("fine", "\udfff"),
        DigitalAlarm(1 << 33, 0, False, False, False, False, 0, 0),
        AnalogAlarm(0.0, 1.0, False, False, False, False, -1, 0),
    ],
)
def test_what_the_protocol_cannot_carry_is_refused_and_nothing_is_set(value: WireValue) -> None:
    made = device_pb2.Value()
    with pytest.raises(ProtocolError, match="cannot be carried"):
        fill(made, value)
    assert made.WhichOneof("value") is None


COUNTS = st.integers(0, 0xFFFFFFFF)
REST = (st.booleans(), st.booleans(), st.booleans(), st.booleans(), COUNTS, COUNTS)
ANY: st.SearchStrategy[WireValue] = st.one_of(
    st.floats(),
    st.lists(st.floats(), max_size=20).map(lambda numbers: np.array(numbers, np.float64)),
    st.binary(max_size=40),
    st.text(max_size=40),
    st.lists(st.text(max_size=10), max_size=5).map(tuple),
    st.builds(AnalogAlarm, st.floats(), st.floats(), *REST),
    st.builds(DigitalAlarm, COUNTS, COUNTS, *REST),
    st.builds(BasicStatus, *[st.none() | st.booleans()] * 5),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), min_size=1).map(StatusTexts),
)


@given(ANY)
def test_every_value_comes_back_as_it_went(value: WireValue) -> None:
    came = value_of(device_pb2.Value.FromString(filled(value).SerializeToString()))
    if not isinstance(value, StatusTexts):  # texts that are those of attributes come back as attributes
        assert same(came, value)
    elif isinstance(came, BasicStatus):
        assert {name: str(state) for name, state in came.attributes().items()} == value.texts
    else:
        assert came == value


@given(st.binary(max_size=80))
def test_whatever_arrives_is_a_value_or_none_or_no_message(data: bytes) -> None:
    try:
        came = device_pb2.Value.FromString(data)
    except DecodeError:
        return
    value_of(came)
