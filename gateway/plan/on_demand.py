"""From a name that somebody searches for to the device and the PV that are meant; a device without an entry (pure).

Names are hostile until they are understood: what does not begin like a device's name falls out at once, and only what
the grammar of requests takes, without a source, comes further.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from gateway.config.config import Config, DeviceConfig, OnDemandConfig
from gateway.config.entries import FASTEST_MS
from gateway.config.models import DeviceEntry
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.drf_events import DEFAULT
from gateway.core.drf_words import DEFAULT_FIELD
from gateway.core.errors import BadInput, BadRequest
from gateway.plan.build import build_plan
from gateway.plan.model import Plan

MOST_ELEMENTS = 32768  # of one request: what a server can address (drf.md 12)
DEPTH = 100  # readings that the circular buffer of such a device keeps, at most
_START = re.compile(r"[A-Za-z][:?_|&@$~][A-Za-z0-9_:-]")
_PARTED = re.compile(
    r"(?P<device>[A-Za-z]:[A-Za-z0-9_-]{1,62})(?::(?P<suffix>(?:SP|SP_RBV|STS|CMD|ALM|DALM|HIST|GW|META)(?::[A-Z0-9_:-]+)?))?"
)
_SIGNS = re.compile(r"[A-Za-z0-9_:.,@|&$~?\[\]-]{1,128}")
_PV_OF = {  # what of a device shows each property
    Property.READING: "",
    Property.SETTING: ":SP",
    Property.STATUS: ":STS",
    Property.CONTROL: ":CMD",
    Property.ANALOG: ":ALM:STATUS",
    Property.DIGITAL: ":DALM:STATUS",
    Property.DESCRIPTION: ".DESC",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a name means."""

    request: DataRequest  # READING where nothing but a device and a property is named
    suffix: str  # of the PV: what follows the name of the device, `:SP_RBV` or `.DESC`
    own: bool  # whether event, range or field are the name's own

    @property
    def key(self) -> str:
        """The name of what is made: the same for all names that can share it, and the beginning of its PVs' names."""
        return str(self.request) if self.own else self.request.device


def plausible(name: str) -> bool:
    """Whether a name begins as that of a device; costs next to nothing."""
    return _START.match(name) is not None


def wanted(name: str) -> Wanted | None:
    """What a name without record field and filters means; None for what is no request, or none that is served."""
    if (parted := _PARTED.fullmatch(name)) is not None:
        suffix = parted["suffix"]
        return Wanted(DataRequest.parse(parted["device"]), f":{suffix}" if suffix else "", own=False)
    if not plausible(name) or _SIGNS.fullmatch(name) is None:
        return None
    try:
        request = DataRequest.parse(name)
    except BadRequest:
        return None
    if (
        request.property not in _PV_OF
        or request.field != DEFAULT_FIELD.get(request.property)
        or request.gateway_reason()
    ):
        return None
    suffix, own = _PV_OF[request.property], request.range is not None or request.event != DEFAULT
    if not own:
        return Wanted(DataRequest.parse(request.device), suffix, own=False)
    return Wanted(request, suffix, own=True) if _can_be_made(request) else None


def _can_be_made(request: DataRequest) -> bool:
    """Whether a request with an event or a range of its own gives a stream of readings that is not too large."""
    event, span = request.event, request.range
    if request.property is Property.DESCRIPTION or (event != DEFAULT and not event.repeats):
        return False
    if event.period_ms is not None and event.period_ms < FASTEST_MS:
        return False
    if span is None:
        return True
    valued = request.property in (Property.READING, Property.SETTING)
    return valued and not span.byte and (span.elements() or 0) <= MOST_ELEMENTS and request.server_reason() is None


def allowed(device: str, section: OnDemandConfig) -> bool:
    """Whether policy lets a device be made; `device` is its canonical name."""
    return _among(device, section.allow) and not _among(device, section.deny)


def _among(device: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(device, pattern) for pattern in patterns)


def plan_of(wish: Wanted, config: Config, section: OnDemandConfig, info: DeviceInfo) -> Plan | None:
    """The plan of what is made for one name; None where it cannot be, or would be too large."""
    request = wish.request
    if request.event == DEFAULT:
        request = request.with_event(section.event)
    entry = DeviceEntry.model_construct(device=str(request), name=wish.key, writable=False)
    device = DeviceConfig(entry, request, section.route, "on demand", 0)
    gateway = config.gateway.model_copy(update={"buffer": min(config.gateway.buffer, DEPTH)})
    try:
        plan, _ = build_plan(replace(config, gateway=gateway, devices=(device,)), {request.device: info})
    except BadInput:
        return None
    return plan if all(watch.length <= MOST_ELEMENTS for watch in plan.watches) else None
