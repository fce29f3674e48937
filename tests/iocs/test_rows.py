"""Columns as rows of the wire."""

import struct

import numpy as np

from iocs.fast.rows import EPICS_EPOCH, ROW, epics_time, update_header, update_rows


def columns(*items: tuple[float, int, int, int]) -> bytes:
    value, stamp, status, severity = zip(*items, strict=True)
    rows = update_rows(
        np.array(value), np.array(stamp, np.int64), np.array(status, np.uint16), np.array(severity, np.uint16)
    )
    rows["header"] = np.array([update_header(7)] * len(rows), "V16")
    return rows.tobytes()


def test_a_row_is_a_whole_message_with_one_time_double() -> None:
    assert 40 == ROW.itemsize
    expected = struct.pack(">HHHHII", 1, 24, 20, 1, 1, 7) + struct.pack(">HHIIxxxxd", 5, 2, 10, 250, 1.5)
    stamp = (EPICS_EPOCH + 10) * 1_000_000_000 + 250
    assert expected == columns((1.5, stamp, 5, 2))
    assert expected * 3 == columns(*[(1.5, stamp, 5, 2)] * 3)


def test_stamps_before_1990_and_after_2126_become_the_nearest_that_fit() -> None:
    stamps = np.array([0, -5, (EPICS_EPOCH + 1) * 10**9 - 1, (EPICS_EPOCH + 2**32) * 10**9], np.int64)
    seconds, nanoseconds = epics_time(stamps)
    assert [0, 0, 0, 0xFFFFFFFF] == seconds.tolist()
    assert [0, 999_999_995, 999_999_999, 0] == nanoseconds.tolist()


def test_no_reading_makes_no_row() -> None:
    nothing = np.zeros(0)
    assert 0 == len(update_rows(nothing, nothing.astype(np.int64), nothing.astype("u2"), nothing.astype("u2")))
