"""Outlet: what a route passes on of what its feeds bring (pure: time is handed in; s of one monotonic clock).

No reading twice and none out of order when another feed takes over; a loss is told only when nobody takes over in time.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gateway.backends.steering import Flags, Slots, is_loss, overtaken
from gateway.core.batch import OtherReading, ReadingBatch, batch_of
from gateway.core.values import Reading


@dataclass(slots=True)
class Tally:
    """What a route has done since the start."""

    switches: int = 0  # of requests to another backend
    repeats: int = 0  # readings left out since they are no newer than what another backend had brought
    unserved: int = 0  # requests that no backend answers now


class Outlet:
    """The batches that wait for the getter, and what is remembered of those that were passed on before.

    For `hold` seconds after a switch a reading must be newer than the last one of the feed before. After that a
    source whose clock is behind is believed: its readings would be missed for ever. A reading without a stamp is as
    old as its arrival, which `now_ns` tells (Unix).
    """

    def __init__(self, slots: int, hold: float, grace: float, tally: Tally, now_ns: Callable[[], int]) -> None:
        self._hold, self._grace, self._tally, self._now_ns = hold, grace, tally, now_ns
        self._last = np.zeros(slots, np.int64)  # stamp of the last value that was passed on
        self._floor = np.zeros(slots, np.int64)  # what is not newer was brought by another feed already
        self._switched = np.zeros(slots)  # when
        self._overlaps = False  # whether there is a floor
        self._empty = np.zeros(slots, np.bool_)  # the last reading that was passed on had no value
        self._losses: dict[int, tuple[float, Reading]] = {}  # that are not told yet, and since when
        self._ready: deque[ReadingBatch] = deque()

    @property
    def ready(self) -> bool:
        """Whether a batch waits for the getter."""
        return bool(self._ready)

    @property
    def waits(self) -> bool:
        """Whether losses wait for somebody to take over."""
        return bool(self._losses)

    def take(self) -> ReadingBatch | None:
        """The next batch, if there is one."""
        return self._ready.popleft() if self._ready else None

    def hand_over(self, slots: Slots, now: float) -> Slots:
        """Another feed serves the slots from now on; the stamps above which its readings are news."""
        self._floor[slots] = self._last[slots]
        self._switched[slots] = now
        self._overlaps = True
        self.relieve(slots)
        return self._floor[slots]

    def relieve(self, slots: Slots) -> None:
        """Their losses need not be told any more: somebody answers."""
        if self._losses:  # hardly ever, and this is called for each batch
            for slot in self._losses.keys() & set(slots.tolist()):
                del self._losses[slot]

    def lose(self, slot: int, reading: Reading, now: float) -> None:
        """Tell the loss when its grace is over, unless it is told already."""
        if not self._empty[slot]:
            self._losses.setdefault(slot, (now, reading))

    def look(self, now: float) -> None:
        """Tell the losses whose grace is over, and believe clocks that are behind."""
        over = [slot for slot, (since, _) in self._losses.items() if now - since >= self._grace]
        self.put(batch_of([(slot, self._losses.pop(slot)[1]) for slot in over]))
        if self._overlaps:
            self._floor[now - self._switched > self._hold] = 0
            self._overlaps = bool(self._floor.any())

    def pass_on(self, batch: ReadingBatch, mine: Flags | None, now: float) -> None:
        """Of a batch, what belongs to the slots that its feed serves (`mine`; None: all) and is news."""
        if mine is None and not self._overlaps and not batch.others:  # nearly always
            self.put(batch)
            return
        slots, stamps = batch.slot, batch.stamp_ns
        mine = np.ones(len(self._last), np.bool_) if mine is None else mine
        served, floor = mine[slots], self._floor[slots]
        news = (stamps > floor) | (stamps == 0) | ((stamps == floor) & self._empty[slots])
        keep = served & news
        self._tally.repeats += int((served & ~news).sum())
        before = np.concatenate([[0], np.cumsum(keep)])
        others = tuple(
            OtherReading(other.slot, int(before[other.after]), other.reading)
            for other in batch.others
            if mine[other.slot] and self._is_news(batch, other, now)
        )
        if keep.all() and len(others) == len(batch.others):
            self.put(batch)
            return
        columns = (batch.slot, stamps, batch.value, batch.facility, batch.number)
        slot, stamp, value, facility, number = (column[keep] for column in columns)
        self.put(ReadingBatch(slot, stamp, value, facility, number, others))

    def put(self, batch: ReadingBatch) -> None:
        """Let the getter have the batch, unless it is empty."""
        if not len(batch):
            return
        stamps = batch.stamp_ns
        if (stamps == 0).any():
            stamps = np.where(stamps == 0, self._now_ns(), stamps)
        self._last[batch.slot] = stamps
        self._empty[batch.slot] = False
        for other in batch.others:
            self._empty[other.slot] = other.reading.value is None
            if other.reading.value is not None:
                self._last[other.slot] = other.reading.stamp_ns or self._now_ns()
        self._ready.append(batch)

    def _is_news(self, batch: ReadingBatch, other: OtherReading, now: float) -> bool:
        """Whether a reading that is no plain scalar is passed on now."""
        slot, reading = other.slot, other.reading
        floor, empty = int(self._floor[slot]), bool(self._empty[slot])
        if is_loss(reading):
            if not overtaken(batch, other):
                self.lose(slot, reading, now)
            return empty
        if reading.value is None or reading.stamp_ns == 0 or reading.stamp_ns > floor - empty:
            return True
        self._tally.repeats += 1
        return False
