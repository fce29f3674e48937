"""What the device database knows of a facility: the records that its service hands out (devdb.md 3).

They say the same as DPM does of the same device: from raw to engineering units the transforms are those of the
facility. Where no primary transform of the database has the step of a scale, the step stands in the common transform.
"""

import threading
from dataclasses import replace
from typing import Any

from gateway.core.blocks import AlarmBlock
from gateway.core.device_info import PropertyInfo
from gateway.core.drf import DataRequest
from gateway.wire.devdb import (
    ANALOG,
    DIGITAL,
    AlarmRecord,
    BitRecord,
    CommandRecord,
    DeviceRecord,
    PropertyRecord,
)
from simulator.device_spec import CommandSpec, DeviceSpec, Scale
from simulator.facility import Facility

_TEXT, _FLOAT, _SIGNED, _UNSIGNED = 68, 16, 10, 20  # p_index (4)
_STEPS = {1 / 3200: 0, 1 / 3276.8: 2, 1 / 6553.6: 4, 1 / 13107.2: 6, 1 / 320: 12, 1 / 256: 40, 1 / 1000: 70}
_NO_TABLE = 90  # c_index of a table that only the database has


class DevdbRecords:
    """The database of one facility; thread-safe. `edit` changes what it says, as an operator of the database would."""

    def __init__(self, facility: Facility) -> None:
        self._facility = facility
        self._lock = threading.Lock()
        self._edits: dict[str, dict[str, Any]] = {}
        named = (name for name in facility.devices if not name.startswith("S:D"))
        self._texts = {
            name: (number, spec.analog.text)
            for number, name in enumerate(named, 1)
            if (spec := facility.spec(name)) is not None and spec.analog and spec.analog.text
        }

    def edit(self, name: str, **changes: Any) -> None:
        """Have the record of a device differ from the facility in some of its fields from now on."""
        with self._lock:
            self._edits[name] = {**self._edits.get(name, {}), **changes}

    def device(self, name: str) -> DeviceRecord | None:
        """The record of a device, by its name in any case; None when there is none."""
        spec = self._facility.spec(name.upper())
        if spec is None:
            return None
        with self._lock:
            changes = self._edits.get(spec.name, {})
        return replace(_device(spec), **changes)

    def alarms(self, name: str, t_ns: int) -> list[AlarmRecord]:
        """The alarm blocks of a device, as they are now."""
        spec = self._facility.spec(name.upper())
        found = []
        for index, word in ((ANALOG, "ANALOG"), (DIGITAL, "DIGITAL")):
            if spec is None or not (spec.analog if index == ANALOG else spec.digital):
                continue
            raw, _ = self._facility.read(DataRequest.parse(f"{spec.name}.{word}.RAW@I"), t_ns)
            if isinstance(raw, bytes):
                text_id = self._texts.get(spec.name, (0, ""))[0] if index == ANALOG else 0
                found.append(_alarm(spec.name, index, AlarmBlock.decode(raw), text_id))
        return found

    def text(self, number: int) -> str | None:
        """The alarm text of that id."""
        return next((text for known, text in self._texts.values() if known == number), None)


def _device(spec: DeviceSpec) -> DeviceRecord:
    text = any(info is not None and info.text for info in (spec.reading, spec.setting))
    in_order = sorted(spec.commands, key=lambda one: one.command.code or 0)
    return DeviceRecord(
        spec.index,
        spec.description,
        _property(spec.reading, spec.scale, text),
        _property(spec.setting, spec.scale, text),
        tuple(_command(one) for one in in_order) if spec.commands else None,
        None
        if spec.status is None
        else tuple(
            BitRecord(bit.mask, bit.match, bit.invert, bit.name, bit.name.capitalize(), bit.true_text, bit.false_text)
            for bit in spec.status.bits
        ),
    )


def _property(info: PropertyInfo | None, scale: Scale, text: bool) -> PropertyRecord | None:
    if info is None:
        return None
    low, high = (0.0 if limit != limit else limit for limit in (info.low, info.high))
    p_index, c_index, coefficients = (_TEXT, 0, (12.0,)) if text else _transforms(scale)
    primary = info.units if c_index == 0 else scale.primary_units  # the same value has the same units
    return PropertyRecord(primary or None, info.units or None, low, high, p_index, c_index, coefficients)


def _transforms(scale: Scale) -> tuple[int, int, tuple[float, ...]]:
    """p_index, c_index and the constants that make engineering units of raw values."""
    if scale.none:
        return _SIGNED, _NO_TABLE, ()
    plain = {"float32": _FLOAT, "uint8": _UNSIGNED, "uint16": _UNSIGNED}.get(scale.raw, _SIGNED)
    slope, p_index = scale.slope, plain
    if scale.step != 1:
        found = _STEPS.get(scale.step) if plain == _SIGNED else None
        p_index, slope = (plain, scale.slope * scale.step) if found is None else (found, scale.slope)
    return (p_index, 0, ()) if (slope, scale.offset) == (1, 0) else (p_index, 2, (slope, 1.0, scale.offset))


def _command(spec: CommandSpec) -> CommandRecord:
    return CommandRecord(spec.command.code or 0, spec.command.name, spec.long_name)


def _alarm(name: str, index: int, block: AlarmBlock, text_id: int) -> AlarmRecord:
    first, second = (int.from_bytes(raw, "little") for raw in (block.first, block.second))
    return AlarmRecord(name, index, block.flags, first, second, block.tries_needed, text_id)
