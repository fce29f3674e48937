"""How far one put may go, measured against what the front end holds (features.md P-67)."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = float | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StepLimit:
    """Bounds of change, in units of the setting; infinite where there is none."""

    step: float = math.inf  # of one put
    slew: float = math.inf  # within a second

    @property
    def any(self) -> bool:
        """Whether there is a bound at all."""
        return math.isfinite(self.step) or math.isfinite(self.slew)


NO_LIMIT = StepLimit()


def too_far(limit: StepLimit, wished: Numbers, confirmed: Numbers | None, elapsed: float, units: str = "") -> str:
    """Why the value is too far away, or an empty text.

    `confirmed` is what the front end holds, None when that is not known yet: then nobody can say how far it is.
    `elapsed` is in s since the last accepted put of the device, or since the start.
    """
    if not limit.any:
        return ""
    if confirmed is None:
        return "its step is limited and what it holds is not known yet; wait for its first readback"
    change = (
        float(np.max(np.abs(np.subtract(wished, confirmed)))) if np.size(wished) == np.size(confirmed) else math.inf
    )
    held = f"{np.ravel(confirmed)[0]:g}" if np.size(confirmed) == 1 else "what it holds"
    shown = f"a change of {change:g} {units}".rstrip()
    if change > limit.step:
        return f"{shown} from {held} is more than the largest step, {limit.step:g}"
    allowed = limit.slew * min(elapsed, 1.0) if math.isfinite(limit.slew) else math.inf
    if change > allowed:
        return f"{shown} from {held} is faster than {limit.slew:g} in a second"
    return ""
