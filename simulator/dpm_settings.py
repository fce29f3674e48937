"""ApplySettings: what is set, and the statuses of it (dpm-http.md 10). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.drf import DataRequest
from gateway.core.status import BAD_REQUEST, Status
from gateway.core.values import SettingValue
from gateway.wire import dpm
from simulator.facility import Facility
from simulator.set_order import set_all

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
    wishes = [(stored.get(entry.ref_id, BAD_REQUEST), entry.value) for entry in entries]
    statuses, late = set_all(facility, wishes, now_ns)
    found = (dpm.SettingStatus(entry.ref_id, one.packed) for entry, one in zip(entries, statuses, strict=True))
    return dpm.ApplySettingsReply(tuple(found)), late


def _entries(message: dpm.ApplySettings) -> list[_Entry]:
    """Raw, then scaled, then text, each in its order."""
    found = [_Entry(setting.ref_id, setting.data) for setting in message.raw_array or ()]
    found += [_Entry(setting.ref_id, setting.data) for setting in message.scaled_array or ()]
    found += [_Entry(setting.ref_id, setting.data) for setting in message.text_array or ()]
    return found
