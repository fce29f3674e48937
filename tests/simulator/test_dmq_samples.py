import numpy as np
import pytest

from gateway.core.blocks import AnalogAlarm, DigitalAlarm
from gateway.core.drf import DataRequest
from gateway.core.status import INVLEN, NOPROP, OK, SCALEFAIL, Status
from gateway.core.values import TimedArray
from gateway.wire.dmq import Sample, SampleKind, SampleValue
from gateway.wire.dmq_states import INVALID_DATA_TYPE
from gateway.wire.dmq_values import Control
from simulator.dmq_samples import apply_sample, sample_of, units_of
from simulator.facility import shipped_facility
from tests.simulator.facilities import NOW


def applied(text: str, kind: SampleKind, value: SampleValue, read: str = "") -> tuple[Status, object]:
    facility = shipped_facility()
    status = apply_sample(facility, DataRequest.parse(text).for_writing(), Sample(kind, value, 0), NOW)
    return status, facility.read(DataRequest.parse(read), NOW)[0] if read else None


@pytest.mark.parametrize(
    ("text", "kind", "value", "read", "expected"),
    [
        ("Z:ACLTST", SampleKind.DOUBLE, 2.0, "Z_ACLTST", 2.0),
        ("Z:ACLTST", SampleKind.INTEGER, 2, "Z_ACLTST", 2.0),
        ("Z:ACLTST.RAW", SampleKind.INTEGER, -2, "Z_ACLTST.RAW", bytes.fromhex("feff")),
        ("Z:ACLTST.RAW", SampleKind.INTEGER, 0xFFFE, "Z_ACLTST.RAW", bytes.fromhex("feff")),
        ("I|H801", SampleKind.BASIC_CONTROL, Control.OFF, "I|H801.ON", 0.0),
        ("I|H801", SampleKind.STRING, "OFF", "I|H801.ON", 0.0),
        ("G:MODE", SampleKind.STRING, "Studies", "G_MODE", "Studies"),
        ("G:MODE", SampleKind.STRING_ARRAY, ("Studies",), "G_MODE", "Studies"),
    ],
)
def test_a_sample_is_applied(text: str, kind: SampleKind, value: SampleValue, read: str, expected: object) -> None:
    status, found = applied(text, kind, value, read)
    assert (status, found) == (OK, pytest.approx(expected, abs=0.01) if isinstance(expected, float) else expected)


def test_arrays_are_applied_whatever_their_numbers() -> None:
    for kind, value in ((SampleKind.DOUBLE_ARRAY, np.array([9.0, 8.0])), (SampleKind.SHORT_ARRAY, (9, 8))):
        status, found = applied("D:GAINS[1:2]", kind, value, "D_GAINS[0:3]")
        assert status == OK
        assert isinstance(found, np.ndarray)
        assert found.tolist() == [0.0, 9.0, 8.0, 3.0]


def test_alarms_are_applied_field_by_field() -> None:
    status, found = applied(
        "N@H801", SampleKind.ANALOG_ALARM, AnalogAlarm(-3.0, 4.0, True, True, True, True, 3, 9), "N@H801"
    )
    assert status == OK
    assert isinstance(found, AnalogAlarm)
    assert (found.minimum, found.maximum, found.abort_inhibit, found.tries_needed) == (-3.0, 4.0, True, 3)
    status, found = applied(
        "N$H801", SampleKind.DIGITAL_ALARM, DigitalAlarm(5, 7, False, False, False, False, 2, 0), "N$H801"
    )
    assert status == OK
    assert isinstance(found, DigitalAlarm)
    assert (found.nominal, found.mask, found.alarm_enable, found.tries_needed) == (5, 7, False, 2)


@pytest.mark.parametrize(
    ("text", "kind", "value", "status"),
    [
        ("Z:NOTFND", SampleKind.DOUBLE, 1.0, NOPROP),
        ("Z:ACLTST", SampleKind.BINARY, b"12", INVALID_DATA_TYPE),
        ("Z:ACLTST", SampleKind.STRING, "x", SCALEFAIL),
        ("Z:ACLTST.RAW", SampleKind.INTEGER, 1 << 20, INVLEN),
        ("N@H801.RAW", SampleKind.INTEGER, 1, INVLEN),
    ],
)
def test_what_cannot_be_applied_says_why(text: str, kind: SampleKind, value: SampleValue, status: Status) -> None:
    assert applied(text, kind, value)[0] == status


def test_of_points_the_values_travel_alone() -> None:
    points = TimedArray(np.array([1.0, 2.0]), np.array([1, 2], np.int64))
    sample = sample_of(DataRequest.parse("M:OUTTMP"), points, NOW)
    assert (sample.kind, sample.time) == (SampleKind.DOUBLE_ARRAY, NOW // 1_000_000)


@pytest.mark.parametrize(
    ("text", "unit"),
    [("M:OUTTMP", "degF"), ("M:OUTTMP.PRIMARY", "V"), ("M:OUTTMP.RAW", None), ("G:MODE", None), ("N|LGXS", None)],
)
def test_units_travel_with_scaled_numbers(text: str, unit: str | None) -> None:
    request = DataRequest.parse(text)
    assert units_of(request, shipped_facility().spec(request.device)) == unit
    assert units_of(request, None) is None
