"""Backoff: how long to wait before the next attempt (pure)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that grow geometrically up to a cap; chance spreads those who failed together."""

    first: float = 0.5  # s
    factor: float = 2.0
    cap: float = 30.0  # s, also with jitter
    jitter: float = 0.2  # share of the delay by which it is shortened or lengthened at most

    def delay(self, attempt: int, chance: float) -> float:
        """Seconds to wait after failure number `attempt`, counted from 0; `chance` is in 0..1, 0.5 means no jitter."""
        if self.first <= 0.0:
            return 0.0
        plain = self.first
        for _ in range(attempt):  # not a power: a large attempt would overflow
            if plain >= self.cap or self.factor <= 1.0:
                break
            plain *= self.factor
        return min(self.cap, min(self.cap, plain) * (1.0 + self.jitter * (2.0 * chance - 1.0)))
