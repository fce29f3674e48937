"""`GW1:RELOAD:PLAN`: put anything to it, and it shows what a reload would do, as JSON. See decision 0035."""

from collections.abc import Awaitable, Callable
from typing import Any

from caproto.server import PVGroup

from gateway.core.ports import Clock
from gateway.plan.forecast import Forecast
from gateway.plan.model import PvSpec, PvType, Role
from iocs.channel import Channel
from iocs.environment import CaSettings
from iocs.guard import Guard
from iocs.own import own_channel
from iocs.put import PutFailed

LONGEST = 1 << 20  # characters, some 50,000 names


class ForecastGroup(PVGroup):  # type: ignore[misc]  # caproto has no types
    """One PV. A put changes nothing, so who may read it may ask, also while writes are off."""

    def __init__(
        self, prefix: str, foresee: Callable[[], Awaitable[Forecast]], guard: Guard, clock: Clock, settings: CaSettings
    ) -> None:
        self.foresee, self.guard, self._clock = foresee, guard, clock
        self._most = min(LONGEST, settings.largest_value or LONGEST)
        self._said = ""
        super().__init__(prefix=prefix)

    def _create_pvdb(self) -> None:
        spec = PvSpec(
            f"{self.prefix}RELOAD:PLAN", Role.READ_NOW, PvType.TEXT, self._most, device="", row=-1, writable=True,
            sets_nothing=True,
        )  # fmt: skip
        own_channel(self, spec, lambda: self._said, self._clock.now_ns, _put)

    async def ask(self, channel: Channel, put: Any) -> None:
        """Ask, and show the answer; the put fails where there would be no reload."""
        refusal = self.guard.may_ask(channel.spec, put)
        if refusal is not None:
            raise PutFailed(str(refusal), refusal.layer)
        forecast = await self.foresee()
        self._said = forecast.text(self._most - 1)
        channel.sample()
        if forecast.error:
            raise PutFailed(forecast.error)


async def _put(group: ForecastGroup, channel: Channel, value: Any) -> None:
    await group.ask(channel, value[1])
