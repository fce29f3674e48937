"""READNOW: put anything to it, and the put is done when a reading came that is newer than the put (features.md P-51).

It asks the service, and does not wait for the event of the device. It sets nothing: see decision 0029.
"""

import asyncio
from functools import partial
from typing import Any

from caproto.server import pvproperty

from gateway.access.judge import Layer, Refusal
from gateway.core.errors import Refused
from gateway.core.severity import Alarm
from gateway.core.values import Value
from gateway.plan.model import Role
from iocs.channel import Channel
from iocs.group import DeviceGroup
from iocs.put import PutFailed

_WRAP = 0x7FFFFFFF


class ReadNowGroup(DeviceGroup):
    """One PV to ask with, and one that tells why the last attempt failed."""

    roles = frozenset({Role.READ_NOW, Role.READ_NOW_MESSAGE})
    read_now = pvproperty(doc="put to it to get a reading now; shows how many came so")
    read_now_message = pvproperty(doc="why the last one did not come, empty when it did", read_only=True)

    def __init__(self, *args: Any) -> None:
        self._came, self._message = 0, ""
        super().__init__(*args)

    @read_now.getter
    async def read_now(self, instance: Channel) -> Any:
        """How many."""
        return self._came & _WRAP

    @read_now_message.getter
    async def read_now_message(self, instance: Channel) -> Any:
        """A sentence."""
        return self._message

    @read_now.putter
    async def read_now(self, instance: Channel, value: Any) -> None:
        """Ask, and wait for a newer reading until the write timeout of the device."""
        refusal = self.ioc.guard.may_ask(instance.spec, value[1])
        if refusal is not None:
            raise PutFailed(str(refusal), refusal.layer)
        self._message = await self._asked()
        self._came += not self._message
        for channel in self.channels():
            channel.sample()
        if self._message:
            raise PutFailed(self._message)

    async def _asked(self) -> str:
        """Ask for a reading; why it did not come, empty when it did.

        Done is told by what is published, so that the PVs of the device show it already: it may as well be one that
        the event has brought.
        """
        ioc, row, patience = self.ioc, self.device.plan.rows()[0], self.device.plan.write_timeout
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()

        def done(message: str) -> None:
            if not answer.done():
                answer.set_result(message)

        def failed(message: str) -> None:
            ioc.bring(partial(done, message))

        after_ns = max(ioc.clock.now_ns(), ioc.table.snapshot(row).stamp_ns)
        try:
            wish = ioc.ask(row, after_ns, ioc.clock.monotonic() + patience, failed)
        except Refused as full:
            return str(Refusal(Layer.QUEUE, str(full)))

        def follower(shown: Value | None, stamp_ns: int, _: Alarm) -> None:
            if shown is not None and stamp_ns > after_ns:
                done("")

        def late() -> None:
            done(f"no reading newer than the put within {patience:g} s{f': {wish.trouble}' if wish.trouble else ''}")

        ioc.store.follow(row, follower)
        alarm_clock = loop.call_later(patience, late)  # asyncio's own timeouts are for tasks; a put is none
        try:
            return await answer
        finally:
            alarm_clock.cancel()
            wish.over = True
            ioc.store.unfollow(row, follower)
