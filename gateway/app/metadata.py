"""The device database of a gateway: asked at the start and from time to time, remembered on disk in between."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.app.adapters import ReadText, simulated
from gateway.backends.info_cache import InfoCache
from gateway.backends.open import ANONYMOUS
from gateway.backends.url_options import check_keys
from gateway.config.backend_url import BackendUrl
from gateway.config.config import Config, MetadataConfig
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import Property
from gateway.core.errors import BadInput, BadUrl
from gateway.core.ports import Clock, DeviceInfoSource
from gateway.plan.build import build_plan
from gateway.plan.known_names import Answer
from gateway.plan.model import DevicePlan, Plan
from gateway.plan.redescribe import redescribed
from gateway.runtime.worker import StopToken, SupervisedWorker

PATIENCE = 5.0  # s that a source may take, and a little more for each device
PATIENCE_EACH = 0.002  # s
RETRY = 10.0  # s until a database that was away is asked again
NEVER = -1.0  # the age of what nobody ever said
INSTALL = "pip install 'acgate[grpc]'"
log = logging.getLogger("acgate.metadata")
Apply = Callable[[Mapping[str, DevicePlan], int], None]  # devices, and the generation of the configuration they are of


class Home(NamedTuple):
    """Whose metadata they are."""

    gateway: str  # its name
    folder: Path  # of its configuration, which a relative name of the cache starts from


def home_of(config: Config) -> Home:
    """The home of a configuration."""
    return Home(config.gateway.name, Path(config.file).parent)


class Database(DeviceInfoSource, Protocol):
    """A source that says why it could not be asked, and can be closed."""

    @property
    def last_error(self) -> str:
        """Empty when it could be asked."""
        ...

    def look_up(self, devices: Sequence[str], timeout: float) -> dict[str, DeviceInfo]:
        """As `describe`, of names that nobody has configured: that one does not exist is not worth a line."""
        ...

    def close(self) -> None:
        """Free who waits. Safe to call twice."""
        ...


class Metadata:
    """The database and its cache. `describe` may be called from any thread."""

    def __init__(self, database: Database, cache: InfoCache, refresh: float, clock: Clock) -> None:
        self._database, self._cache, self._clock = database, cache, clock
        self._refresh = refresh
        self._served: tuple[str, ...] = ()  # the devices that were asked for and are known
        self._turn = threading.Lock()  # of whoever asks
        self.missing = 0  # devices of which nobody ever said anything
        self.cached = 0  # devices that are known by the cache alone

    def describe(self, devices: Iterable[str], only: Mapping[str, frozenset[Property]]) -> dict[str, DeviceInfo]:
        """What is known of each device, by the database or else by the cache; the log says how many by which."""
        with self._turn:
            return self._described(devices, only)

    def foretell(self, devices: Iterable[str], only: Mapping[str, frozenset[Property]]) -> dict[str, DeviceInfo]:
        """The same of devices that are not served, or not yet: nothing is counted or logged."""
        with self._turn:
            return self._ask(list(dict.fromkeys(devices)), only)

    def _ask(self, names: list[str], only: Mapping[str, frozenset[Property]]) -> dict[str, DeviceInfo]:
        return self._cache.describe(names, PATIENCE + PATIENCE_EACH * len(names), only)

    def _described(self, devices: Iterable[str], only: Mapping[str, frozenset[Property]]) -> dict[str, DeviceInfo]:
        names = list(dict.fromkeys(devices))
        before = self.cached, self.missing
        found = self._ask(names, only)
        self._served = tuple(found)
        self.cached = sum(not self._cache.answered(name) for name in found)
        self.missing = len(names) - len(found)
        if (self.cached, self.missing) != before and (self.cached or self.missing):
            log.warning(
                "%d of %d devices are described by the cache, up to %.0f s old, and %d by nobody: %s",
                self.cached, len(names), self.age(), self.missing, self.error or "the device database left them out",
            )  # fmt: skip
        elif before != (0, 0) and not (self.cached or self.missing):
            log.info("the device database describes all %d devices again", len(names))
        return found

    def look_up(self, devices: list[str]) -> Answer:
        """What the database says now of devices that nobody has configured; where it is away, what it said once."""
        found = self._database.look_up(devices, PATIENCE)
        complete = not self._database.last_error
        self._cache.remember({name: info for name, info in found.items() if info.exists})
        if not complete:
            found = self._cache.known(devices) | found
        return Answer(found, complete)

    @property
    def error(self) -> str:
        """Why the database could not be asked last; empty when it could."""
        return self._database.last_error

    @property
    def pause(self) -> float | None:
        """s until the database is to be asked again; None: never."""
        if not self._refresh:
            return None
        return min(RETRY, self._refresh) if self.error else self._refresh

    def age(self) -> float:
        """s since the database said the oldest of what is served now; NEVER when nothing is."""
        return max((self.age_of(name) for name in self._served), default=NEVER)

    def age_of(self, device: str) -> float:
        """s since the database described a device; NEVER when it never did."""
        stamp_ns = self._cache.stamp_ns(device)
        return NEVER if stamp_ns is None else max(0.0, (self._clock.now_ns() - stamp_ns) / 1e9)

    def close(self) -> None:
        """Free who waits. Safe to call twice."""
        self._database.close()


class Refresh:
    """Asks the database again and again, and hands over the devices that it describes in another way.

    `apply` is called on the worker's thread with devices of the running plan as they are from now on, and with the
    generation of its configuration: what crosses a reload on its way is to be left out, and is found again.
    """

    def __init__(
        self, metadata: Metadata, config: Config, plan: Plan, infos: Mapping[str, DeviceInfo],
        only: Mapping[str, frozenset[Property]], clock: Clock, apply: Apply,
    ) -> None:  # fmt: skip
        self._metadata, self._config, self._apply, self._only = metadata, config, apply, only
        self._plans, self._infos = dict(plan.devices), dict(infos)
        self._generation = 1
        self._said: set[str] = set()
        self._lock = threading.Lock()  # held while it looks, and while it is told of another configuration
        self._worker = SupervisedWorker("metadata", self._run, lambda _: None, clock=clock)

    def start(self) -> None:
        """Start the worker."""
        self._worker.start()

    def stop(self, timeout: float) -> bool:
        """End the worker, waiting `timeout` seconds at most; False when it still runs."""
        self._worker.signal_stop()
        self._metadata.close()
        return self._worker.stop(timeout)

    def _run(self, token: StopToken) -> None:
        while (pause := self._metadata.pause) is not None and not token.wait(pause):
            self.look()

    def renew(
        self, config: Config, plans: Mapping[str, DevicePlan], infos: Mapping[str, DeviceInfo],
        only: Mapping[str, frozenset[Property]], generation: int,
    ) -> None:  # fmt: skip
        """Go on with another configuration. Blocks while it looks."""
        with self._lock:
            self._generation = generation
            self._config, self._only, self._plans, self._infos = config, only, dict(plans), dict(infos)

    def look(self) -> None:
        """Ask once."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        found = self._metadata.describe((device.request.device for device in self._config.devices), self._only)
        news = {name for name, info in found.items() if info != self._infos.get(name)}
        if not news:
            return
        entries = tuple(device for device in self._config.devices if device.request.device in news)
        self._infos |= {name: found[name] for name in news}
        try:
            fresh, warnings = build_plan(replace(self._config, devices=entries), self._infos)
        except BadInput as error:  # such as a length that nobody knows any more
            self._say(f"what the device database says now cannot be served: {error}")
            return
        changed = {}
        for name, device in fresh.devices.items():
            changed[name], left_out = redescribed(self._plans[name], device)
            for sentence in left_out:
                self._say(f"{name}: {sentence}")
        for warning in warnings:
            self._say(warning)
        self._plans |= changed
        log.info("the device database describes %d devices in another way now", len(changed))
        self._apply(changed, self._generation)

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            log.warning("%s", sentence)


