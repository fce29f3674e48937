"""What is known of the configured devices before they are planned: from simulators alone, or from all services."""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping

from gateway.app.adapters import open_any
from gateway.app.config_file import read_text
from gateway.app.metadata import PATIENCE, PATIENCE_EACH, cached_only, home_of, open_metadata
from gateway.config.config import Config
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import Property
from gateway.core.ports import Backend, DeviceInfoSource, Learning
from gateway.runtime.clock import SystemClock

Ask = Callable[[Iterable[str], Mapping[str, frozenset[Property]]], dict[str, DeviceInfo]]


def describe(config: Config, backends: Mapping[str, Backend], ask: Ask | None = None) -> dict[str, DeviceInfo]:
    """Descriptions by canonical device name: from the device database, or else from the backends that can tell."""
    only = properties_of(config)
    patience = PATIENCE + PATIENCE_EACH * len(config.devices)
    infos: dict[str, DeviceInfo] = {}
    if ask is not None:
        infos = ask((device.request.device for device in config.devices), only)
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


def describe_offline(config: Config, environment: Mapping[str, str] = os.environ) -> dict[str, DeviceInfo]:
    """The same without touching the network: from simulators, and from what a device database said before.

    Devices of real services are left out, they get what is conventional.
    """
    clock = SystemClock()
    home, section = home_of(config), config.metadata
    with contextlib.ExitStack() as opened:
        backends = {
            name: opened.enter_context(contextlib.closing(open_any(name, backend.url, clock, read_text)))
            for name, backend in config.backends.items()
            if backend.url.scheme == "sim"
        }
        if section is None or section.url.scheme != "sim":
            known = describe(config, backends)
            if section is not None:
                devices = [device.request.device for device in config.devices]
                known |= cached_only(section, home, clock, environment).describe(devices, 0.0)
            return known
        metadata = opened.enter_context(contextlib.closing(open_metadata(section, home, clock, environment, read_text)))
        return describe(config, backends, metadata.describe)


def properties_of(config: Config) -> dict[str, frozenset[Property]]:
    """Of devices whose configuration lists their properties: those, over all their entries."""
    found: dict[str, frozenset[Property]] = {}
    for device in config.devices:
        listed = device.entry.properties or Property.__members__
        names = frozenset(Property[name.upper()] for name in listed)
        found[device.request.device] = found.get(device.request.device, frozenset()) | names
    return found


def teach(backends: Mapping[str, Backend], infos: Mapping[str, DeviceInfo]) -> None:
    """Tell what is known of devices to the backends that need it to read their answers."""
    for backend in backends.values():
        if isinstance(backend, Learning):
            backend.learn(infos)
