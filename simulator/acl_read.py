"""The command `read` of the simulated interpreter: a device, its qualifiers, and the line printed (acl.md 2.1)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from gateway.core.drf import DataRequest, Property
from gateway.core.drf_events import DEFAULT, DrfEvent, parse_event
from gateway.core.errors import BadRequest
from gateway.core.status import NOSCALE, Status
from gateway.core.values import Value
from gateway.wire import acl_lines
from simulator.facility import Facility
from simulator.schedule import Schedule

SILENCE_S = 3.0  # until a front end that does not answer is given up
_PATIENCE_S = 30.0  # of a read that waits for an event and does not say how long
_ATTRIBUTES = ("ON", "READY", "REMOTE", "POSITIVE", "RAMP")
_ALARM = (2, 4, 4, 1, 1, 1, 1, 2, 2, 2)  # bytes of the fields of an alarm block, as they are printed
_ALARM_LIMITS = ("MIN", "MAX", "NOM", "TOL")
_TEXTS = (Property.DESCRIPTION, Property.LONG_NAME, Property.ALARM_LIST_NAME)
_ALARMS = (Property.ANALOG, Property.DIGITAL)
_QUALIFIER = re.compile(r"/([A-Za-z_]+)(?:=('[^']*'|\"[^\"]*\"|[^/]*))?")

Wait = Callable[[float], None]  # so many seconds
Note = Callable[[DataRequest, Value], None]  # what was read, for the log


class ScriptFailed(Exception):
    """The text says why, as ACL prints it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a read needs to know of its surroundings."""

    facility: Facility
    now_ns: Callable[[], int]
    wait: Wait
    note: Note


def qualifiers_of(text: str) -> dict[str, str]:
    """The qualifiers in a text such as `/no_name/event='e,02'`, in lower case, with their values."""
    return {name.lower(): value.strip("'\"") for name, value in _QUALIFIER.findall(text)}


def read(place: Place, device: str, qualifiers: dict[str, str], number: int) -> str:
    """The line for one device; ScriptFailed with the line of an error. `number` is that of the command."""
    name, slash, own = device.partition("/")
    wishes = {**qualifiers, **qualifiers_of(slash + own)}
    request = _request(place.facility, name, wishes, number)
    value, status = _value(place, request, wishes)
    if value is None and status.failed:
        if request.property is Property.STATUS and status == NOSCALE:
            raise ScriptFailed(acl_lines.no_attribute(request.device, number))
        raise ScriptFailed(acl_lines.read_failed(request.device, status.name or "ACNET_RETRY", number))
    if value is not None:
        place.note(request, value)
    line = _line(place.facility, request, value, "no_units" not in wishes)
    return acl_lines.bare(line) if "no_name" in wishes else line


def _request(facility: Facility, name: str, wishes: dict[str, str], number: int) -> DataRequest:
    """The request that a name and its qualifiers are; DRF's events are not understood here."""
    count = wishes.get("num_elements", "")
    span = "[]" if "all_elements" in wishes else ""
    if re.fullmatch("[0-9]{1,6}", count) and int(count) > 1:
        span = f"[0:{int(count) - 1}]"
    try:
        request = DataRequest.parse(name)
        event = parse_event(wishes["event"]) if "event" in wishes else DEFAULT
    except BadRequest:
        raise ScriptFailed(acl_lines.unknown_device(name, number)) from None
    if request.is_foreign or request.event.mode != "U" or request.source or facility.spec(request.device) is None:
        raise ScriptFailed(acl_lines.unknown_device(name, number))
    if "setting" in wishes:
        request = replace(request, property=Property.SETTING)
    if "raw" in wishes:
        request = replace(request, field="RAW")
    if span and request.range is None:
        request = replace(request, range=DataRequest.parse(f"M:X{span}").range)
    if request.property is Property.STATUS and request.field in (None, "ALL"):
        request = replace(request, field="TEXT")  # the whole status is one word, made of the states
    return request.with_event(event)


def _value(place: Place, request: DataRequest, wishes: dict[str, str]) -> tuple[Value | None, Status]:
    """The value now, or when the event comes; a front end that is silent costs its time."""
    if place.facility.silent(request):
        place.wait(SILENCE_S)
    elif request.event.mode not in ("U", "I"):
        _await_event(place, request, request.event, wishes)
    return place.facility.read(request, place.now_ns())


def _await_event(place: Place, request: DataRequest, event: DrfEvent, wishes: dict[str, str]) -> None:
    try:
        patience_s = float(wishes.get("pendwait") or _PATIENCE_S)
    except ValueError:
        patience_s = _PATIENCE_S
    if "pendwait" not in wishes:  # without it cached data come back at once
        return
    start_ns = place.now_ns()
    schedule = Schedule(place.facility, [(0, request.with_event(event))], start_ns)
    while not schedule.take(place.now_ns()):
        due_ns = schedule.next_ns()
        if due_ns is None or due_ns > start_ns + patience_s * 1e9:
            raise ScriptFailed(acl_lines.read_failed(request.device, "DPM_PEND", 1))
        place.wait((due_ns - place.now_ns()) / 1e9)


def _line(facility: Facility, request: DataRequest, value: Value | None, units: bool) -> str:
    """What is printed of a value, by property and field."""
    device, prop, field = request.device, request.property, request.field
    name = f"{device}{str(request.range or '').replace('[:]', '[]')}"
    if isinstance(value, bytes):
        widths = _ALARM if prop in _ALARMS else _words(len(value), facility.element_size(request))
        return acl_lines.raw_line(name, value, widths)
    if prop in _TEXTS:
        return acl_lines.text_line(device, str(value))
    if prop is Property.STATUS and field in _ATTRIBUTES:
        return acl_lines.attribute_line(device, field, value == 1.0)
    if prop in _ALARMS and isinstance(value, float):
        shown = _units(facility, request) if units and field in _ALARM_LIMITS and prop is Property.ANALOG else ""
        return acl_lines.alarm_line(device, field or "", value, shown)
    if isinstance(value, float | np.ndarray):
        return acl_lines.value_line(name, value, _units(facility, request) if units else "")
    if isinstance(value, tuple):
        value = " ".join(value)
    return acl_lines.value_line(name, value if isinstance(value, str) else "")


def _words(size: int, width: int) -> Iterator[int]:
    """The widths of the words of an array, one for each element."""
    yield from (min(width, size - place) for place in range(0, size, width))


def _units(facility: Facility, request: DataRequest) -> str:
    """The units of a value in the form that was asked for."""
    spec = facility.spec(request.device)
    assert spec is not None  # it was read
    if request.field == "PRIMARY":
        return spec.scale.primary_units
    shown = spec.setting if request.property is Property.SETTING else spec.reading
    return shown.units if shown and request.property in (Property.READING, Property.SETTING, Property.ANALOG) else ""
