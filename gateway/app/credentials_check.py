"""Which operations of which devices cannot work with the credentials at hand: files are read, nobody is contacted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeAlias

from gateway.backends.kerberos_port import kerberos_trouble
from gateway.config.config import BackendConfig, Config
from gateway.config.models import Jwt
from gateway.core.ports import Clock

_Way: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]  # backends of a route that cannot, and those that may
_NAMED = 3  # devices of a sentence, the others are counted
_WANTED = {  # scheme: what its service wants to know a user by, and whether reading needs it, too (contract.md 3)
    "dmq": ("kerberos", True),
    "dpm+http": ("kerberos", False),
    "dpm+grpc": ("jwt", False),
    "acl+ssh": ("kerberos", True),
}


@dataclass(frozen=True, slots=True)
class Lack:
    """An operation of some devices that cannot work; `fatal` when they cannot even be read."""

    sentence: str
    fatal: bool


def lacks(config: Config, clock: Clock) -> list[Lack]:
    """What cannot work, devices with the same reason in one sentence; settings only where the gateway takes any."""
    troubles = credential_troubles(config, clock)
    everything = {name for name, backend in config.backends.items() if _WANTED.get(backend.url.scheme, ("", False))[1]}
    groups: dict[tuple[str, _Way], list[str]] = {}
    for device in config.devices:
        routes = {"reading": device.route.read}
        if config.gateway.writes and device.entry.writable:
            routes["writing"] = device.route.write
        operations: dict[_Way, list[str]] = {}
        for operation, names in routes.items():
            needing = everything if operation == "reading" else set(names)
            bad = tuple(name for name in names if name in needing and troubles[name])
            if bad:
                left = tuple(name for name in names if name not in bad)
                operations.setdefault((bad, left), []).append(operation)
        for way, found in operations.items():
            groups.setdefault((" and ".join(found), way), []).append(device.request.device)
    return [
        Lack(_sentence(operation, devices, way, troubles), fatal=operation.startswith("reading") and not way[1])
        for (operation, way), devices in groups.items()
    ]


def credential_troubles(config: Config, clock: Clock) -> dict[str, str]:
    """Of each backend why its service will not know who we are; empty where it may."""
    return {name: _trouble(backend, clock) for name, backend in config.backends.items()}


def _sentence(operation: str, devices: Sequence[str], way: _Way, troubles: Mapping[str, str]) -> str:
    bad, left = way
    names = list(dict.fromkeys(devices))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    over = f" over {' or '.join(bad)}, but over {' or '.join(left)}" if left else ""
    reasons = "; ".join(f"backend {name}: {troubles[name]}" for name in bad)
    return f"{operation} {', '.join(names[:_NAMED])}{more} cannot work{over}: {reasons}"


def _trouble(backend: BackendConfig, clock: Clock) -> str:
    """Why the service will not know who we are; empty when it may."""
    wanted, _ = _WANTED.get(backend.url.scheme, ("", False))
    if backend.auth.kerberos is not None and wanted == "kerberos":
        return kerberos_trouble(backend.auth.kerberos, clock)
    if backend.auth.jwt is not None and wanted == "jwt":
        return _token_trouble(backend.auth.jwt, clock)
    simulated = backend.url.scheme == "dpm+http" and _local(backend.url.host)  # over gRPC nothing goes without a token
    if backend.url.scheme in ("dpm+http", "dpm+grpc") and not simulated:
        return f"it has no credentials, and the service takes settings of known users alone; give it auth.{wanted}"
    return ""


def _token_trouble(section: Jwt, clock: Clock) -> str:
    try:
        from gateway.backends.jwt_tokens import token_trouble
    except ImportError as error:
        return f"its token needs a Python package ({error}); install it: python -m pip install 'acgate[grpc]'"
    return token_trouble(section, clock)


def _local(host: str) -> bool:
    """Whether it is this machine, where a simulator may be that asks nobody who he is."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
