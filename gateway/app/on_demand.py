"""The names that are served on demand: who is asked whether a device exists, and who serves it."""

import logging
from collections.abc import Callable, Mapping, Sequence

from gateway.app.describe import teach
from gateway.app.metadata import PATIENCE, Metadata
from gateway.backends.route import RouteBackend
from gateway.backends.route_stream import Failover
from gateway.config.config import Config
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest
from gateway.core.ports import Backend, Clock, DeviceInfoSource
from gateway.plan.known_names import AWAY, Answer
from iocs.world import Source

AT_ONCE = 500  # names in one question to the device database
AT_ONCE_OF_BACKEND = 50  # the same to a service of readings, which takes eight requests for each
NOBODY = "on_demand: nobody can say which devices exist, so that none is made; add metadata: {url: devdb+grpc://...}"
log = logging.getLogger("acgate")
Lookup = Callable[[list[str]], Answer]


def source_of(
    config: Config, backends: Mapping[str, Backend], metadata: Metadata | None, clock: Clock, when: Failover
) -> Source | None:
    """Where descriptions and readings come from; None where names are not served on demand."""
    section = config.on_demand
    if section is None:
        return None
    ask: Lookup
    if metadata is not None:
        ask, most = metadata.look_up, AT_ONCE
    else:
        able = [backends[name] for name in section.route.read]
        sources = [one for one in able if isinstance(one, DeviceInfoSource)]
        if not sources:
            log.warning("%s", NOBODY)
            return None
        ask, most = _from_backends(sources), AT_ONCE_OF_BACKEND

    def learnt(devices: list[str]) -> Answer:
        answer = ask(devices)
        if answer.found:
            teach(backends, answer.found)
        return answer

    def reader() -> Backend:
        """Of several backends each device has a choice of its own."""
        names = section.route.read
        return backends[names[0]] if len(names) == 1 else RouteBackend(section.route, backends, clock, when)

    return Source(config, section, reader, learnt, most, _serving)


def _serving(backend: Backend, request: DataRequest) -> str:
    return backend.serving(request) if isinstance(backend, RouteBackend) else backend.name


def _from_backends(sources: Sequence[DeviceInfoSource]) -> Lookup:
    def ask(devices: list[str]) -> Answer:
        """What the first source says, and of what it leaves out, the next."""
        found: dict[str, DeviceInfo] = {}
        for source in sources:
            if left := [device for device in devices if device not in found]:
                found |= source.describe(left, PATIENCE)
        return Answer(found) if found else AWAY

    return ask
