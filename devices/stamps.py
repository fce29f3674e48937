"""Stamps: what is strange about the time stamps of the sources, counted; a stamp is never bent (values.md 10).

A stamp of 0 becomes the local time of arrival. One that lies ahead of our clock, or behind the last one of the same
request, is kept: the source says when it sampled, and a program that puts time in order must see what it has to order.
"""

import logging

import numpy as np
import numpy.typing as npt

from gateway.core.batch import stamp_of_all

AHEAD = 10_000_000_000  # ns that a source's clock may be ahead of ours
Stamps = npt.NDArray[np.int64]
_log = logging.getLogger(__name__)


class StrangeStamps:
    """Counts of readings since the start; each kind is logged once."""

    def __init__(self) -> None:
        self.zero = 0  # without a stamp
        self.future = 0  # ahead of our clock by more than 10 s
        self.backward = 0  # older than the reading of the same request before

    def missing(self, number: int) -> None:
        """So many readings came without a stamp."""
        if number and not self.zero:
            _log.warning("a reading came without a time stamp; such readings get the local time of arrival")
        self.zero += number

    def look(self, stamps: Stamps, before: Stamps, now_ns: int) -> None:
        """Judge the stamps of readings, `before` those of the readings before them, 0 where there was none."""
        whole = stamp_of_all(stamps)
        latest = now_ns + AHEAD
        future = int((stamps > latest).sum()) if whole is None else len(stamps) * (whole > latest)
        if future and not self.future:
            _log.warning("a time stamp is more than 10 s ahead of our clock; one of the clocks is wrong")
        self.future += future
        backward = int((stamps < before).sum())
        if backward and not self.backward:
            _log.warning("a time stamp is older than the one before of the same request; it is told all the same")
        self.backward += backward


def stamps_before(rows: npt.NDArray[np.int32], stamps: Stamps, known: Stamps) -> Stamps:
    """The stamp before each, where a row may occur several times; `known` are those before all of them, by reading."""
    order = np.argsort(rows, kind="stable")
    sorted_rows, sorted_stamps = rows[order], stamps[order]
    again = np.r_[False, sorted_rows[1:] == sorted_rows[:-1]]
    before = np.empty(len(rows), np.int64)
    before[order] = np.where(again, np.r_[0, sorted_stamps[:-1]], known[order])
    return before
