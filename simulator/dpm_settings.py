"""ApplySettings: order, duplicates and statuses (dpm-http.md 10). Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.core.drf import DataRequest
from gateway.core.status import BAD_REQUEST, SUPERSEDED, Status
from gateway.core.values import SettingValue
from gateway.wire import dpm
from simulator.facility import Facility

Stored = Mapping[int, "DataRequest | Status"]  # what was added under a reference, or why it is no good


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    ref_id: int
    value: SettingValue


def apply_settings(
    facility: Facility, stored: Stored, message: dpm.ApplySettings, now_ns: int
) -> tuple[dpm.ApplySettingsReply, bool]:
    """The reply, and whether it is late because a silent front end was among those set."""
    entries = _entries(message)
    superseded = _superseded(entries, stored)
    statuses, late = [], False
    for place, entry in enumerate(entries):
        target = stored.get(entry.ref_id, BAD_REQUEST)
        if isinstance(target, Status):
            status = target
        elif place in superseded:
            status = SUPERSEDED
        else:
            found = facility.check(target)
            status = found if found.failed else facility.write(target, entry.value, now_ns)
            late = late or facility.silent(target)
        statuses.append(dpm.SettingStatus(entry.ref_id, status.packed))
    return dpm.ApplySettingsReply(tuple(statuses)), late


def _entries(message: dpm.ApplySettings) -> list[_Entry]:
    """Raw, then scaled, then text, each in its order."""
    found = [_Entry(setting.ref_id, setting.data) for setting in message.raw_array or ()]
    found += [_Entry(setting.ref_id, setting.data) for setting in message.scaled_array or ()]
    found += [_Entry(setting.ref_id, setting.data) for setting in message.text_array or ()]
    return found


def _superseded(entries: list[_Entry], stored: Stored) -> set[int]:
    """The places of settings whose device, property and range come again later."""
    key: Callable[[DataRequest], tuple[object, ...]] = lambda r: (r.device, r.property, r.range and r.range.normal())  # noqa: E731
    newest: dict[tuple[object, ...], int] = {}
    old: set[int] = set()
    for place, entry in enumerate(entries):
        target = stored.get(entry.ref_id)
        if isinstance(target, DataRequest):
            if key(target) in newest:
                old.add(newest[key(target)])
            newest[key(target)] = place
    return old
