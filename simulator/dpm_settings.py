"""ApplySettings: what is set, and the statuses of it (dpm-http.md 10). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.drf import DataRequest
from gateway.core.status import BAD_REQUEST, PRIV, Status
from gateway.core.values import SettingValue
from gateway.wire import dpm
from simulator.dpm_identity import Identity
from simulator.facility import Facility
from simulator.set_order import set_all

Stored = Mapping[int, "DataRequest | Status"]  # what was added under a reference, or why it is no good


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    ref_id: int
    value: SettingValue


def apply_settings(
    facility: Facility, stored: Stored, message: dpm.ApplySettings, now_ns: int, identity: Identity, role: str
) -> tuple[dpm.ApplySettingsReply, bool]:
    """The reply, and whether it is late because a silent front end was among those set."""
    entries = _entries(message)
    wishes = [
        (_target(facility, stored.get(entry.ref_id, BAD_REQUEST), identity, role), entry.value) for entry in entries
    ]
    statuses, late = set_all(facility, wishes, now_ns)
    found = (dpm.SettingStatus(entry.ref_id, one.packed) for entry, one in zip(entries, statuses, strict=True))
    return dpm.ApplySettingsReply(tuple(found)), late


def _target(facility: Facility, stored: DataRequest | Status, identity: Identity, role: str) -> DataRequest | Status:
    """What is to be set, or why nothing is. Nobody learns which requests are good."""
    if identity.nobody:
        return PRIV
    spec = None if isinstance(stored, Status) or facility.check(stored).failed else facility.spec(stored.device)
    return stored if spec is None or identity.may_set(spec, role) else PRIV


def _entries(message: dpm.ApplySettings) -> list[_Entry]:
    """Raw, then scaled, then text, each in its order."""
    found = [_Entry(setting.ref_id, setting.data) for setting in message.raw_array or ()]
    found += [_Entry(setting.ref_id, setting.data) for setting in message.scaled_array or ()]
    found += [_Entry(setting.ref_id, setting.data) for setting in message.text_array or ()]
    return found
