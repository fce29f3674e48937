"""compare: what another plan adds to, takes from and changes in the plans that run."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from gateway.plan.model import DevicePlan, Plan
from gateway.plan.redescribe import redescribed
from gateway.plan.why import Planned, differences, told_otherwise


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of devices; of those that are only described in another way, what holds from now on."""

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()  # their channels have to be made anew
    described: dict[str, DevicePlan] = field(default_factory=dict)
    why: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of those that are changed or described anew

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
    old = {name: Planned(plan, device) for plan in running for name, device in plan.devices.items()}
    changed, described, why = set(), {}, {}
    for name, device in fresh.devices.items():
        if (before := old.get(name)) is None:
            continue
        now, _ = redescribed(before.device, device)
        reasons = differences(before, Planned(fresh, device))
        reasons += tuple(f"backend {one} has another url or auth" for one in device.route.names if one in moved)
        if reasons:
            changed.add(name)
            why[name] = reasons
        elif told := told_otherwise(before.device.info, now.info):
            described[name] = now
            why[name] = told
    return Changes(
        frozenset(fresh.devices.keys() - old.keys()),
        frozenset(old.keys() - fresh.devices.keys()),
        frozenset(changed),
        described,
        why,
    )
