"""How often puts may come: per client, per PV and in total. The time is handed in."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` puts in any `seconds`; a count of 0 sets no limit."""

    count: int
    seconds: float = 1.0

    def __str__(self) -> str:
        return f"{self.count} in {self.seconds:g} s"


class Rates:
    """The puts of the last moments; keeps nothing of clients and PVs that have been quiet for a window."""

    def __init__(self, per_client: RateLimit, per_pv: RateLimit, total: RateLimit) -> None:
        self._limits = {"client": per_client, "PV": per_pv, "gateway": total}
        self._times: dict[tuple[str, Hashable], deque[float]] = {}
        self._swept = 0.0

    def refusal(self, client: Hashable, pv: str, now: float) -> str:
        """Why a put may not come now, with the time to wait; empty when it may. `now` is in s of a monotonic clock."""
        for key in (("client", client), ("PV", pv), ("gateway", None)):
            if (times := self._times.get(key)) is not None and (reason := self._reason(key[0], times, now)):
                return reason
        return ""

    def used_up(self, now: float) -> dict[tuple[str, Hashable], str]:
        """The reason of each client, of each PV and of the gateway itself whose puts are refused now."""
        reasons = {key: self._reason(key[0], times, now) for key, times in self._times.items()}
        return {key: reason for key, reason in reasons.items() if reason}

    def _reason(self, what: str, times: deque[float], now: float) -> str:
        limit = self._limits[what]
        wait = times[-limit.count] + limit.seconds - now if len(times) >= limit.count else 0.0
        return f"the {what} has had {limit}; try again in {wait:.1f} s" if wait > 0 else ""

    def count(self, client: Hashable, pv: str, now: float) -> None:
        """Count a put that was let through."""
        for what, key in (("client", client), ("PV", pv), ("gateway", None)):
            if (limit := self._limits[what]).count:
                self._times.setdefault((what, key), deque(maxlen=limit.count)).append(now)
        if now - self._swept > 10 * max(limit.seconds for limit in self._limits.values()):
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        self._swept = now
        old = [key for key, times in self._times.items() if times[-1] + self._limits[key[0]].seconds <= now]
        for key in old:
            del self._times[key]

    def __len__(self) -> int:
        """How many clients and PVs are remembered."""
        return len(self._times)
