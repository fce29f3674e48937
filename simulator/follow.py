"""A reading that follows its setting: where it is at any time, from where it was and when it was told."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.device_spec import Settle

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Follow:
    """On the way from `start` to `target`, both float64[elements], since `since_ns` (Unix)."""

    start: FloatArray
    target: FloatArray
    since_ns: int
    settle: Settle

    def at(self, t_ns: int) -> FloatArray:
        """Where it is at `t_ns`; before the beginning it is at the start, after the settle time at the target."""
        elapsed = (t_ns - self.since_ns) / 1e9
        if elapsed < 0:
            return self.start
        if elapsed >= self.settle.seconds:
            return self.target
        part = elapsed / self.settle.seconds
        left = 1 - part if self.settle.linear else math.exp(-5 * part)
        return self.target + (self.start - self.target) * left

    def towards(self, target: FloatArray, t_ns: int) -> "Follow":
        """The same reading, told at `t_ns` to go to another target."""
        return Follow(self.at(t_ns), target, t_ns, self.settle)
