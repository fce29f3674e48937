"""What ACL prints, written: the lines of the far side (acl.md 3.2, 5)."""

from collections.abc import Iterable, Sequence

from gateway.core.values import FloatArray

_COLUMNS = 14  # to which the name of a device is filled up
_ALARM_WORDS = {"MIN": "minimum", "MAX": "maximum", "NOM": "nominal", "TOL": "tolerance", "MASK": "mask"}
_STATUS_WORDS = {"RAMP": "ramping"}


def number(value: float) -> str:
    """A number in up to six significant digits."""
    return f"{value:.6g}"


def value_line(name: str, value: float | FloatArray | str, units: str = "") -> str:
    """The line of a reading or a setting."""
    words = [value] if isinstance(value, str) else [number(value)] if isinstance(value, float) else map(number, value)
    return f"{name:<{_COLUMNS}} =  {' '.join([*words, *([units] if units else [])])}"


def raw_line(name: str, octets: bytes, widths: Iterable[int]) -> str:
    """The line of raw bytes: one big-endian hexadecimal word for each field, so many bytes wide (3.3)."""
    words, place = [], 0
    for width in widths:
        words.append(octets[place : place + width][::-1].hex().upper())
        place += width
    return f"{name:<{_COLUMNS}} = {' '.join(words)}"


def attribute_line(name: str, field: str, state: bool) -> str:
    """The line of one attribute of the status."""
    return f"{name} is {_STATUS_WORDS.get(field, field.lower())} = {state}"


def alarm_line(name: str, field: str, value: float, units: str = "") -> str:
    """The line of one value of an alarm."""
    return f"{name} alarm {_ALARM_WORDS.get(field, field.lower())} = {number(value)}{' ' + units if units else ''}"


def text_line(name: str, text: str) -> str:
    """The line of a text of the device database."""
    return f"{name} = {text}"


def bare(line: str) -> str:
    """A line without its name, as `/no_name` has it."""
    return f"  {line.partition('=')[2].strip()}"


def unknown_device(name: str, place: int) -> str:
    """The error for a name that the database does not have; `place` is the number of the command."""
    return f"Invalid device name ({name}) in read device command at line {place} - DBM_NOREC"


def read_failed(device: str, name: str, place: int) -> str:
    """The error of a device by its ACNET symbol."""
    return f"Error reading device in read device command at line {place} - {device} {name}"


def no_attribute(device: str, place: int) -> str:
    """The error for a part of the status that the device lacks."""
    return f"Error determining status text in read device command at line {place} - {device} DIO_NOATT"


def second_name(name: str, place: int) -> str:
    """The error of a read of two devices."""
    return f"Invalid read value variable ({name}) specified in read_device command at line {place} - CLIB_SYNTAX"


def not_understood(command: str, place: int) -> str:
    """The error of a command that there is not."""
    return f"Invalid command ({command}) at line {place} - CLIB_SYNTAX"


def not_permitted(command: str, place: int) -> str:
    """The error of a command that sets."""
    return f"Setting is not permitted ({command}) at line {place} - CLIB_NOPRIV"


def page(lines: Sequence[str]) -> str:
    """The body of an answer."""
    return "".join(f"{line}\n" for line in lines)
