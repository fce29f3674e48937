"""Guard: asks every layer before a put is sent, keeps leases and locks, and writes the journal. On the loop."""

import itertools
import logging
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from devices.device import Device
from gateway.access.acf import Access
from gateway.access.judge import OF_THE_VALUE, STEPS, Layer, Refusal, Rules, Step, Wish, judge
from gateway.access.policy import Policy, rule
from gateway.access.rules import Client
from gateway.access.step import NO_LIMIT
from gateway.core.ports import Clock
from gateway.core.put_row import PutJournal, PutRow, shown
from gateway.core.values import Setting
from gateway.core.write_state import WriteState
from gateway.plan.drive import NO_DRIVE
from gateway.plan.fit import beyond, bounded, clamped, misfit
from gateway.plan.model import DevicePlan, PvSpec, PvType, Role
from gateway.plan.policies import asked_of, fixed
from iocs.held import Held
from iocs.put import RIGHTS as _RIGHTS
from iocs.put import Put

_log = logging.getLogger("acgate.put")
SLOW = 0.05  # s that policies may take for one put before the log says so
ADMINISTRATORS = "ADMIN"  # the ASG whose writers may break locks
RIGHTS = tuple(step for step in STEPS if step[0] in _RIGHTS)
RIGHTS_WITHOUT_DEVICE = tuple(step for step in RIGHTS if step[0] is not Layer.DEVICE)
TO_FREEZE = tuple(step for step in STEPS if step[0] in (Layer.NETWORK, Layer.ACCESS))
TO_ASK = tuple(step for step in STEPS if step[0] is Layer.RATE)
TO_LOCK = tuple(step for step in STEPS if step[0] in (*(layer for layer, _ in RIGHTS), Layer.LOCK))


@dataclass(slots=True)
class Judged:
    """A put on its way: what the journal will say of it."""

    id: str
    time_ns: int
    spec: PvSpec
    put: Put
    old: Any  # what the front end held, None where that is not known
    new: Any  # what is sent: a limit or a policy may have changed what was put
    soon: tuple[Any, ...] = ()  # what the front end may hold by then
    said: tuple[str, ...] = ()  # by limits that clamp and by policies, for the journal
    changes: str = ""  # of what was put, by them: for whoever looks at the outcome
    unknown: str = ""  # why nobody can say what the limits of `spec` are now

    def change(self, value: Any, said: Sequence[str], changes: Sequence[str]) -> None:
        """Another value from now on, and what is said of it."""
        self.new, self.said = value, (*self.said, *said)
        self.changes = "; ".join(part for part in (self.changes, *changes) if part)


@dataclass(slots=True)
class JudgedPut:
    """A put that every layer was asked about, and that is not sent yet."""

    device: Device
    spec: PvSpec
    setting: Setting
    judged: Judged
    refusal: Refusal | None


