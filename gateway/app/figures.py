"""The gateway's own PVs: what each figure is, asked for when somebody reads it."""

from collections import Counter
from functools import lru_cache, partial
from typing import Protocol

import gateway
from gateway.app.assembly import Assembly
from gateway.app.drive_limits import DriveLimits
from gateway.app.metadata import Metadata
from gateway.app.moment import documents
from gateway.app.plan_sizes import count_pvs
from gateway.app.reload import Reload
from gateway.app.rules import AccessWatch
from gateway.backends.route import RouteBackend
from gateway.core.ports import Backend, Clock, Counting, Expiring, Health
from gateway.core.put_row import PutJournal
from iocs.diagnostics import Countdown, Figure
from iocs.fast.server import CaServer
from iocs.guard import Guard
from iocs.on_demand import OnDemand
from iocs.world import Counts

WRAP = 0x7FFFFFFF  # counters are LONG and start anew
EXPIRES = {  # s; MINOR and MAJOR
    "TICKET": (1200.0, 300.0),  # renewed as it should be it is never that near its end; clocks may differ by 5 min
    "TOKEN": (300.0, 60.0),  # a token may live for a few minutes only
}


class Served(Protocol):
    """What the figures are about: a running gateway."""

    clock: Clock
    born: float
    backends: dict[str, Backend]
    first: Assembly
    assemblies: list[Assembly]
    past: Counts
    server: CaServer | None
    guard: Guard
    access: AccessWatch | None
    limits: DriveLimits
    metadata: Metadata | None
    on_demand: OnDemand | None
    reloading: Reload | None


def figures(served: Served) -> dict[str, Figure]:
    """The suffix of each PV, and how to get its value."""

    def circuits() -> int:
        return len(served.server.circuits) if served.server else 0

    def pvs() -> int:
        """Of the configured devices, and of what lives on demand."""
        later = served.on_demand.plans if served.on_demand else ()
        return sum(map(count_pvs, later), configured(_generation(served))) & WRAP

    @lru_cache(1)
    def configured(generation: int) -> int:
        del generation
        return sum(count_pvs(one.ioc.plan) for one in served.assemblies)

    def restarts() -> int:
        """Of workers that died and began anew."""
        taking = sum(worker.restarts for one in served.assemblies for worker in one.acquisitions)
        return taking + sum(worker.restarts for one in served.assemblies for worker in one.writers)

    found: dict[str, Figure] = {
        "VERSION": lambda: gateway.__version__,
        "UPTIME": lambda: served.clock.monotonic() - served.born,  # s
        "DEVICES": lambda: sum(len(one.ioc.plan.devices) for one in served.assemblies),
        "PVS": pvs,
        "WRITES": lambda: int(served.first.plan.writes),
        "CLIENTS": circuits,
        "CLIENTS:REFUSED": lambda: served.server.refused & WRAP if served.server else 0,
        "SEARCHES:REFUSED": lambda: served.server.searches.refused & WRAP if served.server else 0,  # datagrams
        "JOURNAL:STATE": lambda: _journal(served.guard.journal),
        "JOURNAL:LOST": lambda: served.guard.journal.lost & WRAP if served.guard.journal else 0,
        "RESTARTS": restarts,
        "QUEUE:PUSH": lambda: sum(one.push.waiting for one in served.assemblies),
        "QUEUE:PUSH:MAX": lambda: max(one.push.high_water for one in served.assemblies),
        "QUEUE:PUT": lambda: sum(one.waiting_settings() for one in served.assemblies),
        "ONDEMAND:WORLDS": lambda: served.on_demand.worlds if served.on_demand else 0,  # devices and requests
        "ONDEMAND:LOOKUPS": lambda: served.on_demand.lookups & WRAP if served.on_demand else 0,
        "ONDEMAND:UNKNOWN": lambda: served.on_demand.unknown & WRAP if served.on_demand else 0,  # answers
    }
    found |= _readings(served) | _reloads(served) | documents(served)
    if served.metadata is not None:
        found |= {f"META:{suffix}": figure for suffix, figure in _metadata(served.metadata).items()}
    for name in served.backends:
        found |= {f"BACKEND:{name}:{suffix}": figure for suffix, figure in _backend(served, name).items()}
    for route in {route.name: route for one in served.assemblies for route in one.routes.values()}.values():
        found |= {f"ROUTE:{route.name}:{suffix}": figure for suffix, figure in _route(served, route.name).items()}
    return found


