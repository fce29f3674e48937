from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.core.status import NOPROP, OK, PEND, RETRY, SCALEFAIL, Status
from gateway.core.values import TimedArray
from gateway.wire.daq_replies import (
    END,
    NO_DATA,
    Replies,
    Sample,
    decode_replies,
    encode_points,
    encode_sample,
    encode_scalar,
)
from gateway.wire.daq_values import StatusTexts, WireValue
from tests.wire.dpm_vectors import same
from tests.wire.grpc_vectors import message_of, vectors
from tests.wire.test_daq_values import ANY

REPLIES = vectors("services.daq.ReadingReply")
READINGS = vectors("services.daq.Reading")
MALFORMED = vectors("services.daq.ReadingReply", section="malformed")
STAMP = 1_700_000_000_123_456_789


def of(*names: str) -> Replies:
    return decode_replies([bytes.fromhex(REPLIES[name]["hex"]) for name in names])


def rows(replies: Replies) -> list[tuple[int, int, float, int]]:
    columns = (replies.index, replies.stamp_ns, replies.value, replies.status)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def one(fields: dict[str, Any]) -> Replies:
    """What a reply with one reading brings."""
    reply = message_of("services.daq.ReadingReply", {"index": 7, "readings": {"reading": [fields]}})
    return decode_replies([reply.SerializeToString()])


def test_a_scalar_is_a_row_with_all_nine_digits_of_its_stamp() -> None:
    assert rows(of("reply, index 0 scalar")) == [(0, STAMP, 72.5, 0)]


def test_samples_of_one_reply_are_rows_of_one_index() -> None:
    came = of("reply, five fast samples")
    assert came.index.tolist() == [1] * 5
    assert np.diff(came.stamp_ns).tolist() == [10_000_000] * 4
    assert came.value.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_what_is_no_scalar_keeps_its_place_among_the_rows() -> None:
    came = of("reply, index 300 text", "reply, index 0 scalar", "reply, index 2 array", "reply, status error")
    assert rows(came) == [(0, STAMP, 72.5, 0)]
    assert [(after, index) for after, index, _ in came.others] == [(0, 300), (1, 2), (1, 1)]
    text, array, error = (sample for _, _, sample in came.others)
    assert (text.value, text.stamp_ns, text.status) == ("hello", STAMP, OK)
    assert same(array.value, np.array([0.0, 0.5, 1.0]))
    assert (error.value, error.stamp_ns, error.status, error.message) == (None, 0, NOPROP, "DBM_NOPROP")


def test_statuses_in_place_of_readings_and_end_marks_are_told_apart() -> None:
    came = of("reply, status pending", "reply, status zero", "reply, logger end mark index 3", "reply, no member")
    pending, zero, end = (sample for _, _, sample in came.others)
    assert (pending.value, pending.status) == (None, PEND)
    assert zero is NO_DATA
    assert zero.status == RETRY
    assert end is END


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("reading, warning without data", None, PEND),
        ("reading, error with data", None, SCALEFAIL),
        ("reading, value without member", None, RETRY),
    ],
)
def test_a_reading_without_a_usable_value_is_a_sample_with_its_status(name: str, value: None, status: Status) -> None:
    came = one(READINGS[name]["fields"])
    ((_, index, sample),) = came.others
    assert rows(came) == []
    assert (index, sample.value, sample.stamp_ns, sample.status) == (7, value, STAMP, status)


def test_a_value_with_a_warning_is_a_row_that_keeps_it() -> None:
    assert rows(one(READINGS["reading, warning with data"]["fields"])) == [(7, STAMP, 1.5, Status(17, 2).packed)]
    ((_, _, sample),) = one({"data": {"text": "x"}, "status": {"facility_code": 17, "status_code": 2}}).others
    assert (sample.value, sample.status) == ("x", Status(17, 2))


@pytest.mark.parametrize("name", ["reading, no timestamp", "reading, timestamp all zero"])
def test_an_absent_stamp_is_zero(name: str) -> None:
    assert rows(one(READINGS[name]["fields"])) == [(7, 0, 72.5, 0)]


@pytest.mark.parametrize(
    "stamp",
    [
        {"seconds": 1_700_000_000, "nanos": 2_147_483_647},
        {"seconds": 1_700_000_000, "nanos": -1},
        {"seconds": -1},
        {"seconds": 9_223_372_037},
        {"seconds": 9_223_372_036_854_775_807},
    ],
)
def test_a_stamp_that_no_clock_can_have_meant_is_unknown(stamp: dict[str, int]) -> None:
    assert rows(one({"timestamp": stamp, "data": {"scalar": 1.0}})) == [(7, 0, 1.0, 0)]
    ((_, _, sample),) = one({"timestamp": stamp, "data": {"text": "x"}}).others
    assert sample.stamp_ns == 0


