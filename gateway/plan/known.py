"""What is known of a configured device: its entry wins over the device database, and that over conventions."""

from dataclasses import replace
from functools import cache, lru_cache

from gateway.config.commands import COMMANDS, RELIABLE
from gateway.config.config import DeviceConfig
from gateway.config.models import BitSection, CommandSection, DeviceEntry
from gateway.core.device_info import Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.core.drf import Property
from gateway.plan.names import suffix

# order: name, true text, false text (values.md 4.1)
STANDARD_BITS = (
    ("ON", "on", "off"),
    ("READY", "ready", "tripped"),
    ("REMOTE", "remote", "local"),
    ("POSITIVE", "positive", "negative"),
    ("RAMP", "ramping", "DC"),
)
TEXT_LENGTH = 256  # characters of a text whose length nobody knows

_STANDARD_ORDER = {name: order for order, (name, _, _) in enumerate(STANDARD_BITS)}


def known(config: DeviceConfig, found: DeviceInfo | None) -> DeviceInfo:
    """The description of the device whose PVs are made: only properties that get PVs are in it."""
    entry = config.entry
    info = _conventional(config) if found is None else found
    wanted = _wanted(config, info)
    reading = info.reading or PropertyInfo() if "reading" in wanted else None
    setting = info.setting or PropertyInfo() if "setting" in wanted else None
    if entry.bits is not None:
        info = replace(info, bits=_bits(entry.bits))
    elif "status" in wanted and not info.bits:
        info = replace(info, bits=_standard_bits())
    if entry.commands is not None:
        info = replace(info, commands=_commands(entry.commands))
    elif "control" in wanted and not info.commands:
        info = replace(info, commands=_reliable_commands())
    return replace(
        info,
        device=config.request.device,
        description=info.description if entry.description is None else entry.description,
        reading=_value(entry, config, reading),
        setting=_value(entry, config, setting),
        status="status" in wanted,
        bits=_unique(info.bits) if "status" in wanted else (),
        commands=info.commands if "control" in wanted else (),
        analog="analog" in wanted,
        digital="digital" in wanted,
    )


def _wanted(config: DeviceConfig, info: DeviceInfo) -> set[str]:
    """The properties that get PVs: the one that the request names, or those configured, or those the device has."""
    if config.request.property is not Property.READING:
        return {config.request.property_word.lower()}
    if config.entry.properties is not None:
        return set(config.entry.properties)
    has = {
        "reading": info.reading is not None,
        "setting": info.setting is not None,
        "status": info.status or bool(config.entry.bits),
        "control": bool(info.commands or config.entry.commands),
        "analog": info.analog,
        "digital": info.digital,
    }
    return {name for name, present in has.items() if present} or {"reading"}


def _conventional(config: DeviceConfig) -> DeviceInfo:
    """What one supposes of a device of which nothing is known."""
    commands = _reliable_commands() if config.entry.writable else ()
    plain = PropertyInfo()
    return DeviceInfo(
        config.request.device, reading=plain, setting=plain, status=True, bits=_standard_bits(), commands=commands
    )


def _value(entry: DeviceEntry, config: DeviceConfig, info: PropertyInfo | None) -> PropertyInfo | None:
    """READING or SETTING with what the entry says of it, and the length that the request addresses."""
    if info is None:
        return None
    text = info.text if entry.text is None else entry.text
    return PropertyInfo(
        length=_length(config, info, text),
        text=text,
        units=info.units if entry.units is None else entry.units,
        low=info.low if entry.low is None else entry.low,
        high=info.high if entry.high is None else entry.high,
        precision=info.precision if entry.precision is None else entry.precision,
    )


def _length(config: DeviceConfig, info: PropertyInfo, text: bool) -> int:
    """Elements, characters of text, or bytes of raw data; 0 when neither range, entry nor database says it."""
    span, said = config.request.range, config.entry.length
    if text:
        return said or max(info.length, TEXT_LENGTH)  # a device of several texts says how many, not how long
    if config.request.field == "RAW":
        if span is not None and span.byte:
            return said or (span.end if span.mode == "span" and span.end else 1 if span.mode == "single" else 0)
        return said or 8 * ((span.elements() or 0) if span is not None else 1)  # no element is longer than 8 bytes
    if span is None:
        return 1  # without a range the server sends the first element (drf.md 5)
    if span.byte:
        return said or 0
    rest = info.length - (span.start or 0) if info.length > 1 else 0
    return span.elements() or said or max(rest, 0)


@cache
def _standard_bits() -> tuple[StatusBit, ...]:
    """The five attributes, whose masks nobody needs: the server evaluates them."""
    return tuple(
        StatusBit(order, name, 0, 0, False, true, false) for order, (name, true, false) in enumerate(STANDARD_BITS)
    )


def _bits(sections: tuple[BitSection, ...]) -> tuple[StatusBit, ...]:
    """Configured bits; one with a standard name keeps its standard order, the others come after."""
    bits: list[StatusBit] = []
    own = len(STANDARD_BITS)
    for section in sections:
        name = section.name.upper()
        order = _STANDARD_ORDER.get(name, own)
        own += order == own
        match = section.mask if section.match is None else section.match
        bits.append(StatusBit(order, name, section.mask, match, section.invert, section.true_text, section.false_text))
    return tuple(sorted(bits, key=lambda bit: bit.order))


@lru_cache
def _unique(bits: tuple[StatusBit, ...]) -> tuple[StatusBit, ...]:
    """The bits with names that can be part of a PV name, no two alike; the database has labels for people."""
    seen: set[str] = set()
    unique: list[StatusBit] = []
    for bit in bits:
        name, count = suffix(bit.name), 1
        while name in seen:
            count += 1
            name = f"{suffix(bit.name)[:16]}_{count}"
        seen.add(name)
        unique.append(replace(bit, name=name))
    return tuple(unique)


@cache
def _reliable_commands() -> tuple[Command, ...]:
    return tuple(Command(code, name) for code, name in enumerate(RELIABLE))


def _commands(entries: tuple[str | CommandSection, ...]) -> tuple[Command, ...]:
    return tuple(
        Command(entry.code, entry.name) if isinstance(entry, CommandSection) else Command(COMMANDS.index(entry), entry)
        for entry in entries
    )
