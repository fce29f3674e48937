"""What freezes histories, as the plan has it: which rows fire it and when, and which devices are kept."""

import math
from dataclasses import dataclass

from gateway.config.condition import Condition
from gateway.core.blocks import state_of
from gateway.core.device_info import StatusBit
from gateway.core.nan_equal import NanEqual
from gateway.core.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class Trigger(NanEqual):
    """Fired by any reading of its rows, or, with a condition, by one that meets it after one that did not."""

    rows: tuple[int, ...]
    condition: Condition | None = None
    operand: float = math.nan  # of the condition, as a number
    bit: StatusBit | None = None  # that the condition is about

    def met(self, value: Value) -> bool | None:
        """Whether a value meets it; None where that cannot be said."""
        if self.condition is None:
            return True
        if self.bit is not None:
            state = state_of(self.bit, value)
            return None if state is None else self.condition.holds(float(state), self.operand)
        if not isinstance(value, float) or math.isnan(value):
            return None
        return self.condition.holds(value, self.operand)


@dataclass(frozen=True, slots=True)
class FreezePlan:
    """Histories that are kept as they were around a moment."""

    name: str
    devices: tuple[str, ...]  # names in the plan
    before_ns: int
    after_ns: int
    trigger: Trigger  # without rows where only a put fires it
