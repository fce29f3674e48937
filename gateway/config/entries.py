"""Device entries: what of a checked DeviceEntry only the language of ACNET and the other sections can judge."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from gateway.config.backend_url import SCHEMES
from gateway.config.config import BackendConfig, DeviceConfig
from gateway.config.models import DeviceEntry, ReadWrite
from gateway.config.polled import floor_of, polling_reason
from gateway.config.problems import Path, Places, suggestion
from gateway.core.drf import DataRequest, DrfRange, Property
from gateway.core.drf_events import DrfEvent, parse_event
from gateway.core.errors import BadConfig, BadRequest
from gateway.core.route import Route

Ability = Literal["read", "write"]


DEFAULT_EVENT = parse_event("P,1000,TRUE")  # drf.md 13
FASTEST_MS = 67  # below it the server rounds, or serves another protocol (drf.md 12.2)
_FIELDS = {  # which fields have a PV of their own
    Property.READING: ("SCALED", "PRIMARY", "RAW"),
    Property.SETTING: ("SCALED", "PRIMARY", "RAW"),
    Property.STATUS: (None, "ALL"),
    Property.CONTROL: (None, "SCALED"),
    Property.ANALOG: ("ALL",),
    Property.DIGITAL: ("ALL",),
}


class Entries:
    """Turns entries into DeviceConfigs; gathers notes as it goes. `backends` are those that are usable."""

    def __init__(self, backends: Mapping[str, BackendConfig], names: tuple[str, ...], places: Places) -> None:
        self._backends = backends
        self._names = names  # of all backends that were written, usable or not
        self._places = places
        self.notes: dict[str, BadConfig] = {}  # by topic, so that ten thousand devices give one

    def device(self, entry: DeviceEntry, path: Path) -> DeviceConfig:
        """The device of one entry; BadConfig says what is wrong with it."""
        request = self._request(entry, path)
        event = self._event(entry, request, path)
        route = self._route(entry, path)
        for name in route.read:
            self._check_polled(name, event, path)
        if entry.writable:
            self._check_write(request, path)
        file, line = self._places.of(path)
        return DeviceConfig(entry, request.with_event(event), route, file, line)

    def note(self, topic: str, path: Path, key: str, reason: str) -> None:
        """Remember what will not work as written, once per topic."""
        self.notes.setdefault(topic, self._places.problem(path, reason, key))

    def _wrong(self, path: Path, key: str, reason: str) -> BadConfig:
        return self._places.problem((*path, key), reason, key)

    def _request(self, entry: DeviceEntry, path: Path) -> DataRequest:
        if " " in entry.device:
            raise self._wrong(path, "device", f"{entry.device!r} holds a space; take it out")
        try:
            request = DataRequest.parse(entry.device)
        except BadRequest as error:
            raise self._wrong(path, "device", f"invalid data request {error}") from None
        if reason := request.gateway_reason():
            raise self._wrong(path, "device", reason)
        fields = None if request.property is None else _FIELDS.get(request.property)
        if fields is None:
            reason = f"{request.property_word} has no PVs; name READING, SETTING, STATUS, CONTROL, ANALOG or DIGITAL"
            raise self._wrong(path, "device", reason)
        if request.field not in fields:
            reason = f"the field {request.field} of {request.property_word} has no PV of its own; leave it out"
            raise self._wrong(path, "device", reason)
        if entry.length is not None and entry.length > 1 and request.range is None and not entry.text:
            request = replace(request, range=DrfRange(False, "span", 0, entry.length - 1))  # its first elements
        if reason := request.server_reason():
            self.note(f"server {request}", (*path, "device"), "device", f"{entry.device}: {reason}")
        return request

    def _event(self, entry: DeviceEntry, request: DataRequest, path: Path) -> DrfEvent:
        event = request.event
        if entry.event is not None:
            if event.mode != "U":
                raise self._wrong(path, "event", f"the event stands in the device {entry.device!r} too; leave one out")
            try:
                event = parse_event(entry.event)
            except BadRequest as error:
                raise self._wrong(path, "event", f"invalid event {error}") from None
        elif event.mode == "U":
            event = DEFAULT_EVENT
        if not event.repeats or event.mode == "U":  # the default event may give nothing at all (drf.md 7.6)
            raise self._wrong(path, "event", f"{event.text!r} gives no stream of readings; write for example p,1000")
        if event.period_ms is not None and event.period_ms < FASTEST_MS:
            reason = f"{event.text!r} is faster than the {FASTEST_MS} ms that servers keep; expect fewer readings"
            self.note(f"period {event.text}", (*path, "event"), "event", reason)
        return event

    def _route(self, entry: DeviceEntry, path: Path) -> Route:
        """The route of the device; of a plain list only those that can write are asked to."""
        written = entry.backend
        if written is None:
            if len(self._names) != 1:
                reason = f"is required where there are several backends; write one of {', '.join(self._names)}"
                raise self._wrong(path, "backend", reason)
            written = self._names
        split = isinstance(written, ReadWrite)
        read, write = (written.read, written.write) if isinstance(written, ReadWrite) else (written, written)
        for names in (read, write):
            for name in names:
                if name not in self._names:
                    raise self._wrong(path, "backend", f"unknown backend {name!r}; {suggestion(name, self._names)}")
                if names.count(name) > 1:
                    raise self._wrong(path, "backend", f"{name!r} stands twice; leave one out")
        for name in read:
            self._check(entry, name, "read", path)
        able = tuple(name for name in write if self._can(name, "write"))
        if entry.writable and (split or not able):
            for name in write:
                self._check(entry, name, "write", path)
        return Route(read, able)

    def _check(self, entry: DeviceEntry, name: str, ability: Ability, path: Path) -> None:
        """BadConfig when the backend cannot do what the device wants of it: says who can."""
        backend = self._backends.get(name)
        if backend is None:  # it is wrong itself, which is said where it stands
            return
        if not self._can(name, ability):
            word = f"{entry.device} is writable, but " if ability == "write" else ""
            reason = f"{word}{name!r} ({backend.url.scheme}) cannot {ability}; {self._who_can(ability)}"
            raise self._wrong(path, "writable" if ability == "write" else "backend", reason)
        if lacking := lacks_credentials(backend, ability):
            raise self._wrong(path, "backend", f"{entry.device}: {lacking}")

    def _check_polled(self, name: str, event: DrfEvent, path: Path) -> None:
        """BadConfig when a backend that is polled would have to be polled too fast, or not by periods."""
        backend = self._backends.get(name)
        if backend is None or not backend.url.capabilities.polled:
            return
        if reason := polling_reason(event, floor_of(backend.url)):
            raise self._wrong(path, "event", f"{name!r} ({backend.url.scheme}): {reason}")

    def _can(self, name: str, ability: Ability) -> bool:
        backend = self._backends.get(name)
        if backend is None:
            return True
        can = backend.url.capabilities
        return can.write if ability == "write" else can.read and can.watch

    def _who_can(self, ability: Ability) -> str:
        """The remedy where a backend lacks an ability: those of this configuration that have it, or the schemes."""
        able = [f"{name!r} ({one.url.scheme})" for name, one in self._backends.items() if self._can(name, ability)]
        if able:
            return f"route {'writes' if ability == 'write' else 'it'} to {' or '.join(able)}"
        schemes = [
            s for s, row in SCHEMES.items() if (row.capabilities.write if ability == "write" else row.capabilities.read)
        ]
        return f"none of the configured backends can; schemes that can are {', '.join(schemes)}"

    def _check_write(self, request: DataRequest, path: Path) -> None:
        if refused := request.for_writing().settable_reason():
            raise self._wrong(path, "writable", refused)


def lacks_credentials(backend: BackendConfig, ability: Ability) -> str | None:
    """Why a service that knows nobody without credentials will not serve this backend; None when it may.

    Services that read for everybody and ask for credentials only where something is set are judged by the service:
    a test facility asks for none.
    """
    row = SCHEMES[backend.url.scheme]
    if not row.needs_credentials or backend.auth.kerberos is not None or backend.url.query.get("unsigned") == "yes":
        return None
    return (
        f"{backend.name!r} ({backend.url.scheme}) has no credentials, and the service answers nobody without "
        f"({row.credentials}); add 'auth: {{kerberos: {{}}}}' to the backend, or route {ability}s elsewhere"
    )
