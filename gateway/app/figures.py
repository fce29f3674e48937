"""The gateway's own PVs: what each figure is, asked for when somebody reads it."""

from functools import cache, partial
from typing import Protocol

import gateway
from devices.acquisition import Acquisition
from devices.device import Device
from devices.queues import PushQueue
from devices.settings import SettingsWorkers
from devices.table import DeviceTable
from gateway.app.metadata import Metadata
from gateway.app.plan_sizes import count_pvs
from gateway.app.rules import AccessWatch
from gateway.backends.route import RouteBackend
from gateway.core.ports import Backend, Clock, Counting, Expiring
from gateway.core.put_row import PutJournal
from gateway.core.route import Names
from gateway.plan.model import Plan
from iocs.diagnostics import Countdown, Figure
from iocs.fast.server import CaServer
from iocs.guard import Guard
from iocs.on_demand import OnDemand
from iocs.publisher import Publisher
from iocs.store import Store
from iocs.world import Counts

WRAP = 0x7FFFFFFF  # counters are LONG and start anew
EXPIRES = {  # s; MINOR and MAJOR
    "TICKET": (1200.0, 300.0),  # renewed as it should be it is never that near its end; clocks may differ by 5 min
    "TOKEN": (300.0, 60.0),  # a token may live for a few minutes only
}


class Served(Protocol):
    """What the figures are about: a running gateway."""

    plan: Plan
    clock: Clock
    backends: dict[str, Backend]
    devices: dict[str, Device]
    table: DeviceTable
    store: Store
    server: CaServer | None
    guard: Guard
    access: AccessWatch | None
    acquisitions: list[Acquisition]
    writers: list[SettingsWorkers]
    routes: dict[Names, RouteBackend]
    metadata: Metadata | None
    on_demand: OnDemand | None

    def waiting_settings(self) -> int:
        """Settings that wait for a worker now."""
        ...


def figures(served: Served, push: PushQueue, publisher: Publisher) -> dict[str, Figure]:
    """The suffix of each PV, and how to get its value."""
    born = served.clock.monotonic()

    def circuits() -> int:
        return len(served.server.circuits) if served.server else 0

    def pvs() -> int:
        """Of the configured devices, and of what lives on demand."""
        later = served.on_demand.plans if served.on_demand else ()
        return sum(map(count_pvs, later), configured()) & WRAP

    @cache
    def configured() -> int:
        return count_pvs(served.plan)

    def restarts() -> int:
        """Of workers that died and began anew."""
        return sum(a.restarts for a in served.acquisitions) + sum(w.restarts for w in served.writers)

    found: dict[str, Figure] = {
        "VERSION": lambda: gateway.__version__,
        "UPTIME": lambda: served.clock.monotonic() - born,  # s
        "DEVICES": lambda: len(served.devices),
        "PVS": pvs,
        "WRITES": lambda: int(served.plan.writes),
        "CLIENTS": circuits,
        "CLIENTS:REFUSED": lambda: served.server.refused & WRAP if served.server else 0,
        "SEARCHES:REFUSED": lambda: served.server.searches.refused & WRAP if served.server else 0,  # datagrams
        "ACCESS:STATE": lambda: served.access.state if served.access else "none",
        "ACCESS:RELOADS": lambda: served.access.reloads if served.access else 0,
        "ACCESS:INVALID": lambda: ", ".join(served.access.invalid()) if served.access else "",  # inputs
        "JOURNAL:STATE": lambda: _journal(served.guard.journal),
        "JOURNAL:LOST": lambda: served.guard.journal.lost & WRAP if served.guard.journal else 0,
        "RESTARTS": restarts,
        "QUEUE:PUSH": lambda: push.waiting,
        "QUEUE:PUSH:MAX": lambda: push.high_water,
        "QUEUE:PUT": served.waiting_settings,
        "ONDEMAND:WORLDS": lambda: served.on_demand.worlds if served.on_demand else 0,  # devices and requests
        "ONDEMAND:LOOKUPS": lambda: served.on_demand.lookups & WRAP if served.on_demand else 0,
        "ONDEMAND:UNKNOWN": lambda: served.on_demand.unknown & WRAP if served.on_demand else 0,  # answers
    }
    found |= _readings(served, push, publisher)
    if served.metadata is not None:
        found |= {f"META:{suffix}": figure for suffix, figure in _metadata(served.metadata).items()}
    for name, backend in served.backends.items():
        found |= {f"BACKEND:{name}:{suffix}": figure for suffix, figure in _backend(backend).items()}
    for route in served.routes.values():
        found |= {f"ROUTE:{route.name}:{suffix}": figure for suffix, figure in _route(route).items()}
    return found


