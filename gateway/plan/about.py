"""All that is known of a device, in words: what the limits of Channel Access cut stands here whole."""

from collections.abc import Iterator

from gateway.core.device_info import DeviceInfo, PropertyInfo


def about(info: DeviceInfo) -> str:
    """One line per fact: description, units and limits, bits with both texts, commands with their long names."""
    return "\n".join(_lines(info))


def _lines(info: DeviceInfo) -> Iterator[str]:
    yield f"{info.device}: {info.description}" if info.description else info.device
    for word, value in (("READING", info.reading), ("SETTING", info.setting)):
        if value is not None:
            yield f"{word}: {_property(value)}"
    for bit in info.bits:
        mask = f" (mask {bit.mask:#x})" if bit.mask else ""
        words = f", {bit.description}" if bit.description else ""
        yield f"STATUS {bit.name}{mask}: {bit.true_text} / {bit.false_text}{words}"
    for command in info.commands:
        yield f"CONTROL {command.name}" + (f": {command.long_name}" if command.long_name else "")
    blocks = [word for word, has in (("ANALOG", info.analog), ("DIGITAL", info.digital)) if has]
    if blocks:
        yield f"alarm blocks: {' '.join(blocks)}"


def _property(value: PropertyInfo) -> str:
    limits = f", {value.low:g} to {value.high:g}" if value.low == value.low and value.high == value.high else ""
    kind = "text" if value.text else f"{value.units or 'no units'}{limits}"
    return kind if value.length == 1 or value.text else f"{kind}, {value.length} elements"
