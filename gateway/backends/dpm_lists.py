"""Which request goes into which list, and which settings may travel together (pure; P-03, dpm-http.md 10 and 14.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gateway.core.drf import DataRequest, DrfRange, Property
from gateway.core.drf_events import NEVER
from gateway.core.status import BAD_REQUEST, INVLEN, Status
from gateway.core.values import Setting
from gateway.wire.dpm import ApplySettings, RawSetting, ScaledSetting, TextSetting

LIST_SIZE = 1000  # requests of one list, as long as the budget allows; more threads cost more than a list saves (14.3)


@dataclass(frozen=True, slots=True)
class Budget:
    """How many connections a backend may hold."""

    connections: int = 8  # for watching; a list each
    readers: int = 4  # pool for one-shot reads
    writers: int = 2  # pool for settings


@dataclass(slots=True)
class ListLoad:
    """What a list holds already: its size, and of each device whether it is watched by P or by Q."""

    size: int = 0
    periodic: dict[str, str] = field(default_factory=dict)

    def clashes(self, request: DataRequest) -> bool:
        """Whether P and Q of one device would meet: the server takes them for equal (drf.md 12.1)."""
        mode = request.event.mode
        return mode in ("P", "Q") and self.periodic.get(request.device, mode) != mode

    def add(self, request: DataRequest) -> None:
        """Count one more request."""
        self.size += 1
        if request.event.mode in ("P", "Q"):
            self.periodic[request.device] = request.event.mode


def place(requests: Sequence[DataRequest], loads: list[ListLoad], connections: int) -> list[int]:
    """The number of the list for each request. `loads` grows by the new lists and is brought up to date.

    New lists are preferred while the budget allows, for adding to a list restarts all of it (6.2); a list takes
    more than `LIST_SIZE` requests, or P and Q of one device, only when the budget leaves no other way.
    """
    new = min(max(connections - len(loads), 0), -(-len(requests) // LIST_SIZE))
    suffice = new * LIST_SIZE >= len(requests)
    targets = list(range(len(loads) if suffice else 0, len(loads) + new))
    loads += [ListLoad() for _ in range(new)]
    chosen = []
    for request in requests:
        fitting = [number for number in targets if not loads[number].clashes(request)]
        if not fitting and len(loads) < connections:
            targets.append(len(loads))
            fitting = [len(loads)]
            loads.append(ListLoad())
        number = min(fitting or targets, key=lambda candidate: loads[candidate].size)
        loads[number].add(request)
        chosen.append(number)
    return chosen


def rounds(settings: Sequence[Setting]) -> list[list[int]]:
    """The settings in groups that may share one ApplySettings, each by its place in `settings`.

    Alarm fields share a block in the front end, commands go one after the other, and of two settings of the same
    thing the server drops the earlier (section 10): so a group has each property of a device once, and the
    groups keep the order of what is set to the same property.
    """
    groups: list[list[int]] = []
    next_group: dict[tuple[str, Property | None], int] = {}
    for place_, setting in enumerate(settings):
        key = (setting.request.device, setting.request.property)
        group = next_group.get(key, 0)
        next_group[key] = group + 1
        if group == len(groups):
            groups.append([])
        groups[group].append(place_)
    return groups


def refusal(setting: Setting, unicode: bool = False) -> tuple[Status, str] | None:
    """Why a setting is refused before the server is contacted (drf.md 11, P-39); None when it may be sent.

    `unicode` says that the protocol carries every text.
    """
    request, value = setting.request, setting.value
    if reason := request.settable_reason():
        return BAD_REQUEST, reason
    if request.for_writing() != request.with_event(NEVER):
        return BAD_REQUEST, f"{request} is not what is set; write to {request.for_writing()}"
    texts = () if unicode else (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
    if bad := next((text for text in texts if any(ord(character) > 0xFF for character in text)), None):
        return BAD_REQUEST, f"{bad!r} has characters that the protocol cannot carry"
    size, wanted, unit = _size(value), _wanted(request.range, isinstance(value, bytes)), "value"
    if wanted is not None and size != wanted:
        unit = "byte" if isinstance(value, bytes) else unit
        return INVLEN, f"{request} takes {wanted} {unit}{'s' if wanted != 1 else ''}, not {size}"
    return None


def _size(value: object) -> int:
    return len(value) if isinstance(value, bytes | tuple | np.ndarray) else 1


def _wanted(span: DrfRange | None, raw: bool) -> int | None:
    """The length that the range of a setting demands, in elements, or in bytes of a raw one; None: unknown here."""
    if raw:
        if span is None or not span.byte or span.mode == "full":
            return None
        return 1 if span.mode == "single" else span.end
    return 1 if span is None else span.elements()


def apply_settings(list_id: int, settings: Mapping[int, Setting], user: str = "") -> ApplySettings:
    """The one message that applies settings, by reference: bytes are raw, numbers scaled, texts are texts."""
    raw, scaled, text = [], [], []
    for ref, setting in settings.items():
        match setting.value:
            case bytes() as data:
                raw.append(RawSetting(ref, data))
            case str() as one:
                text.append(TextSetting(ref, (one,)))
            case tuple() as several:
                text.append(TextSetting(ref, several))
            case number:
                scaled.append(ScaledSetting(ref, np.atleast_1d(np.asarray(number, np.float64))))
    return ApplySettings(user, list_id, tuple(raw) or None, tuple(scaled) or None, tuple(text) or None)
