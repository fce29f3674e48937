"""The write lease of each client: put minutes to LEASE to enable your own settings for that long (features.md N-03)."""

import math
from collections.abc import Callable
from typing import Any

from caproto.server import PVGroup

from gateway.access.judge import Layer, Refusal
from gateway.core.ports import Clock
from gateway.core.write_state import WriteState
from gateway.plan.model import PvSpec, PvType, Role
from iocs.channel import Channel
from iocs.guard import RIGHTS_WITHOUT_DEVICE, Guard
from iocs.own import own_channel
from iocs.put import Put, PutFailed

_TEXT = 256


class LeaseGroup(PVGroup):  # type: ignore[misc]  # caproto has no types
    """LEASE, LEASE:HOLDERS and LEASE:LEFT of one gateway; there where a lease is needed."""

    def __init__(self, prefix: str, guard: Guard, clock: Clock) -> None:
        self.guard, self.clock = guard, clock
        super().__init__(prefix=prefix)

    def _create_pvdb(self) -> None:
        if not self.guard.rules.lease_needed:
            return
        self._add("LEASE", PvType.DOUBLE, 1, "min", lambda: 0.0, _put)
        self._add("LEASE:HOLDERS", PvType.TEXT, _TEXT, "", self._holders)
        self._add("LEASE:LEFT", PvType.DOUBLE, 1, "s", self._left)

    def _add(self, suffix: str, kind: PvType, length: int, units: str, get: Callable[[], Any], put: Any = None) -> None:
        spec = PvSpec(
            self.prefix + suffix, Role.READING, kind, length, device="", row=-1, writable=put is not None, units=units
        )
        own_channel(self, spec, get, self.clock.now_ns, put, self.guard.rules.writes)

    def _holders(self) -> str:
        now = self.clock.monotonic()
        leases = self.guard.rules.leases.holders(now)
        return "; ".join(f"{lease.who} {lease.until - now:.0f} s" for lease in leases)

    def _left(self) -> float:
        now = self.clock.monotonic()
        return max((lease.until - now for lease in self.guard.rules.leases.holders(now)), default=0.0)

    def grant(self, channel: Channel, minutes: float, put: Put) -> None:
        """Begin, prolong or, with 0, give back the lease of the client's circuit."""
        guard = self.guard
        refusal = guard.may(channel.spec, put, RIGHTS_WITHOUT_DEVICE)
        if refusal is None and not (math.isfinite(minutes) and minutes >= 0):
            refusal = Refusal(Layer.VALUE, f"{channel.pvname} takes minutes, 0 or more")
        judged = guard.begin(channel.spec, put, minutes, None)
        if refusal is not None:
            guard.record(judged, refusal.layer.value, WriteState.DENIED, refusal.reason)
            raise PutFailed(str(refusal), refusal.layer)
        granted = guard.rules.leases.grant(put.circuit, put.who, 60 * minutes, self.clock.monotonic())
        guard.record(judged, "", WriteState.ACCEPTED, f"{granted:.0f} s")
        for other in self.pvdb.values():
            other.sample()


async def _put(group: LeaseGroup, channel: Channel, value: Any) -> None:
    group.grant(channel, float(value[0]), value[1])