class Guard:
    """The rules of one gateway as they hold now."""

    def __init__(self, rules: Rules, clock: Clock, journal: PutJournal | None = None) -> None:
        self.rules, self.clock, self.journal = rules, clock, journal
        self._born = clock.monotonic()
        # the value of a PV that limits settings, None while it has no valid one; and the same as setpoints show it
        self.limit_of: Callable[[str], float | None] = lambda _: None
        self.limit_shown: Callable[[str], float | None] = lambda _: None
        self._accepted: dict[str, float] = {}  # device: time of its last accepted put
        self.held = Held(clock)
        start = clock.now_ns() // 1_000_000
        self._ids = (f"{start:x}-{number}" for number in itertools.count(1))

    @property
    def restricts(self) -> bool:
        """Whether rights depend on the client at all."""
        return self.rules.file is not None or bool(self.rules.networks)

    def access(self, group: str, level: int, client: Client) -> tuple[bool, bool]:
        """Whether a client may read, and whether it may write as far as access security and networks say."""
        access = self.rules.access(group, level, client)
        wish = Wish("", "", True, client, None, 0.0, group, level)
        return access >= Access.READ, judge(wish, self.rules, RIGHTS[2:]) is None

    def refusal(self, judged: Judged, device: DevicePlan) -> Refusal | None:
        """The first layer that refuses, or None; then the put is counted. A policy may change what is sent."""
        self._clamp(judged, device)
        wish = self._wish(judged, device)
        found = judge(wish, self.rules) or self._ruled(judged, device)
        if found is None:
            self.rules.passed(wish)
            if wish.step.any:
                self.held.begin(device.name, judged.id, judged.new)
        return found

    def _wish(self, judged: Judged, device: DevicePlan) -> Wish:
        spec, put, value, now = judged.spec, judged.put, judged.new, self.clock.monotonic()
        limited = spec.type is PvType.DOUBLE and spec.level == 0 and device.step.any
        return Wish(
            spec.name, device.name, spec.writable, put.client, put.circuit, now, device.group, spec.level,
            misfit(spec, value), judged.unknown or beyond(spec, value),
            value if limited else 0.0, judged.old if isinstance(judged.old, float | np.ndarray) else None,
            judged.soon if limited else (),
            now - self._accepted.get(device.name, self._born), device.step if limited else NO_LIMIT, spec.units,
        )  # fmt: skip

    def _clamp(self, judged: Judged, device: DevicePlan) -> None:
        """Find the limits as they are now, and let what is beyond them become the limit where the device says so."""
        if (drive := device.drive) is NO_DRIVE or not judged.spec.driven:
            return
        judged.spec, judged.unknown = spec, unknown = bounded(judged.spec, drive, self.limit_of)
        if drive.clamp and not (unknown or misfit(spec, judged.new)) and beyond(spec, judged.new):
            value, note = clamped(spec, judged.new)
            judged.change(value, (note,), (note,))

    def _ruled(self, judged: Judged, device: DevicePlan) -> Refusal | None:
        """What the policies of the site say; a value that they change is judged again."""
        policies = self._policies(device)
        if not policies:
            return None
        spec, began = judged.spec, self.clock.monotonic()
        ruling = rule(policies, asked_of(spec, judged.new, judged.old), judged.put.client, judged.time_ns, fixed(spec))
        if (took := self.clock.monotonic() - began) > SLOW:
            names = ", ".join(policy.name for policy in policies)
            _log.warning(
                "the policies %s took %.3f s for a put to %s; nobody is served meanwhile", names, took, spec.name
            )
        judged.change(ruling.value, ruling.said, ruling.changes)
        if ruling.broken:
            _log.error("put %s to %s: %s", judged.id, spec.name, ruling.denied, exc_info=ruling.error)
            return Refusal(Layer.POLICY_ERROR, ruling.denied)
        if ruling.denied:
            return Refusal(Layer.POLICY, ruling.denied)
        if not ruling.changes:
            return None
        self._clamp(judged, device)
        return judge(self._wish(judged, device), self.rules, OF_THE_VALUE)

    def _policies(self, device: DevicePlan) -> list[Policy]:
        return [policy for policy in self.rules.policies if policy.concerns(device.name)]

    def left(self, put: Put) -> float:
        """Seconds for which a put that waits may still be sent; asked on the thread that would send it."""
        rules = self.rules
        return rules.leases.left(put.circuit, self.clock.monotonic()) if rules.lease_needed else math.inf

    def may_lock(self, spec: PvSpec, device: DevicePlan, put: Put) -> Refusal | None:
        """Whether a client may take, or give back, the lock of a device."""
        wish = Wish(
            spec.name, device.name, spec.writable, put.client, put.circuit, self.clock.monotonic(), device.group
        )
        return judge(wish, self.rules, TO_LOCK)

    def why_not(self, spec: PvSpec, group: str, level: int, put: Put, device: str) -> Refusal:
        """Who forbids a client to write a PV that it has no right to write."""
        if spec.role is Role.READ_NOW:
            return Refusal(Layer.ACCESS, f"who may not read {device or spec.name} may not ask with {spec.name}")
        wish = Wish(spec.name, device, spec.writable, put.client, put.circuit, 0.0, group, level)
        found = judge(wish, self.rules, TO_FREEZE if spec.sets_nothing else RIGHTS)
        return found or Refusal(Layer.ACCESS, f"the rights to {spec.name} have just changed; try again")

    def may(
        self, spec: PvSpec, put: Put, steps: tuple[tuple[Layer, Step], ...], group: str = "DEFAULT", level: int = 0
    ) -> Refusal | None:
        """What some of the layers say of a put that goes to no device."""
        return judge(Wish(spec.name, "", spec.writable, put.client, put.circuit, 0.0, group, level), self.rules, steps)

    def may_ask(self, spec: PvSpec, put: Put) -> Refusal | None:
        """Whether a client that may read a PV may ask for a reading now, as often as it does; the put is counted."""
        wish = Wish(spec.name, "", True, put.client, put.circuit, self.clock.monotonic())
        found = judge(wish, self.rules, TO_ASK)
        if found is None:
            self.rules.passed(wish)
        return found

    def may_break(self, spec: PvSpec, put: Put) -> Refusal | None:
        """Whether a client may break the locks of others."""
        file = self.rules.file
        if file is None or ADMINISTRATORS not in file.groups:
            reason = f"nobody may break locks: the access file has no ASG({ADMINISTRATORS}) with rules for WRITE"
            return Refusal(Layer.ACCESS, reason)
        wish = Wish(spec.name, "", spec.writable, put.client, put.circuit, 0.0, ADMINISTRATORS)
        return judge(wish, self.rules, RIGHTS)

    def accepted(self, device: str) -> None:
        """A put of the device was accepted by the backend."""
        self._accepted[device] = self.clock.monotonic()

    def just_accepted(self) -> dict[str, float]:
        """Devices with a put that was accepted within the last second, which bounds how fast they may move: s since."""
        now = self.clock.monotonic()
        return {device: now - at for device, at in self._accepted.items() if now - at < 1.0}

    def ended(self, circuit: Hashable) -> list[str]:
        """A circuit is gone: its lease and its locks end; the devices that it had locked."""
        self.rules.leases.end(circuit)
        return self.rules.locks.end(circuit)

    def begin(self, spec: PvSpec, put: Put, new: Any, old: Any) -> Judged:
        """Give a put its id, and remember what the journal needs."""
        judged = Judged(next(self._ids), self.clock.now_ns(), spec, put, old, new)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("put %s: %s puts %s to %s", judged.id, put.who, shown(new), spec.name)
        return judged

    def needs_old(self, device: DevicePlan) -> bool:
        """Whether it matters what the front end holds: to the journal, step limits, policies, or whether to send."""
        known = self.journal is not None or device.step.any or device.skip_if_equal
        return known or bool(self.rules.policies)

    def record(
        self, judged: Judged, layer: str, state: WriteState, message: str, readback: float | None = None
    ) -> None:
        """Write the row of a put: exactly one for each."""
        message = "; ".join(part for part in (message, *judged.said) if part)
        _log.debug("put %s: %s%s", judged.id, f"{state.name} {message}".rstrip(), f", by {layer}" if layer else "")
        if self.journal is None:
            return
        spec, put = judged.spec, judged.put
        self.journal.record(
            PutRow(
                judged.id,
                judged.time_ns,
                spec.name,
                spec.device,
                put.user,
                put.host,
                put.address,
                "" if judged.old is None else shown(judged.old),
                shown(judged.new),
                layer,
                state.name,
                message,
                "" if readback is None else f"{readback:g}",
                self.clock.now_ns(),
            )
        )
