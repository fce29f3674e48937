"""Quarantine: who failed is left out for a while, longer each time, and tried again (pure)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.runtime.backoff import Backoff

Item = TypeVar("Item")
Reason = TypeVar("Reason")
_FORGOTTEN_S = 600.0  # who was not asked for so long is not tried again


@dataclass(slots=True)
class _Case(Generic[Reason]):
    reason: Reason
    attempts: int
    until: float  # s, monotonic
    asked: float  # when somebody wanted it last


class Quarantine(Generic[Item, Reason]):
    """Items with the reason of their last failure. Times are handed in. Not thread-safe."""

    def __init__(self, backoff: Backoff, chance: Callable[[], float]) -> None:
        self._backoff, self._chance = backoff, chance
        self._cases: dict[Item, _Case[Reason]] = {}

    def __len__(self) -> int:
        return len(self._cases)

    def failed(self, item: Item, reason: Reason, now: float) -> None:
        """It failed, the first time or again."""
        case = self._cases.get(item)
        attempts = 0 if case is None else case.attempts + 1
        until = now + self._backoff.delay(attempts, self._chance())
        self._cases[item] = _Case(reason, attempts, until, now if case is None else case.asked)

    def postponed(self, item: Item, now: float) -> None:
        """It could not be tried: its reason is still the old one."""
        if (case := self._cases.get(item)) is not None:
            self.failed(item, case.reason, now)

    def released(self, item: Item) -> None:
        """It works, or nobody wants it any more."""
        self._cases.pop(item, None)

    def reason(self, item: Item, now: float) -> Reason | None:
        """Why it is left out; None when it is not. Who is asked for stays on the list."""
        case = self._cases.get(item)
        if case is None:
            return None
        case.asked = now
        return case.reason

    def due(self, now: float) -> list[Item]:
        """Those whose time is over; who was not asked for is forgotten."""
        self._forget(item for item, case in self._cases.items() if now - case.asked > _FORGOTTEN_S)
        return [item for item, case in self._cases.items() if case.until <= now]

    def next_due(self) -> float | None:
        """When the next one's time is over; None for an empty list."""
        return min((case.until for case in self._cases.values()), default=None)

    def _forget(self, items: Iterable[Item]) -> None:
        for item in list(items):
            del self._cases[item]
