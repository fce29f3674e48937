"""BackendUrl: the URL of one backend, taken apart and checked (contract.md 3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from gateway.config.problems import suggestion
from gateway.core.errors import BadUrl
from gateway.core.ports import Capabilities


@dataclass(frozen=True, slots=True)
class Scheme:
    """One row of the table of schemes."""

    service: str
    port: int | None  # the default; None: the scheme has no host
    capabilities: Capabilities
    credentials: str
    keys: Mapping[str, str]  # of the query, each with what its value is
    path: bool = False  # whether a path means anything
    built: bool = False  # in this version
    needs_credentials: bool = False  # even to read


_ALL = Capabilities(read=True, write=True, watch=True)
_POLLED = Capabilities(read=True, write=False, watch=True, polled=True)
_ACL = {"period": "number", "timeout": "number"}
_DPM = dict.fromkeys(("connections", "silence", "timeout", "backoff_cap"), "number")

SCHEMES: Mapping[str, Scheme] = {
    "dpm+http": Scheme(
        "DPM, PC binary protocol over TCP",
        6802,
        _ALL,
        "Kerberos for writes only",
        {"role": "text", **_DPM},
        built=True,
    ),
    "dpm+grpc": Scheme("DPM, DAQ service over gRPC", 50051, _ALL, "JWT for writes", _DPM, built=True),
    "dmq": Scheme(
        "DataBroker over AMQP",
        5672,
        _ALL,
        "Kerberos for everything",
        {
            "vhost": "text",
            "service": "text",
            "unsigned": "text",
            **dict.fromkeys(("sessions", "idle", "silence", "timeout", "backoff_cap"), "number"),
        },
        path=True,
        needs_credentials=True,
        built=True,
    ),
    "acl+https": Scheme("ACL CGI", 443, _POLLED, "none", _ACL, path=True, built=True),
    "acl+http": Scheme("ACL CGI", 80, _POLLED, "none", _ACL, path=True, built=True),
    "acl+ssh": Scheme(
        "ACL on a CLX node over SSH", 22, _POLLED, "SSH key or Kerberos", {**_ACL, "jump": "text"}, built=True
    ),
    "sim": Scheme("simulator inside the same process", None, _ALL, "none", {}, path=True, built=True),
    "devdb+grpc": Scheme(
        "device database over gRPC", 50051, Capabilities(False, False, False), "none", {"tls": "text"}, built=True
    ),
}

_SHAPE = re.compile(
    r"(?P<scheme>[^:/?#]*):(?://(?P<place>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<rest>#.*)?"
)
_PLACE = re.compile(r"(?:(?P<user>[^@]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@\[\]]*)(?::(?P<port>.*))?")


@dataclass(frozen=True, slots=True)
class BackendUrl:
    """A checked URL. `sim:` has no host; its path is a facility file, empty for the one that is shipped."""

    scheme: str
    host: str = ""
    port: int = 0  # never 0 where the scheme has a host
    user: str = ""
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, text: str) -> "BackendUrl":
        """The URL that the text says; BadUrl names the scheme, key or value at fault and the nearest valid one."""
        shape = _SHAPE.fullmatch(text)
        if shape is None or any(character <= " " or character > "~" for character in text):
            raise BadUrl(f"{text!r} is no URL; write for example dpm+http://host:6802")
        row = SCHEMES.get(shape["scheme"])
        if row is None:
            raise BadUrl(f"{text!r}: unknown scheme {shape['scheme']!r}; {suggestion(shape['scheme'], SCHEMES)}")
        if shape["rest"]:
            raise BadUrl(f"{text!r}: a backend URL has no fragment; leave out {shape['rest']!r}")
        user, host, port = _place(text, shape["place"] or "", shape["scheme"], row)
        path = unquote(shape["path"])
        if not row.path and path not in ("", "/"):
            raise BadUrl(f"{text!r}: {shape['scheme']} has no path; leave out {path!r}")
        return cls(shape["scheme"], host, port, user, path if row.path else "", _query(text, shape["query"], row))

    @property
    def capabilities(self) -> Capabilities:
        """What a backend of this scheme can do at all."""
        return SCHEMES[self.scheme].capabilities

    def __str__(self) -> str:
        place = f"//{self.user + '@' if self.user else ''}{self.host}:{self.port}" if self.host else ""
        query = "&".join(f"{key}={value}" for key, value in self.query.items())
        return f"{self.scheme}:{place}{self.path}{'?' + query if query else ''}"


def _place(text: str, place: str, scheme: str, row: Scheme) -> tuple[str, str, int]:
    """User, host and port, of `user@host:port`."""
    if row.port is None:
        if place:
            raise BadUrl(f"{text!r}: {scheme} has no host; write {scheme}: or {scheme}:facility.yaml")
        return "", "", 0
    found = _PLACE.fullmatch(place)
    if found is None or not found["host"]:
        raise BadUrl(f"{text!r}: the host is absent or malformed; write for example {scheme}://host:{row.port}")
    if found["user"] and ":" in found["user"]:
        raise BadUrl(
            f"{scheme}://{found['host']}: a password has no place in a URL; leave out what follows the user's ':'"
        )
    port = row.port
    if found["port"] is not None:
        if not re.fullmatch("[0-9]{1,5}", found["port"]) or not 0 < int(found["port"]) < 65536:
            raise BadUrl(f"{text!r}: {found['port']!r} is no port; a port is 1 to 65535, by default {row.port}")
        port = int(found["port"])
    return found["user"] or "", found["host"], port


def _query(text: str, query: str | None, row: Scheme) -> dict[str, str]:
    """The keys and values of the query, each key known and each value of its kind."""
    values: dict[str, str] = {}
    for part in query.split("&") if query else ():
        key, equals, value = part.partition("=")
        value = unquote(value)
        if key not in row.keys:
            raise BadUrl(f"{text!r}: unknown key {key!r}; {suggestion(key, row.keys)}")
        if not equals or not value:
            raise BadUrl(f"{text!r}: key {key!r} has no value; write {key}=VALUE")
        if key in values:
            raise BadUrl(f"{text!r}: key {key!r} stands twice; leave one out")
        if row.keys[key] == "number" and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
            raise BadUrl(f"{text!r}: the value {value!r} of {key!r} is no number")
        values[key] = value
    return values


def capability_table() -> str:
    """The table of schemes, for people: service, port, what it can do, which credentials, and what is built."""
    yes = {True: "yes", False: "no"}
    lines = [("scheme", "service", "port", "read", "write", "stream", "credentials", "in this version")]
    for name, row in SCHEMES.items():
        can = row.capabilities
        stream = "polled" if can.polled else yes[can.watch]
        port = "-" if row.port is None else str(row.port)
        lines.append((name, row.service, port, yes[can.read], yes[can.write], stream, row.credentials, yes[row.built]))
    widths = [max(len(line[column]) for line in lines) for column in range(8)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
