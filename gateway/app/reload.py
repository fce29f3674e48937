"""Reload: the configuration is read again while the gateway runs; who is not concerned by its changes notices nothing.

What is added or changed gets an assembly of its own beside those that run; what is removed or changed leaves them. The
devices that stay keep their rows, their streams and their channels.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from gateway.app.assembly import Assembly
from gateway.app.describe import properties_of, teach
from gateway.app.metadata import Refresh
from gateway.app.news import Known, News, Served, close_all, read_again
from gateway.config.config import Config
from gateway.core.device_info import DeviceInfo
from gateway.core.errors import AcgateError, BadInput
from gateway.core.ports import Backend
from gateway.plan.diff import Changes
from gateway.plan.forecast import Forecast
from gateway.plan.model import Plan

log = logging.getLogger("acgate.reload")
SETTLE = 5.0  # s that new devices may take to answer before they are served
QUIET = 15.0  # s in which puts to devices that leave must be answered
STEP = 0.01  # s between two looks


class Running(Served, Protocol):
    """The gateway, as a reload sees it."""

    def assembly(self, plan: Plan, backends: Mapping[str, Backend]) -> Assembly:
        """What serves a plan, not started."""
        ...

    def hold(self, devices: frozenset[str]) -> None:
        """Take no puts to these devices until others are named."""
        ...

    def busy(self) -> bool:
        """Whether a put to such a device is under way."""
        ...

    def exchange(self, changes: Changes, fresh: Assembly | None, opened: Mapping[str, Backend]) -> int:
        """Serve what has changed as it is from now on; how many clients lose channels. On the loop, at once."""
        ...

    def touched(self, devices: frozenset[str]) -> int:
        """How many clients have channels of these devices."""
        ...

    def tidy(self) -> None:
        """End what serves nobody any more. Blocks."""
        ...

    def follow(self, renew: Callable[[Refresh], None]) -> None:
        """Let the looks at the device database go on with what runs now. Blocks."""
        ...


class Reload:
    """Asked for on the loop, carried out by `run`, one at a time. The figures are for the diagnostics."""

    def __init__(self, gateway: Running, config: Config, infos: Mapping[str, DeviceInfo]) -> None:
        self._gateway, self._known = gateway, Known(config, config, dict(infos))
        self._news = asyncio.Event()  # that somebody asks for something
        self._wanted = False  # whether that is a reload
        self._asking: list[asyncio.Future[Forecast]] = []
        self.generation = 1  # of the configuration that runs
        self.time = ""  # of the last attempt, UTC
        self.result = ""

    def ask(self) -> None:
        """Read the configuration again soon."""
        self._wanted = True
        self._news.set()

    def foresee(self) -> "asyncio.Future[Forecast]":
        """What a reload would do; those who ask at one time have one answer."""
        answer: asyncio.Future[Forecast] = asyncio.get_running_loop().create_future()
        self._asking.append(answer)
        self._news.set()
        return answer

    async def run(self) -> None:
        """Reload, or tell what that would do, whenever it is asked for, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._wanted:
                self._wanted = False
                await self._tried()
            if self._asking:
                waiting, self._asking = self._asking, []
                forecast = await self._foreseen()
                for answer in waiting:
                    answer.set_result(forecast)

    async def _tried(self) -> None:
        try:
            self.result = await self._once()
            log.info("reload: %s", self.result)
        except AcgateError as error:
            self.result = str(error)
            log.error("reload: %s; what ran before goes on", error)
        except Exception as error:  # what runs goes on
            self.result = f"broken by {type(error).__name__}"
            log.exception("reload broke; what ran before goes on")
        self.time = datetime.fromtimestamp(self._gateway.clock.now_ns() / 1e9, UTC).isoformat(timespec="seconds")

    async def _foreseen(self) -> Forecast:
        file = str(Path(self._known.config.file).absolute())
        try:
            news = await self._read(foretell=True)
        except AcgateError as error:
            return Forecast(file, error=str(error), wrong=isinstance(error, BadInput))
        except Exception as error:  # what runs goes on
            log.exception("what a reload would do could not be told")
            return Forecast(file, error=f"broken by {type(error).__name__}; the log of the gateway tells more")
        clients = self._gateway.touched(news.changes.gone)
        await asyncio.to_thread(news.close)
        return Forecast(file, news.digest, news.changes, clients, news.restart, news.warnings)

    async def _once(self) -> str:
        gateway = self._gateway
        news = await self._read(foretell=False)
        for warning in news.warnings:
            log.warning("%s", warning)
        fresh: Assembly | None = None
        try:
            teach(gateway.backends | news.opened, news.infos)
            if news.part.devices:
                fresh = gateway.assembly(news.part, gateway.backends | news.opened)
                await self._settled(fresh)
            gateway.hold(news.changes.gone)
            await self._quiet()
        except BaseException:
            gateway.hold(frozenset())
            await asyncio.to_thread(_end, fresh, news)
            raise
        told = gateway.exchange(news.changes, fresh, news.opened)
        self._known = Known(self._known.started, news.config, news.infos)
        self.generation += 1
        await asyncio.to_thread(gateway.follow, self._renew)  # it waits for a look at the database to be over
        await asyncio.to_thread(gateway.tidy)
        said = f"OK: {news.changes}; {told} clients lost channels"
        return f"{said}; only a restart changes {', '.join(news.restart)}" if news.restart else said

    async def _read(self, foretell: bool) -> News:
        opened: dict[str, Backend] = {}
        try:
            return await asyncio.to_thread(read_again, self._gateway, self._known, opened, foretell)
        except asyncio.CancelledError:  # the gateway ends: the thread shall not wait for what was opened
            close_all(dict(opened))
            raise

    async def _settled(self, fresh: Assembly) -> None:
        """Wait for the first readings of what is new."""
        fresh.begin(asyncio.get_running_loop())
        fresh.start()
        deadline = self._gateway.clock.monotonic() + SETTLE
        while (waiting := fresh.unanswered()) and self._gateway.clock.monotonic() < deadline:
            await asyncio.sleep(STEP)
        if waiting:
            log.warning("%d of %d new requests have not been answered yet", waiting, len(fresh.table))

    async def _quiet(self) -> None:
        """Wait for the answers to puts that are under way; what leaves takes no new ones meanwhile."""
        deadline = self._gateway.clock.monotonic() + QUIET
        while self._gateway.busy():
            if self._gateway.clock.monotonic() > deadline:
                raise AcgateError(f"a put to a device that has changed is not answered within {QUIET:g} s; try again")
            await asyncio.sleep(STEP)

    def _renew(self, refresh: Refresh) -> None:
        plans = {name: device for plan in self._gateway.plans() for name, device in plan.devices.items()}
        config = replace(self._known.config, gateway=self._known.started.gateway)
        refresh.renew(config, plans, self._known.infos, properties_of(config), self.generation)


def _end(fresh: Assembly | None, news: News) -> None:
    """Undo what was begun."""
    if fresh is not None:
        fresh.stop_writers()
        fresh.stop()
    news.close()
