"""Settings that came in one call: order, duplicates, statuses, whatever the protocol (dpm-http.md 10). Pure."""

from collections.abc import Sequence
from typing import TypeAlias

from gateway.core.drf import DataRequest
from gateway.core.status import SUPERSEDED, Status
from gateway.core.values import SettingValue
from simulator.facility import Facility

SILENT_NS = 5_000_000_000  # after which a silent front end is answered for

Wish: TypeAlias = tuple[DataRequest | Status, SettingValue]  # what to set, or why it is no good; and the value


def set_all(facility: Facility, wishes: Sequence[Wish], now_ns: int) -> tuple[list[Status], bool]:
    """A status for each, in order, and whether they are late because a silent front end was among those set."""
    superseded = _superseded([target for target, _ in wishes])
    statuses, late = [], False
    for place, (target, value) in enumerate(wishes):
        if isinstance(target, Status):
            status = target
        elif place in superseded:
            status = SUPERSEDED
        else:
            found = facility.check(target)
            status = found if found.failed else facility.write(target, value, now_ns)
            late = late or facility.silent(target)
        statuses.append(status)
    return statuses, late


def _superseded(targets: Sequence[DataRequest | Status]) -> set[int]:
    """The places of settings whose device, property and range come again later."""
    newest: dict[tuple[object, ...], int] = {}
    old: set[int] = set()
    for place, target in enumerate(targets):
        if isinstance(target, DataRequest):
            key = (target.device, target.property, target.range and target.range.normal())
            if key in newest:
                old.add(newest[key])
            newest[key] = place
    return old
