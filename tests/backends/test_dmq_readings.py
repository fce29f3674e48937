import numpy as np
import pytest

from gateway.backends.dmq_batch import Rows
from gateway.backends.dmq_read import parts_of
from gateway.backends.dmq_readings import Answered, body_of, reading_of, refusal
from gateway.core.blocks import AnalogAlarm, BasicStatus
from gateway.core.drf import DataRequest
from gateway.core.status import INVLEN, OK, RETRY, Status
from gateway.core.values import Setting, SettingValue, Value
from gateway.wire.dmq import ErrorSample, Sample, SampleKind, SampleValue, decode_sample
from gateway.wire.dmq_values import Control

NOW = 1_700_000_000_000_000_000
OUTTMP, WORD, COMMAND = (DataRequest.parse(text) for text in ("M:OUTTMP", "N|LGXS.BIT_VALUE", "N&LGXS"))
ALARM = AnalogAlarm(-1.0, 2.0, True, False, False, True, 3, 1)


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (SampleKind.DOUBLE, 1.5, 1.5),
        (SampleKind.SHORT, -3, -3.0),
        (SampleKind.LONG, 1 << 40, float(1 << 40)),
        (SampleKind.BOOLEAN, True, 1.0),
        (SampleKind.BASIC_CONTROL, Control.OFF, 2.0),
        (SampleKind.STRING, "x", "x"),
        (SampleKind.STRING_ARRAY, ("x", "y"), ("x", "y")),
        (SampleKind.STRING_ARRAY, (), ()),
        (SampleKind.BINARY, b"x", b"x"),
        (SampleKind.BASIC_STATUS, BasicStatus(True), BasicStatus(True)),
        (SampleKind.ANALOG_ALARM, ALARM, ALARM),
    ],
)
def test_a_sample_is_a_reading(kind: SampleKind, value: SampleValue, read: Value) -> None:
    reading = reading_of(OUTTMP, Sample(kind, value, 1000), NOW)
    assert (reading.value, type(reading.value), reading.stamp_ns) == (read, type(read), 1_000_000_000)
    assert reading.status == OK


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (SampleKind.DOUBLE_ARRAY, np.array([1.0, 2.0])),
        (SampleKind.SHORT_ARRAY, (1, 2)),
        (SampleKind.BOOLEAN_ARRAY, (True, False)),
        (SampleKind.INTEGER_ARRAY, ()),
    ],
)
def test_an_array_of_any_numbers_is_an_array_of_doubles(kind: SampleKind, value: SampleValue) -> None:
    read = reading_of(OUTTMP, Sample(kind, value, 1000), NOW).value
    assert isinstance(read, np.ndarray)
    assert (read.dtype, read.tolist()) == (np.float64, [float(item) for item in value])  # type: ignore[union-attr]


def test_a_word_of_four_bytes_that_came_as_a_negative_number_is_none() -> None:
    for kind in (SampleKind.INTEGER, SampleKind.DOUBLE):
        value = -1 if kind is SampleKind.INTEGER else -1.0
        assert reading_of(WORD, Sample(kind, value, 1), NOW).value == float(0xFFFFFFFF)


@pytest.mark.parametrize(
    ("sample", "status", "stamp_ns"),
    [
        (None, RETRY, NOW),
        (ErrorSample(14, -20, 5), Status(14, -20), 5_000_000),
        (ErrorSample(14, -20, 0), Status(14, -20), NOW),
        (Sample(SampleKind.BASIC_STATUS_ARRAY, (BasicStatus(),), 5), RETRY, 5_000_000),
    ],
)
def test_what_has_no_value_says_why(sample: Answered, status: Status, stamp_ns: int) -> None:
    reading = reading_of(OUTTMP, sample, NOW)
    assert (reading.value, reading.status, reading.stamp_ns) == (None, status, stamp_ns)


@pytest.mark.parametrize(
    ("text", "value", "kind", "sent"),
    [
        ("Z:A", 1.5, SampleKind.DOUBLE, 1.5),
        ("Z:ACL", 1, SampleKind.DOUBLE, 1.0),
        ("N&LGXS", 2.0, SampleKind.BASIC_CONTROL, Control.OFF),
        ("N&LGXS", 9.0, SampleKind.DOUBLE, 9.0),
        ("N&LGXS", 1.5, SampleKind.DOUBLE, 1.5),
        ("N&LGXS", "OFF", SampleKind.STRING, "OFF"),
        ("G_MODE[0:1]", ("a", "b"), SampleKind.STRING_ARRAY, ("a", "b")),
        ("Z_ACLTST.RAW", bytes.fromhex("feff"), SampleKind.INTEGER, -2),
        ("Z_ACLTST.RAW", bytes.fromhex("01000080"), SampleKind.INTEGER, 1 - 2**31),
    ],
)
def test_a_setting_is_the_sample_that_the_server_takes(
    text: str, value: SettingValue, kind: SampleKind, sent: SampleValue
) -> None:
    setting = Setting(DataRequest.parse(text).for_writing(), value)
    assert decode_sample(body_of(setting, NOW)) == Sample(kind, sent, NOW // 1_000_000, ref_id=1)


def test_an_array_is_sent_as_doubles() -> None:
    setting = Setting(DataRequest.parse("D_GAINS[0:1]"), np.array([1.0, 2.0]))
    sample = decode_sample(body_of(setting, NOW))
    assert isinstance(sample, Sample)
    assert sample.kind is SampleKind.DOUBLE_ARRAY


def test_raw_bytes_that_are_no_integer_are_refused() -> None:
    found = refusal(Setting(DataRequest.parse("Z_ACLTST.RAW").for_writing(), bytes(8)))
    assert found is not None
    assert found[0] == INVLEN


def test_rows_keep_the_order_of_arrival() -> None:
    calls: list[int] = []
    rows = Rows({1: (0, 2), 2: (1,), 3: (3,)}, lambda: calls.append(1))
    rows.add(1, OUTTMP, Sample(SampleKind.DOUBLE, 1.0, 1), NOW)
    rows.add(2, OUTTMP, None, NOW)
    rows.add(3, WORD, Sample(SampleKind.DOUBLE, -1.0, 2), NOW)
    assert calls
    batch = rows.take()
    assert batch.slot.tolist() == [0, 2, 3]
    assert batch.value.tolist() == [1.0, 1.0, float(0xFFFFFFFF)]
    assert batch.stamp_ns.tolist() == [1_000_000, 1_000_000, 2_000_000]
    assert [(other.slot, other.after) for other in batch.others] == [(1, 2)]
    assert len(rows.take()) == 0


def test_a_refused_job_is_divided_by_the_entry_that_was_named_or_in_halves() -> None:
    entries = ("A:ONE", "B:TWO", "C:THREE")
    assert parts_of(entries, "Invalid data request: B:TWO") == [("B:TWO",), ("A:ONE", "C:THREE")]
    assert parts_of(entries, "no") == [("A:ONE",), ("B:TWO", "C:THREE")]
