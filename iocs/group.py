"""DeviceGroup: the caproto PVGroup that all ACNET properties share, and Ioc, what its hooks may use.

A group is made when a client first asks for one of its PVs. Its pvproperties carry the hooks; which PVs there are,
their types and names, is said by the plan: the name of an attribute is the role of its PVs.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from caproto.server import PVGroup

from devices.confirm import near
from devices.device import Device
from devices.freezer import Slice
from devices.queues import PendingSetting, WriteOutcome
from devices.read_now import Ask
from devices.table import DeviceTable
from gateway.access.judge import Layer, Refusal
from gateway.core.drf import Property
from gateway.core.errors import Refused
from gateway.core.ports import Clock
from gateway.core.severity import NO_ALARM, Alarm, Severity, Stat
from gateway.core.status import REQTMO
from gateway.core.values import Setting, SettingValue, Value
from gateway.core.write_state import WriteState
from gateway.plan.fit import bounded
from gateway.plan.model import DevicePlan, Plan, PvSpec, Role
from iocs.channel import Channel
from iocs.channel_types import CHANNELS, empty_value
from iocs.fast.stepping import Prompt
from iocs.guard import Guard, Judged, JudgedPut
from iocs.put import Put, PutFailed
from iocs.store import Store

WRITE_FAILED = Alarm(Severity.MAJOR, Stat.WRITE)
WORKER_DIED = Alarm(Severity.INVALID, Stat.WRITE)  # an exception in the settings worker; it begins anew
UNCONFIRMED = Alarm(Severity.MINOR, Stat.WRITE)
SKIPPED = "skipped: it is there already"
_SETPOINT_ALARM = {  # after a write that the backend has answered
    WriteState.ACCEPTED: NO_ALARM,
    WriteState.VERIFIED: NO_ALARM,
    WriteState.UNCONFIRMED: UNCONFIRMED,
    WriteState.FAILED: WRITE_FAILED,
}

Write = Callable[[PendingSetting], None]


@dataclass(slots=True)
class Ioc:
    """What the hooks of all groups share; lives on the loop."""

    plan: Plan
    table: DeviceTable
    store: Store
    clock: Clock
    guard: Guard
    devices: Mapping[str, Device]
    catch_up: Callable[[], None]  # publishes the readings that wait
    drops: Callable[[int], int]  # readings of one row that the push queue left out
    write: Write  # queues a setting, or raises Refused
    bring: Callable[[Callable[[], object]], None]  # has something done on the loop, from any thread
    serving: Callable[[DevicePlan], str]  # the name of the backend that serves a device now
    ask: Ask  # has a service asked for a reading of one row, or raises Refused
    fast: bool = True  # plain scalars as rows; otherwise everything takes the ordinary way
    frozen: Callable[[str], Slice | None] = lambda _: None  # what a freeze keeps of a device
    described: Callable[[str], float] = lambda _: -1.0  # s since the device database described a device
    setpoints: dict[str, "Channel"] = field(default_factory=dict)  # the SP channels that were made, by device
    served: list["Channel"] = field(default_factory=list)  # the :GW:BACKEND channels that were made
    under_way: Counter[str] = field(default_factory=Counter)  # puts that were queued and not answered, by device
    locks: dict[str, "DeviceGroup"] = field(default_factory=dict)  # the LOCK groups that were made, by device
    outcomes: dict[str, "DeviceGroup"] = field(default_factory=dict)  # the :WR: groups that were made, by device

    def __post_init__(self) -> None:
        self.store.blocks.of(self.plan)

    async def put(self, device: Device, spec: PvSpec, value: Any, setting: Setting, put: Put, old: Any = None) -> None:
        """Judge, write and wait; PutFailed with the reason unless it was accepted (and verified, where that is wished).

        The journal gets one row, whatever happens. `old` is what is held now; of SETTING it is looked up here.
        """
        await self.send(self.judge(device, spec, value, setting, put, old))

    def judge(self, device: Device, spec: PvSpec, value: Any, setting: Setting, put: Put, old: Any = None) -> JudgedPut:
        """Ask every layer, and count the put where none refuses; `send` has to be awaited in any case."""
        of_setting, held = setting.request.property is Property.SETTING, self.guard.held
        if of_setting and self.guard.needs_old(device.plan):
            old = held.now(device)
        judged = self.guard.begin(spec, put, value, old)
        judged.soon = held.soon(device) if of_setting and device.plan.step.any else ()
        refusal = self.guard.refusal(judged, device.plan)
        if judged.changes:
            setting = Setting(setting.request, judged.new)
        return JudgedPut(device, spec, setting, judged, refusal)

    async def send(self, wish: JudgedPut) -> WriteState:
        """Send what no layer has refused and wait; ACCEPTED or VERIFIED, or else PutFailed with the reason."""
        try:
            return await self._send(wish)
        finally:
            self.guard.held.over(wish.device.name, wish.judged.id)

    async def _send(self, wish: JudgedPut) -> WriteState:
        device, spec, setting, judged = wish.device, wish.spec, wish.setting, wish.judged
        put, of_setting = judged.put, setting.request.property is Property.SETTING
        if wish.refusal is not None:
            raise self.refuse(device, judged, wish.refusal)
        if of_setting and device.plan.skip_if_equal and self._is_there(device, setting.value):
            self._skip(device, judged, setting)
            return WriteState.ACCEPTED
        answer = Prompt[WriteOutcome](asyncio.get_running_loop())

        def done(outcome: WriteOutcome) -> None:
            if not answer.done():
                answer.set_result(outcome)

        pending = PendingSetting(
            setting, device.name, put.who, lambda outcome: self.bring(partial(done, outcome)), judged.id, put.circuit,
            partial(self.guard.left, put), judged.changes,
        )  # fmt: skip
        try:
            self.write(pending)
        except Refused as full:
            raise self.refuse(device, judged, Refusal(Layer.QUEUE, str(full))) from full
        outcome = await self._outcome(device, pending, answer)
        if not outcome.failed and spec.level == 0:
            self.guard.accepted(device.name)
        if of_setting and device.plan.step.any:
            self._held(device, setting.value, outcome)
        self.guard.record(judged, outcome.layer, outcome.state, outcome.message, outcome.readback)
        touched = outcome.state is not WriteState.DENIED  # the service's policy is no fault of anything
        alarm = (WORKER_DIED if outcome.worker_died else _SETPOINT_ALARM[outcome.state]) if touched else None
        if alarm is not None and of_setting and device.name in self.setpoints:
            moved = None if outcome.failed else setting.value
            stamp_ns = 0 if outcome.failed else self.clock.now_ns()
            self.setpoints[device.name].show(moved, stamp_ns, alarm)
        if outcome.state not in (WriteState.ACCEPTED, WriteState.VERIFIED):
            raise PutFailed(outcome.message or f"{outcome.state.name} {outcome.status}", alarm=alarm)
        return outcome.state

    def _held(self, device: Device, value: SettingValue, outcome: WriteOutcome) -> None:
        """What an outcome says of where the next step begins; a put that failed moves nothing."""
        if outcome.state is WriteState.UNCONFIRMED:
            self.guard.held.unconfirmed(device.name)
        elif not outcome.failed:
            self.guard.held.accepted(device.name, value, outcome.state is WriteState.VERIFIED)

    async def _outcome(
        self, device: Device, pending: PendingSetting, answer: "asyncio.Future[WriteOutcome]"
    ) -> WriteOutcome:
        """The answer; a setting that still waits for its turn after the write timeout is withdrawn unsent.

        What was sent is answered by its worker: within the write timeout, and the time for confirmation.
        """
        patience = device.plan.write_timeout

        def withdraw() -> None:
            late = WriteOutcome(WriteState.FAILED, REQTMO, f"{REQTMO}: not sent within {patience:g} s")
            if pending.withdraw(late):
                device.show(late.state, late.message, pending.who)

        alarm_clock = asyncio.get_running_loop().call_later(patience, withdraw)
        self.under_way[device.name] += 1
        try:
            return await answer
        finally:
            self.under_way[device.name] -= 1
            alarm_clock.cancel()

    def _is_there(self, device: Device, wished: SettingValue) -> bool:
        """Whether the front end holds a value, by its newest readback, and nothing of ours is on its way to another."""
        held = device.setting()
        known = held is not None and held.has_value and near(wished, held.value, 0.0)
        return known and not self.under_way[device.name] and (device.own is None or near(wished, device.own, 0.0))

    def _skip(self, device: Device, judged: Judged, setting: Setting) -> None:
        """Nothing is sent, and all is told as if it had been."""
        self.guard.record(judged, "", WriteState.ACCEPTED, SKIPPED)
        device.show(WriteState.ACCEPTED, "; ".join(filter(None, (SKIPPED, judged.changes))), judged.put.who)
        if device.name in self.setpoints:
            self.setpoints[device.name].show(setting.value, self.clock.now_ns(), _SETPOINT_ALARM[WriteState.ACCEPTED])

    def refuse(self, device: Device, judged: Judged, refusal: Refusal) -> PutFailed:
        """A refusal by policy: in the outcome PVs and the journal, touching no alarm; to be raised."""
        device.refused(judged.put.who, "; ".join(part for part in (str(refusal), judged.changes) if part))
        self.guard.record(judged, refusal.layer.value, WriteState.DENIED, refusal.reason)
        return PutFailed(str(refusal), refusal.layer)

    def denied(self, spec: PvSpec, value: Any, put: Put, refusal: Refusal) -> None:
        """A put that never came to its device: it cannot be set, or the value is none of its type."""
        if spec.role is Role.READ_NOW:  # it would have set nothing
            return
        judged = self.guard.begin(spec, put, value, None)
        if (device := self.devices.get(spec.device)) is not None and device.plan.writable:
            device.refused(put.who, str(refusal))
        self.guard.record(judged, refusal.layer.value, WriteState.DENIED, refusal.reason)

    def shown(self, spec: PvSpec) -> PvSpec:
        """A PV with the limits that it shows now."""
        drive = self.plan.devices[spec.device].drive
        return bounded(spec, drive, self.guard.limit_shown)[0] if drive.pvs and spec.driven else spec

    def forget(self, devices: Set[str]) -> None:
        """These devices are served no more: nobody monitors their PVs."""
        for kept in (self.setpoints, self.locks, self.outcomes):
            for name in devices & kept.keys():
                del kept[name]
        self.served = [channel for channel in self.served if channel.spec.device not in devices]

    def locked(self, device: Device) -> None:
        """The lock of a device has changed: tell those who monitor it."""
        if (group := self.locks.get(device.name)) is not None:
            for channel in group.channels():
                channel.sample()

    def switched(self) -> None:
        """Another backend serves: tell those who monitor that. Called on the loop."""
        for channel in self.served:
            if channel.watched:
                channel.sample()

    def moved(self, device: Device, value: Value, stamp_ns: int) -> None:
        """Somebody else has moved a setting: the setpoint follows, with the alarm it has, and who monitors is told."""
        if (setpoint := self.setpoints.get(device.name)) is not None:
            setpoint.show(value, stamp_ns, setpoint.alarm_now)
        self.written(device)

    def changed(self, device: Device) -> None:
        """A write record has changed; called on any thread."""
        self.bring(partial(self.written, device))

    def written(self, device: Device) -> None:
        """A write record has changed: tell those who monitor it. Called on the loop."""
        if (group := self.outcomes.get(device.name)) is not None:
            for channel in group.channels():
                channel.sample()


class DeviceGroup(PVGroup):  # type: ignore[misc]  # caproto has no types
    """The PVs of one ACNET property of one device."""

    roles: ClassVar[frozenset[Role]]

    def __init__(self, ioc: Ioc, device: Device, specs: Iterable[PvSpec]) -> None:
        self.ioc, self.device = ioc, device
        self._specs: dict[Role, list[PvSpec]] = {}
        for spec in specs:
            self._specs.setdefault(spec.role, []).append(spec)
        super().__init__(prefix="")

    def _create_pvdb(self) -> None:
        """In place of caproto's: the PVs are those of the plan, each with an alarm of its own (users.md 1.5)."""
        for attribute, prop in self._pvs_.items():
            for spec in self._specs.get(Role[attribute.upper()], ()):
                ioc = self.ioc
                options: dict[str, Any] = {
                    "spec": spec, "store": ioc.store, "rows": ioc.fast, "now": ioc.clock.now_ns,
                    "asg": self.device.plan.group, "writes": ioc.plan.writes,
                }  # fmt: skip
                if spec.labels:
                    options["enum_strings"] = spec.labels
                pvspec = prop.pvspec._replace(
                    dtype=CHANNELS[spec.type], name=spec.name, value=empty_value(spec), max_length=spec.length,
                    alarm_group=spec.name, cls_kwargs=options,
                )  # fmt: skip
                channel = pvspec.create(self)
                self.pvdb[spec.name] = self.attr_pvdb[spec.name] = channel

    def channels(self) -> Iterable[Channel]:
        """All PVs of the group."""
        return self.pvdb.values()  # type: ignore[no-any-return]

    async def set(self, channel: Channel, value: Any, put: Put) -> None:
        """A put that means a setting: judged, then queued, then waited for."""
        spec = channel.spec
        assert spec.write is not None, "a channel without a write form has no write access"
        await self.ioc.put(self.device, spec, value, Setting(spec.write, value), put)

    def follow(self, channel: Channel, row: int, show: Callable[[Any, int, Alarm], None]) -> None:
        """Show each reading of a row from now on, and the newest one at once.

        What waits goes out first: the table has it already, and the channel would go back to it after the newest.
        """
        self.ioc.catch_up()
        self.ioc.store.follow(row, show)
        now = self.ioc.table.snapshot(row)
        if now.seen:
            show(now.value, now.stamp_ns, self.ioc.store.alarm(row))  # which the alarm block has judged
