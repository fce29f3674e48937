"""Held: what a front end was seen to hold last, and what it may hold soon, since puts of ours are on their way to it.

A step is measured from all of these (features.md P-67): a readback comes once in a period, and puts may come faster.
"""

from dataclasses import dataclass
from typing import Any

from devices.device import Device
from gateway.core.ports import Clock


@dataclass(frozen=True, slots=True)
class _Own:
    """The last setting that a device has accepted."""

    at: float  # s, monotonic
    value: Any
    verified: bool  # by a readback for its own sake


class Held:
    """Of all devices, by name; lives on the loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._own: dict[str, _Own] = {}
        self._on_the_way: dict[str, dict[str, Any]] = {}  # values that were let through and are not over, by id

    def now(self, device: Device) -> Any:
        """By its last readback, or by that which has verified a put since; None where it is not known."""
        own = self._since(device)
        if own is not None and own.verified:
            return own.value
        known = device.setting()
        return None if known is None else known.value

    def soon(self, device: Device) -> tuple[Any, ...]:
        """What was accepted since the last readback and is not verified, and what has no answer yet."""
        own = self._since(device)
        accepted = (own.value,) if own is not None and not own.verified else ()
        return (*accepted, *self._on_the_way.get(device.name, {}).values())

    def _since(self, device: Device) -> _Own | None:
        own = self._own.get(device.name)
        return own if own is not None and own.at > self._clock.monotonic() - device.setting_age() else None

    def begin(self, device: str, number: str, value: Any) -> None:
        """A setting was let through."""
        self._on_the_way.setdefault(device, {})[number] = value

    def over(self, device: str, number: str) -> None:
        """It has its answer, or was kept back."""
        waiting = self._on_the_way.get(device)
        if waiting is not None and waiting.pop(number, None) is not None and not waiting:
            del self._on_the_way[device]

    def accepted(self, device: str, value: Any, verified: bool) -> None:
        """The device has taken a setting."""
        self._own[device] = _Own(self._clock.monotonic(), value, verified)

    def unconfirmed(self, device: str) -> None:
        """The device was seen not to hold what it had accepted: its readback counts."""
        self._own.pop(device, None)
