"""ScriptedBackend: the port `Backend` under full control of a test."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from gateway.core.batch import EMPTY, ReadingBatch, batch_of
from gateway.core.drf import DataRequest
from gateway.core.errors import Closed
from gateway.core.ports import Capabilities, Health, LinkState
from gateway.core.status import OK, PEND
from gateway.core.values import Outcome, Reading, Setting, SettingResult, SettingValue, Value

PATIENCE = 10.0  # s a test waits for what should come at once


class ScriptedSubscription:
    """The port `Subscription`: brings what the test gives."""

    def __init__(self, requests: Sequence[DataRequest]) -> None:
        self.requests = list(requests)
        self.dropped = 0
        self.closed = False
        self._changed = threading.Condition()
        self._items: deque[ReadingBatch | BaseException] = deque()
        self._getting = False

    def give(self, item: ReadingBatch | BaseException) -> None:
        """Bring a batch, or raise an exception out of `get`."""
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def value(self, slot: int, value: Value, stamp_ns: int = 1) -> None:
        """Bring one good reading."""
        self.give(batch_of([(slot, Reading(self.requests[slot], value, stamp_ns, OK))]))

    def settle(self) -> None:
        """Wait until all that was given has been taken and worked off: the reader asks for more, or has closed."""
        with self._changed:
            settled = self._changed.wait_for(
                lambda: self.closed or (not self._items and self._getting), timeout=PATIENCE
            )
        assert settled, "nobody took what was given"

    def get(self, timeout: float) -> ReadingBatch:
        with self._changed:
            if not self._items:
                self._getting = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self.closed or bool(self._items), timeout)
                self._getting = False
            if self.closed:
                raise Closed("the subscription is closed")
            if not self._items:
                return EMPTY
            item = self._items.popleft()
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify_all()


class ScriptedBackend:
    """Holds what was set and reads it back, unless `on_read` or `on_write` say otherwise; keeps every call.

    `on_watch` may raise or return what `watch` shall return. The scripts are called on the caller's thread.
    """

    def __init__(self, name: str = "scripted") -> None:
        self.name = name
        self.capabilities = Capabilities(read=True, write=True, watch=True)
        self.held: dict[str, SettingValue] = {}  # by device
        self.reads: list[DataRequest] = []
        self.writes: list[Setting] = []
        self.subscriptions: list[ScriptedSubscription] = []
        self.on_read: Callable[[DataRequest], Reading] = self._read_held
        self.on_write: Callable[[Setting], SettingResult] = self._hold
        self.on_watch: Callable[[Sequence[DataRequest]], ScriptedSubscription] = ScriptedSubscription
        self._changed = threading.Condition()

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:  # noqa: ARG002 - the port's
        with self._changed:
            self.reads.extend(requests)
        return [self.on_read(request) for request in requests]

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:  # noqa: ARG002 - the port's
        with self._changed:
            self.writes.extend(settings)
        return [self.on_write(setting) for setting in settings]

    def watch(self, requests: Sequence[DataRequest]) -> ScriptedSubscription:
        subscription = self.on_watch(requests)
        with self._changed:
            self.subscriptions.append(subscription)
            self._changed.notify_all()
        return subscription

    def health(self) -> Health:
        watched = [s for s in self.subscriptions if not s.closed]
        state = LinkState.UP if watched else LinkState.DISCONNECTED
        return Health(state, len(watched), sum(len(s.requests) for s in watched), 0)

    def close(self) -> None:
        for subscription in self.subscriptions:
            subscription.close()

    def subscription(self, number: int = 0) -> ScriptedSubscription:
        """The subscription of this number, counted from 0, as soon as there is one."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.subscriptions) > number, PATIENCE), "nobody watches"
            return self.subscriptions[number]

    def _read_held(self, request: DataRequest) -> Reading:
        value = self.held.get(request.device)
        return Reading(request, value, 1, PEND if value is None else OK)

    def _hold(self, setting: Setting) -> SettingResult:
        self.held[setting.request.device] = setting.value
        return SettingResult(setting, OK, Outcome.ACCEPTED)