def _readings(served: Served, push: PushQueue, publisher: Publisher) -> dict[str, Figure]:
    """What became of readings, those on demand too."""

    def drops() -> int:
        """Readings that no client was told of: lost before the table, in the push queue, or at slow clients."""
        early = sum(acquisition.dropped for acquisition in served.acquisitions)
        late = int(served.store.dropped.sum()) + served.store.dropped_elsewhere
        return (early + push.dropped + late + on_demand().drops) & WRAP

    def silent() -> int:
        """Watched requests, those on demand too."""
        later = served.on_demand.silent if served.on_demand else 0
        return sum(acquisition.silent for acquisition in served.acquisitions) + later

    def on_demand() -> Counts:
        return served.on_demand.counts if served.on_demand else Counts()

    return {
        "UPDATES": lambda: (publisher.published + on_demand().updates) & WRAP,  # readings published since the start
        "RATE": lambda: publisher.rate + (served.on_demand.rate if served.on_demand else 0.0),  # readings per second
        "DROPS": drops,
        "SILENT": silent,
        "STAMPS:ZERO": lambda: (served.table.strange.zero + on_demand().zero) & WRAP,  # readings
        "STAMPS:FUTURE": lambda: (served.table.strange.future + on_demand().future) & WRAP,
        "STAMPS:BACKWARD": lambda: (served.table.strange.backward + on_demand().backward) & WRAP,
    }


def _journal(journal: PutJournal | None) -> str:
    return "none" if journal is None else journal.trouble() or "OK"


def _metadata(metadata: Metadata) -> dict[str, Figure]:
    return {
        "AGE": metadata.age,  # s since the device database said the oldest of what is served; -1 when it never did
        "CACHED": lambda: metadata.cached,  # devices that are described by the cache alone
        "MISSING": lambda: metadata.missing,  # devices of which neither database nor cache knows anything
        "ERR": lambda: metadata.error,
    }


def _backend(backend: Backend) -> dict[str, Figure]:
    found: dict[str, Figure] = {
        "STATE": lambda: backend.health().state.name,
        "CONNS": lambda: backend.health().connections,
        "REQS": lambda: backend.health().requests,
        "RECONNECTS": lambda: backend.health().reconnects,
        "ERR": lambda: backend.health().last_error,
        "MODE": lambda: _mode(backend),
    }
    if isinstance(backend, Expiring):
        for kind in backend.expires_in():
            left = partial(_left, backend, kind)
            found[f"{kind}:EXPIRES_IN"] = Countdown(left, *EXPIRES[kind])
    if isinstance(backend, Counting):
        found |= {name: partial(_count, backend, name) for name in backend.counts()}
    return found


def _mode(backend: Backend) -> str:
    """As whom it writes (P-01)."""
    if not backend.capabilities.write:
        return "READ ONLY"
    ends = backend.expires_in() if isinstance(backend, Expiring) else {}
    lacking = [f"NO {kind}" for kind, left in ends.items() if left <= 0.0]
    return lacking[0] if lacking else "USER" if ends else "ANONYMOUS"


def _count(backend: Counting, name: str) -> int:
    return backend.counts()[name] & WRAP


def _left(backend: Expiring, kind: str) -> float:
    """Seconds that a ticket or token is still good."""
    return backend.expires_in().get(kind, 0.0)


def _route(route: RouteBackend) -> dict[str, Figure]:
    """A choice of several backends: who serves how many requests, and how well the choice works."""
    return {
        "SERVING": lambda: ", ".join(f"{name} {count}" for name, count in route.served().items() if count),
        "UNSERVED": lambda: route.tally.unserved,  # requests
        "SWITCHES": lambda: route.tally.switches & WRAP,  # of requests
        "REPEATS": lambda: route.tally.repeats & WRAP,  # readings left out: another backend had brought them
    }
