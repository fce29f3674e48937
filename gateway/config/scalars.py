"""The scalars and lists of the configuration, each refused with a sentence that says what would be right."""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from gateway.config.backend_url import BackendUrl
from gateway.core.drf_events import parse_event
from gateway.core.errors import BadRequest, BadUrl


def words(value: object) -> object:
    """A list may be written as one text, words divided by commas or spaces: in CSV and in the environment."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _switch(value: object) -> object:
    """On or off; true and false are understood, since other YAML readers turn the words into them."""
    if isinstance(value, str) and value.lower() in ("on", "off"):
        return value.lower() == "on"
    if isinstance(value, bool):
        return value
    raise ValueError(f"is on or off, not {value!r}")


def _url(value: str) -> str:
    try:
        BackendUrl.parse(value)
    except BadUrl as error:
        raise ValueError(str(error)) from None
    return value


def _event(value: str) -> str:
    try:
        event = parse_event(value)
    except BadRequest as error:
        raise ValueError(f"invalid event {error}") from None
    if not event.repeats or event.mode == "U":
        raise ValueError(f"{value!r} gives no stream of readings; write for example p,2000")
    return value


def _network(value: str) -> str:
    try:
        IPv4Network(value, strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is no network; write for example 127.0.0.0/8 or 192.0.2.7") from None
    return value


def _interface(value: str) -> str:
    try:
        IPv4Address(value)
    except ValueError:
        raise ValueError(f"{value!r} is no IPv4 address; write for example 127.0.0.1") from None
    return value


class Section(BaseModel):
    """A mapping of the file; a key that no model knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Url = Annotated[str, AfterValidator(_url)]
Words = Annotated[tuple[str, ...], BeforeValidator(words)]
Names = Annotated[
    tuple[str, ...], Field(min_length=1), BeforeValidator(words, json_schema_input_type=str | tuple[str, ...])
]
Event = Annotated[str, AfterValidator(_event)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(words)]
Interfaces = Annotated[tuple[Annotated[str, AfterValidator(_interface)], ...], BeforeValidator(words)]
Switch = Annotated[bool, BeforeValidator(_switch, json_schema_input_type=Literal["on", "off"] | bool)]
