"""In what two plans of one device differ, as texts for people: what a reload looks at, and what it says of it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass

from gateway.core.device_info import DeviceInfo
from gateway.plan.model import DevicePlan, Plan, Watch

_ROWS = {
    "reading_row": "READING",
    "setting_row": "SETTING",
    "word_row": "STATUS.BIT_VALUE",
    "status_row": "STATUS",
    "analog_row": "ANALOG",
    "digital_row": "DIGITAL",
    "analog_raw_row": "ANALOG.RAW",
    "digital_raw_row": "DIGITAL.RAW",
}
_APART = {*_ROWS, "name", "info", "place", "route"}
_KEYS = tuple(field.name for field in fields(DevicePlan) if field.name not in _APART)  # a new one is looked at, too
_SHORT = {"step.step": "step", "step.slew": "slew"}


@dataclass(frozen=True, slots=True)
class Planned:
    """A device, and the plan that its rows are of."""

    plan: Plan
    device: DevicePlan

    def watch(self, row: str) -> Watch | None:
        """What one of its rows acquires; None where it lacks that."""
        number: int = getattr(self.device, row)
        return self.plan.watches[number] if number >= 0 else None


def differences(before: Planned, now: Planned) -> tuple[str, ...]:
    """Everything but its description that is another one: its channels have to be made anew; empty for nothing."""
    return tuple(dict.fromkeys(_differences(before, now)))


def _differences(before: Planned, now: Planned) -> Iterator[str]:
    for row, word in _ROWS.items():
        first, then = before.watch(row), now.watch(row)
        if first is None or then is None:
            if first is not then:
                yield f"{word} has {'gone' if then is None else 'come'}"
        elif first != then:
            yield from _acquired(word, first, then)
    old, new = before.device, now.device
    if old.route != new.route:
        yield f"backend {old.route.text(old.writable)} -> {new.route.text(new.writable)}"
    for key in _KEYS:
        yield from _changed(key, getattr(old, key), getattr(new, key))


def _acquired(word: str, before: Watch, now: Watch) -> Iterator[str]:
    """What is another one in how a property is acquired; its route is that of the device."""
    one, other = before.request, now.request
    if one.event != other.event:
        yield f"event {one.event.text} -> {other.event.text}"
    if (one.device, one.property, one.range, one.field) != (other.device, other.property, other.range, other.field):
        yield f"request {one} -> {other}"
    if before.kind is not now.kind:
        yield f"{word} {before.kind.value} -> {now.kind.value}"
    yield from _changed(f"length of {word}", before.length, now.length)
    yield from _changed("stale_after", before.stale_after, now.stale_after)


def told_otherwise(before: DeviceInfo, now: DeviceInfo) -> tuple[str, ...]:
    """What of the description of a device is another one; its channels stay."""
    return tuple(_described("", before, now))


def _described(prefix: str, before: object, now: object) -> Iterator[str]:
    for field in fields(now):  # type: ignore[arg-type]  # both are of one dataclass
        first, then = getattr(before, field.name), getattr(now, field.name)
        if _same(first, then):
            continue
        key = prefix + field.name
        if isinstance(then, tuple):
            yield f"other {key}"
        elif is_dataclass(first) and is_dataclass(then):
            yield from _described(f"{key}.", first, then)
        else:
            yield f"{key} {_word(first)} -> {_word(then)}"


def _same(first: object, then: object) -> bool:
    """Limits that are not known are NaN."""
    unknown = isinstance(first, float) and isinstance(then, float) and math.isnan(first) and math.isnan(then)
    return unknown or first == then


def _changed(key: str, first: object, then: object) -> Iterator[str]:
    if first == then:
        return
    if is_dataclass(first) and is_dataclass(then):
        for part in fields(first):
            name = f"{key}.{part.name}"
            yield from _changed(_SHORT.get(name, name), getattr(first, part.name), getattr(then, part.name))
    else:
        yield f"{key} {_word(first)} -> {_word(then)}"


def _word(value: object) -> str:
    match value:
        case bool() | None:
            return "on" if value else "off"
        case float():
            return f"{value:g}" if math.isfinite(value) else "none"
        case _:
            return ("on" if is_dataclass(value) else str(value)) or "none"


def grouped(reasons: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, ...], list[str]]:
    """The devices that have the same reasons, by those."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(reasons):
        found.setdefault(reasons[name], []).append(name)
    return found
