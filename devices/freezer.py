"""Freezer: on a trigger it keeps what the circular buffers hold around that moment, while they go on."""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from devices.circular_buffer import Floats, Points, Stamps
from devices.table import DeviceTable
from gateway.core.batch import ReadingBatch
from gateway.core.ports import Clock
from gateway.core.values import Value
from gateway.plan.model import Plan
from gateway.plan.trigger import FreezePlan
from gateway.runtime.worker import StopToken, SupervisedWorker

_log = logging.getLogger("acgate.freeze")
LATE = 1.0  # s that a reading of the last moment may be on its way
_STEP = 0.25  # s between two looks at what came after the trigger
_PATIENCE = 1.0  # s between two looks at the token when nothing was fired


class FreezeState(IntEnum):
    """Of one freeze; the numbers are the enum of its PV."""

    ARMED = 0
    TAKING = 1  # it was fired, and the time after the trigger is not over
    FROZEN = 2


@dataclass(frozen=True, slots=True)
class Slice:
    """The history of one device around a trigger, oldest first."""

    values: Floats
    stamps_ns: Stamps
    trigger_ns: int  # the time of the trigger, Unix, UTC
    by: str  # the name of the freeze


@dataclass(slots=True, eq=False)
class _Freeze:
    """One freeze, and what is gathered for it."""

    plan: FreezePlan
    state: FreezeState = FreezeState.ARMED
    count: int = 0  # how often it was fired
    trigger_ns: int = 0
    until: float = 0.0  # s, monotonic: nothing of the time after the trigger can come later
    held: bool | None = None  # whether the condition was met by the newest reading
    parts: dict[str, list[Points]] = field(default_factory=dict)  # by device

    @property
    def first_ns(self) -> int:
        return self.trigger_ns - self.plan.before_ns

    @property
    def last_ns(self) -> int:
        return self.trigger_ns + self.plan.after_ns


