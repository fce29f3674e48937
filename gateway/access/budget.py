"""Budget: how much one address may ask for in a second, where a look has to cost next to nothing (pure)."""

from collections.abc import Hashable

WINDOW = 1.0  # s


class Budget:
    """At most `limit` of something for each in any second of the clock; 0 sets no limit. Keeps one second only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent: dict[Hashable, int] = {}
        self._since = 0.0  # s, when this second began
        self.refused = 0  # times that something was too much, since the start

    def take(self, who: Hashable, much: int, now: float) -> bool:
        """Whether so much is still to be had; what was begun may end, so the last one may be above the limit."""
        if not self._limit:
            return True
        if now - self._since >= WINDOW:
            self._since = now
            self._spent.clear()  # so that forged addresses fill no memory
        spent = self._spent.get(who, 0)
        if spent >= self._limit:
            self.refused += 1
            return False
        self._spent[who] = spent + much
        return True
