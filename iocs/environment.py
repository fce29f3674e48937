"""The standard environment variables of Channel Access, of server and client, read from a mapping. Pure."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.core.errors import BadInput

Address = tuple[str, int]
Network = ipaddress.IPv4Network
AS_TEXT = 5  # caput -a sends numbers as texts of 40 bytes in place of 8


@dataclass(frozen=True, slots=True)
class CaSettings:
    """Where a server listens, to whom it announces itself, and what it accepts."""

    port: int  # UDP and TCP
    interfaces: tuple[str, ...]
    beacons: tuple[Address, ...]
    beacon_period: float  # s, the longest
    ignored: frozenset[str]  # addresses whose searches are not answered
    allowed: tuple[Network, ...]  # networks of clients; empty allows all
    largest: int  # bytes of one message
    circuits: int = 1000  # of all clients
    circuits_per_address: int = 200
    circuits_per_second: int = 500  # new ones of one address; 0 for no limit
    searches_per_second: int = 100_000  # names of one address, over UDP; 0 for no limit
    channels: int = 60_000  # of one circuit
    monitors: int = 60_000  # of one circuit
    channels_per_address: int = 300_000
    monitors_per_address: int = 300_000
    largest_value: int | None = None  # bytes of values in one message to a client; None for no limit


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Where a client looks for PVs, and after how much silence it asks whether a server still lives."""

    addresses: tuple[Address, ...]
    silence: float = 30.0  # s
    user: str = "acgate"
    host: str = "localhost"


def _port(environment: Mapping[str, str], *names: str, default: int) -> int:
    for name in names:
        text = environment.get(name, "").strip()
        if text:
            if not text.isdecimal() or not 0 < int(text) < 65536:
                raise BadInput(f"{name}={text}: not a port; give a number from 1 to 65535")
            return int(text)
    return default


def _address(text: str, default_port: int) -> Address:
    host, colon, port = text.partition(":")
    if colon and (not port.isdecimal() or int(port) > 65535):
        raise BadInput(f"{text} in an EPICS address list: not a port after the colon; give a number from 1 to 65535")
    return host, int(port) if colon else default_port


def ca_settings(
    environment: Mapping[str, str], interfaces: Sequence[str], allow: Sequence[str], largest_value: int
) -> CaSettings:
    """The settings; what the environment says wins over `interfaces` of the configuration.

    Where neither names an interface, only the loopback is bound. `largest_value` is the size in bytes of the largest
    PV. Beacons go to the loopback alone when nothing else is bound, otherwise where EPICS says: the list, and
    broadcast unless EPICS_CAS_AUTO_BEACON_ADDR_LIST is NO. EPICS_CA_MAX_ARRAY_BYTES is a limit of what clients are sent
    where EPICS_CA_AUTO_ARRAY_BYTES is NO, as in EPICS base 7.
    """
    bound = tuple(environment.get("EPICS_CAS_INTF_ADDR_LIST", "").split()) or tuple(interfaces) or ("127.0.0.1",)
    bound = tuple(_address(item, 0)[0] for item in bound)
    beacon_port = _port(environment, "EPICS_CAS_BEACON_PORT", "EPICS_CA_REPEATER_PORT", default=5065)
    listed = environment.get("EPICS_CAS_BEACON_ADDR_LIST", "") or environment.get("EPICS_CA_ADDR_LIST", "")
    beacons = [_address(item, beacon_port) for item in listed.split()]
    loopback = all(item.startswith("127.") for item in bound)
    automatic = environment.get("EPICS_CAS_AUTO_BEACON_ADDR_LIST", "YES").upper() != "NO"
    if loopback:
        beacons = [item for item in beacons if item[0].startswith("127.")] or [("127.0.0.1", beacon_port)]
    elif automatic:
        beacons.append(("255.255.255.255", beacon_port))
    try:
        period = float(environment.get("EPICS_CAS_BEACON_PERIOD", "") or 15.0)
        arrays = int(environment.get("EPICS_CA_MAX_ARRAY_BYTES", "") or 0)
        fixed = environment.get("EPICS_CA_AUTO_ARRAY_BYTES", "YES").strip().upper() == "NO"
        allowed = tuple(Network(item, strict=False) for item in allow)
    except ValueError as error:
        raise BadInput(f"environment or gateway.allow: {error}") from error
    return CaSettings(
        port=_port(environment, "EPICS_CAS_SERVER_PORT", "EPICS_CA_SERVER_PORT", default=5064),
        interfaces=bound,
        beacons=tuple(dict.fromkeys(beacons)),
        beacon_period=max(period, 0.1),
        ignored=frozenset(_address(a, 0)[0] for a in environment.get("EPICS_CAS_IGNORE_ADDR_LIST", "").split()),
        allowed=allowed,
        largest=max(arrays, AS_TEXT * largest_value, 16384) + 1024,
        largest_value=max(arrays, 16384) if fixed else None,
    )


def client_settings(environment: Mapping[str, str], host: str) -> ClientSettings:
    """The settings of a client on this host: EPICS_CA_ADDR_LIST, and broadcast unless EPICS_CA_AUTO_ADDR_LIST is NO."""
    port = _port(environment, "EPICS_CA_SERVER_PORT", default=5064)
    addresses = [_address(item, port) for item in environment.get("EPICS_CA_ADDR_LIST", "").split()]
    if environment.get("EPICS_CA_AUTO_ADDR_LIST", "YES").strip().upper() != "NO":
        addresses.append(("255.255.255.255", port))
    try:
        silence = float(environment.get("EPICS_CA_CONN_TMO", "") or 30.0)
    except ValueError as error:
        raise BadInput(f"EPICS_CA_CONN_TMO: {error}; give seconds") from error
    user = environment.get("LOGNAME") or environment.get("USER") or "acgate"
    return ClientSettings(tuple(dict.fromkeys(addresses)), max(silence, 0.1), user, host)
