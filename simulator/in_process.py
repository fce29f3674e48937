"""The port Backend straight over the facility: the scheme `sim`. No socket and no thread.

A subscription computes what is due when somebody asks for it. Who asks later than a second loses samples, counted in
`dropped`, as with a real service whose reader is too slow.
"""

import threading
from collections.abc import Mapping, Sequence

import numpy as np

from gateway.core.batch import EMPTY, OtherReading, ReadingBatch, scalar_batch
from gateway.core.blocks import status_word
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.errors import Closed
from gateway.core.ports import ANYTHING, Capabilities, Clock, Health, LinkState
from gateway.core.status import OK, Status
from gateway.core.values import Outcome, Reading, Setting, SettingResult
from simulator.facility import Facility
from simulator.schedule import Member, Schedule, Tick

_CAPABILITIES = Capabilities(read=True, write=True, watch=True)
_IDLE_S = 3600.0


class InProcessSubscription:
    """The port Subscription: readings of a schedule. One getter at a time."""

    def __init__(self, facility: Facility, clock: Clock, requests: Sequence[DataRequest]) -> None:
        self._clock, self._requests = clock, tuple(requests)
        self._zero = (clock.now_ns(), clock.monotonic())
        self._ending = threading.Event()
        now_ns = self._now()
        found = [(slot, request, facility.check(request)) for slot, request in enumerate(self._requests)]
        good: list[Member] = [(slot, request) for slot, request, status in found if status == OK]
        self._refused = [(slot, status) for slot, _, status in found if status != OK]
        self._schedule = Schedule(facility, good, now_ns)
        self._words = np.array([request.field == "BIT_VALUE" for request in self._requests], np.bool_)

    def _now(self) -> int:
        """Unix time in ns that never steps back."""
        wall_ns, monotonic = self._zero
        return wall_ns + int((self._clock.monotonic() - monotonic) * 1e9)

    @property
    def watched(self) -> int:
        """How many requests it has, until it is closed."""
        return 0 if self._ending.is_set() else len(self._requests)

    @property
    def dropped(self) -> int:
        """Samples that were not asked for in time."""
        return self._schedule.skipped

    def get(self, timeout: float) -> ReadingBatch:
        """What is due by now, or the next that falls due within `timeout` seconds; else an empty batch."""
        end = self._clock.monotonic() + timeout
        while True:
            if self._ending.is_set():
                raise Closed("the subscription was closed")
            now_ns = self._now()
            if ticks := self._schedule.take(now_ns):
                return self._batch(ticks, now_ns)
            if self._refused:
                return self._batch([], now_ns)
            left = end - self._clock.monotonic()
            if left <= 0:
                return EMPTY
            due_ns = self._schedule.next_ns()
            until_due = _IDLE_S if due_ns is None else (due_ns - now_ns) / 1e9
            self._ending.wait(max(0.0, min(left, until_due)))

    def close(self) -> None:
        """Free the getter; see the port."""
        self._ending.set()

    def _batch(self, ticks: list[Tick], now_ns: int) -> ReadingBatch:
        refused, self._refused = self._refused, []
        others = [OtherReading(slot, 0, self._failed(slot, status, now_ns)) for slot, status in refused]
        rows = 0
        for tick in ticks:
            rows += len(tick.tags)
            for single in tick.others:
                stamp_ns = now_ns if single.value is None else tick.stamp_ns
                reading = Reading(self._requests[single.tag], single.value, stamp_ns, single.status)
                others.append(OtherReading(single.tag, rows, reading))
        slots = np.concatenate([np.zeros(0, np.int32), *(tick.tags.astype(np.int32) for tick in ticks)])
        stamps = np.concatenate([np.zeros(0, np.int64), *(np.full(len(tick.tags), tick.stamp_ns) for tick in ticks)])
        values = np.concatenate([np.zeros(0), *(tick.values for tick in ticks)])
        words = self._words[slots]
        if words.any():  # a word of four bytes arrives signed, as from the real server (values.md 4.2)
            values[words] %= 2.0**32
        return scalar_batch(slots, stamps, values, tuple(others))

    def _failed(self, slot: int, status: Status, now_ns: int) -> Reading:
        return Reading(self._requests[slot], None, now_ns, status, "the simulated facility refuses this request")


class InProcessBackend:
    """The ports Backend and DeviceInfoSource over a facility of this process."""

    def __init__(self, name: str, facility: Facility, clock: Clock) -> None:
        self._name, self._facility, self._clock = name, facility, clock
        self._lock = threading.Lock()
        self._subscriptions: list[InProcessSubscription] = []
        self._closed = False
        self.last_error = ""  # there is nothing on the way that could fail

    @property
    def name(self) -> str:
        """The name it has in the configuration."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """Everything, at once."""
        return _CAPABILITIES

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:  # noqa: ARG002
        """See the port; does not wait for devices that are silent."""
        self._check()
        now_ns = self._clock.now_ns()
        readings = []
        for request in requests:
            value, status = self._facility.read(request, now_ns)
            if request.field == "BIT_VALUE" and isinstance(value, float):
                value = float(status_word(value))
            readings.append(Reading(request, value, now_ns, status))
        return readings

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:  # noqa: ARG002
        """See the port; does not wait for devices that are silent."""
        self._check()
        results = []
        for setting in settings:
            status = self._facility.write(setting.request, setting.value, self._clock.now_ns())
            outcome = Outcome.REFUSED if status.failed else Outcome.ACCEPTED
            results.append(SettingResult(setting, status, outcome))
        return results

    def watch(self, requests: Sequence[DataRequest]) -> InProcessSubscription:
        """See the port."""
        subscription = InProcessSubscription(self._facility, self._clock, requests)
        with self._lock:
            if self._closed:
                raise Closed(f"the backend {self._name} was closed")
            self._subscriptions = [one for one in self._subscriptions if one.watched]
            self._subscriptions.append(subscription)
        return subscription

    def describe(
        self,
        devices: Sequence[str],
        timeout: float,  # noqa: ARG002
        only: Mapping[str, frozenset[Property]] = ANYTHING,  # noqa: ARG002
    ) -> dict[str, DeviceInfo]:
        """See the port; everything is known at once, so nothing is left out."""
        self._check()
        absent = PropertyInfo()
        return {
            device: self._facility.info(device) or DeviceInfo(device, reading=absent, exists=False)
            for device in devices
        }

    def look_up(self, devices: Sequence[str], timeout: float) -> dict[str, DeviceInfo]:
        """As a device database looks names up that nobody has configured."""
        return self.describe(devices, timeout)

    def health(self) -> Health:
        """See the port: it is up until it is closed."""
        with self._lock:
            watched = sum(subscription.watched for subscription in self._subscriptions)
            return Health(LinkState.DISCONNECTED if self._closed else LinkState.UP, 0, watched, 0)

    def close(self) -> None:
        """Free every getter. Safe to call twice."""
        with self._lock:
            self._closed = True
            subscriptions = tuple(self._subscriptions)
        for subscription in subscriptions:
            subscription.close()

    def _check(self) -> None:
        if self._closed:
            raise Closed(f"the backend {self._name} was closed")
