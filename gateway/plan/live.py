"""What only the running gateway knows of a put: locks, leases, what the front end holds, rates, queues, the journal.

Asked for elsewhere and handed in; where it was not, each layer says what it depends on.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.access.judge import LEASE_NEEDED, Layer
from gateway.access.step import Numbers, too_far
from gateway.config.gateway_section import GatewaySection
from gateway.plan.model import DevicePlan, PvSpec, PvType


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one layer says of a put: True it passes, False it refuses, None it cannot be known here."""

    layer: str
    passes: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What was refused at the moment when it was asked for, and why."""

    pvs: Mapping[str, str] = field(default_factory=dict)  # that had as many puts as they may
    clients: Mapping[str, list[str]] = field(default_factory=dict)  # the same of user@host: a reason for each circuit
    gateway: str = ""  # the same of all puts
    devices: Mapping[str, str] = field(default_factory=dict)  # whose queue is full
    accepted: Mapping[str, float] = field(default_factory=dict)  # s since a put, of devices with one a moment ago


@dataclass(frozen=True, slots=True)
class Live:
    """The answers of the running gateway about one device."""

    holder: str = ""  # user@host that has the lock; empty when it is free
    purpose: str = ""  # of the lock
    left: float = 0.0  # s that the lock lasts
    leases: tuple[str, ...] = ()  # user@host and what is left, of each client that has one
    held: Numbers | None = None  # the last valid readback of the setting
    journal: str = "OK"  # or why it cannot be written
    inputs: Mapping[str, float | None] | None = None  # of the access file; None where they were not asked for
    moment: Moment | None = None  # None where there was too much to tell
    limits: Mapping[str, float | None] | None = None  # PVs that limit settings; None where they were not asked for


def lock(device: DevicePlan, user: str, live: Live | None) -> Judgement:
    """A lock is of a circuit: its holder's other circuits are refused, too, and only the user can tell which it is."""
    if live is None:
        return Judgement(Layer.LOCK.value, None, f"refused while another client holds {device.name}:LOCK")
    if not live.holder:
        return Judgement(Layer.LOCK.value, True, f"{device.name}:LOCK is free")
    purpose = f": {live.purpose}" if live.purpose else ""
    reason = f"{device.name} is locked by {live.holder}{purpose} for another {live.left:.0f} s"
    if user and user == live.holder.partition("@")[0]:
        return Judgement(Layer.LOCK.value, None, f"{reason}; passes on the circuit that took it, and on no other")
    return Judgement(Layer.LOCK.value, False, reason)


def lease(section: GatewaySection, user: str, live: Live | None) -> Iterator[Judgement]:
    """A lease is of a circuit, too."""
    if not section.lease:
        return
    if live is None:
        yield Judgement(Layer.LEASE.value, None, f"needs a lease: put minutes to {section.name}:LEASE first")
        return
    fits = [one for one in live.leases if not user or user == one.partition("@")[0]]
    if fits:
        reason = f"{', '.join(fits)} left; passes on the circuit that put to {section.name}:LEASE, and on no other"
        yield Judgement(Layer.LEASE.value, None, reason)
    else:
        yield Judgement(Layer.LEASE.value, False, LEASE_NEEDED)


def step(spec: PvSpec, device: DevicePlan, value: object, live: Live | None) -> Iterator[Judgement]:
    """The largest change, measured against what the front end holds now; how fast it may be depends on the moment."""
    limit = device.step
    bounds = [
        f"{word} {end:g}" for word, end in (("a put", limit.step), ("a second", limit.slew)) if math.isfinite(end)
    ]
    if not bounds or spec.level or spec.type is not PvType.DOUBLE:
        return
    reason = f"the largest change of {' and of '.join(bounds)} {spec.units}".rstrip()
    if live is None or not isinstance(value, float):
        yield Judgement(Layer.STEP.value, None, f"{reason}, from what the front end holds")
        return
    elapsed = 1.0 if live.moment is None else live.moment.accepted.get(device.name, 1.0)
    wrong = too_far(limit, value, live.held, elapsed, spec.units)
    # a put of a moment ago makes it slower, and counts beside a readback that has not followed yet
    lately = math.isfinite(limit.slew) if live.moment is None else device.name in live.moment.accepted
    unknown = not wrong and lately
    yield Judgement(Layer.STEP.value, None if unknown else not wrong, wrong or reason)


def rate(section: GatewaySection, spec: PvSpec, user: str, live: Live | None) -> Iterator[Judgement]:
    """How many puts may come, and whether there were as many in the second before the gateway was asked."""
    limits = section.limits
    counts = {"one client": limits.puts_per_client, "one PV": limits.puts_per_pv, "all": limits.puts_total}
    said = ", ".join(f"{count} of {whose}" for whose, count in counts.items() if count)
    if not said:
        return
    reason = f"refused after so many puts in a second: {said}"
    moment = live.moment if live is not None else None
    if moment is None:
        yield Judgement(Layer.RATE.value, None, reason)
        return
    circuits = [
        one for who, all_of in moment.clients.items() if user and who.partition("@")[0] == user for one in all_of
    ]
    refused = moment.pvs.get(spec.name, "") or moment.gateway
    if circuits and all(circuits):
        refused = circuits[0]
    if not refused and any(circuits):
        of_one = next(filter(None, circuits))
        reason = f"{of_one}, on {sum(map(bool, circuits))} of {len(circuits)} circuits of {user}"
        yield Judgement(Layer.RATE.value, None, reason)
    else:
        yield Judgement(Layer.RATE.value, not refused, refused or reason)


def queue(device: DevicePlan, live: Live | None) -> Iterator[Judgement]:
    """Whether one more setting would be queued; how many of one client wait already, the client knows."""
    if live is not None and live.moment is not None:
        reason = live.moment.devices.get(device.name, "")
        yield Judgement(Layer.QUEUE.value, not reason, reason or "there is room in its queue")


def audit(section: GatewaySection, live: Live | None) -> Iterator[Judgement]:
    """Where the journal is required, whether it can be written."""
    if section.audit is None or not section.audit.required:
        return
    if live is None:
        yield Judgement(Layer.AUDIT.value, None, "refused while the journal of puts cannot be written")
    else:
        reason = "the journal of puts is written" if live.journal == "OK" else live.journal
        yield Judgement(Layer.AUDIT.value, live.journal == "OK", reason)
