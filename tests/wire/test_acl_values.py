import numpy as np
import pytest

from gateway.core.blocks import AlarmBlock, AlarmFlag, AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.drf import DataRequest
from gateway.core.status import OK, RETRY, Status
from gateway.core.values import Value
from gateway.wire.acl_answers import Answer, Failure
from gateway.wire.acl_values import NO_ATTRIBUTE, reading_of

ABSENT = Failure(NO_ATTRIBUTE, "it has none", "DIO_NOATT")
BLOCK = AlarmBlock(
    flags=2 << 5 | AlarmFlag.ENABLE | AlarmFlag.ABORT,
    first=b"\7\0\0\0",
    second=b"\3\0\0\0",
    tries_now=1,
    tries_needed=2,
).encode()


def value_of(drf: str, *answers: Answer | Failure) -> Value | None:
    reading = reading_of(DataRequest.parse(drf), answers, 5)
    assert (reading.stamp_ns, reading.status) == (5, OK), reading
    return reading.value


def test_plain_values_are_as_they_are_printed() -> None:
    array = np.array([1.0, 2.0])
    assert value_of("M:OUTTMP", Answer(1.5, "degF")) == 1.5
    assert value_of("G:MODE", Answer("Standby")) == "Standby"
    assert value_of("M:OUTTMP.RAW", Answer(b"\1\2")) == b"\1\2"
    assert value_of("B:X12[0:1]", Answer(array)) is array
    assert value_of("M|OUTTMP.ON", Answer(True)) == 1.0


def test_a_status_is_put_together_and_what_the_device_lacks_is_left_out() -> None:
    on, off = Answer(True), Answer(False)
    assert value_of("M|OUTTMP", on, off, ABSENT, on, ABSENT) == BasicStatus(True, False, None, True, None)


def test_a_status_without_any_attribute_is_none() -> None:
    reading = reading_of(DataRequest.parse("M|OUTTMP"), [ABSENT] * 5, 5)
    assert (reading.value, reading.status) == (None, NO_ATTRIBUTE)


def test_a_failed_part_fails_the_whole() -> None:
    failed = Failure(Status(1, -49), "silent")
    reading = reading_of(DataRequest.parse("M|OUTTMP"), [Answer(True), failed, ABSENT, ABSENT, ABSENT], 5)
    assert (reading.value, reading.status, reading.message) == (None, Status(1, -49), "silent")
    assert reading_of(DataRequest.parse("M|OUTTMP.ON"), [ABSENT], 5).status == NO_ATTRIBUTE


def test_alarms_are_put_together_of_the_raw_block_and_the_limits() -> None:
    analog = value_of("N@H801", Answer(BLOCK), Answer(-4.5, "A"), Answer(6.0, "A"))
    assert analog == AnalogAlarm(-4.5, 6.0, True, False, True, False, 2, 1)
    assert value_of("N$H801", Answer(BLOCK)) == DigitalAlarm(7, 3, True, False, True, False, 2, 1)


def test_words_and_flags_come_out_of_raw_bytes() -> None:
    assert value_of("N|LGXS.BIT_VALUE", Answer(bytes.fromhex("1f000080"))) == float(0x8000001F)
    found = [value_of(f"N@H801.{field}", Answer(BLOCK)) for field in ("ALARM_ENABLE", "ABORT_INHIBIT", "TRIES_NEEDED")]
    assert found == [1.0, 0.0, 2.0]


@pytest.mark.parametrize(
    ("drf", "answers"),
    [
        ("N@H801", [Answer(b"\1\2"), Answer(1.0), Answer(2.0)]),
        ("N@H801", [Answer("none"), Answer(1.0), Answer(2.0)]),
        ("N@H801", [Answer(BLOCK), Answer("low"), Answer(2.0)]),
        ("N$H801", [Answer(b"\1\2")]),
        ("N$H801", [Answer(AlarmBlock(flags=3 << 5).encode())]),
    ],
)
def test_parts_that_do_not_fit_are_an_unexpected_answer(drf: str, answers: list[Answer]) -> None:
    reading = reading_of(DataRequest.parse(drf), answers, 5)
    assert (reading.value, reading.status) == (None, RETRY)
    assert reading.message.startswith("unexpected answer: ")
