"""What is known of the configured devices before they are planned: from simulators alone, or from all services."""

import contextlib
from collections.abc import Mapping

from gateway.app.adapters import open_any, simulated
from gateway.app.config_file import read_text
from gateway.backends.open import ANONYMOUS
from gateway.config.config import Config
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import Property
from gateway.core.ports import Backend, Clock, DeviceInfoSource
from gateway.runtime.clock import SystemClock

PATIENCE = 5.0  # s that a source may take, and a little more for each device
PATIENCE_EACH = 0.002  # s


def describe(config: Config, backends: Mapping[str, Backend], clock: Clock) -> dict[str, DeviceInfo]:
    """Descriptions by canonical device name: from the metadata source, or else from the backends that can tell."""
    only = properties_of(config)
    patience = PATIENCE + PATIENCE_EACH * len(config.devices)
    if config.metadata is not None:
        with contextlib.closing(simulated("metadata", config.metadata, ANONYMOUS, clock, read_text)) as source:
            return source.describe([device.request.device for device in config.devices], patience, only)
    infos: dict[str, DeviceInfo] = {}
    for turn in range(max((len(device.route.read) for device in config.devices), default=0)):
        wanted: dict[str, list[str]] = {}  # by backend: what the preferred ones could not tell
        for device in config.devices:
            if turn < len(device.route.read) and device.request.device not in infos:
                wanted.setdefault(device.route.read[turn], []).append(device.request.device)
        for name, backend in backends.items():
            devices = list(dict.fromkeys(wanted.get(name, ())))
            if devices and isinstance(backend, DeviceInfoSource):
                infos.update(backend.describe(devices, patience, only))
    return infos


def describe_offline(config: Config) -> dict[str, DeviceInfo]:
    """The same without touching the network: devices of real services are left out, they get what is conventional."""
    clock = SystemClock()
    with contextlib.ExitStack() as opened:
        backends = {
            name: opened.enter_context(contextlib.closing(open_any(name, backend.url, clock, read_text)))
            for name, backend in config.backends.items()
            if backend.url.scheme == "sim"
        }
        return describe(config, backends, clock)


def properties_of(config: Config) -> dict[str, frozenset[Property]]:
    """Of devices whose configuration lists their properties: those, over all their entries."""
    found: dict[str, frozenset[Property]] = {}
    for device in config.devices:
        listed = device.entry.properties or Property.__members__
        names = frozenset(Property[name.upper()] for name in listed)
        found[device.request.device] = found.get(device.request.device, frozenset()) | names
    return found
