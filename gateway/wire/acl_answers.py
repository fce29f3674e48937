"""What ACL prints -> values and errors, and back (acl.md 3, 4). Whatever the text is, it is an Answer or a Failure."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gateway.core.errors import BadInput
from gateway.core.status import RETRY, Status
from gateway.core.values import FloatArray
from gateway.wire.acl import Command, Kind

Printed: TypeAlias = float | FloatArray | str | bool | bytes

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.A)
_ERROR_NAME = re.compile(r"(?:\S+\s+)?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)")
_HEX = re.compile(r"(?:0[xX])?([0-9A-Fa-f]+)")
_BOOLEANS = {"True": True, "False": False}
_SHOWN = 200  # characters of an answer that is not understood


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The value in one line."""

    value: Printed
    units: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a line holds no value. `name` is the ACNET symbol, empty where ACL gave none."""

    status: Status
    message: str
    name: str = ""


def text_of(body: bytes) -> str:
    """The text of a body: UTF-8, or else Latin-1, whatever type was declared (acl.md 1.1)."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def lines_of(text: str) -> list[str]:
    """The lines that count. A line of numbers alone goes on with the array before it (acl.md 3)."""
    lines: list[str] = []
    for line in (line.strip() for line in text.split("\n")):
        if lines and "=" in lines[-1] and line and "=" not in line and _is_numbers(line.split()):
            lines[-1] += f" {line}"
        elif line:
            lines.append(line)
    return lines


def _is_numbers(words: Sequence[str]) -> bool:
    """Whether they are numbers, the last one perhaps units."""
    return _NUMBER.fullmatch(words[0]) is not None and all(_NUMBER.fullmatch(word) for word in words[:-1])


def error_in(line: str) -> Failure | None:
    """The error that a line tells, if it tells one (acl.md 3.1)."""
    if line.startswith("!"):
        return Failure(RETRY, line[1:].strip())
    before, dash, after = line.rpartition(" - ")
    found = _ERROR_NAME.fullmatch(after.strip()) if dash and "=" not in before else None
    if found is None:
        return None
    return Failure(_status(found[1]), line, found[1])


def _status(name: str) -> Status:
    try:
        return Status.parse(name)
    except BadInput:  # a name that no table has: the text says it
        return RETRY


def refused_whole(text: str) -> Failure | None:
    """Why a text is no answer to any command: nothing in it, or a page for people."""
    if not text.strip():
        return Failure(RETRY, "empty response")
    if text.lstrip().startswith("<"):
        return Failure(RETRY, f"unexpected answer: {' '.join(text.split())[:_SHOWN]}")
    return None


def answers_of(text: str, commands: Sequence[Command]) -> list[Answer | Failure] | Failure:
    """One answer per command, or why the text holds no answers: its commands must then be asked apart (acl.md 4.2).

    A script ends at its first error, and whether what was before it is printed is not certain. A single command has
    its own failure.
    """
    if whole := refused_whole(text):
        return [whole] if len(commands) == 1 else whole
    lines = lines_of(text)
    error = next((found for line in lines if (found := error_in(line))), None)
    if error is not None:
        return [error] if len(commands) == 1 else error
    if len(lines) != len(commands):
        mismatch = Failure(RETRY, f"unexpected answer: {len(lines)} lines to {len(commands)} commands")
        return [mismatch] if len(commands) == 1 else mismatch
    answers = [answer_in(line, command) for line, command in zip(lines, commands, strict=True)]
    strange = [answer for answer in answers if isinstance(answer, Failure) and answer.message.startswith("unexpected")]
    return strange[0] if strange and len(commands) > 1 else answers


def answer_in(line: str, command: Command, units: str = "") -> Answer | Failure:
    """The value in a line, by what was asked; `units` are those of the device database, where they are known."""
    if error := error_in(line):
        return error
    subject, equals, rest = line.partition("=")
    if equals and not _is_about(subject, command.device):
        return Failure(RETRY, f"unexpected answer: {line[:_SHOWN]}")
    value = rest.strip() if equals else line.strip()
    if command.kind is Kind.RAW:
        return _raw(value)
    if command.kind is Kind.BOOLEAN:
        if not equals or value not in _BOOLEANS:
            return Failure(RETRY, f"cannot parse {line[:_SHOWN]!r} as True or False")
        return Answer(_BOOLEANS[value])
    if command.kind is Kind.TEXT:
        return Answer(value)
    answer = _number(value, units)
    if command.several and isinstance(answer.value, float):
        return Answer(np.array([answer.value]), answer.units)
    return answer


def _is_about(subject: str, device: str) -> bool:
    """Whether the subject of a line is the device; who asks by number is answered by name."""
    word = subject.split()[0] if subject.split() else ""
    name = re.split(r"[\[{.@]", f"{word[:1]}:{word[2:]}")[0]  # the separator may be that of another property
    return device.startswith(("0:", "#:")) or name.upper() == device


def _raw(value: str) -> Answer | Failure:
    """Words of one big-endian number each -> bytes in the order of the wire (acl.md 3.3)."""
    octets = b""
    for word in value.split():
        found = _HEX.fullmatch(word)
        if found is None:
            break
        octets += bytes.fromhex(found[1].zfill(len(found[1]) + len(found[1]) % 2))[::-1]
    return Answer(octets) if octets else Failure(RETRY, f"cannot parse {value[:_SHOWN]!r} as hexadecimal words")


def _number(value: str, units: str) -> Answer:
    """Numbers with or without units, or text (the table of acl.md 3.1)."""
    if units and value.endswith(f" {units}") and (known := _numbers(value.removesuffix(units).split())) is not None:
        return Answer(known, units)
    words = value.split()
    if (plain := _numbers(words)) is not None:
        return Answer(plain)
    if (before := _numbers(words[:-1])) is not None:
        return Answer(before, words[-1])
    return Answer(value)


def _numbers(words: Sequence[str]) -> float | FloatArray | None:
    """One number or several; None unless all are, and finite."""
    if not words or not all(_NUMBER.fullmatch(word) for word in words):
        return None
    numbers = [float(word) for word in words]
    if not all(map(math.isfinite, numbers)):
        return None
    return numbers[0] if len(numbers) == 1 else np.array(numbers)
