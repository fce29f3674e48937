"""The gateway's own PVs: what each figure is, asked for when somebody reads it."""

from collections.abc import Callable
from typing import Protocol

import gateway
from devices.acquisition import Acquisition
from devices.device import Device
from devices.queues import PushQueue
from devices.settings import SettingsWorkers
from gateway.core.ports import Backend, Clock
from gateway.plan.model import Plan
from iocs.fast.server import CaServer
from iocs.publisher import Publisher
from iocs.store import Store

Figure = Callable[[], float | int | str]
WRAP = 0x7FFFFFFF  # counters are LONG and start anew


class Served(Protocol):
    """What the figures are about: a running gateway."""

    plan: Plan
    clock: Clock
    backends: dict[str, Backend]
    devices: dict[str, Device]
    store: Store
    server: CaServer | None
    acquisitions: list[Acquisition]
    writers: list[SettingsWorkers]

    def waiting_settings(self) -> int:
        """Settings that wait for a worker now."""
        ...


def figures(served: Served, push: PushQueue, publisher: Publisher) -> dict[str, Figure]:
    """The suffix of each PV, and how to get its value."""
    born = served.clock.monotonic()

    def circuits() -> int:
        return len(served.server.circuits) if served.server else 0

    def drops() -> int:
        """Readings that no client was told of: lost before the table, in the push queue, or at slow clients."""
        early = sum(acquisition.dropped for acquisition in served.acquisitions)
        return (early + push.dropped + int(served.store.dropped.sum())) & WRAP

    def restarts() -> int:
        """Of workers that died and began anew."""
        return sum(a.restarts for a in served.acquisitions) + sum(w.restarts for w in served.writers)

    found: dict[str, Figure] = {
        "VERSION": lambda: gateway.__version__,
        "UPTIME": lambda: served.clock.monotonic() - born,  # s
        "DEVICES": lambda: len(served.devices),
        "WRITES": lambda: int(served.plan.writes),
        "CLIENTS": circuits,
        "UPDATES": lambda: publisher.published & WRAP,  # readings published since the start
        "RATE": lambda: publisher.rate,  # readings per second
        "DROPS": drops,
        "SILENT": lambda: sum(acquisition.silent for acquisition in served.acquisitions),  # devices
        "RESTARTS": restarts,
        "QUEUE:PUSH": lambda: push.waiting,
        "QUEUE:PUSH:MAX": lambda: push.high_water,
        "QUEUE:PUT": served.waiting_settings,
    }
    for name, backend in served.backends.items():
        found |= {f"BACKEND:{name}:{suffix}": figure for suffix, figure in _backend(backend).items()}
    return found


def _backend(backend: Backend) -> dict[str, Figure]:
    return {
        "STATE": lambda: backend.health().state.name,
        "CONNS": lambda: backend.health().connections,
        "REQS": lambda: backend.health().requests,
        "RECONNECTS": lambda: backend.health().reconnects,
        "ERR": lambda: backend.health().last_error,
    }
