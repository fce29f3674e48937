"""Whether a wished value may be set at all, judged by what the plan says of the PV. Pure."""

import math
from typing import Any

import numpy as np

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
