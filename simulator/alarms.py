"""ANALOG and DIGITAL of a simulated device: alarm blocks that the facility evaluates (values.md 5).

The alarm is sampled every 100 ms. It turns bad when the last `tries needed` samples were outside; `tries now` counts
them, up to that number. A bypassed alarm is not evaluated. Limits are kept as minimum and maximum: a block of another
limit type that is written RAW is converted.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gateway.core.blocks import AlarmBlock, AlarmFlag, AnalogAlarm, DigitalAlarm, digital_bad
from gateway.core.status import BAD_REQUEST, INVLEN, OK, SCALEFAIL, Status
from gateway.core.values import SettingValue
from simulator.answer import Answer, good
from simulator.device_spec import AnalogSpec, DigitalSpec, Scale

SAMPLE_NS = 100_000_000
BLOCK_BYTES = 20
_LENGTH_BITS = {1: 0 << 5, 2: 1 << 5, 4: 2 << 5}  # Q
_MIN_MAX = 2 << 8  # K
_EVALUATED = AlarmFlag.ENABLE | AlarmFlag.BAD | AlarmFlag.ABORT | AlarmFlag.ABORT_INHIBIT
_SIDES = AlarmFlag.LOW | AlarmFlag.HIGH
_NO_FIELDS = Status(14, -7)  # what the server of 2024 says of a field of a digital block (values.md 5.7)


@dataclass(frozen=True, slots=True)
class _Tries:
    bad: bool
    now: int


def _tries(outside: Callable[[int], bool], needed: int, enabled: bool, t_ns: int) -> _Tries:
    """How many of the newest samples, `needed` at most, are outside without a break."""
    wanted = max(1, needed)
    count = 0
    while enabled and count < wanted and outside(t_ns - count * SAMPLE_NS):
        count += 1
    return _Tries(count == wanted, count)


def _flags(alarm: AnalogAlarm | DigitalAlarm) -> int:
    return (
        alarm.alarm_enable * AlarmFlag.ENABLE
        | alarm.alarm_status * AlarmFlag.BAD
        | alarm.abort * AlarmFlag.ABORT
        | alarm.abort_inhibit * AlarmFlag.ABORT_INHIBIT
    )


def _single(field: str, alarm: AnalogAlarm | DigitalAlarm, block: AlarmBlock) -> float | None:
    """The fields that both kinds have."""
    found: dict[str, float] = {
        "ALARM_ENABLE": alarm.alarm_enable,
        "ALARM_STATUS": alarm.alarm_status,
        "ABORT": alarm.abort,
        "ABORT_INHIBIT": alarm.abort_inhibit,
        "TRIES_NEEDED": alarm.tries_needed,
        "TRIES_NOW": alarm.tries_now,
        "ALARM_FTD": block.ftd.word,
        "FLAGS": block.flags,
    }
    return float(found[field]) if field in found else None


def _number(value: SettingValue) -> float | Status:
    """The one number that a single field takes."""
    if isinstance(value, bytes | str | tuple):
        return SCALEFAIL
    numbers = np.atleast_1d(np.asarray(value, np.float64))
    if len(numbers) != 1:
        return INVLEN
    number = float(numbers[0])
    return number if math.isfinite(number) else SCALEFAIL


class AnalogBlock:
    """The analog alarm of one device; `reading` gives its reading at a time. The facility holds the lock."""

    def __init__(self, spec: AnalogSpec, scale: Scale, size: int, reading: Callable[[int], float]) -> None:
        self._scale, self._reading, self._text = scale, reading, spec.text
        kind = 3 if scale.raw == "float32" else 2 if scale.raw.startswith("u") else 1
        front_end = bytes((0, 0, kind, 0, 0, 0))
        event = spec.event * AlarmFlag.EVENT
        self._kept = AlarmBlock(flags=_LENGTH_BITS[size] | _MIN_MAX | event, front_end=front_end)
        self._fields = spec.fields
        self._alarm = AnalogAlarm(
            spec.minimum, spec.maximum, spec.enable, False, spec.abort, spec.abort_inhibit, spec.tries_needed, 0
        )

    def _outside(self, t_ns: int) -> bool:
        return not self._alarm.minimum <= self._reading(t_ns) <= self._alarm.maximum

    def alarm(self, t_ns: int) -> AnalogAlarm:
        """The block as a structure, evaluated at `t_ns`."""
        tries = _tries(self._outside, self._alarm.tries_needed, self._alarm.alarm_enable, t_ns)
        return replace(self._alarm, alarm_status=tries.bad, tries_now=tries.now)

    def block(self, t_ns: int) -> AlarmBlock:
        """The block as the front end holds it; limits that have no place in its raw values are clipped."""
        alarm = self.alarm(t_ns)
        flags = self._kept.flags & ~(_EVALUATED | _SIDES) | _flags(alarm)
        if alarm.alarm_status:
            flags |= AlarmFlag.LOW if self._reading(t_ns) < alarm.minimum else AlarmFlag.HIGH
        kept = replace(self._kept, flags=flags, tries_now=alarm.tries_now, tries_needed=alarm.tries_needed)
        first, second = (self._to_raw(limit) for limit in (alarm.minimum, alarm.maximum))
        return kept.with_analog_values(first, second)

    def _to_raw(self, limit: float) -> float:
        raw = (limit - self._scale.offset) / self._scale.slope / self._scale.step
        if self._scale.raw == "float32":
            return max(-3.4e38, min(3.4e38, raw))
        bits = int(self._scale.raw.lstrip("uint"))
        low, high = (0, (1 << bits) - 1) if self._scale.raw.startswith("u") else (-(1 << bits - 1), (1 << bits - 1) - 1)
        return max(low, min(high, round(raw)))

    def _from_raw(self, value: float) -> float:
        return value * self._scale.step * self._scale.slope + self._scale.offset

    def read(self, field: str | None, t_ns: int) -> Answer:
        """The block in one of its fields (drf.md 6.1, values.md 5.3)."""
        alarm = self.alarm(t_ns)
        if field in (None, "ALL"):
            return good(alarm)
        block = self.block(t_ns)
        if field == "RAW":
            return good(block.encode())
        if field == "TEXT":
            return good("" if not alarm.alarm_status else self._text) if alarm.alarm_enable else good("BYPASSED")
        low, high = (
            (self._to_raw(alarm.minimum), self._to_raw(alarm.maximum))
            if field.startswith("RAW_")
            else (alarm.minimum, alarm.maximum)
        )
        limits = {"MIN": low, "MAX": high, "NOM": (low + high) / 2, "TOL": (high - low) / 2}
        single = limits.get(field.removeprefix("RAW_"), _single(field, alarm, block))
        return (None, BAD_REQUEST) if single is None else good(float(single))

    def write(self, field: str | None, value: SettingValue) -> Status:
        """Set a single field, or (RAW) the whole block (values.md 5.7)."""
        if field == "RAW" or isinstance(value, bytes):
            return self._write_raw(value)
        if not self._fields:
            return SCALEFAIL
        number = _number(value)
        if isinstance(number, Status):
            return number
        alarm = self._alarm
        nominal, tolerance = (alarm.minimum + alarm.maximum) / 2, (alarm.maximum - alarm.minimum) / 2
        changes: dict[str, AnalogAlarm] = {
            "MIN": replace(alarm, minimum=number),
            "MAX": replace(alarm, maximum=number),
            "NOM": replace(alarm, minimum=number - tolerance, maximum=number + tolerance),
            "TOL": replace(alarm, minimum=nominal - number, maximum=nominal + number),
            "ALARM_ENABLE": replace(alarm, alarm_enable=number != 0),
            "ABORT_INHIBIT": replace(alarm, abort_inhibit=number != 0),
            "TRIES_NEEDED": replace(alarm, tries_needed=max(0, min(255, round(number)))),
        }
        if field not in changes:
            return SCALEFAIL if field in (None, "ALL") else BAD_REQUEST
        self._alarm = changes[field]
        return OK

    def _write_raw(self, value: SettingValue) -> Status:
        if not isinstance(value, bytes):
            return SCALEFAIL
        if len(value) != BLOCK_BYTES:
            return INVLEN
        block = AlarmBlock.decode(value)
        values = block.analog_values()
        if values is None or block.limit_type is None:
            return SCALEFAIL
        first, second = self._from_raw(values[0]), self._from_raw(values[1])
        if block.limit_type == "NOM_TOL":
            half = second - self._scale.offset  # so that an offset cancels (values.md 5.3)
            first, second = first - half, first + half
        elif block.limit_type == "NOM_PCT_TOL":
            half = abs(first) * values[1] / 100
            first, second = first - half, first + half
        self._kept = replace(block, flags=block.flags & ~(3 << 8) | _MIN_MAX)
        self._alarm = AnalogAlarm(
            min(first, second), max(first, second), block.has(AlarmFlag.ENABLE), False, block.has(AlarmFlag.ABORT),
            block.has(AlarmFlag.ABORT_INHIBIT), block.tries_needed, 0,
        )  # fmt: skip
        return OK


class DigitalBlock:
    """The digital alarm of one device; `word` gives its status word and when it changed."""

    def __init__(self, spec: DigitalSpec, size: int, word: Callable[[], tuple[int, int]]) -> None:
        self._word = word
        self._kept = AlarmBlock(flags=_LENGTH_BITS[size] | AlarmFlag.DIGITAL | spec.event * AlarmFlag.EVENT)
        self._whole_only = not spec.fields
        self._alarm = DigitalAlarm(
            spec.nominal, spec.mask, spec.enable, False, spec.abort, spec.abort_inhibit, spec.tries_needed, 0
        )
        self._fits = (1 << 8 * size) - 1

    def alarm(self, t_ns: int) -> DigitalAlarm:
        """The block as a structure, evaluated at `t_ns`."""
        word, since_ns = self._word()
        bad = digital_bad(word, self._alarm.nominal, self._alarm.mask)
        enabled, needed = self._alarm.alarm_enable, self._alarm.tries_needed
        tries = _tries(lambda sample_ns: bad and sample_ns >= since_ns, needed, enabled, t_ns)
        return replace(self._alarm, alarm_status=tries.bad, tries_now=tries.now)

    def read(self, field: str | None, t_ns: int) -> Answer:
        """The block in one of its fields."""
        alarm = self.alarm(t_ns)
        if field in (None, "ALL"):
            return good(alarm)
        flags = self._kept.flags & ~_EVALUATED | _flags(alarm)
        kept = replace(self._kept, flags=flags, tries_now=alarm.tries_now, tries_needed=alarm.tries_needed)
        block = kept.with_digital_values(alarm.nominal & self._fits, alarm.mask & self._fits)
        if field == "RAW":
            return good(block.encode())
        if field == "TEXT":
            return good("IN-ALARM" if alarm.alarm_status else "") if alarm.alarm_enable else good("BYPASSED")
        patterns = {"NOM": alarm.nominal, "MASK": alarm.mask}
        single = patterns.get(field, _single(field, alarm, block))
        return (None, BAD_REQUEST) if single is None else good(float(single))

    def write(self, field: str | None, value: SettingValue) -> Status:
        """Set a single field, or (RAW) the whole block."""
        if field == "RAW" or isinstance(value, bytes):
            return self._write_raw(value)
        if self._whole_only:
            return _NO_FIELDS
        number = _number(value)
        if isinstance(number, Status):
            return number
        pattern = int(number) & 0xFFFFFFFF & self._fits
        changes: dict[str, DigitalAlarm] = {
            "NOM": replace(self._alarm, nominal=pattern),
            "MASK": replace(self._alarm, mask=pattern),
            "ALARM_ENABLE": replace(self._alarm, alarm_enable=number != 0),
            "ABORT_INHIBIT": replace(self._alarm, abort_inhibit=number != 0),
            "TRIES_NEEDED": replace(self._alarm, tries_needed=max(0, min(255, round(number)))),
        }
        if field not in changes:
            return SCALEFAIL if field in (None, "ALL") else BAD_REQUEST
        self._alarm = changes[field]
        return OK

    def _write_raw(self, value: SettingValue) -> Status:
        if not isinstance(value, bytes):
            return SCALEFAIL
        if len(value) != BLOCK_BYTES:
            return INVLEN
        block = AlarmBlock.decode(value)
        values = block.digital_values()
        if values is None:
            return SCALEFAIL
        self._kept = block
        self._alarm = DigitalAlarm(
            *values, block.has(AlarmFlag.ENABLE), False, block.has(AlarmFlag.ABORT),
            block.has(AlarmFlag.ABORT_INHIBIT), block.tries_needed, 0,
        )  # fmt: skip
        return OK
