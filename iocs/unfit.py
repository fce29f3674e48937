"""Whether a wished value may be set at all, judged by what the plan says of the PV. Pure."""

import math
from typing import Any

import numpy as np

from gateway.plan.model import PvSpec, PvType


def unfit(spec: PvSpec, value: Any) -> str:
    """Why a value may not be set, or an empty text: numbers must be finite and inside the limits, arrays exact."""
    if isinstance(value, float) and spec.length == 1 and spec.low <= value <= spec.high and math.isfinite(value):
        return ""  # the usual case, quickly
    if spec.type is PvType.DOUBLE:
        numbers = np.atleast_1d(value)
        if len(numbers) != spec.length:
            return f"{spec.name} takes exactly {spec.length} values, not {len(numbers)}"
        if not np.isfinite(numbers).all():
            return f"{spec.name} takes finite numbers only"
        low, high = (limit if math.isfinite(limit) else None for limit in (spec.low, spec.high))
        if (low is not None and (numbers < low).any()) or (high is not None and (numbers > high).any()):
            ends = [f"{word} {limit:g}" for word, limit in (("from", low), ("to", high)) if limit is not None]
            return f"{spec.name} takes values {' '.join(ends)} {spec.units}".rstrip()
    elif spec.type is PvType.BYTES and len(value) != spec.length:
        return f"{spec.name} takes exactly {spec.length} bytes, not {len(value)}"
    return ""
