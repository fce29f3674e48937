"""The write lease: a client enables its own settings for some minutes (features.md N-03). The time is handed in."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may set, until when; `until` is in s of a monotonic clock."""

    who: str  # user@host
    until: float


class Leases:
    """The leases by circuit; one ends with its circuit, with its time, or when it is given back."""

    def __init__(self, longest: float) -> None:
        self.longest = longest  # s
        self._leases: dict[Hashable, Lease] = {}

    def grant(self, circuit: Hashable, who: str, seconds: float, now: float) -> float:
        """Begin, prolong, or with 0 give back; the seconds that were granted, `longest` at most."""
        seconds = min(seconds, self.longest)
        if seconds > 0:
            self._leases[circuit] = Lease(who, now + seconds)
        else:
            self._leases.pop(circuit, None)
        return max(seconds, 0.0)

    def left(self, circuit: Hashable, now: float) -> float:
        """Seconds that the lease of a circuit has left, 0 without one."""
        lease = self._leases.get(circuit)
        return max(lease.until - now, 0.0) if lease is not None else 0.0

    def end(self, circuit: Hashable) -> None:
        """The circuit is gone."""
        self._leases.pop(circuit, None)

    def holders(self, now: float) -> Iterator[Lease]:
        """The leases that have not ended."""
        return (lease for lease in self._leases.values() if lease.until > now)
