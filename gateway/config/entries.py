"""Device entries: what of a checked DeviceEntry only the language of ACNET and the other sections can judge."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.config.backend_url import BackendUrl
from gateway.config.config import DeviceConfig
from gateway.config.models import DeviceEntry, ReadWrite
from gateway.config.problems import Path, Places, suggestion
from gateway.core.drf import DataRequest, DrfRange, Property
from gateway.core.drf_events import DrfEvent, parse_event
from gateway.core.errors import BadConfig, BadRequest

DEFAULT_EVENT = parse_event("P,1000,TRUE")  # drf.md 13
FASTEST_MS = 67  # below it the server rounds, or serves another protocol (drf.md 12.2)
_FIELDS = {  # which fields have a PV of their own
    Property.READING: ("SCALED", "PRIMARY", "RAW"),
    Property.SETTING: ("SCALED", "PRIMARY", "RAW"),
    Property.STATUS: (None, "ALL"),
    Property.CONTROL: (None, "SCALED"),
}


class Entries:
    """Turns entries into DeviceConfigs; gathers notes as it goes. `urls` are the backends that are usable."""

    def __init__(self, urls: Mapping[str, BackendUrl], names: tuple[str, ...], places: Places) -> None:
        self._urls = urls
        self._names = names  # of all backends that were written, usable or not
        self._places = places
        self.notes: dict[str, BadConfig] = {}  # by topic, so that ten thousand devices give one

    def device(self, entry: DeviceEntry, path: Path) -> DeviceConfig:
        """The device of one entry; BadConfig says what is wrong with it."""
        request = self._request(entry, path)
        event = self._event(entry, request, path)
        read, write = self._route(entry, path)
        if entry.writable:
            self._check_write(request, write, path)
        file, line = self._places.of(path)
        return DeviceConfig(entry, request.with_event(event), read, write, file, line)

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
            reason = f"{request.property_word} has no PVs; name READING, SETTING, STATUS or CONTROL"
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

    def _route(self, entry: DeviceEntry, path: Path) -> tuple[str, str]:
        route = entry.backend
        if route is None:
            if len(self._names) != 1:
                reason = f"is required where there are several backends; write one of {', '.join(self._names)}"
                raise self._wrong(path, "backend", reason)
            return self._names[0], self._names[0]
        if isinstance(route, ReadWrite):
            read, write = route.read, route.write
        elif isinstance(route, str):
            read = write = route
        else:
            read = write = route[0]
            if len(route) > 1:
                reason = f"a list of backends is not in this version; {read!r} is used, the others are ignored"
                self.note("route list", (*path, "backend"), "backend", reason)
        for name in (read, write, *(route if isinstance(route, tuple) else ())):
            if name not in self._names:
                raise self._wrong(path, "backend", f"unknown backend {name!r}; {suggestion(name, self._names)}")
        return read, write

    def _check_write(self, request: DataRequest, backend: str, path: Path) -> None:
        url = self._urls.get(backend)
        if url is not None and not url.capabilities.write:
            reason = (
                f"{request.device} is writable, but {backend!r} ({url.scheme}) cannot write; route writes elsewhere"
            )
            raise self._wrong(path, "writable", reason)
        if refused := request.for_writing().settable_reason():
            raise self._wrong(path, "writable", refused)
