"""Columns as rows of the wire."""

import math
import struct

import numpy as np
import pytest

from gateway.core.batch import one_stamp
from gateway.core.severity import no_alarms
from iocs.fast.dbr import Shown, encode
from iocs.fast.rows import EPICS_EPOCH, ROWS, Readings, epics_time, read_headers, update_header


def columns(*items: tuple[float, int, int, int]) -> bytes:
    value, stamp, status, severity = zip(*items, strict=True)
    readings = Readings(
        np.array(value), np.array(stamp, np.int64), np.array(status, np.uint16), np.array(severity, np.uint16)
    )
    return bytes(readings.messages(20, headers(20, len(items))))


def headers(data_type: int, count: int) -> np.ndarray:
    return np.array([update_header(data_type, 7)] * count, "V16")


def test_a_row_is_a_whole_message_with_one_time_double() -> None:
    assert 40 == ROWS[20].itemsize
    expected = struct.pack(">HHHHII", 1, 24, 20, 1, 1, 7) + struct.pack(">HHIIxxxxd", 5, 2, 10, 250, 1.5)
    stamp = (EPICS_EPOCH + 10) * 1_000_000_000 + 250
    assert expected == columns((1.5, stamp, 5, 2))
    assert expected * 3 == columns(*[(1.5, stamp, 5, 2)] * 3)


def test_stamps_before_1990_and_after_2126_become_the_nearest_that_fit() -> None:
    stamps = np.array([0, -5, (EPICS_EPOCH + 1) * 10**9 - 1, (EPICS_EPOCH + 2**32) * 10**9], np.int64)
    expected = [0, 0, 0, 0xFFFFFFFF], [0, 999_999_995, 999_999_999, 0]
    seconds, nanoseconds = epics_time(stamps)
    assert expected == (np.asarray(seconds).tolist(), np.asarray(nanoseconds).tolist())
    for stamp, second, nanosecond in zip(stamps.tolist(), *expected, strict=True):
        assert (second, nanosecond) == epics_time(one_stamp(stamp, 3))


def test_no_reading_makes_no_row() -> None:
    nothing = np.zeros(0)
    readings = Readings(nothing, nothing.astype(np.int64), nothing.astype("u2"), nothing.astype("u2"))
    assert b"" == readings.messages(20, headers(20, 0))


@pytest.mark.parametrize("data_type", sorted(ROWS))
@pytest.mark.parametrize("value", [0.0, -1.5, 40000.7, 1e12, math.nan, math.inf])
def test_a_row_of_every_type_has_the_bytes_that_the_ordinary_way_gives(data_type: int, value: float) -> None:
    _, payload = encode(Shown(6, np.array([value]), 5, 2, 1105790400, 123456789, precision=4), data_type, 1)
    columns = np.array([(EPICS_EPOCH + 1105790400) * 10**9 + 123456789]), np.array([5], "u2"), np.array([2], "u2")
    digits = np.array([0, 4]), np.array([1], np.int32)
    message = Readings(np.array([value]), *columns, digits=digits).messages(data_type, headers(data_type, 1))
    assert payload + bytes(-len(payload) % 8) == message[16:]
    assert len(message) - 16 == struct.unpack_from(">H", update_header(data_type, 1), 2)[0]


@pytest.mark.parametrize("alone", [True, False])
def test_each_client_gets_messages_of_its_own(alone: bool) -> None:
    value, stamp, none = np.array([1.0, 2.0, 3.0]), np.full(3, 10**18), no_alarms(3)
    readings = Readings(value, stamp, none, none, alone)
    first = readings.messages(20, headers(20, 3))
    kept = bytes(first)
    some = readings.messages(20, np.array([update_header(20, 9)], "V16"), np.array([False, True, False]))
    second = readings.messages(20, headers(20, 3))
    assert (kept, kept) == (bytes(first), bytes(second))
    assert first is not second
    assert update_header(20, 9) + kept[56:80] == some


def test_the_header_of_a_reply_bears_the_request_id() -> None:
    expected = struct.pack(">HHHHII", 15, 8, 6, 1, 1, 99)
    assert expected == read_headers(6, np.array([99], np.uint32)).tobytes()
