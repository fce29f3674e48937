"""The configuration as pydantic models: what may be written, which defaults hold, and its JSON Schema.

`load.py` turns a checked `ConfigFile` into the `Config` that the program works with.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from gateway.config.commands import COMMANDS
from gateway.config.drive_section import DriveSection
from gateway.config.freeze_section import FreezeSection
from gateway.config.gateway_section import GatewaySection
from gateway.config.group_section import GroupSection
from gateway.config.policy_section import PolicySection
from gateway.config.problems import PV_NAME, SHORT_NAME, suggestion
from gateway.config.scalars import Names, Section, Url, Words, words

PropertyName = Literal["reading", "setting", "status", "control", "analog", "digital"]


class Kerberos(Section):
    """Kerberos; an empty mapping takes the ticket of the environment."""

    principal: str | None = Field(default=None, description="client principal")
    keytab: str | None = Field(default=None, description="file that the ticket is obtained from")
    cache: str | None = Field(default=None, description="credential cache")


def _name_of_place(value: str) -> str:
    """The name of what holds a token; a token in its place is refused, and not shown."""
    if re.fullmatch(r"eyJ[\w-]*\.[\w-]+\.[\w-]*", value):
        raise ValueError("is a token itself; write the name of what holds it")
    return value


PlaceName = Annotated[str, AfterValidator(_name_of_place)]


class Jwt(Section):
    """A JSON Web Token, from one of three places."""

    token_file: PlaceName | None = Field(
        default=None, description="file that holds the token; read again when it changes"
    )
    token_env: PlaceName | None = Field(
        default=None, min_length=1, description="environment variable that holds the token"
    )
    token_command: Words | None = Field(
        default=None, min_length=1, description="command that prints a token; run again before that one expires"
    )

    @model_validator(mode="after")
    def _one_place(self) -> "Jwt":
        if sum(place is not None for place in (self.token_file, self.token_env, self.token_command)) != 1:
            raise ValueError("needs one of token_file, token_env and token_command, and only one")
        return self


class Ssh(Section):
    """How to log in over SSH, and which hosts are trusted. The user stands in the URL."""

    key_file: str | None = Field(default=None, description="private key; default: the agent's, and the usual files")
    known_hosts: str = Field(default="~/.ssh/known_hosts", description="keys of the hosts; others are refused")
    agent: bool = Field(default=True, description="whether the keys of an agent are offered")


class Auth(Section):
    """Credentials of one backend. Secrets stand in files, never in the configuration."""

    kerberos: Kerberos | None = None
    jwt: Jwt | None = None
    ssh: Ssh | None = None


class BackendSection(Section):
    """One service."""

    url: Url = Field(description="scheme://host:port?key=value; the scheme chooses the adapter")
    auth: Auth = Auth()


class MetadataSection(Section):
    """Where units, limits and labels come from."""

    url: Url
    cache: str = Field(
        default="auto",
        min_length=1,
        description="file that keeps what was said; auto: in the user's cache folder; off: none",
    )
    refresh: float = Field(default=3600.0, ge=0, le=1e6, description="s between two looks at it; 0: never again")


class ReadWrite(Section):
    """Different backends for reading and writing."""

    read: Names = Field(description="a backend, or several: the first that works serves")
    write: Names


def _route_kind(value: object) -> str:
    return "<split>" if isinstance(value, dict | ReadWrite) else "<list>"


RouteEntry = Annotated[
    Annotated[Names, Tag("<list>")] | Annotated[ReadWrite, Tag("<split>")], Discriminator(_route_kind)
]


class ConfirmSection(Section):
    """Confirmation of a write by readback."""

    tolerance: float = Field(ge=0, description="absolute, in units of the setting")
    timeout: float = Field(default=2.0, gt=0, le=3600, description="s, from the backend's acceptance")
    interval: float = Field(default=0.2, ge=0.01, le=60, description="s between two readbacks")
    relative: float = Field(default=0.0, ge=0, lt=1, description="fraction of the setting that is near enough, too")
    delay: float = Field(default=0.0, ge=0, le=3600, description="s from the acceptance to the first readback")
    attempts: int | None = Field(default=None, ge=1, description="readbacks at most; nothing is ever sent again")
    by: Literal["setting", "reading"] = Field(
        default="setting", description="what confirms a setting: what the front end holds, or what the device reads"
    )

    @model_validator(mode="after")
    def _looks_in_time(self) -> Self:
        if self.delay >= self.timeout:
            raise ValueError(f"delay {self.delay:g} leaves no time before timeout {self.timeout:g}; make it shorter")
        return self


class BitSection(Section):
    """One bit, or group of bits, of the STATUS word."""

    name: str = Field(pattern=SHORT_NAME, description="last part of the PV name")
    mask: int = Field(ge=0, le=0xFFFFFFFF)
    match: int | None = Field(
        None, ge=0, le=0xFFFFFFFF, description="true when (word & mask) is this; default: the mask"
    )
    invert: bool = Field(default=False, description="whether the word is inverted first")
    true_text: str = "on"
    false_text: str = "off"


class CommandSection(Section):
    """One command of CONTROL."""

    code: int = Field(ge=0, le=255)
    name: str = Field(min_length=1)


def _command_name(value: str) -> str:
    if value.upper() not in COMMANDS:
        remedy = suggestion(value, COMMANDS)
        raise ValueError(f"{value!r} is no conventional command; {remedy} Otherwise write {{code: 12, name: {value}}}")
    return value.upper()


def _command_kind(value: object) -> str:
    return "<name>" if isinstance(value, str) else "<command>"


CommandEntry = Annotated[
    Annotated[str, AfterValidator(_command_name), Tag("<name>")] | Annotated[CommandSection, Tag("<command>")],
    Discriminator(_command_kind),
]
Commands = Annotated[tuple[CommandEntry, ...], BeforeValidator(words)]


Properties = Annotated[tuple[PropertyName, ...], Field(min_length=1), BeforeValidator(words)]


class DeviceEntry(Section):
    """One device and the PVs that it becomes. What is said here wins over the device database."""

    device: str = Field(description="ACNET device or data request, for example M:OUTTMP or B:IRMS06[0:63]")
    event: str | None = Field(
        default=None, description="when it is acquired, for example p,1000 or e,0f; default p,1000"
    )
    backend: RouteEntry | None = Field(
        default=None, description="one, or several: the first that works; needed when there is more than one"
    )
    writable: bool = False
    alarms_writable: bool = Field(default=False, description="whether its alarm blocks are, too; needs writable")
    confirm: ConfirmSection | None = None
    drive: DriveSection = DriveSection()
    skip_if_equal: bool = Field(default=False, description="whether a put of what the front end holds is not sent")
    group: str = Field(default="DEFAULT", min_length=1, description="access security group (ASG)")
    step: float | None = Field(default=None, gt=0, description="largest change of one put, in units of the setting")
    slew: float | None = Field(default=None, gt=0, description="largest change within a second, in units")
    write_timeout: float = Field(default=5.0, gt=0, le=3600, description="s that a write may take")
    stale_after: float | None = Field(
        default=None, ge=0.1, le=1e6, description="s without a value after which it is stale; default: by its event"
    )
    name: str | None = Field(default=None, pattern=PV_NAME, description="PV name; default: the name of the device")
    properties: Properties | None = None
    description: str | None = None
    units: str | None = None
    precision: int | None = Field(default=None, ge=0, le=17)
    low: float | None = Field(default=None, description="display limit, in units")
    high: float | None = None
    length: int | None = Field(default=None, ge=1, le=4_000_000, description="elements; for text: characters")
    text: bool | None = Field(default=None, description="whether it delivers display text in place of numbers")
    bits: tuple[BitSection, ...] | None = None
    commands: Commands | None = Field(default=None, max_length=256)


class IncludeEntry(Section):
    """Further devices from a CSV or YAML file, relative to this file."""

    include: str


class OnDemandSection(Section):
    """PVs that are made when somebody searches for them."""

    allow: Words = Field(default=(), description="patterns of device names, for example M:*; none allows no device")
    deny: Words = Field(default=(), description="the same; what it names is not served, whatever `allow` says")
    linger: float = Field(default=60.0, ge=0, description="s that an unused device lives")
    backend: RouteEntry | None = Field(
        default=None, description="one, or several: the first that works; needed when there is more than one"
    )
    event: str = Field(default="p,1000", description="when a device is acquired whose name does not say it")
    most: int = Field(default=1000, ge=1, le=100_000, description="devices and requests that live at one time")


class HistorySection(Section):
    """The database of values."""

    url: str
    match: Words = ("*",)


class ConfigFile(Section):
    """The whole file."""

    gateway: GatewaySection = GatewaySection()
    backends: dict[str, BackendSection] = Field(min_length=1)
    metadata: MetadataSection | None = None
    devices: tuple[DeviceEntry | IncludeEntry, ...] = ()
    on_demand: OnDemandSection | None = None
    history: HistorySection | None = None
    freeze: dict[str, FreezeSection] = Field(default={}, description="triggers by name, and what they freeze")
    groups: dict[str, GroupSection] = Field(default={}, description="settings by name of a group that one put sends")
    policies: tuple[PolicySection, ...] = Field(default=(), description="functions that are asked about puts, in order")


def json_schema() -> dict[str, object]:
    """The JSON Schema of the configuration file, for editors."""
    schema = ConfigFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "acgate configuration"}
