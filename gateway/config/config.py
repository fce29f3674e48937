"""Config: the checked configuration, as the rest of the program reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.config.backend_url import BackendUrl
from gateway.config.freeze_section import FreezeSection
from gateway.config.gateway_section import GatewaySection
from gateway.config.group_section import GroupSection
from gateway.config.models import Auth, DeviceEntry
from gateway.config.policy_section import PolicySection
from gateway.core.drf import DataRequest
from gateway.core.drf_events import DrfEvent
from gateway.core.route import Route


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """One configured service."""

    name: str
    url: BackendUrl
    auth: Auth


@dataclass(frozen=True, slots=True)
class MetadataConfig:
    """Where units, limits and labels come from."""

    url: BackendUrl
    cache: str  # a file, or `auto`, or `off`
    refresh: float  # s between two looks at it; 0: never again


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """One configured device; `request` has an explicit event that repeats."""

    entry: DeviceEntry
    request: DataRequest
    route: Route
    file: str
    line: int  # from 1; 0 when it has none

    @property
    def place(self) -> str:
        """File and line, for people."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class OnDemandConfig:
    """Which devices are made when somebody searches for them. Patterns are in capitals, as device names are."""

    allow: tuple[str, ...]
    deny: tuple[str, ...]
    linger: float  # s that an unused one lives
    route: Route  # without a backend for writing: they are read only
    event: DrfEvent
    most: int  # that live at one time


@dataclass(frozen=True, slots=True)
class FreezeConfig:
    """One trigger, and the histories that it freezes."""

    name: str
    section: FreezeSection
    file: str
    line: int = field(compare=False)  # from 1; 0 when it has none


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """Settings of several devices that one put sends."""

    name: str
    section: GroupSection
    file: str
    line: int = field(compare=False)  # from 1; 0 when it has none


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """One function of the site that is asked about puts."""

    index: int  # in the list
    section: PolicySection
    file: str
    line: int = field(compare=False)  # from 1; 0 when it has none


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that was configured. `notes` say, one sentence each, what is accepted but will not work as written."""

    file: str
    gateway: GatewaySection
    backends: Mapping[str, BackendConfig]
    metadata: MetadataConfig | None
    devices: tuple[DeviceConfig, ...]
    notes: tuple[str, ...] = ()
    on_demand: OnDemandConfig | None = None
    freezes: tuple[FreezeConfig, ...] = ()
    groups: tuple[GroupConfig, ...] = ()
    policies: tuple[PolicyConfig, ...] = ()  # in the order in which they are asked
