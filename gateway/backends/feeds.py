"""Feeds: what a list of watched requests owes to whom, whatever its protocol.

Belongs to the worker of its list; `state` and `last_error` may be read by others.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.backends.dpm_latest import Latest
from gateway.backends.dpm_orders import Join, Leave
from gateway.backends.dpm_readings import Arrived, SlotMap, arrived_readings
from gateway.backends.subscription import BoundedSubscription
from gateway.core.drf import DataRequest
from gateway.core.ports import Clock, LinkState
from gateway.core.status import DISCONNECTED
from gateway.core.values import Reading

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Changes:
    """What orders did to the requests."""

    added: dict[int, DataRequest] = field(default_factory=dict)
    removed: list[int] = field(default_factory=list)


class Feeds:
    """The requests of a list by reference, the subscriptions that they feed, and the newest reading of each."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self.requests: dict[int, DataRequest] = {}
        self.gone: dict[int, DataRequest] = {}  # nobody watches them, but the server may still send them
        self.latest = Latest()
        self.state = LinkState.CONNECTING
        self.last_error = (0.0, "")  # when, on the monotonic clock, and what
        self._maps: dict[BoundedSubscription, SlotMap] = {}
        self._strangers = 0  # replies to references that were never given
        self._told = False  # the subscriptions know that the link is lost

    def obey(self, next_order: Callable[[], Join | Leave | None]) -> Changes:
        """Carry out the orders that came: who joins is told the newest of what was there before, or of the loss."""
        changes = Changes()
        while (order := next_order()) is not None:
            if isinstance(order, Join):
                self.requests.update(order.new)
                changes.added.update(order.new)
                slots = self._maps[order.subscription] = SlotMap(order.slots)
                self.latest.grow(max(order.slots) + 1, order.new)
                order.subscription.put(slots.batch(self.latest.of(sorted(order.slots.keys() - order.new.keys()))))
                if self._told:
                    self.send_out(self._lost(list(order.new)))
            else:
                self._maps.pop(order.subscription, None)
                changes.removed += order.gone
                for ref in order.gone:
                    self.gone[ref] = self.requests.pop(ref)
                    self.latest.forget(ref)
        changes.removed = [ref for ref in changes.removed if changes.added.pop(ref, None) is None]
        return changes

    def request(self, ref: int) -> DataRequest | None:
        """What a reference stands for, or stood for a moment ago."""
        return self.requests.get(ref) or self.gone.get(ref)

    def send_out(self, arrived: Arrived) -> None:
        """Give what came to the subscriptions."""
        self.latest.keep(arrived)
        for subscription, slots in self._maps.items():
            subscription.put(slots.batch(arrived))

    def came_up(self, again: bool) -> None:
        """The server answers; `again` when that is not for the first time."""
        if self.state is not LinkState.UP:
            self.state = LinkState.UP
            self._told = False
            if again:
                _log.info("%s: the link is back", self._name)

    def tell_lost(self, reason: str) -> None:
        """Every request gets a reading without value, once for each loss."""
        self.last_error = (self._clock.monotonic(), reason)
        self.state = LinkState.CONNECTING
        if not self._told:
            self._told = True
            _log.warning("%s: %s", self._name, reason)
            self.send_out(self._lost(list(self.requests)))

    def note_strangers(self, count: int) -> None:
        """So many replies came to references that were never given; said once."""
        if count and not self._strangers:
            _log.warning("%s: the server sends references that were never given; they are dropped", self._name)
        self._strangers += count

    def _lost(self, refs: Sequence[int]) -> Arrived:
        now, reason = self._clock.now_ns(), self.last_error[1]
        lost = ((ref, self.requests.get(ref)) for ref in refs)
        return arrived_readings(
            [(ref, Reading(one, None, now, DISCONNECTED, reason)) for ref, one in lost if one is not None]
        )
