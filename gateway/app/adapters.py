"""Backend URL -> adapter, of any scheme that this version has: where backends and simulator are put side by side."""

from collections.abc import Callable
from functools import partial

from gateway.app.config_file import read_text
from gateway.backends.open import ANONYMOUS, open_backend
from gateway.config.backend_url import BackendUrl
from gateway.config.config import Config
from gateway.config.models import Auth
from gateway.core.ports import Backend, Clock
from simulator.facility import load_facility, shipped_facility
from simulator.in_process import InProcessBackend

ReadText = Callable[[str], str]


def simulated(name: str, url: BackendUrl, auth: Auth, clock: Clock, read_text: ReadText) -> InProcessBackend:
    """The backend `sim:`; its path is a facility file, empty for the one that is shipped."""
    del auth
    facility = load_facility(read_text(url.path), url.path) if url.path else shipped_facility()
    return InProcessBackend(name, facility, clock)


def open_any(name: str, url: BackendUrl, clock: Clock, read_text: ReadText, auth: Auth = ANONYMOUS) -> Backend:
    """The backend of a URL; BadUrl for schemes that this version has not."""
    return open_backend(name, url, clock, auth, {"sim": partial(simulated, read_text=read_text)})


def open_backends(config: Config, clock: Clock) -> dict[str, Backend]:
    """Every backend that a device uses, or names on demand; what was opened is closed again when one cannot be."""
    used = {name for device in config.devices for name in device.route.names}
    if config.on_demand is not None:
        used |= set(config.on_demand.route.names)
    opened: dict[str, Backend] = {}
    try:
        for name in sorted(used):
            opened[name] = open_any(name, config.backends[name].url, clock, read_text, config.backends[name].auth)
    except BaseException:
        for backend in opened.values():
            backend.close()
        raise
    return opened
