"""Device: what the gateway knows of one configured device; no thread of its own."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from devices.circular_buffer import Points
from devices.table import DeviceTable, Snapshot
from gateway.core.values import SettingValue
from gateway.core.write_state import WriteEvent, WriteState, after
from gateway.plan.model import DevicePlan


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """The outcome of the last write, as the `:WR:` PVs show it."""

    state: WriteState = WriteState.IDLE
    message: str = ""
    who: str = ""  # user@host
    time_ns: int = 0  # of the last change, Unix, UTC; 0 when there was no write yet
    latency: float | None = None  # s from its sending to its outcome; None while there is none, or nothing was sent
    attempts: int = 0  # readbacks that were taken to confirm it
    readback: float | None = None  # the last of them, of a scalar


class Device:
    """The view of one device over the table, and the state of its writes; safe from any thread.

    `changed` is called after each change of the write record, on the thread that made it; it must not block.
    """

    def __init__(self, plan: DevicePlan, table: DeviceTable, changed: Callable[["Device"], None] | None = None) -> None:
        self.plan = plan
        self.name = plan.name  # the prefix of its PVs
        self.changed = changed
        self._table = table
        self._lock = threading.Lock()
        self._record = WriteRecord()
        self._foreign = 0
        self._own: SettingValue | None = None

    @property
    def write_record(self) -> WriteRecord:
        """The outcome of the last write."""
        return self._record

    @property
    def foreign(self) -> int:
        """How often its setting was seen to be moved by somebody else, since the start."""
        return self._foreign

    @property
    def own(self) -> SettingValue | None:
        """The last value that was set through this gateway; None when there was none since the start."""
        return self._own

    def moved(self) -> None:
        """Its setting was moved by somebody else."""
        with self._lock:
            self._foreign += 1

    def accepted(self, value: SettingValue) -> None:
        """A value was set through this gateway."""
        self._own = value

    def latest(self) -> Snapshot | None:
        """What is known of its reading; None when it has none."""
        return self._table.snapshot(self.plan.reading_row) if self.plan.reading_row >= 0 else None

    def setting(self) -> Snapshot | None:
        """What is known of its setting as the front end holds it; None when it has none."""
        return self._table.snapshot(self.plan.setting_row) if self.plan.setting_row >= 0 else None

    def setting_age(self) -> float:
        """Seconds since the last readback of its setting came; infinite when none ever did or it has none."""
        return self._table.age(self.plan.setting_row) if self.plan.setting_row >= 0 else math.inf

    def last(self, n: int) -> Points | None:
        """The newest `n` values of its reading; None when it has none."""
        return self._table.last(self.plan.reading_row, n) if self.plan.reading_row >= 0 else None

    def since(self, index: int) -> Points | None:
        """The values of its reading from `index` on; each reader keeps the `next_index` it was given."""
        return self._table.since(self.plan.reading_row, index) if self.plan.reading_row >= 0 else None

    def age(self) -> float:
        """Seconds since the last value of its reading came; infinite when none ever did or it has none."""
        return self._table.age(self.plan.reading_row) if self.plan.reading_row >= 0 else math.inf

    def last_error(self) -> str:
        """The last error of its rows, the reading's first; empty when all was well so far."""
        return next((text for row in self.plan.rows() if (text := self._table.last_error(row))), "")

    def refused(self, who: str, message: str) -> None:
        """A put was refused by policy; while another write is under way its state stays."""
        self._step(WriteEvent.REFUSED_HERE, message, who)

    def queued(self, who: str) -> None:
        """A setting was taken, or begins its work after others of the device."""
        self._step(WriteEvent.QUEUED, "", who)

    def show(
        self,
        state: WriteState,
        message: str,
        who: str,
        latency: float | None = None,
        attempts: int = 0,
        readback: float | None = None,
    ) -> None:
        """Show how far a write has come; the one who works on it keeps its state."""
        with self._lock:
            now_ns = self._table.clock.now_ns()
            self._record = WriteRecord(state, message, who, now_ns, latency, attempts, readback)
        self._tell()

    def _step(self, event: WriteEvent, message: str, who: str) -> None:
        with self._lock:
            before = self._record
            state = after(before.state, event)
            if event is WriteEvent.REFUSED_HERE and state is WriteState.PENDING:
                return  # the PVs go on to tell of the write that is under way
            self._record = WriteRecord(state, message, who, self._table.clock.now_ns())
        self._tell()

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed(self)
