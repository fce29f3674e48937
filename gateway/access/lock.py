"""The setpoint lock: one client keeps the settings of a device to itself (features.md N-04). The time is handed in."""

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lock:
    """Who holds a device, what for, until when; `until` is in s of a monotonic clock."""

    circuit: Hashable
    who: str  # user@host
    purpose: str
    until: float

    def __str__(self) -> str:
        return f"{self.who}: {self.purpose}" if self.purpose else self.who


class Locks:
    """The locks by device; one ends with its circuit, with its time, when it is given back or broken."""

    def __init__(self, longest: float) -> None:
        self.longest = longest  # s that a lock lasts unless it is taken again
        self._locks: dict[str, Lock] = {}

    def holder(self, device: str, now: float) -> Lock | None:
        """The lock of a device that has not ended."""
        lock = self._locks.get(device)
        return lock if lock is not None and lock.until > now else None

    def refusal(self, device: str, circuit: Hashable, now: float) -> str:
        """Why a circuit may not set the device: who holds it; empty when it may."""
        lock = self.holder(device, now)
        if lock is None or lock.circuit == circuit:
            return ""
        return f"{device} is locked by {lock} for another {lock.until - now:.0f} s"

    def take(self, device: str, circuit: Hashable, who: str, purpose: str, now: float) -> str:
        """Lock the device, or take it for longer; the reason why not, empty when it was taken."""
        reason = self.refusal(device, circuit, now)
        if not reason:
            self._locks[device] = Lock(circuit, who, purpose, now + self.longest)
        return reason

    def give_back(self, device: str, circuit: Hashable, now: float) -> str:
        """End one's own lock; the reason why not, empty when it is free now."""
        reason = self.refusal(device, circuit, now)
        if not reason:
            self._locks.pop(device, None)
        return reason

    def break_(self, device: str) -> Lock | None:
        """End the lock of whoever holds it; what was broken."""
        return self._locks.pop(device, None)

    def end(self, circuit: Hashable) -> list[str]:
        """The circuit is gone: the devices that it held, free now."""
        freed = [device for device, lock in self._locks.items() if lock.circuit == circuit]
        for device in freed:
            del self._locks[device]
        return freed