def _generation(served: Served) -> int:
    return served.reloading.generation if served.reloading else 1


def _reloads(served: Served) -> dict[str, Figure]:
    """What was read again, configuration and access file."""
    return {
        "RELOAD:GENERATION": lambda: _generation(served),
        "RELOAD:TIME": lambda: served.reloading.time if served.reloading else "",
        "RELOAD:RESULT": lambda: served.reloading.result if served.reloading else "",
        "RELOAD:UNWANTED": lambda: sum(one.unwanted() for one in served.assemblies),  # requests
        "ACCESS:STATE": lambda: served.access.state if served.access else "none",
        "ACCESS:RELOADS": lambda: served.access.reloads if served.access else 0,
        "ACCESS:INVALID": lambda: ", ".join(served.access.invalid()) if served.access else "",  # inputs
    }


def _readings(served: Served) -> dict[str, Figure]:
    """What became of readings, those on demand too."""

    def counts() -> Counts:
        start = served.past + (served.on_demand.counts if served.on_demand else Counts())
        return sum((one.counts for one in served.assemblies), start)

    def silent() -> int:
        """Watched requests, those on demand too."""
        later = served.on_demand.silent if served.on_demand else 0
        return sum(worker.silent for one in served.assemblies for worker in one.acquisitions) + later

    def rate() -> float:
        """Readings per second."""
        later = served.on_demand.rate if served.on_demand else 0.0
        return sum(one.publisher.rate for one in served.assemblies) + later

    return {
        "UPDATES": lambda: counts().updates & WRAP,  # readings published since the start
        "RATE": rate,
        "DROPS": lambda: counts().drops & WRAP,
        "SILENT": silent,
        "STAMPS:ZERO": lambda: counts().zero & WRAP,  # readings
        "STAMPS:FUTURE": lambda: counts().future & WRAP,
        "STAMPS:BACKWARD": lambda: counts().backward & WRAP,
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


def _backend(served: Served, name: str) -> dict[str, Figure]:
    """Of whichever service has the name when somebody asks."""

    def health() -> Health:
        return served.backends[name].health()

    backend = served.backends[name]
    found: dict[str, Figure] = {
        "STATE": lambda: health().state.name,
        "CONNS": lambda: health().connections,
        "REQS": lambda: health().requests,
        "RECONNECTS": lambda: health().reconnects,
        "ERR": lambda: health().last_error,
        "MODE": lambda: _mode(served.backends[name]),
    }
    if isinstance(backend, Expiring):
        for kind in backend.expires_in():
            left = partial(_left, served, name, kind)
            found[f"{kind}:EXPIRES_IN"] = Countdown(left, *EXPIRES[kind])
    if isinstance(backend, Counting):
        found |= {kind: partial(_count, served, name, kind) for kind in backend.counts()}
    return found


def _mode(backend: Backend) -> str:
    """As whom it writes (P-01)."""
    if not backend.capabilities.write:
        return "READ ONLY"
    ends = backend.expires_in() if isinstance(backend, Expiring) else {}
    lacking = [f"NO {kind}" for kind, left in ends.items() if left <= 0.0]
    return lacking[0] if lacking else "USER" if ends else "ANONYMOUS"


def _count(served: Served, name: str, kind: str) -> int:
    backend = served.backends[name]
    return backend.counts().get(kind, 0) & WRAP if isinstance(backend, Counting) else 0


def _left(served: Served, name: str, kind: str) -> float:
    """Seconds that a ticket or token is still good."""
    backend = served.backends[name]
    return backend.expires_in().get(kind, 0.0) if isinstance(backend, Expiring) else 0.0


def _route(served: Served, name: str) -> dict[str, Figure]:
    """A choice of several backends: who serves how many requests, and how well the choice works."""

    def routes() -> list[RouteBackend]:
        return [route for one in served.assemblies for route in one.routes.values() if route.name == name]

    def serving() -> str:
        counts: Counter[str] = Counter()
        for route in routes():
            counts.update(route.served())
        return ", ".join(f"{backend} {count}" for backend, count in counts.items() if count)

    return {
        "SERVING": serving,
        "UNSERVED": lambda: sum(route.tally.unserved for route in routes()),  # requests
        "SWITCHES": lambda: sum(route.tally.switches for route in routes()) & WRAP,  # of requests
        "REPEATS": lambda: sum(route.tally.repeats for route in routes()) & WRAP,  # left out: another had brought them
    }
