"""What we rest on of caproto 1.3: one test for each assumption, so that another version fails here and by name."""

import asyncio

import caproto
import numpy as np
import pytest
from caproto import ChannelAlarm, ChannelType
from caproto._commands import data_payload, extract_data
from caproto._dbr import _LongStringChannelType, native_type

from gateway.core.severity import NO_ALARM, Alarm
from gateway.plan.model import PvType
from iocs.fast import encode as encoding
from iocs.fast.encode import NotConverted, decode, encode, readable, run_now
from tests.iocs.making import STAMP, channel


def test_the_version_of_caproto_is_the_one_whose_inner_parts_we_know() -> None:
    assert "1.3" == ".".join(caproto.__version__.split(".")[:2])


@pytest.mark.parametrize("kind", list(PvType))
def test_read_never_waits(kind: PvType) -> None:
    made = channel(kind, 8 if kind in (PvType.TEXT, PvType.BYTES) else 1, labels=("a", "b"))
    for data_type in range(encoding.LAST_TYPE + 1):
        coroutine = made._read(ChannelType(data_type))  # type: ignore[attr-defined]
        try:
            with np.errstate(invalid="ignore"):
                coroutine.send(None)
        except StopIteration:
            continue
        except (ValueError, caproto.CaprotoError):  # a text that is no number
            continue
        pytest.fail(f"reading {kind} as type {data_type} waited")


def test_reading_an_alarm_never_waits() -> None:
    assert 3 == run_now(ChannelAlarm(severity=3).read()).severity


def test_the_alarm_of_a_channel_is_a_plain_mapping_that_tells_nobody_when_it_changes() -> None:
    made = channel(PvType.DOUBLE)
    assert {"status", "severity"} <= set(made.alarm._data)
    made.show(1.0, STAMP, Alarm(2, 7))
    structure, _ = run_now(made._read(ChannelType.TIME_DOUBLE))  # type: ignore[attr-defined]
    assert (2, 7) == (structure.severity, structure.status)


def test_every_pv_of_a_group_has_an_alarm_of_its_own_where_it_names_its_alarm_group() -> None:
    assert channel(PvType.DOUBLE).alarm is not channel(PvType.DOUBLE).alarm


def test_data_payload_gives_size_metadata_values_and_padding() -> None:
    made = channel(PvType.DOUBLE)
    made.show(1.5, STAMP, NO_ALARM)
    metadata, values = run_now(made._read(ChannelType.TIME_FLOAT))  # type: ignore[attr-defined]
    size, *buffers = data_payload(values, metadata, ChannelType.TIME_FLOAT, 1)
    assert 16 == size
    assert [12, 4] == [len(bytes(buffer)) for buffer in buffers[:2]]
    size, *buffers = data_payload(np.zeros(3, ">f4"), b"", ChannelType.FLOAT, 3)
    assert (16, [0, 12, 4]) == (size, [len(bytes(buffer)) for buffer in buffers])


def test_a_long_string_type_turns_a_text_into_characters() -> None:
    made = channel(PvType.STRING)
    made.show("abc", STAMP, NO_ALARM)
    _, values = run_now(made._read(_LongStringChannelType(4)))  # type: ignore[attr-defined]
    assert b"abc" == bytes(values)


def test_extract_data_gives_native_numbers_and_texts() -> None:
    assert [1.5, 2.5] == list(extract_data(bytearray(np.array([1.5, 2.5], ">f8").tobytes()), ChannelType.DOUBLE, 2))
    assert [b"abc", b"d"] == [
        bytes(item).rstrip(b"\0")
        for item in extract_data(bytearray(b"abc".ljust(40, b"\0") + b"d".ljust(40, b"\0")), ChannelType.STRING, 2)
    ]


@pytest.mark.parametrize("data_type", range(encoding.LAST_TYPE + 1))
def test_the_size_of_an_element_is_that_of_its_native_type(data_type: int) -> None:
    made = channel(PvType.DOUBLE, 4)
    made.show(np.ones(4), STAMP, NO_ALARM)
    size = encoding.SIZES[int(native_type(ChannelType(data_type)))]
    lengths = [len(encode(made, data_type, count)[1]) for count in (1, 2, 3, 4)]
    assert [size] * 3 == list(np.diff(lengths))


def test_run_now_refuses_a_coroutine_that_waits() -> None:
    with pytest.raises(RuntimeError, match="has waited"):
        run_now(asyncio.sleep(0))


def test_run_now_passes_on_what_the_coroutine_raises() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_now(broken())


def test_readable_are_the_35_types_and_two_more() -> None:
    assert [*range(35), 37, 38] == [data_type for data_type in range(-1, 100) if readable(data_type)]


def test_a_count_of_zero_means_as_many_as_there_are_and_too_many_are_filled_up() -> None:
    made = channel(PvType.DOUBLE, 4)
    made.show(np.array([1.0, 2.0]), STAMP, NO_ALARM)
    for count, expected in ((0, [1, 2]), (1, [1]), (2, [1, 2]), (4, [1, 2, 0, 0])):
        assert (len(expected), np.array(expected, ">f8").tobytes()) == encode(made, ChannelType.DOUBLE, count)
        found, payload = encode(made, ChannelType.TIME_DOUBLE, count)
        assert (len(expected), 16 + 8 * len(expected)) == (found, len(payload))


@pytest.mark.parametrize("count", [0, 1, 4])
def test_class_name_and_alarm_acknowledgement_are_one_structure_whatever_the_count(count: int) -> None:
    made = channel(PvType.DOUBLE, 4)
    found, payload = encode(made, encoding.CLASS_NAME, count)
    assert (1, 40) == (found, len(payload))
    found, payload = encode(made, encoding.STSACK_STRING, count)
    assert (1, 48) == (found, len(payload))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, -1e300])
def test_a_value_that_a_type_cannot_hold_is_no_error(value: float) -> None:
    made = channel(PvType.DOUBLE, low=-1e12, high=1e12)
    made.show(value, STAMP, NO_ALARM)
    for data_type in range(encoding.LAST_TYPE + 1):
        assert 1 == encode(made, data_type, 0)[0]


@pytest.mark.parametrize(
    ("data_type", "count", "payload"),
    [
        (7, 1, bytes(16)),
        (34, 1, bytes(96)),
        (35, 1, bytes(8)),
        (-1, 1, bytes(8)),
        (6, 0, bytes(8)),
        (6, 2, bytes(8)),
        (6, 1, b""),
        (0, 1, b"twelve"),
        (0, 1, b"0x1F"),
        (0, 1, b"1_000"),
        (0, 1, b""),
    ],
)
def test_what_cannot_be_put_is_not_converted(data_type: int, count: int, payload: bytes) -> None:
    with pytest.raises(NotConverted):
        decode(channel(PvType.DOUBLE), data_type, count, payload)
