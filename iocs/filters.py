"""Channel filters (EPICS base, filters documentation): part of an array, deadband, time stamp, synchronisation. Pure.

`X.[2:8]` is `X.{"arr":{"s":2,"e":8}}`; `X.{"dbnd":{"abs":1.5}}`, `X.{"ts":{}}`, `X.{"sync":{"m":"while","s":"Y"}}`.
What is not understood is refused when the channel is created; nothing of a filter is evaluated later than that.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from iocs.fast.dbr import Shown
from iocs.fast.rows import epics_second
from iocs.record import beyond

State = Callable[[], bool]
_SHORT = re.compile(r"\[(-?\d*)(?::(-?\d*))?(?::(-?\d*))?\]")
_DIGITS = 9  # of an index, at most
MODES = ("before", "first", "last", "after", "while", "unless")


class BadFilter(Exception):
    """The filters of a name are not understood; the text says which."""


class Filter(Protocol):
    """One filter of one channel; keeps what it has to remember."""

    def read(self, shown: Shown) -> Shown:
        """What a get shows."""
        ...

    def event(self, shown: Shown) -> Shown | None:
        """What a monitor is sent, None for nothing."""
        ...


class _Changes:
    """A filter that changes what is shown, the same for gets and monitors."""

    def read(self, shown: Shown) -> Shown:
        raise NotImplementedError

    def event(self, shown: Shown) -> Shown | None:
        return self.read(shown)


class _Selects:
    """A filter that leaves gets alone."""

    def read(self, shown: Shown) -> Shown:
        return shown


@dataclass(slots=True)
class Part(_Changes):
    """`arr`: elements `start` to `end`, both included, every `step`th; below 0 they count from the end."""

    start: int
    step: int
    end: int

    def count(self, most: int) -> int:
        """How many of so many elements are left."""
        return len(range(*self._ends(most)))

    def read(self, shown: Shown) -> Shown:
        """The part; a scalar stays as it is."""
        if len(shown.values) == 1:
            return shown
        return shown._replace(values=shown.values[slice(*self._ends(len(shown.values)))])

    def _ends(self, length: int) -> tuple[int, int, int]:
        start, end = (max(at + length, 0) if at < 0 else at for at in (self.start, self.end))
        return min(start, length), min(end + 1, length), self.step


@dataclass(slots=True, eq=False)
class Deadband(_Selects):
    """`dbnd`: only values further than this from the last one sent; relative ones in percent of that."""

    width: float
    relative: bool
    _last: float = math.nan
    _limit: float = 0.0

    def __post_init__(self) -> None:
        self._limit = 0.0 if self.relative else self.width

    def event(self, shown: Shown) -> Shown | None:
        """Scalars that are numbers; everything else passes."""
        if len(shown.values) != 1 or not isinstance(shown.values, np.ndarray):
            return shown
        value = float(shown.values[0])
        if not beyond(self._last, value, self._limit):
            return None
        self._last = value
        if self.relative:
            self._limit = value * self.width / 100
        return shown


@dataclass(slots=True)
class Stamp(_Changes):
    """`ts`: the time of the gateway in place of the source's."""

    now: Callable[[], int]  # ns, Unix

    def read(self, shown: Shown) -> Shown:
        """The same, of now."""
        seconds, nanoseconds = epics_second(self.now())
        return shown._replace(seconds=seconds, nanoseconds=nanoseconds)


@dataclass(slots=True)
class Synchronised(_Selects):
    """`sync`: by the state of a binary PV of this gateway, looked at when there is news."""

    mode: str
    state: State
    _was: bool = False
    _held: Shown | None = None

    def event(self, shown: Shown) -> Shown | None:
        """What passes; `before` and `last` pass what came before the news."""
        now, was, held = self.state(), self._was, self._held
        if self.mode in ("while", "unless"):
            return shown if now == (self.mode == "while") else None
        self._was, self._held = now, shown
        began, ended = now and not was, was and not now
        if self.mode in ("before", "first"):
            return (held if self.mode == "before" else shown) if began else None
        return (held if self.mode == "last" else shown) if ended else None


def parse_filters(text: str, now: Callable[[], int], state_of: Callable[[str], State | None]) -> list[Filter]:
    """The filters of a name in order, or BadFilter. `state_of` knows the binary PVs."""
    filters: list[Filter] = []
    if text.startswith("["):
        found = _SHORT.match(text)
        if found is None or found[0] == "[]":
            raise BadFilter(f"{text!r} is no part of an array; write [start:end] or [start:step:end]")
        filters.append(_short(found))
        text = text[found.end() :]
    if not text:
        return filters
    try:
        wishes = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError) as error:
        raise BadFilter(f"{text!r} is no JSON") from error
    if not text.startswith("{") or not isinstance(wishes, tuple):
        raise BadFilter(f"{text!r} is no JSON object")
    for name, options in wishes:
        if name not in _MAKERS or not isinstance(options, tuple):
            raise BadFilter(f"{name!r} is no filter with options in braces; there are {', '.join(_MAKERS)}")
        filters.append(_MAKERS[name](options, now, state_of))
    return filters


def _short(found: re.Match[str]) -> Part:
    words = [word for word in found.groups() if word is not None]
    if any(len(word) > _DIGITS or word == "-" for word in words):
        raise BadFilter(f"{found[0]} is out of all bounds")
    numbers = [int(word) if word else None for word in words]
    if len(numbers) == 1:
        return _part(numbers[0], None, numbers[0])
    return _part(numbers[0], numbers[1] if len(numbers) > 2 else None, numbers[-1])


def _part(start: int | None, step: int | None, end: int | None) -> Part:
    """With what is not said: from the first to the last; a step below 1 is 1."""
    return Part(start or 0, max(step or 1, 1), -1 if end is None else end)


def _whole(options: tuple[tuple[str, Any], ...], *known: str) -> dict[str, Any]:
    for name, value in options:
        if name not in known or type(value) is not int or abs(value) >= 10**_DIGITS:
            raise BadFilter(f"arr takes whole numbers {', '.join(known)}")
    return dict(options)


def _arr(options: tuple[tuple[str, Any], ...], *_: Any) -> Filter:
    found = _whole(options, "s", "i", "e")
    return _part(found.get("s"), found.get("i"), found.get("e"))


def _dbnd(options: tuple[tuple[str, Any], ...], *_: Any) -> Filter:
    width, relative = 0.0, False
    for name, value in options:
        if name == "m" and value in ("abs", "rel"):
            relative = value == "rel"
        elif name in ("abs", "rel", "d") and type(value) in (int, float) and math.isfinite(value):
            width = float(value)
            relative = name == "rel" if name != "d" else relative
        else:
            raise BadFilter("dbnd takes abs or rel with a number, or d with a number and m with abs or rel")
    return Deadband(width, relative)


def _ts(options: tuple[tuple[str, Any], ...], now: Callable[[], int], *_: Any) -> Filter:
    if options:
        raise BadFilter("ts takes no options here")
    return Stamp(now)


def _sync(options: tuple[tuple[str, Any], ...], _: Any, state_of: Callable[[str], State | None]) -> Filter:
    found = {word: value for word, value in options if isinstance(value, str)}
    state = state_of(found.get("s", ""))
    if len(found) != len(options) or set(found) != {"m", "s"} or found["m"] not in MODES or state is None:
        raise BadFilter(f"sync takes m, one of {' '.join(MODES)}, and s, a two-state PV of this gateway")
    return Synchronised(found["m"], state)


_MAKERS: dict[str, Callable[..., Filter]] = {"arr": _arr, "dbnd": _dbnd, "ts": _ts, "sync": _sync}
