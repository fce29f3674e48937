"""Is the readback near enough, and is it time to give up (pure)."""

import math

import numpy as np

from gateway.core.blocks import BasicStatus
from gateway.core.values import SettingValue, Value
from gateway.core.write_state import WriteEvent

_ROUNDING = 1e-12  # relative; so that 0.3 is within 0.1 of 0.2


def near(wished: SettingValue, readback: Value | None, tolerance: float, relative: float = 0.0) -> bool:
    """Whether each element of the readback is within `tolerance` of what was wished for, or within a fraction of it.

    The tolerance is absolute and in units of the setting; texts and bytes must be equal. NaN is near nothing.
    """
    if isinstance(wished, float) and isinstance(readback, float):  # the usual case, and often asked
        enough = max(tolerance, relative * abs(wished)) + _ROUNDING * abs(wished)
        close = math.isfinite(wished) and abs(wished - readback) <= enough
        return wished == readback or close
    if isinstance(wished, float | np.ndarray) and isinstance(readback, float | np.ndarray):
        asked, held = np.atleast_1d(wished), np.atleast_1d(readback)
        if asked.shape != held.shape:
            return False
        with np.errstate(invalid="ignore"):
            close = np.abs(asked - held) <= np.maximum(tolerance, relative * np.abs(asked)) + _ROUNDING * np.abs(asked)
        return bool(((asked == held) | (np.isfinite(asked) & close)).all())
    if isinstance(wished, str | bytes | tuple):
        return type(wished) is type(readback) and wished == readback
    return False


EFFECTS = {  # of conventional commands: the attribute of STATUS, and what it is after them (values.md 4.1, 4.3)
    "ON": ("on", True), "OFF": ("on", False), "RESET": ("ready", True), "TRIP": ("ready", False),
    "REMOTE": ("remote", True), "LOCAL": ("remote", False), "POSITIVE": ("positive", True),
    "NEGATIVE": ("positive", False), "RAMP": ("ramp", True), "DC": ("ramp", False),
}  # fmt: skip


def has_effect(command: str, status: Value | None) -> bool:
    """Whether the STATUS of a device shows what a command is for; False where the device has no such attribute."""
    attribute, wanted = EFFECTS[command]
    return isinstance(status, BasicStatus) and getattr(status, attribute) is wanted


def verdict(is_near: bool, elapsed: float, timeout: float) -> WriteEvent | None:
    """What a readback `elapsed` seconds after the acceptance means; None: look again."""
    if is_near:
        return WriteEvent.READBACK_NEAR
    return WriteEvent.READBACK_FAR if elapsed >= timeout else None
