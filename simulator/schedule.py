"""When requests are answered, and with what: periodic grids, clock events, state events (drf.md 7). Pure.

Requests of the same rhythm form a group that is sampled in one go. A sample is taken for the time at which it is due,
not for the time at which somebody looks: so the same schedule gives the same values however late it is served. Who is
later than a second loses samples; they are counted.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.drf import DataRequest, Property
from gateway.core.drf_events import DrfEvent, parse_event
from gateway.core.status import Status
from gateway.core.values import Value
from simulator.clock_events import next_event
from simulator.facility import Facility

LATEST_NS = 1_000_000_000
SHORTEST_MS = 10  # P,0 is served so; the real server would serve it by another protocol (drf.md 12.2)
_STATE_POLL_NS = 50_000_000
_ONE_SHOT_SILENCE_NS = 5_000_000_000  # until 1/-49 (dpm-http.md 7.2)
_LONGEST_SILENCE_NS = 15_000_000_000

Member: TypeAlias = tuple[int, DataRequest]  # a tag that the caller chose, and what it stands for


@dataclass(frozen=True, slots=True)
class Single:
    """One sample."""

    tag: int
    value: Value | None
    status: Status


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """All samples of a group at one time: numbers as columns, all else one by one."""

    stamp_ns: int
    tags: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    others: tuple[Single, ...]


class _Members:
    """Requests that are sampled together."""

    def __init__(self, facility: Facility, members: list[Member]) -> None:
        places = [(tag, facility.column(request)) for tag, request in members]
        in_columns = [(tag, place) for tag, place in places if place is not None]
        self._facility = facility
        self._singles = [member for member, (_, place) in zip(members, places, strict=True) if place is None]
        self._tags = np.array([tag for tag, _ in in_columns], np.int64)
        self._places = np.array([place for _, place in in_columns], np.int64)

    def __len__(self) -> int:
        return len(self._singles) + len(self._tags)

    def sample(self, t_ns: int) -> Tick:
        tags: list[int] = []
        values: list[float] = []
        others: list[Single] = []
        for tag, request in self._singles:
            value, status = self._facility.read(request, t_ns)
            if isinstance(value, float):
                tags.append(tag)
                values.append(value)
            else:
                others.append(Single(tag, value, status))
        column = self._facility.read_columns(self._places, t_ns)
        return Tick(
            t_ns,
            np.concatenate((self._tags, np.array(tags, np.int64))),
            np.concatenate((column, np.array(values, np.float64))),
            tuple(others),
        )


@dataclass(slots=True)
class _Rhythm:
    """A group and its next time. The kinds differ in what follows a time."""

    members: _Members
    due_ns: int

    def following(self, facility: Facility) -> "Iterator[_Rhythm]":  # noqa: ARG002
        """What is due after this time; nothing for one that is sampled once."""
        yield from ()

    def sampled(self) -> bool:
        """Whether its time brings a sample."""
        return True


@dataclass(slots=True)
class _Periodic(_Rhythm):
    period_ns: int

    def following(self, facility: Facility) -> Iterator[_Rhythm]:  # noqa: ARG002
        yield replace(self, due_ns=self.due_ns + self.period_ns)


@dataclass(slots=True)
class _Clock(_Rhythm):
    number: int
    delay_ns: int

    def following(self, facility: Facility) -> Iterator[_Rhythm]:  # noqa: ARG002
        yield replace(self, due_ns=next_event(self.number, self.due_ns - self.delay_ns) + self.delay_ns)


@dataclass(slots=True)
class _State(_Rhythm):
    """Looks at a state device; a transition that fits brings one sample after the delay."""

    watched: DataRequest
    event: DrfEvent
    last: Value | None = None

    def sampled(self) -> bool:
        return False

    def following(self, facility: Facility) -> Iterator[_Rhythm]:
        value, _ = facility.read(self.watched, self.due_ns)
        if value != self.last and isinstance(value, float) and _fits(self.event, value):
            yield _Rhythm(self.members, self.due_ns + (self.event.delay_ms or 0) * 1_000_000)
        yield replace(self, due_ns=self.due_ns + _STATE_POLL_NS, last=value)


def _fits(event: DrfEvent, value: float) -> bool:
    wanted = event.state_value or 0
    return {
        "*": True,
        "=": value == wanted,
        "!=": value != wanted,
        ">": value > wanted,
        "<": value < wanted,
        ">=": value >= wanted,
        "<=": value <= wanted,
    }[event.state_op or "*"]


class Schedule:
    """The times of a set of requests, from `start_ns` on; all were found good by `Facility.check`."""

    def __init__(self, facility: Facility, members: Iterable[Member], start_ns: int) -> None:
        self._facility = facility
        self._order = count()
        self._heap: list[tuple[int, int, _Rhythm]] = []
        self.skipped = 0  # samples that nobody fetched in time
        groups: dict[tuple[str, bool], list[Member]] = {}
        for tag, request in members:
            event = effective_event(facility, request)
            groups.setdefault((event.normal, facility.silent(request)), []).append((tag, request.with_event(event)))
        for (_, silent), group in groups.items():
            self._add(group[0][1].event, _Members(facility, group), silent, start_ns)

    def _add(self, event: DrfEvent, members: _Members, silent: bool, start_ns: int) -> None:
        period_ns = max(SHORTEST_MS, event.period_ms or 0) * 1_000_000
        if event.mode == "N":
            return
        if event.mode == "I":
            self._push(_Rhythm(members, start_ns + _ONE_SHOT_SILENCE_NS if silent else start_ns))
        elif silent:
            wait_ns = min(int(3.5 * period_ns), _LONGEST_SILENCE_NS)
            self._push(_Periodic(members, start_ns + wait_ns, wait_ns))
        elif event.mode == "E":
            number, delay_ns = event.clock_number or 0, (event.delay_ms or 0) * 1_000_000
            self._push(_Clock(members, next_event(number, start_ns) + delay_ns, number, delay_ns))
        elif event.mode == "S":
            watched = DataRequest.parse(f"{event.state_device}.READING")
            value, _ = self._facility.read(watched, start_ns)
            self._push(_State(members, start_ns + _STATE_POLL_NS, watched, event, value))
        else:
            self._push(_Periodic(members, start_ns if event.immediate else start_ns + period_ns, period_ns))

    def _push(self, rhythm: _Rhythm) -> None:
        heapq.heappush(self._heap, (rhythm.due_ns, next(self._order), rhythm))

    def next_ns(self) -> int | None:
        """When something is due next; None: never again."""
        return self._heap[0][0] if self._heap else None

    def take(self, now_ns: int) -> list[Tick]:
        """Everything that is due up to `now_ns`, in order of its time."""
        ticks: list[Tick] = []
        while self._heap and self._heap[0][0] <= now_ns:
            rhythm = heapq.heappop(self._heap)[2]
            if rhythm.sampled():
                if isinstance(rhythm, _Periodic) and now_ns - rhythm.due_ns > LATEST_NS + rhythm.period_ns:
                    missed = (now_ns - rhythm.due_ns) // rhythm.period_ns
                    self.skipped += missed * len(rhythm.members)
                    rhythm = replace(rhythm, due_ns=rhythm.due_ns + missed * rhythm.period_ns)
                ticks.append(rhythm.members.sample(rhythm.due_ns))
            for later in rhythm.following(self._facility):
                self._push(later)
        return ticks


def effective_event(facility: Facility, request: DataRequest) -> DrfEvent:
    """The request's event, or the device's default one where it has none; database properties come once."""
    if request.event.mode != "U":
        return request.event
    spec = facility.spec(request.device)
    if spec is None or request.property in (Property.DESCRIPTION, Property.INDEX):
        return parse_event("I")
    return parse_event(spec.event)
