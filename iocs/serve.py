"""The life of the Channel Access side on its loop: start, say when ready, publish, sample, end cleanly."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from iocs.channel import Channel
from iocs.channels import Channels
from iocs.environment import CaSettings
from iocs.fast.server import CaServer
from iocs.store import Store

log = logging.getLogger("acgate.serve")
clients = logging.getLogger("acgate.server")  # of what clients bring about: a few lines are enough
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
SAMPLE_PERIOD = 1.0  # s between two looks at figures that clients monitor


class Published(Protocol):
    """What brings readings to their PVs."""

    def drain(self) -> None:
        """Publish all that waits."""
        ...

    def count(self, now: float) -> None:
        """Bring rates up to date; `now` is in s of a clock that never steps."""
        ...


async def serve(
    channels: Channels,
    store: Store,
    publisher: Published,
    settings: CaSettings,
    ready: Callable[[CaServer], Coroutine[Any, Any, None]],
    stop: asyncio.Event,
    ending: Callable[[], Awaitable[None]],
) -> None:
    """Serve until `stop` is set.

    `ready` is awaited once everything listens, `ending` before the circuits are closed. Raises PortTaken where the
    port is in use, and what `ready` raises.
    """
    asyncio.get_running_loop().set_exception_handler(partial(_told, stop))
    server = CaServer(channels, store, settings)
    await server.start()
    try:
        publisher.drain()
        async with asyncio.TaskGroup() as work:
            jobs = [work.create_task(_sample(channels, publisher)), work.create_task(ready(server))]
            await stop.wait()
            for job in jobs:
                job.cancel()
    except ExceptionGroup as several:  # for whoever calls, the reason and not its wrapping
        raise several.exceptions[0] from several
    finally:
        await ending()
        await server.stop()


def _told(stop: asyncio.Event, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody awaits. No file left for another circuit is no fault of ours, and asyncio tries again in a second."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        clients.warning("no further circuit can be taken (%s); those that are open are served", error)
    elif isinstance(error, ValueError) and stop.is_set():
        log.debug("asyncio tried a socket again that was closed meanwhile: %s", error)
    else:
        loop.default_exception_handler(context)


async def _sample(channels: Channels, publisher: Published) -> None:
    loop = asyncio.get_running_loop()
    broken: set[Channel] = set()
    while True:
        await asyncio.sleep(SAMPLE_PERIOD)
        publisher.count(loop.time())
        for channel in tuple(channels.made):
            if channel.row < 0 and channel.watched and channel not in broken:
                try:
                    channel.sample()
                except Exception:  # a figure that cannot be had is no reason to end the gateway
                    log.exception("%s cannot be sampled and will not be any more", channel.pvname)
                    broken.add(channel)
