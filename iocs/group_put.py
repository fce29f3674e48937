"""Group puts: `GRP:name:VALUES` is staged, a put to `:EXECUTE` sends all of it, `:RESULTS` says what became of each.

Each member goes the way of a put to its setpoint, of the client that executes: every layer is asked, the device's
outcome PVs and the journal tell of it (features.md P-42, P-64).
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from caproto.server import PVGroup

from devices.device import Device
from gateway.access.judge import Layer, Refusal
from gateway.core.ports import Clock
from gateway.core.severity import NO_ALARM, Alarm
from gateway.core.values import Setting
from gateway.core.write_state import WriteState
from gateway.plan.family import find
from gateway.plan.model import GroupPlan, PvSpec, PvType, Role
from iocs.channel import Channel
from iocs.channels import Channels
from iocs.group import UNCONFIRMED, WRITE_FAILED, Ioc
from iocs.guard import RIGHTS, Guard, JudgedPut
from iocs.own import own_channel
from iocs.put import Put, PutFailed

_EXECUTE = ("IDLE", "EXECUTE")
_MESSAGE = 4096  # characters, the closing NUL included
_GONE = "is not served any more; a restart takes it out of the group"

Member = tuple[Ioc, Device, PvSpec]
Outcome = tuple[WriteState, str]  # of one member, and why it was not written


class Served(Protocol):
    """The channels of every plan."""

    @property
    def all(self) -> Sequence[Channels]:
        """One for each plan."""
        ...


def member_of(served: Served, name: str) -> Member | None:
    """The setpoint of a device as it is served now; None when it is not any more."""
    for channels in served.all:
        ioc = channels.ioc
        spec = find(ioc.plan, f"{name}:{Role.SETPOINT.value}")
        if spec is not None:
            return ioc, ioc.devices[spec.device], spec
    return None


class GroupPut(PVGroup):  # type: ignore[misc]  # caproto has no types
    """VALUES, EXECUTE, RESULTS, MEMBERS and MSG of one group; `member` finds the setpoint of a device."""

    def __init__(
        self, plan: GroupPlan, member: Callable[[str], Member | None], guard: Guard, clock: Clock, writes: bool
    ) -> None:
        self.plan, self._member, self.guard, self.clock, self._writes = plan, member, guard, clock, writes
        self._staged = np.full(len(plan.members), math.nan)
        self._busy = ""  # for whom it is being executed
        super().__init__(prefix=f"GRP:{plan.name}:")

    def _create_pvdb(self) -> None:
        length = len(self.plan.members)
        self.values = self._own("VALUES", PvType.DOUBLE, length, _stage)
        self.order = self._own("EXECUTE", PvType.ENUM, 1, _execute, labels=_EXECUTE)
        self.results = self._own("RESULTS", PvType.STRING, length)
        self.message = self._own("MSG", PvType.TEXT, _MESSAGE)
        members = self._own("MEMBERS", PvType.STRING, length)
        self._show(members, [f"{name}:{Role.SETPOINT.value}" for name in self.plan.members])
        self._show(self.values, self._staged)
        self._show(self.order, 0)
        self._tell([(WriteState.IDLE, "")] * length, "")

    def _own(self, suffix: str, kind: PvType, length: int, put: Any = None, labels: tuple[str, ...] = ()) -> Channel:
        spec = PvSpec(
            f"{self.prefix}{suffix}", Role.READING, kind, length, device="", row=-1, writable=put is not None,
            labels=labels,
        )  # fmt: skip
        return own_channel(self, spec, None, self.clock.now_ns, put, self._writes, self.plan.group)

    def _show(self, channel: Channel, value: Any, alarm: Alarm = NO_ALARM) -> None:
        channel.show(value, self.clock.now_ns(), alarm)

    def stage(self, channel: Channel, numbers: npt.NDArray[np.float64], put: Put) -> None:
        """Keep the values of which the next EXECUTE sends those that are no NaN."""
        refusal = self.guard.may(channel.spec, put, RIGHTS, self.plan.group)
        if refusal is None and len(numbers) != len(self._staged):
            reason = f"{channel.pvname} takes exactly {len(self._staged)} values, not {len(numbers)}"
            refusal = Refusal(Layer.VALUE, f"{reason}; NaN leaves a member alone")
        if refusal is None and np.isinf(numbers).any():
            refusal = Refusal(Layer.VALUE, f"{channel.pvname} takes finite numbers, and NaN for what is left alone")
        judged = self.guard.begin(channel.spec, put, numbers, None)
        if refusal is not None:
            self.guard.record(judged, refusal.layer.value, WriteState.DENIED, refusal.reason)
            raise PutFailed(str(refusal), refusal.layer)
        self._staged = numbers.copy()
        self.guard.record(judged, "", WriteState.ACCEPTED, "")
        self._show(channel, self._staged)

    async def execute(self, channel: Channel, wish: int, put: Put) -> None:
        """Send what is staged and wait for every answer; PutFailed unless each was written."""
        refusal = self.guard.may(channel.spec, put, RIGHTS, self.plan.group) or self._why_not(wish)
        judged = self.guard.begin(channel.spec, put, wish, None)
        if refusal is not None:
            self.guard.record(judged, refusal.layer.value, WriteState.DENIED, refusal.reason)
            raise PutFailed(str(refusal), refusal.layer)
        self._busy = put.who
        self._show(channel, 1)
        try:
            outcomes = await self._written(put)
        finally:
            self._busy = ""
            self._show(channel, 0)
        state, text = _summary(self.plan.members, outcomes)
        self._tell(outcomes, text)
        layer = Layer.GROUP if state is WriteState.DENIED else None
        self.guard.record(judged, layer.value if layer else "", state, text)
        if text:
            raise PutFailed(text, layer)

    def _why_not(self, wish: int) -> Refusal | None:
        if wish != 1:
            return Refusal(Layer.VALUE, f"{self.order.pvname} takes EXECUTE (1) only")
        if np.isnan(self._staged).all():
            return Refusal(Layer.VALUE, f"nothing is staged; put the values to {self.values.pvname} first")
        if self._busy:
            return Refusal(Layer.QUEUE, f"it is being executed for {self._busy}; try again when it is done")
        return None

    async def _written(self, put: Put) -> list[Outcome]:
        """What becomes of each member. All are judged before the first is sent, in one step of the loop."""
        wishes: dict[int, tuple[Ioc, JudgedPut]] = {}
        outcomes: list[Outcome] = [(WriteState.IDLE, "")] * len(self._staged)
        for place in map(int, np.flatnonzero(~np.isnan(self._staged))):
            name, number = self.plan.members[place], float(self._staged[place])
            found = self._member(name)
            if found is None or (write := found[2].write) is None:
                outcomes[place] = WriteState.DENIED, f"{name} {_GONE}"
                continue
            ioc, device, spec = found
            wishes[place] = ioc, ioc.judge(device, spec, number, Setting(write, number), put)
        if self.plan.precheck:
            self._hold_back([wish for _, wish in wishes.values()], [text for _, text in outcomes if text])
        answers = await asyncio.gather(*(_sent(ioc, wish) for ioc, wish in wishes.values()))
        for place, outcome in zip(wishes, answers, strict=True):
            outcomes[place] = outcome
        return outcomes

    def _hold_back(self, wishes: list[JudgedPut], reasons: list[str]) -> None:
        """All or nothing: where one is refused, nothing is sent."""
        reasons += [f"{wish.spec.name}: {wish.refusal}" for wish in wishes if wish.refusal is not None]
        for wish in wishes if reasons else ():
            if wish.refusal is None:
                wish.refusal = Refusal(Layer.GROUP, f"GRP:{self.plan.name} is all or nothing: {reasons[0]}")

    def _tell(self, outcomes: list[Outcome], text: str) -> None:
        states = [state for state, _ in outcomes]
        self._show(self.message, text)
        self._show(self.results, [state.name for state in states], _alarm(states))


async def _sent(ioc: Ioc, wish: JudgedPut) -> Outcome:
    try:
        return await ioc.send(wish), ""
    except PutFailed as failure:
        if failure.layer is not None or failure.alarm is None:
            return WriteState.DENIED, str(failure)
        return (WriteState.UNCONFIRMED if failure.alarm == UNCONFIRMED else WriteState.FAILED), str(failure)


def _summary(members: Sequence[str], outcomes: list[Outcome]) -> Outcome:
    """What became of the whole, and which members were not written, and why."""
    asked = [state for state, _ in outcomes if state is not WriteState.IDLE]
    kinds = set(asked)
    bad = [f"{name}: {text}" for name, (_, text) in zip(members, outcomes, strict=True) if text]
    if not bad:
        return (WriteState.VERIFIED if kinds == {WriteState.VERIFIED} else WriteState.ACCEPTED), ""
    state = WriteState.FAILED if WriteState.FAILED in kinds or WriteState.DENIED in kinds else WriteState.UNCONFIRMED
    if kinds == {WriteState.DENIED}:
        state = WriteState.DENIED
    return state, f"{len(bad)} of {len(asked)} not as wished: {'; '.join(bad)}"


def _alarm(states: list[WriteState]) -> Alarm:
    """MAJOR where one has failed, or where some are set and others refused; a refusal of all has changed nothing."""
    asked = set(states) - {WriteState.IDLE}
    if WriteState.FAILED in asked or (WriteState.DENIED in asked and len(asked) > 1):
        return WRITE_FAILED
    return UNCONFIRMED if WriteState.UNCONFIRMED in asked else NO_ALARM


async def _stage(group: GroupPut, channel: Channel, value: Any) -> None:
    group.stage(channel, np.atleast_1d(np.asarray(value[0], np.float64)), value[1])


async def _execute(group: GroupPut, channel: Channel, value: Any) -> None:
    await group.execute(channel, int(value[0]), value[1])