@pytest.mark.parametrize("vector", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_replies_are_refused_and_unusual_ones_read(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    if not vector["decodes"]:
        with pytest.raises(ProtocolError, match=r"no services\.daq\.ReadingReply"):
            decode_replies([data])
        return
    came = decode_replies([data])
    if "fields" in vector:
        expected = decode_replies([message_of(vector["message"], vector["fields"]).SerializeToString()])
        assert rows(came) == rows(expected)
        assert [(i, s.value, s.status) for _, i, s in came.others] == [
            (i, s.value, s.status) for _, i, s in expected.others
        ]


def test_an_unknown_field_is_ignored_and_its_reply_read() -> None:
    ((_, index, sample),) = decode_replies([bytes.fromhex(MALFORMED["unknown field 15 in reply"]["hex"])]).others
    assert (index, sample.status) == (1, Status(1, -6))


@pytest.mark.parametrize("name", ["old dpm.DPM reading bytes", "wrong wire type for index (string)"])
def test_a_reply_without_a_member_brings_nothing(name: str) -> None:
    came = decode_replies([bytes.fromhex(MALFORMED[name]["hex"])])
    assert (len(came.index), came.others) == (0, ())


@pytest.mark.parametrize("name", REPLIES)
def test_the_replies_are_written_as_the_vectors_have_them(name: str) -> None:
    came = of(name)
    if name == "reply, no member":
        assert (len(came.index), came.others) == (0, ())
    elif came.others:
        ((_, index, sample),) = came.others
        assert encode_sample(index, sample).hex() == REPLIES[name]["hex"]
    elif len(came.index) == 1:
        assert (
            encode_scalar(int(came.index[0]), int(came.stamp_ns[0]), float(came.value[0])).hex() == REPLIES[name]["hex"]
        )
    else:
        assert encode_points(int(came.index[0]), TimedArray(came.value, came.stamp_ns)).hex() == REPLIES[name]["hex"]


def test_no_points_are_the_end_mark() -> None:
    empty = TimedArray(np.zeros(0), np.zeros(0, np.int64))
    assert encode_points(0, empty).hex() == REPLIES["reply, logger end mark index 0"]["hex"]


def test_nothing_brings_nothing() -> None:
    came = decode_replies([])
    assert (came.index.dtype, came.value.dtype, came.status.dtype) == (np.int64, np.float64, np.int16)
    assert (len(came.index), came.others) == (0, ())


STAMPS = st.integers(0, 2**63 - 2_000_000_000)
INDEXES = st.integers(0, 0xFFFFFFFF)


@given(INDEXES, STAMPS, st.floats())
def test_every_scalar_comes_back(index: int, stamp_ns: int, value: float) -> None:
    came = decode_replies([encode_scalar(index, stamp_ns, value)])
    assert (came.index.tolist(), came.stamp_ns.tolist()) == ([index], [stamp_ns])
    assert same(came.value, np.array([value]))


@given(
    INDEXES, st.integers(1, 2**62), ANY.filter(lambda v: not isinstance(v, float | StatusTexts)), st.integers(0, 127)
)
def test_every_other_value_comes_back_with_its_status(index: int, stamp_ns: int, value: WireValue, number: int) -> None:
    status = Status(17, number) if number else OK
    ((_, came_index, sample),) = decode_replies([encode_sample(index, Sample(value, stamp_ns, status))]).others
    assert (came_index, sample.stamp_ns, sample.status) == (index, stamp_ns, status)
    assert same(sample.value, value)


@given(
    INDEXES, st.integers(0, 2**62), st.builds(Status, st.integers(0, 255), st.integers(-128, -1)), st.text(max_size=9)
)
def test_every_error_comes_back_with_its_text(index: int, stamp_ns: int, status: Status, text: str) -> None:
    ((_, came_index, sample),) = decode_replies([encode_sample(index, Sample(None, stamp_ns, status, text))]).others
    assert (came_index, sample.value, sample.stamp_ns, sample.status, sample.message) == (
        index, None, stamp_ns, status, text,
    )  # fmt: skip


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_whatever_arrives_is_columns_or_a_protocol_error(messages: list[bytes]) -> None:
    try:
        came = decode_replies(messages)
    except ProtocolError:
        return
    assert len({len(column) for column in (came.index, came.stamp_ns, came.value, came.status)}) == 1
    assert all(0 <= after <= len(came.index) for after, _, _ in came.others)
