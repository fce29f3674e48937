"""Whether a wished value may be set at all, judged by what the plan says of the PV. Pure."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gateway.access.step import Numbers
from gateway.plan.drive import Drive
from gateway.plan.model import PvSpec, PvType


def taken(spec: PvSpec) -> str:
    """What the PV takes, for people."""
    if spec.labels:
        return f"one of {', '.join(spec.labels)}"
    match spec.type:
        case PvType.DOUBLE:
            return "one finite number" if spec.length == 1 else f"exactly {spec.length} finite numbers"
        case PvType.LONG:
            return "one whole number"
        case PvType.BYTES:
            return f"exactly {spec.length} bytes"
    return f"text of at most {spec.length} characters"


def misfit(spec: PvSpec, value: Any) -> str:
    """Why a value has not the type or length of the PV, or an empty text: numbers must be finite, arrays exact."""
    if isinstance(value, float) and spec.length == 1 and math.isfinite(value):
        return ""  # the usual case, quickly
    if spec.type is PvType.DOUBLE:
        numbers = np.atleast_1d(value)
        if len(numbers) != spec.length:
            return f"{spec.name} takes exactly {spec.length} values, not {len(numbers)}"
        if not np.isfinite(numbers).all():
            return f"{spec.name} takes finite numbers only"
    elif spec.type is PvType.BYTES and len(value) != spec.length:
        return f"{spec.name} takes exactly {spec.length} bytes, not {len(value)}"
    elif spec.type is PvType.TEXT and len(value) > spec.length:
        return f"{spec.name} takes at most {spec.length} characters, not {len(value)}"
    return ""


def beyond(spec: PvSpec, value: Any) -> str:
    """Why a value is outside of the limits of the PV, or an empty text; a limit that is not finite is none."""
    if spec.type not in (PvType.DOUBLE, PvType.LONG):
        return ""
    low, high = spec.drive_low, spec.drive_high  # of NaN, and with it, neither is true
    outside = (
        value < low or value > high
        if isinstance(value, float)
        else bool(np.less(value, low).any() or np.greater(value, high).any())
    )
    if not outside:
        return ""
    ends = [f"{word} {limit:g}" for word, limit in (("from", low), ("to", high)) if math.isfinite(limit)]
    return f"{spec.name} takes values {' '.join(ends)} {spec.units}".rstrip()


def bounded(spec: PvSpec, drive: Drive, value_of: Callable[[str], float | None]) -> tuple[PvSpec, str]:
    """The PV with its limits as they are now, and why nobody can say how far it may be set; empty where one can.

    A limit that is not known is NaN; one of infinity is none.
    """
    low, high, missing = spec.drive_low, spec.drive_high, []
    if drive.pvs:
        told = {name: value_of(name) for name in drive.pvs}
        found = {name: math.nan if value is None else value for name, value in told.items()}
        missing = [name for name, value in found.items() if math.isnan(value)]
        low, high = found.get(drive.low_pv, low), found.get(drive.high_pv, high)
        spec = replace(spec, drive_low=low, drive_high=high)
    if missing:
        verb = "have" if len(missing) > 1 else "has"
        return spec, f"{spec.name} is limited by {' and '.join(missing)}, which {verb} no valid value now"
    return spec, f"the limits of {spec.name} exclude each other: from {low:g} to {high:g}" if low > high else ""


def clamped(spec: PvSpec, value: Numbers) -> tuple[Numbers, str]:
    """The nearest value within the limits of the PV, and what was done, for people."""
    low = -math.inf if math.isnan(spec.drive_low) else spec.drive_low
    high = math.inf if math.isnan(spec.drive_high) else spec.drive_high
    if isinstance(value, float):
        near = min(max(value, low), high)
        return near, f"clamped from {value:g} to {near:g} {spec.units}".rstrip()
    within = np.clip(value, low, high)
    count = int(np.count_nonzero(within != value))
    return within, f"{count} of {len(within)} values clamped to {low:g} or {high:g} {spec.units}".rstrip()
