"""What the device database has said of names that were searched for, and which it is to be asked (pure).

Everything is bounded: a storm of nonsense costs memory and calls up to a limit, and no more.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateway.core.device_info import DeviceInfo

MOST = 10_000  # names of each kind that are remembered, and that wait
KNOWN_FOR = 600.0  # s for which a description holds
UNKNOWN_FOR = 30.0  # s until a name that was unknown is asked for again
UNASKED_FOR = 5.0  # s until names are asked for again when the database was away


class Answer(NamedTuple):
    """What was said of some names."""

    found: Mapping[str, DeviceInfo]
    complete: bool = True  # whether what it leaves out does not exist; otherwise nobody could say


AWAY = Answer({}, complete=False)


class KnownNames:
    """Times are seconds of a clock that never steps."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[str, tuple[float, DeviceInfo]] = {}  # with the time at which each ends, the oldest first
        self._unknown: dict[str, float] = {}
        self._waiting: dict[str, None] = {}
        self.refused = 0  # answers that a device does not exist, since the start

    @property
    def waiting(self) -> int:
        """Names that are to be asked for."""
        return len(self._waiting)

    def info(self, device: str, now: float) -> DeviceInfo | None:
        """What is known of a device; where nobody has said anything yet, it is to be asked for."""
        found = self._known.get(device)
        if found is not None and now < found[0]:
            return found[1]
        if now >= self._unknown.get(device, now) and len(self._waiting) < self._most:
            self._waiting[device] = None
        return None

    def take(self, most: int) -> list[str]:
        """The names to ask for next, those that wait longest; they wait no more."""
        taken = list(self._waiting)[:most]
        for device in taken:
            del self._waiting[device]
        return taken

    def learn(self, asked: Iterable[str], answer: Answer, now: float) -> None:
        """What was said of the names that were asked for."""
        for device in asked:
            self._waiting.pop(device, None)
            self._known.pop(device, None)
            self._unknown.pop(device, None)
            info = answer.found.get(device)
            if info is not None and info.exists:
                self._known[device] = (now + KNOWN_FOR, info)
            else:
                said = answer.complete or info is not None
                self._unknown[device] = now + (UNKNOWN_FOR if said else UNASKED_FOR)
                self.refused += said
        for kept in (self._known, self._unknown):
            while len(kept) > self._most:
                del kept[next(iter(kept))]
