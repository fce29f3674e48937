"""Reload: the configuration is read again while the gateway runs; who is not concerned by its changes notices nothing.

What is added or changed gets an assembly of its own beside those that run; what is removed or changed leaves them. The
devices that stay keep their rows, their streams and their channels.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from gateway.app.adapters import open_any
from gateway.app.assembly import Assembly
from gateway.app.config_file import read_config, read_text
from gateway.app.describe import describe, properties_of, teach
from gateway.app.metadata import Metadata, Refresh
from gateway.config.config import Config
from gateway.core.device_info import DeviceInfo
from gateway.core.errors import AcgateError
from gateway.core.ports import Backend, Clock
from gateway.plan.build import build_plan
from gateway.plan.diff import Changes, compare
from gateway.plan.model import Plan
from gateway.plan.names import pv_name

log = logging.getLogger("acgate.reload")
SETTLE = 5.0  # s that new devices may take to answer before they are served
QUIET = 15.0  # s in which puts to devices that leave must be answered
STEP = 0.01  # s between two looks


class Running(Protocol):
    """The gateway, as a reload sees it."""

    clock: Clock
    backends: dict[str, Backend]
    metadata: Metadata | None

    def plans(self) -> list[Plan]:
        """What is served now, one plan for each assembly."""
        ...

    def assembly(self, plan: Plan, backends: Mapping[str, Backend]) -> Assembly:
        """What serves a plan, not started, and never the rows of the first."""
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

    def tidy(self) -> None:
        """End what serves nobody any more. Blocks."""
        ...

    def follow(self, renew: Callable[[Refresh], None]) -> None:
        """Let the looks at the device database go on with what runs now."""
        ...


@dataclass(frozen=True, slots=True)
class _News:
    """What another configuration brings; `part` is the plan of what is added or changed."""

    config: Config
    infos: dict[str, DeviceInfo]
    changes: Changes
    part: Plan
    opened: dict[str, Backend]


class Reload:
    """Asked for on the loop, carried out by `run`, one at a time. The figures are for the diagnostics."""

    def __init__(self, gateway: Running, config: Config, infos: Mapping[str, DeviceInfo]) -> None:
        self._gateway, self._config, self._infos = gateway, config, dict(infos)
        self._asked = asyncio.Event()
        self.generation = 1  # of the configuration that runs
        self.time = ""  # of the last attempt, UTC
        self.result = ""

    def ask(self) -> None:
        """Read the configuration again soon."""
        self._asked.set()

    async def run(self) -> None:
        """Reload whenever that is asked for, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
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

    async def _once(self) -> str:
        news = await asyncio.to_thread(self._read)
        fresh: Assembly | None = None
        gateway = self._gateway
        try:
            if news.part.devices:
                fresh = gateway.assembly(news.part, gateway.backends | news.opened)
                await self._settled(fresh)
            gateway.hold(news.changes.gone)
            await self._quiet()
        except BaseException:
            gateway.hold(frozenset())
            await asyncio.to_thread(_end, fresh, news.opened)
            raise
        told = gateway.exchange(news.changes, fresh, news.opened)
        restart = _only_at_a_restart(self._config, news.config)
        self._config, self._infos = news.config, news.infos
        self.generation += 1
        gateway.follow(self._renew)
        await asyncio.to_thread(gateway.tidy)
        said = f"OK: {news.changes}; {told} clients lost channels"
        return f"{said}; only a restart changes {', '.join(restart)}" if restart else said

    def _read(self) -> _News:
        """Read, describe and plan; blocks. BadInput says what is wrong, and nothing is left behind."""
        gateway, config = self._gateway, read_config(self._config.file)
        used = {name for device in config.devices for name in device.route.names}
        moved = {name for name in used if config.backends[name] != self._config.backends.get(name)}
        opened: dict[str, Backend] = {}
        try:
            for name in sorted(moved | (used - gateway.backends.keys())):
                backend = config.backends[name]
                opened[name] = open_any(name, backend.url, gateway.clock, read_text, backend.auth)
            backends = gateway.backends | opened
            infos = self._infos | describe(config, backends, gateway.metadata)
            teach(backends, infos)
            plan, warnings = build_plan(config, infos)
            for warning in warnings:
                log.warning("%s", warning)
            changes = compare(gateway.plans(), plan, moved)
            come = tuple(one for one in config.devices if pv_name(one.request, one.entry.name) in changes.come)
            part, _ = build_plan(replace(config, devices=come, freezes=()), infos)
            if late := sorted(plan.frozen & changes.come):
                log.warning("only a restart lets freezes keep histories of %s", ", ".join(late))
            return _News(config, infos, changes, part, opened)
        except BaseException:
            _end(None, opened)
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
        refresh.renew(self._config, plans, self._infos, properties_of(self._config))


def _end(fresh: Assembly | None, opened: Mapping[str, Backend]) -> None:
    """Undo what was begun."""
    if fresh is not None:
        fresh.stop_writers()
        fresh.stop()
    for backend in opened.values():
        backend.close()


def _only_at_a_restart(before: Config, now: Config) -> list[str]:
    """The keys whose changes a reload does not follow."""
    keys = type(now.gateway).model_fields
    found = [f"gateway.{key}" for key in keys if getattr(before.gateway, key) != getattr(now.gateway, key)]
    pairs = {
        "metadata": (before.metadata, now.metadata),
        "on_demand": (before.on_demand, now.on_demand),
        "freezes": (before.freezes, now.freezes),
    }
    return found + [key for key, (first, then) in pairs.items() if first != then]
