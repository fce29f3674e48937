"""Moves: did we move a setting, or somebody else? It is seen in the readback alone, and never answered by a put.

A readback that changes is ours while a put of ours is under way or settling: until the front end has reached what was
put, and while it comes nearer to it. Every other change is foreign.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from devices.confirm import near
from devices.device import Device
from gateway.core.batch import ReadingBatch
from gateway.core.drf import Property
from gateway.core.ports import Clock
from gateway.core.values import Setting, SettingValue, Value
from gateway.plan.model import Confirm, Watch

Told: TypeAlias = Callable[[Device, Value, int], None]  # the value that somebody else has set, and its stamp in ns
_AT_LEAST = 2.0  # s for which a device settles, besides two periods of its readback
_MOST = 100  # puts of one device that are remembered
_NO_RHYTHM = 10.0  # s in place of two periods, where the event has none


def settling_time(watch: Watch, confirm: Confirm | None) -> float:
    """Seconds after the answer to a put in which a readback may still be on its way to what was put."""
    period_ms = watch.request.event.period_ms
    rhythm = _NO_RHYTHM if period_ms is None else 2 * period_ms / 1000
    return rhythm + max(_AT_LEAST, confirm.timeout if confirm is not None else 0.0)


@dataclass(slots=True)
class Own:
    """Puts of ours to one device."""

    under_way: int = 0
    last: float = -math.inf  # s, monotonic, of the last answer
    wished: deque[tuple[float, SettingValue | None]] = field(  # when begun, newest last
        default_factory=lambda: deque(maxlen=_MOST)
    )
    reached: bool = True  # whether the readback has been at what was wished last

    def wish(self, value: SettingValue | None, reached: bool, now: float, keep: float) -> None:
        """A put begins; None: a command, which may move anything. Those of longer than `keep` seconds ago go."""
        self.under_way += 1
        self.reached = reached
        while self.wished and now - self.wished[0][0] > keep:
            self.wished.popleft()
        self.wished.append((now, value))


@dataclass(slots=True)
class _Row:
    """The setting of a device, as its readback was seen last."""

    devices: list[Device]  # entries that share it
    own: Own
    tolerance: float
    settling: float  # s
    value: Value | None = None
    moved: float = -math.inf  # s, monotonic

    def ours(self, value: Value, now: float) -> bool:
        """Whether a change to this value is of our own puts."""
        own = self.own
        if not own.wished:
            return False
        (*earlier, wished), settles = [wish for _, wish in own.wished], now - own.last <= self.settling
        if wished is not None and near(wished, value, self.tolerance):
            arrives = own.under_way > 0 or not own.reached or settles
            own.reached = True
            return arrives
        if own.under_way:
            return True
        if settles:
            return not own.reached or any(w is not None and near(w, value, self.tolerance) for w in earlier)
        return (
            not own.reached and _nearer(wished, value, self.value) and now - max(self.moved, own.last) <= self.settling
        )


class Moves:
    """A `ReadingSink` for the settings of writable devices; the settings workers tell it what they send.

    `told` is called on the thread that brings the readback, for each change that was not ours.
    """

    def __init__(self, devices: Iterable[Device], watches: Sequence[Watch], clock: Clock) -> None:
        self.told: Told | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._own: dict[str, Own] = {}  # by ACNET device
        self._rows: dict[int, _Row] = {}
        self._rows_of: dict[str, list[_Row]] = {}  # by ACNET device
        self._held = np.full(len(watches), np.nan)  # the last readback of scalars
        self._watched = np.zeros(len(watches), np.bool_)
        for device in devices:
            plan = device.plan
            if plan.writable and plan.setting_row >= 0:
                own = self._own.setdefault(plan.info.device, Own())
                settling = settling_time(watches[plan.setting_row], plan.confirm)
                tolerance = plan.confirm.tolerance if plan.confirm is not None else 0.0
                row = self._rows.setdefault(plan.setting_row, _Row([], own, tolerance, settling))
                if not row.devices:
                    self._rows_of.setdefault(plan.info.device, []).append(row)
                row.devices.append(device)
                row.tolerance, row.settling = max(row.tolerance, tolerance), max(row.settling, settling)
                self._watched[plan.setting_row] = True

    def concerns(self, rows: Iterable[int]) -> bool:
        """Whether one of the rows is watched."""
        return any(self._watched[row] for row in rows)

    def begin(self, device: Device, setting: Setting) -> None:
        """A setting is about to be sent."""
        with self._lock:
            if (own := self._own.get(device.plan.info.device)) is not None:
                value = setting.value if setting.request.property is Property.SETTING else None
                rows = self._rows_of[device.plan.info.device]
                reached = value is not None and any(near(value, row.value, row.tolerance) for row in rows)
                own.wish(value, reached, self._clock.monotonic(), max(row.settling for row in rows))

    def end(self, device: Device, refused: bool = False) -> None:
        """It was answered, or will never be; what was refused moves nothing, and hides nothing."""
        with self._lock:
            if (own := self._own.get(device.plan.info.device)) is not None:
                own.under_way -= 1
                if refused and not own.under_way:
                    own.wished.pop()
                    own.reached = True
                else:
                    own.last = self._clock.monotonic()

    def put(self, batch: ReadingBatch) -> None:
        """Look at what came, and tell of foreign changes."""
        rows = batch.slot
        changed = self._watched[rows] & (self._held[rows] != batch.value)
        foreign: list[tuple[_Row, Value, int]] = []
        if changed.any():
            for at in np.flatnonzero(np.isin(rows, rows[changed])).tolist():
                self._look(int(rows[at]), float(batch.value[at]), int(batch.stamp_ns[at]), foreign)
        for other in batch.others:
            if other.reading.value is not None and self._watched[other.slot]:
                self._look(other.slot, other.reading.value, other.reading.stamp_ns, foreign)
        for row, value, stamp_ns in foreign:
            for device in row.devices:
                device.moved()
                if self.told is not None:
                    self.told(device, value, stamp_ns)

    def _look(self, number: int, value: Value, stamp_ns: int, foreign: list[tuple[_Row, Value, int]]) -> None:
        if isinstance(value, float) and not math.isfinite(value):
            return
        with self._lock:
            row, now = self._rows[number], self._clock.monotonic()
            before = row.value
            if before is None or not _same(before, value, row.tolerance):
                if before is not None and not row.ours(value, now):
                    foreign.append((row, value, stamp_ns))
                row.value, row.moved = value, now
            if isinstance(row.value, float):
                self._held[number] = value if isinstance(value, float) else np.nan


def _same(before: Value, value: Value, tolerance: float) -> bool:
    if isinstance(before, float | np.ndarray | str | bytes | tuple):
        return near(before, value, tolerance)
    return False


def _nearer(wished: SettingValue | None, value: Value, before: Value | None) -> bool:
    """Whether numbers have come nearer to what was wished."""
    arrays = [np.asarray(one) for one in (wished, value, before) if isinstance(one, float | np.ndarray)]
    if len(arrays) < 3 or len({array.shape for array in arrays}) > 1:
        return False
    aim, now, then = arrays
    return bool(np.abs(aim - now).max(initial=0.0) < np.abs(aim - then).max(initial=0.0))
