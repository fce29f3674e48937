"""What the layers that look at the wished value say of it, where a put is explained."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

from gateway.access.judge import Layer
from gateway.plan import live
from gateway.plan.drive import NO_DRIVE
from gateway.plan.fit import beyond, bounded, clamped, misfit, taken
from gateway.plan.live import Judgement, Live
from gateway.plan.model import DevicePlan, PvSpec, PvType


def of_value(spec: PvSpec, device: DevicePlan, value: Any, answers: Live | None) -> Iterator[Judgement]:
    """Type and length, limits, step: of what is put, or of what a policy makes of it. None: no value was said."""
    yield _judged(Layer.VALUE, wrong_type(spec, value), f"takes {taken(spec)}")
    if spec.type in (PvType.DOUBLE, PvType.LONG):
        value, limits = _limited(spec, device, value if wrong_type(spec, value) == "" else None, answers)
        yield limits
        yield from live.step(spec, device, value, answers)


def sent(spec: PvSpec, device: DevicePlan, value: Any, answers: Live | None) -> Any:
    """What becomes of a value where limits clamp."""
    return _limited(spec, device, value, answers)[0] if wrong_type(spec, value) == "" else value


def _limited(spec: PvSpec, device: DevicePlan, value: Any, answers: Live | None) -> tuple[Any, Judgement]:
    """The value that is judged further, and what the limits say of it; of None what they are."""
    drive = device.drive if spec.driven else NO_DRIVE
    values = answers.limits if answers is not None else None
    if drive.pvs and values is None:
        reason = f"limited by {' and '.join(drive.pvs)}, of which only the running gateway knows the values"
        return value, Judgement(Layer.LIMITS.value, None, reason)
    spec, unknown = bounded(spec, drive, (values or {}).get) if drive is not NO_DRIVE else (spec, "")
    said, wrong = _ends(spec), unknown or (None if value is None else beyond(spec, value))
    if drive.clamp and wrong and not unknown:
        value, said = clamped(spec, value)
        wrong = ""
    return value, _judged(Layer.LIMITS, wrong, said)


def _ends(spec: PvSpec) -> str:
    ends = [f"{word} {end:g}" for word, end in (("from", spec.drive_low), ("to", spec.drive_high)) if isfinite(end)]
    return f"takes values {' '.join(ends)} {spec.units}".rstrip() if ends else "no limits are known here"


def wrong_type(spec: PvSpec, value: Any) -> str | None:
    """What is wrong with the type of a value; None where none was said."""
    if value is None:
        return None
    if spec.labels:
        return "" if value in spec.labels else f"{spec.name} has no state {value!r}"
    if isinstance(value, str) and spec.type in (PvType.DOUBLE, PvType.LONG):
        return f"{value!r} is no number"
    return misfit(spec, value)


def _judged(layer: Layer, wrong: str | None, asks: str) -> Judgement:
    """A layer that depends on the value: what is wrong with it, or, where none was said, what it asks for."""
    return Judgement(layer.value, None, asks) if wrong is None else Judgement(layer.value, not wrong, wrong or asks)
