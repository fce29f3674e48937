"""The life of one DPM list: requests under references, started and stopped as one (dpm-http.md 6). Pure.

Times are handed in. `handle` and `due` give what is to be sent, in order: messages, and ticks of many numbers.
Periods below 67 ms are served as asked, as Scalars. Who the client is, the identity knows.
"""

from dataclasses import dataclass
from typing import TypeAlias

from gateway.core.drf import DataRequest
from gateway.core.errors import BadRequest
from gateway.core.status import BAD_EVENT, BAD_REQUEST, OK, Status
from gateway.wire import dpm
from simulator.dpm_identity import Anybody, Identity
from simulator.dpm_replies import data_reply, device_info_reply, status_reply
from simulator.dpm_settings import apply_settings
from simulator.facility import Facility
from simulator.logger_data import LIVE, NO_SOURCE, logged, source_status, source_word
from simulator.schedule import Member, Schedule, Tick, effective_event
from simulator.set_order import SILENT_NS

HEARTBEAT_NS = 2_000_000_000

Outgoing: TypeAlias = dpm.Reply | Tick


@dataclass(slots=True)
class _Stored:
    """A request as it was added; `bad` says why it cannot be started."""

    request: DataRequest | None
    bad: Status = OK
    started: bool = False  # a one-shot that is done


class DpmList:
    """The requests of one connection. Not thread-safe; belongs to the loop of its server."""

    def __init__(self, list_id: int, facility: Facility, opened_ns: int, identity: Identity | None = None) -> None:
        self.list_id = list_id
        self.properties: dict[str, str] = {}
        self._facility, self._identity = facility, identity or Anybody()
        self._stored: dict[int, _Stored] = {}
        self._changed = True
        self._model = ""
        self._running: dict[int, DataRequest] = {}
        self._schedule = Schedule(facility, (), opened_ns)
        self._late: list[tuple[int, dpm.Reply]] = []
        self._beat_ns = opened_ns + HEARTBEAT_NS
        self._counted = False  # whether a reply went out since the last beat

    def request_of(self, ref_id: int) -> DataRequest | None:
        """The request that runs, or ran last, under a reference."""
        return self._running.get(ref_id)

    def handle(self, request: dpm.Request, now_ns: int) -> tuple[list[Outgoing], dpm.Reply | None]:
        """What a request brings on the stream, and the answer that belongs to it alone, if it has one."""
        stream: list[Outgoing] = []
        answer: dpm.Reply | None = None
        if isinstance(request, dpm.AddToList):
            stream = self._add(request, now_ns)
        elif isinstance(request, dpm.StartList):
            stream = self._start(request.model or "", now_ns)
            answer = dpm.StartListReply(self.list_id, 0)
        elif isinstance(request, dpm.StopList):
            self._schedule = Schedule(self._facility, (), now_ns)
        elif isinstance(request, dpm.ClearList):
            self._stored.clear()
            self._changed = True
        elif isinstance(request, dpm.RemoveFromList):
            self._stored.pop(request.ref_id, None)
            self._changed = True
        elif isinstance(request, dpm.ApplySettings):
            stream = self._apply(request, now_ns)
        elif isinstance(request, dpm.Authenticate):
            answer = self._identity.authenticate(request.token, now_ns)
        elif isinstance(request, dpm.EnableSettings):
            answer = self._identity.enable(request.mic, request.message)
        self._count(stream)
        return stream, answer

    def _count(self, stream: list[Outgoing]) -> None:
        """Answers to requests and heartbeats do not put off the next heartbeat (section 6.3)."""
        if any(not isinstance(item, dpm.ApplySettingsReply | dpm.ListStatusReply) for item in stream):
            self._counted = True

    def _add(self, message: dpm.AddToList, now_ns: int) -> list[Outgoing]:
        text = message.drf_request
        if text.startswith("#") and len(text) > 4:
            key, colon, rest = text[1:].partition(":")
            if key and colon:
                self.properties[key] = rest.partition(":")[0]
                return []
        self._changed = True
        try:
            self._stored[message.ref_id] = _Stored(DataRequest.parse(text))
        except BadRequest as error:
            bad = {"event": BAD_EVENT, "source": NO_SOURCE}.get(error.part, BAD_REQUEST)
            if error.part in ("event", "range") or len(text) < 3:  # the rest is found at StartList (section 7.2)
                self._stored.pop(message.ref_id, None)
                return [status_reply(message.ref_id, bad, now_ns)]
            self._stored[message.ref_id] = _Stored(None, bad)
        return []

    def _start(self, model: str, now_ns: int) -> list[Outgoing]:
        if not self._changed and model == self._model:
            return []
        self._changed, self._model = False, model
        stream: list[Outgoing] = []
        members: list[Member] = []
        history: list[tuple[int, DataRequest, str]] = []
        for ref_id, stored in sorted(self._stored.items()):
            if stored.started:
                continue
            status = self._startable(stored, now_ns)
            spec = self._facility.spec(stored.request.device) if stored.request else None
            if status != OK or stored.request is None or spec is None:
                stream.append(status_reply(ref_id, status, now_ns))
                continue
            request, source = stored.request, stored.request.source or model
            stream.append(device_info_reply(ref_id, request, spec))
            self._running[ref_id] = request
            is_live = source_word(source) in LIVE
            stored.started = not (is_live and effective_event(self._facility, request).repeats)
            if is_live:
                members.append((ref_id, request))
            else:
                history.append((ref_id, request, source))
        self._schedule = Schedule(self._facility, members, now_ns)
        for ref_id, request, source in history:
            stream += logged(self._facility, ref_id, request, source, now_ns)
        return stream

    def _startable(self, stored: _Stored, now_ns: int) -> Status:
        if stored.request is None:
            return stored.bad
        source = stored.request.source or self._model
        return source_status(source, now_ns) or self._facility.check(stored.request)

    def _apply(self, message: dpm.ApplySettings, now_ns: int) -> list[Outgoing]:
        stored = {ref_id: entry.request or entry.bad for ref_id, entry in self._stored.items()}
        role = self.properties.get("ROLE", "")
        reply, late = apply_settings(self._facility, stored, message, now_ns, self._identity, role)
        if late:
            self._late.append((now_ns + SILENT_NS, reply))
            return []
        return [reply]

    def next_ns(self) -> int:
        """When `due` has something to do next."""
        times = [self._beat_ns, *(time for time, _ in self._late)]
        scheduled = self._schedule.next_ns()
        return min(times if scheduled is None else [*times, scheduled])

    def due(self, now_ns: int) -> list[Outgoing]:
        """Data, late answers and the heartbeat that are due by now."""
        stream: list[Outgoing] = []
        for tick in self._schedule.take(now_ns):
            if len(tick.tags):
                stream.append(tick)
            for single in tick.others:
                if single.value is None:
                    stream.append(status_reply(single.tag, single.status, now_ns))
                else:
                    stream.append(data_reply(single.tag, single.value, tick.stamp_ns))
        self._count(stream)
        stream += [reply for time, reply in self._late if time <= now_ns]
        self._late = [(time, reply) for time, reply in self._late if time > now_ns]
        if now_ns >= self._beat_ns:
            if not self._counted:
                stream.append(dpm.ListStatusReply(self.list_id, 0))
            self._counted = False
            self._beat_ns += (now_ns - self._beat_ns) // HEARTBEAT_NS * HEARTBEAT_NS + HEARTBEAT_NS
        return stream