class Freezer:
    """A `ReadingSink` that sees the triggers; a worker of its own copies, so that nobody waits for it.

    A device that two freezes name belongs to the one that was fired first, until that is armed again. `changed` is
    called on any thread after each change of a state; it must not block.
    """

    def __init__(self, plan: Plan, table: DeviceTable, clock: Clock) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._table, self._clock, self._most = table, clock, 2 * plan.buffer
        self._rows = {name: plan.devices[name].reading_row for name in plan.frozen}
        self._freezes = {freeze.name: _Freeze(freeze) for freeze in plan.freezes}
        self._watched = np.zeros(len(plan.watches), np.bool_)
        for freeze in plan.freezes:
            self._watched[list(freeze.trigger.rows)] = True
        self._slices: dict[str, Slice] = {}
        self._changed = threading.Condition()
        self._ending = False
        self._worker = SupervisedWorker("freezer", self._work, clock=clock)

    @property
    def names(self) -> tuple[str, ...]:
        """The freezes, in the order of the configuration."""
        return tuple(self._freezes)

    def state(self, name: str) -> FreezeState:
        """Whether it is armed."""
        return self._freezes[name].state

    def fired(self, name: str) -> tuple[int, int]:
        """The time of its trigger (Unix, ns; 0 while it is armed), and how often it was fired since the start."""
        freeze = self._freezes[name]
        return freeze.trigger_ns, freeze.count

    def slice_of(self, device: str) -> Slice | None:
        """What is kept of a device; None while nothing is."""
        return self._slices.get(device)

    def concerns(self, rows: Iterable[int]) -> bool:
        """Whether one of the rows can fire a freeze."""
        return any(self._watched[row] for row in rows)

    def put(self, batch: ReadingBatch) -> None:
        """Look for triggers in what came."""
        watched = self._watched[batch.slot]
        if watched.any():
            for at in np.flatnonzero(watched).tolist():
                self._see(int(batch.slot[at]), float(batch.value[at]), int(batch.stamp_ns[at]))
        for other in batch.others:
            if other.reading.value is not None and self._watched[other.slot]:
                self._see(other.slot, other.reading.value, other.reading.stamp_ns)

    def fire(self, name: str, trigger_ns: int) -> bool:
        """Freeze what was and will be around a moment; False where it is not armed."""
        with self._changed:
            freeze = self._freezes[name]
            if freeze.state is not FreezeState.ARMED:
                return False
            freeze.state, freeze.trigger_ns = FreezeState.TAKING, trigger_ns
            freeze.count += 1
            freeze.until = self._clock.monotonic() + freeze.plan.after_ns / 1e9 + LATE
            self._changed.notify_all()
        self.changed()
        return True

    def arm(self, name: str) -> None:
        """Forget what is kept, and wait for the next trigger."""
        with self._changed:
            freeze = self._freezes[name]
            freeze.state, freeze.trigger_ns, freeze.parts = FreezeState.ARMED, 0, {}
            self._slices = {device: kept for device, kept in self._slices.items() if kept.by != name}
        self.changed()

    def start(self) -> None:
        """Start the worker, where there is anything to do."""
        if self._freezes:
            self._worker.start()

    def signal_stop(self) -> None:
        """Tell the worker to end, without waiting."""
        self._worker.signal_stop()
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def stop(self, timeout: float) -> bool:
        """End the worker, waiting `timeout` seconds at most; False when it still runs."""
        self.signal_stop()
        return self._worker.stop(timeout)

    def _see(self, row: int, value: Value, stamp_ns: int) -> None:
        for name, freeze in self._freezes.items():
            trigger = freeze.plan.trigger
            if row in trigger.rows and (met := trigger.met(value)) is not None:
                edge = met and (trigger.condition is None or freeze.held is False)
                freeze.held = met
                if edge:
                    self.fire(name, stamp_ns)

    def _work(self, token: StopToken) -> None:
        while not token.stopped():
            taking = [freeze for freeze in self._freezes.values() if freeze.state is FreezeState.TAKING]
            for freeze in taking:
                self._gather(freeze)
            with self._changed:
                new = any(f.state is FreezeState.TAKING and not f.parts for f in self._freezes.values())
                if not (self._ending or new):
                    self._changed.wait(_STEP if taking else _PATIENCE)

    def _gather(self, freeze: _Freeze) -> None:
        """Copy what came since the last time; done when time is over, or each device has gone past the end."""
        trigger_ns, over, complete = freeze.trigger_ns, self._clock.monotonic() >= freeze.until, True
        parts = freeze.parts or {name: [] for name in freeze.plan.devices}
        for name, points in parts.items():
            row = self._rows[name]
            points.append(self._table.since(row, points[-1].next_index if points else 0))
            came = next((part.stamps_ns for part in reversed(points) if len(part.stamps_ns)), None)
            complete = complete and came is not None and int(came[-1]) > freeze.last_ns
        with self._changed:
            if freeze.state is not FreezeState.TAKING or freeze.trigger_ns != trigger_ns:
                return  # it was armed again meanwhile
            freeze.parts = parts
            if not (over or complete):
                return
            kept = {
                name: _cut(points, freeze, self._most) for name, points in parts.items() if name not in self._slices
            }
            self._slices = {**self._slices, **kept}
            freeze.state, freeze.parts = FreezeState.FROZEN, {}
        self.changed()


def _cut(points: list[Points], freeze: _Freeze, most: int) -> Slice:
    if missed := sum(part.missed for part in points[1:]):
        _log.warning(
            "freeze %s: %d readings came too fast to be kept; enlarge gateway.buffer", freeze.plan.name, missed
        )
    stamps = np.concatenate([part.stamps_ns for part in points])
    inside = np.flatnonzero((stamps >= freeze.first_ns) & (stamps <= freeze.last_ns))[:most]
    values = np.concatenate([part.values for part in points])[inside]
    return Slice(values, stamps[inside], freeze.trigger_ns, freeze.plan.name)
