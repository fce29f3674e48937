"""What would refuse a put at this moment, as documents that `acgate explain` reads: rates, queues, inputs of rules."""

import json
from collections.abc import Iterable
from typing import Protocol

from gateway.app.assembly import Assembly
from gateway.app.drive_limits import DriveLimits
from gateway.app.rules import AccessWatch
from iocs.diagnostics import Document
from iocs.fast.server import CaServer
from iocs.guard import Guard

LONGEST = 1 << 16  # characters


class Served(Protocol):
    """A running gateway."""

    assemblies: list[Assembly]
    server: CaServer | None
    guard: Guard
    access: AccessWatch | None
    limits: DriveLimits


def documents(served: Served) -> dict[str, Document]:
    """By the suffix of their PVs."""
    return {
        "ACCESS:INPUTS": Document(lambda: _text(served.access.inputs() if served.access else {}), LONGEST),
        "PUTS:LIMITS": Document(lambda: _text(served.limits.values), LONGEST),
        "PUTS:REFUSED": Document(lambda: _text(_refused(served)), LONGEST),
    }


def _text(found: object) -> str:
    """As JSON of ASCII; null where it would be too long."""
    text = json.dumps(found)
    return text if len(text) < LONGEST else "null"


def _refused(served: Served) -> dict[str, object]:
    """Reasons by PV, client, route and device; of devices that were just set, the seconds since."""
    guard = served.guard
    used_up = guard.rules.rates.used_up(guard.clock.monotonic())
    circuits = served.server.circuits if served.server else ()
    clients: dict[str, list[str]] = {}  # by who, a reason for each circuit, empty where it may
    for circuit in circuits:
        clients.setdefault(circuit.who().who, []).append(used_up.get(("client", circuit), ""))
    return {
        "pvs": {str(key): reason for (what, key), reason in used_up.items() if what == "PV"},
        "clients": {who: reasons for who, reasons in clients.items() if any(reasons)},
        "gateway": used_up.get(("gateway", None), ""),
        "devices": _full(served.assemblies),
        "accepted": guard.just_accepted(),
    }


def _full(assemblies: Iterable[Assembly]) -> dict[str, str]:
    """The devices of which no further setting would be queued."""
    return {device: reason for one in assemblies for device, reason in one.full().items()}
