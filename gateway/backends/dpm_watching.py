"""Watching: all watched requests of one backend, merged and packed into few lists (P-03, P-24)."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.backends.dpm_lists import ListLoad, place
from gateway.backends.dpm_orders import Join, Leave
from gateway.backends.dpm_read import refusal
from gateway.backends.subscription import BoundedSubscription
from gateway.core.batch import batch_of
from gateway.core.drf import DataRequest
from gateway.core.errors import Closed
from gateway.core.ports import Clock, LinkState
from gateway.core.status import BAD_REQUEST
from gateway.core.values import Reading

_BOUND = 100_000  # readings that may wait in a subscription
_ROUNDS = 4  # and at least so many of each request


class WatchedList(Protocol):
    """One list of watched requests and its worker, which the list starts and ends."""

    @property
    def state(self) -> LinkState:
        """The state of its link."""
        ...

    @property
    def connected(self) -> bool:
        """Whether its link is open now."""
        ...

    @property
    def reconnects(self) -> int:
        """How often its link was made anew; below 0 before the first time."""
        ...

    @property
    def last_error(self) -> tuple[float, str]:
        """The newest error and the monotonic time of it."""
        ...

    def start(self) -> None:
        """Start the worker, once."""
        ...

    def order(self, order: Join | Leave) -> None:
        """Give an order; from any thread, never blocks."""
        ...

    def signal_stop(self) -> None:
        """Tell the worker to end, without waiting."""
        ...

    def stop(self, timeout: float) -> None:
        """End the worker and give the link back."""
        ...


@dataclass(slots=True, eq=False)
class _Member:
    """A list, what it holds, and the last reference that was given in it."""

    list: WatchedList
    load: ListLoad
    last_ref: int = 0


@dataclass(slots=True)
class _Entry:
    """Where a canonical request is watched, and by how many subscriptions."""

    member: _Member
    ref: int
    users: int = 0


@dataclass(slots=True)
class _Order:
    """A Join while it is put together."""

    slots: dict[int, list[int]] = field(default_factory=dict)
    new: dict[int, DataRequest] = field(default_factory=dict)


class Watching:
    """Joins subscriptions to lists. Thread-safe; a list ends with the last request in it.

    `direct`: what a list brings is always all that came by then (see BoundedSubscription).
    """

    def __init__(
        self, make: Callable[[int], WatchedList], connections: int, clock: Clock, direct: bool = False
    ) -> None:
        self._make, self._connections, self._clock, self._direct = make, connections, clock, direct
        self._lock = threading.Lock()
        self._members: list[_Member] = []
        self._entries: dict[str, _Entry] = {}
        self._subscriptions: set[BoundedSubscription] = set()
        self._made = 0
        self._ended_reconnects = 0
        self._closed = False

    def watch(self, requests: Sequence[DataRequest]) -> BoundedSubscription:
        """A subscription to requests; those that are not sent at all have their one reading in it already."""
        by_key: dict[str, list[int]] = {}
        refused: list[tuple[int, Reading]] = []
        for slot, request in enumerate(requests):
            if reason := refusal(request):
                refused.append((slot, Reading(request, None, self._clock.now_ns(), BAD_REQUEST, reason)))
            else:
                by_key.setdefault(request.key(), []).append(slot)
        bound = max(_BOUND, _ROUNDS * len(requests))
        subscription = BoundedSubscription(bound, lambda: self._leave(subscription, by_key), self._direct)
        subscription.put(batch_of(refused))
        with self._lock:
            if self._closed:
                raise Closed("the backend is closed")
            self._subscriptions.add(subscription)
            fresh = [key for key in by_key if key not in self._entries]
            self._place(fresh, [requests[by_key[key][0]] for key in fresh])
            self._join(subscription, by_key, requests, set(fresh))
        return subscription

    def close(self, timeout: float) -> None:
        """End every list and every subscription."""
        with self._lock:
            self._closed = True
            members, self._members = self._members, []
            subscriptions, self._subscriptions = self._subscriptions, set()
            self._entries.clear()
        for member in members:
            member.list.signal_stop()
        for subscription in subscriptions:
            subscription.close()
        end = self._clock.monotonic() + timeout
        for member in members:
            member.list.stop(max(0.1, end - self._clock.monotonic()))

    @property
    def states(self) -> list[LinkState]:
        """The state of each list."""
        return [member.list.state for member in self._copy()]

    @property
    def connections(self) -> int:
        """Links that are open now."""
        return sum(member.list.connected for member in self._copy())

    @property
    def requests(self) -> int:
        """Canonical requests that are watched now."""
        return len(self._entries)

    @property
    def reconnects(self) -> int:
        """Links that were made anew, since the start."""
        return self._ended_reconnects + sum(max(0, member.list.reconnects) for member in self._copy())

    @property
    def last_error(self) -> tuple[float, str]:
        """The newest error and the monotonic time of it."""
        return max((member.list.last_error for member in self._copy()), default=(0.0, ""))

    def _copy(self) -> list[_Member]:
        with self._lock:
            return list(self._members)

    def _place(self, keys: Sequence[str], requests: Sequence[DataRequest]) -> None:
        """Give each new request its list and its reference; new lists start, still empty."""
        loads = [member.load for member in self._members]
        numbers = place(requests, loads, self._connections)
        for load in loads[len(self._members) :]:
            self._made += 1
            self._members.append(_Member(self._make(self._made), load))
        for key, number in zip(keys, numbers, strict=True):
            member = self._members[number]
            member.last_ref += 1
            self._entries[key] = _Entry(member, member.last_ref)

    def _join(
        self,
        subscription: BoundedSubscription,
        by_key: dict[str, list[int]],
        requests: Sequence[DataRequest],
        fresh: set[str],
    ) -> None:
        orders: dict[_Member, _Order] = {}
        for key, slots in by_key.items():
            entry = self._entries[key]
            entry.users += 1
            order = orders.setdefault(entry.member, _Order())
            order.slots[entry.ref] = slots
            if key in fresh:
                order.new[entry.ref] = requests[slots[0]]
        for member, order in orders.items():
            member.list.order(Join(subscription, order.slots, order.new))
            member.list.start()

    def _leave(self, subscription: BoundedSubscription, keys: dict[str, list[int]]) -> None:
        with self._lock:
            if subscription not in self._subscriptions:
                return
            self._subscriptions.discard(subscription)
            gone: dict[_Member, list[int]] = {}
            for key in keys:
                entry = self._entries[key]
                entry.users -= 1
                left = gone.setdefault(entry.member, [])
                if not entry.users:
                    left.append(entry.ref)
                    entry.member.load.size -= 1
                    del self._entries[key]
            for member, refs in gone.items():
                if member.load.size:
                    member.list.order(Leave(subscription, refs))
                else:  # ended under the lock, so that the next list does not exceed the budget
                    self._members.remove(member)
                    self._ended_reconnects += max(0, member.list.reconnects)
                    member.list.stop(2.0)