def open_metadata(
    config: MetadataConfig, home: Home, clock: Clock, environment: Mapping[str, str], read_text: ReadText
) -> Metadata:
    """The database that is configured; BadInput where it cannot be. A simulated one needs neither file nor looks."""
    if config.url.scheme == "sim":
        simulation = simulated("metadata", config.url, ANONYMOUS, clock, read_text)
        return Metadata(simulation, InfoCache(simulation, None, clock), 0.0, clock)
    database = _devdb(config.url, clock)
    return Metadata(database, InfoCache(database, cache_path(config, home, environment), clock), config.refresh, clock)


def cached_only(config: MetadataConfig, home: Home, clock: Clock, environment: Mapping[str, str]) -> InfoCache:
    """What is on disk, without asking anybody."""
    return InfoCache(None, cache_path(config, home, environment), clock)


def cache_path(config: MetadataConfig, home: Home, environment: Mapping[str, str]) -> Path | None:
    """The file of the cache; None where there shall be none, or where nobody can say which it is."""
    if config.cache == "off":
        return None
    if config.cache != "auto":
        return home.folder / config.cache
    caches = environment.get("XDG_CACHE_HOME") or (f"{environment['HOME']}/.cache" if environment.get("HOME") else "")
    return Path(caches) / "acgate" / f"{home.gateway}-metadata.json" if caches else None


def _devdb(url: BackendUrl, clock: Clock) -> Database:
    check_keys(url, "tls")
    tls = url.query.get("tls", "off")
    if tls not in ("on", "off"):
        raise BadUrl(f"{str(url)!r}: tls={tls} is neither on nor off")
    try:
        from gateway.backends.devdb_grpc import DevdbSource
    except ImportError as error:
        raise BadInput(f"metadata: {url.scheme} needs {error.name}; {INSTALL}") from None
    return DevdbSource(url.host, url.port, clock=clock, tls=tls == "on")
