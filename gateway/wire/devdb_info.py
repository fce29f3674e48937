"""What a record of the device database means for a gateway: DeviceInfo, and what is strange about it (devdb.md 5.1).

The database has no number of digits, elements, nor the order numbers of commands. What makes no sense is put right or
left out, and said in one sentence each: one bad device never spoils the others.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from gateway.core.device_info import NAN, Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.wire.devdb import ANALOG, DIGITAL, AlarmRecord, BitRecord, DeviceRecord, PlainBitRecord, PropertyRecord

Say = Callable[[str], None]
TEXT_SCALING = 68  # p_index of devices that deal in texts (4)
_INTEGERS = frozenset({10, 20, 30, 32, 34, 36, 46, 76})  # p_index of whole numbers (5.1)
_UNCHANGED = frozenset({0, 80})  # c_index that leave the primary value as it is (4)
_DIGITS = 3
# The five standard attributes by the names that databases give them (values.md 4.1); texts where the database has none
_STANDARD = (
    ("ON", ("ON", "ONOFF", "ON/OFF", "PWR", "POWER"), "on", "off"),
    ("READY", ("READY", "STS", "TRIP", "TRIPPED"), "ready", "tripped"),
    ("REMOTE", ("REMOTE", "CTRL", "REM/LOC", "REMOTE/LOCAL"), "remote", "local"),
    ("POSITIVE", ("POSITIVE", "POL", "POLARITY"), "positive", "negative"),
    ("RAMP", ("RAMP", "REF", "RAMP/DC"), "ramping", "DC"),
)
_ORDERS = {name: order for order, (_, names, _, _) in enumerate(_STANDARD) for name in names}


def device_info(name: str, record: DeviceRecord, alarms: Iterable[AlarmRecord]) -> tuple[DeviceInfo, tuple[str, ...]]:
    """The device of that name, and what was strange, one sentence each.

    A record that is all at its default is a device that does not exist, described as one with a reading alone.
    """
    said: list[str] = []
    blocks = {alarm.property_index for alarm in alarms}
    if record == DeviceRecord():
        return DeviceInfo(name, reading=PropertyInfo(), exists=False), ("the device database does not know it",)
    info = DeviceInfo(
        name,
        record.description.strip(),
        _property("READING", record.reading, said.append),
        _property("SETTING", record.setting, said.append),
        record.bits is not None,
        tuple(_bits(record)),
        tuple(_commands(record)),
        ANALOG in blocks,
        DIGITAL in blocks,
    )
    return info, tuple(said)


def _property(word: str, record: PropertyRecord | None, say: Say) -> PropertyInfo | None:
    if record is None:
        return None
    low, high = _limits(word, record, say)
    whole = record.p_index in _INTEGERS and record.c_index in _UNCHANGED
    return PropertyInfo(
        text=record.p_index == TEXT_SCALING,
        units=_units(word, record, say),
        low=low,
        high=high,
        precision=0 if whole else _DIGITS,
    )


def _units(word: str, record: PropertyRecord, say: Say) -> str:
    """Common units; the primary ones where they are the same."""
    found = record.common_units
    if found is None and record.c_index in _UNCHANGED:
        found = record.primary_units
    if found is None:
        return ""
    units = found.strip()
    if not units:
        say(f"the units of {word} are blank; it is shown without units")
    return units


def _limits(word: str, record: PropertyRecord, say: Say) -> tuple[float, float]:
    """Low and high; equal ones are no limits, and so are those that are not finite."""
    low, high = record.minimum, record.maximum
    if not (math.isfinite(low) and math.isfinite(high)):
        say(f"the limits of {word} are {low:g} and {high:g}; it is shown without limits")
        return NAN, NAN
    if low == high:
        return NAN, NAN
    if low > high:
        say(f"the limits of {word} are reversed, {low:g} and {high:g}; they are taken the other way round")
    return min(low, high), max(low, high)


def _bits(record: DeviceRecord) -> Iterator[StatusBit]:
    """The standard attributes as `bits` has them, the others as `ext_bits` has them, and what only `bits` has (3.3)."""
    standard: dict[int, StatusBit] = {}
    others = []
    for bit in record.bits or ():
        order = _ORDERS.get(bit.short_name.strip().upper())
        if order is None or order in standard:
            others.append(bit)
        else:
            name, _, true_text, false_text = _STANDARD[order]
            standard[order] = replace(_bit(order, bit, true_text, false_text), name=name)
    own = len(_STANDARD)
    yield from (standard[order] for order in sorted(standard))
    taken = {bit.mask for bit in standard.values()}
    plain = [bit for bit in record.plain_bits if bit.number < 32 and 1 << bit.number not in taken]
    yield from (_plain_bit(own + place, bit) for place, bit in enumerate(plain))
    taken |= {1 << bit.number for bit in plain}
    rest = [bit for bit in others if bit.mask and bit.mask not in taken]
    yield from (_bit(own + len(plain) + place, bit, "1", "0") for place, bit in enumerate(rest))


def _bit(order: int, bit: BitRecord, true_text: str, false_text: str) -> StatusBit:
    name = bit.short_name.strip() or bit.long_name.strip() or f"B{bit.mask:X}"
    texts = bit.true_text.strip() or true_text, bit.false_text.strip() or false_text
    return StatusBit(order, name.upper(), bit.mask, bit.match, bit.invert, *texts, bit.long_name.strip())


def _plain_bit(order: int, bit: PlainBitRecord) -> StatusBit:
    mask, description = 1 << bit.number, bit.description.strip()
    texts = bit.one_text.strip() or "1", bit.zero_text.strip() or "0"
    return StatusBit(order, (description or f"B{bit.number:02}").upper(), mask, mask, False, *texts, description)


def _commands(record: DeviceRecord) -> Iterator[Command]:
    """Commands in the database's order, set by name; empty names occur (3.4)."""
    for command in record.commands or ():
        if name := command.short_name.strip():
            yield Command(None, name, command.long_name.strip())
