"""What the layers that look at the wished value say of it, where a put is explained."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

from gateway.access.judge import Layer
from gateway.plan import live
from gateway.plan.fit import beyond, misfit, taken
from gateway.plan.live import Judgement, Live
from gateway.plan.model import DevicePlan, PvSpec, PvType


def of_value(spec: PvSpec, device: DevicePlan, value: Any, answers: Live | None) -> Iterator[Judgement]:
    """Type and length, limits, step: of what is put, or of what a policy makes of it. None: no value was said."""
    yield _judged(Layer.VALUE, wrong_type(spec, value), f"takes {taken(spec)}")
    if spec.type in (PvType.DOUBLE, PvType.LONG):
        ends = [f"{word} {end:g}" for word, end in (("from", spec.drive_low), ("to", spec.drive_high)) if isfinite(end)]
        said = f"takes values {' '.join(ends)} {spec.units}".rstrip() if ends else "no limits are known here"
        fits = value is not None and not wrong_type(spec, value)
        yield _judged(Layer.LIMITS, beyond(spec, value) if fits else None, said)
        yield from live.step(spec, device, value, answers)


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
