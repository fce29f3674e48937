"""The simulated interpreter of ACL: commands in, lines out; the first error ends a script (acl.md 2, 4, 5).

Every script is fresh: no variable outlives it. Nothing here sets anything.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.core.drf import DataRequest
from gateway.core.errors import BadRequest
from gateway.core.values import Value
from gateway.wire import acl_lines
from simulator.acl_read import Note, Place, ScriptFailed, Wait, qualifiers_of, read
from simulator.facility import Facility

_WORDS = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)\s*=\s*(.+)")
_TERMS = re.compile(r"\s*([+-]?)\s*([A-Za-z0-9]:[\w.\[\]]+|[A-Za-z_]\w*|[0-9.]+)")
_SETS = frozenset(("set", "on", "off", "reset", "positive", "negative", "ramp", "dc", "local", "remote", "trip"))
_DATE = "%Y-%m-%d %H:%M:%S"
_MOST_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class Output:
    """What a script printed before its end, and the error that ended it, if one did."""

    lines: tuple[str, ...]
    error: str = ""


class AclInterpreter:
    """Runs scripts over a facility. `wait` takes seconds and may raise, which ends the script."""

    def __init__(self, facility: Facility, now_ns: Callable[[], int], wait: Wait, note: Note | None = None) -> None:
        self._place = Place(facility, now_ns, wait, note or _nothing)

    def run(self, commands: Sequence[str]) -> Output:
        """The output of one script."""
        script = _Script(self._place)
        lines: list[str] = []
        for number, command in enumerate(commands, 1):
            try:
                lines += script.line_of(command, number)
            except ScriptFailed as failed:
                return Output(tuple(lines), str(failed))
        return Output(tuple(lines))


def _nothing(request: DataRequest, value: Value) -> None:
    """Nobody wants to know what was read."""
    del request, value


class _Script:
    """The variables and lists of one script while it runs."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._variables: dict[str, float] = {}
        self._lists: dict[str, list[str]] = {}

    def line_of(self, command: str, number: int) -> list[str]:
        """The lines that one command prints."""
        words = _WORDS.findall(command)
        if assigned := _ASSIGNED.fullmatch(command):
            self._variables[assigned[1]] = self._value_of(assigned[2], number)
            return []
        verb, slash, own = words[0].partition("/") if words else ("", "", "")
        qualifiers = qualifiers_of(slash + own)
        found = {
            "read": self._read, "device_list": self._device_list, "read_list": self._read_list,
            "print": self._print, "logger_get": self._logger, "wait": self._wait,
        }.get(verb.lower())  # fmt: skip
        if verb.lower() in _SETS:
            raise ScriptFailed(acl_lines.not_permitted(command, number))
        if found is None or len(words) < 2:
            raise ScriptFailed(acl_lines.not_understood(command, number))
        return found(words[1:], qualifiers, number)

    def _read(self, words: list[str], qualifiers: dict[str, str], number: int) -> list[str]:
        named, equals, listed = words[0].partition("=")
        several, own = (named == "devices" and equals), ""
        if several:
            quote = listed[:1] if listed[:1] in ("'", '"') else ""
            listed, _, own = listed[1:].partition(quote) if quote else listed.partition("/")
            own = own if quote or not own else f"/{own}"
        further = [word for word in words[1:] if not word.startswith("/")]
        if further:
            raise ScriptFailed(acl_lines.second_name(further[0].partition("/")[0], number))
        wishes = {**qualifiers, **qualifiers_of(own + "".join(words[1:]))}
        devices = listed.split(",") if several else [words[0] + "".join(words[1:])]
        return [read(self._place, device.strip(), wishes, number) for device in devices]

    def _device_list(self, words: list[str], qualifiers: dict[str, str], number: int) -> list[str]:
        listed = next((word.partition("=")[2] for word in words if word.startswith("devices=")), "")
        if "create" not in qualifiers or not listed:
            raise ScriptFailed(acl_lines.not_understood(f"device_list {' '.join(words)}", number))
        self._lists[words[0]] = [device.strip() for device in listed.strip("'\"").split(",")]
        return []

    def _read_list(self, words: list[str], qualifiers: dict[str, str], number: int) -> list[str]:
        devices = self._lists.get(words[0].partition("=")[2])
        if devices is None:
            raise ScriptFailed(acl_lines.not_understood(f"read_list {' '.join(words)}", number))
        return [read(self._place, device, qualifiers, number) for device in devices]

    def _print(self, words: list[str], qualifiers: dict[str, str], number: int) -> list[str]:
        del qualifiers
        text = " ".join(words)
        return [text[1:-1]] if text[0] in "'\"" else [acl_lines.number(self._value_of(text, number))]

    def _wait(self, words: list[str], qualifiers: dict[str, str], number: int) -> list[str]:
        if "event" not in qualifiers or not re.fullmatch("[0-9A-Fa-f]+", words[0]):
            raise ScriptFailed(acl_lines.not_understood(f"wait {' '.join(words)}", number))
        first = f"{self._place.facility.devices[0]}.DESCRIPTION"
        read(self._place, first, {"event": f"e,{words[0]}", "pendwait": ""}, number)
        return []

    def _value_of(self, text: str, number: int) -> float:
        """The number that an expression of devices, variables and numbers makes; sums and differences only."""
        total, place = 0.0, 0
        while place < len(text.rstrip()):
            term = _TERMS.match(text, place)
            if term is None or (place and not term[1]):
                raise ScriptFailed(acl_lines.not_understood(text, number))
            total += (-1.0 if term[1] == "-" else 1.0) * self._term(term[2], number)
            place = term.end()
        return total

    def _term(self, text: str, number: int) -> float:
        if text in self._variables:
            return self._variables[text]
        line = text if ":" not in text else read(self._place, text, {"no_name": "", "no_units": ""}, number)
        try:
            return float(line)
        except ValueError:
            raise ScriptFailed(acl_lines.not_understood(text, number)) from None

    def _logger(self, words: list[str], qualifiers: dict[str, str], number: int) -> list[str]:
        """A line `time value [units]` for each second of the window; every device is logged once a second."""
        facility = self._place.facility
        try:
            first, last = (_seconds(qualifiers[key]) for key in ("start", "end"))
            request = DataRequest.parse(words[0])
        except (KeyError, ValueError, BadRequest):
            raise ScriptFailed(acl_lines.not_understood(f"logger_get {' '.join(words)}", number)) from None
        spec = facility.spec(request.device)
        if spec is None:
            raise ScriptFailed(acl_lines.unknown_device(words[0], number))
        units = f" {spec.reading.units}" if "units" in qualifiers and spec.reading else ""
        utc = qualifiers.get("date_format") == "utc_seconds"
        lines = []
        last = min(last, self._place.now_ns() // 1_000_000_000, first + _MOST_POINTS)
        for second in range(first, last + 1):
            value, _ = facility.read(request, second * 1_000_000_000)
            if isinstance(value, float):
                shown = str(second) if utc else datetime.fromtimestamp(second, UTC).strftime(_DATE)
                lines.append(f"{shown} {acl_lines.number(value)}{units}")
        return lines


def _seconds(text: str) -> int:
    """Seconds since 1970 UTC of a date."""
    return int(datetime.strptime(text.replace("+", " "), _DATE).replace(tzinfo=UTC).timestamp())
