"""compare: what another plan adds to, takes from and changes in the plans that run."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from gateway.plan.model import DevicePlan, Plan
from gateway.plan.redescribe import redescribed


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of devices; of those that are only described in another way, what holds from now on."""

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()  # their channels have to be made anew
    described: dict[str, DevicePlan] = field(default_factory=dict)

    @property
    def gone(self) -> frozenset[str]:
        """Whose channels their clients lose."""
        return self.removed | self.changed

    @property
    def come(self) -> frozenset[str]:
        """Whose channels are made anew."""
        return self.added | self.changed

    def __str__(self) -> str:
        counts = f"{len(self.added)} added, {len(self.removed)} removed, {len(self.changed)} changed"
        return f"{counts}, {len(self.described)} described anew" if self.described else counts


def compare(running: Iterable[Plan], fresh: Plan, moved: Set[str] = frozenset()) -> Changes:
    """The way from some plans, which have no device in common, to another; `moved` are backends with another URL."""
    old = {name: (plan, device) for plan in running for name, device in plan.devices.items()}
    changed, described = set(), {}
    for name, device in fresh.devices.items():
        if name not in old:
            continue
        plan, before = old[name]
        now, left_out = redescribed(before, device)
        if moved & set(device.route.names) or left_out or _shape(plan, before) != _shape(fresh, device):
            changed.add(name)
        elif before.info != device.info:
            described[name] = now
    return Changes(
        frozenset(fresh.devices.keys() - old.keys()),
        frozenset(old.keys() - fresh.devices.keys()),
        frozenset(changed),
        described,
    )


def _shape(plan: Plan, device: DevicePlan) -> tuple[object, ...]:
    """Everything about a device but its description, the places of its rows and that of its entry."""
    rows = (
        device.reading_row, device.setting_row, device.word_row, device.status_row, device.analog_row,
        device.digital_row, device.analog_raw_row, device.digital_raw_row,
    )  # fmt: skip
    watches = tuple(plan.watches[row] if row >= 0 else None for row in rows)
    puts = device.writable, device.confirm, device.write_timeout, device.group, device.step
    return watches, device.route, puts
