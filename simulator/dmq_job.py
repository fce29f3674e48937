"""One job of the simulated DMQ server on a channel of its own: its samples, its settings, its end (dmq.md 5, 10)."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pika
from pika.channel import Channel

from gateway.core.drf import DataRequest, Property
from gateway.core.errors import BadRequest, ProtocolError
from gateway.core.status import OK, Status
from gateway.core.values import Value
from gateway.wire.dmq import ErrorSample, Sample, decode_sample
from gateway.wire.dmq_burst import EARLIEST, LATEST, Burst
from gateway.wire.dmq_connection import ServerJob
from gateway.wire.dmq_envelope import DROP, LONGEST_KEY, READING_PREFIX, Envelope
from gateway.wire.dmq_states import INVALID_DATA_TYPE, INVALID_REQUEST, SECURITY_VIOLATION, Kind, State, Timers, What
from simulator.dmq_guard import Context
from simulator.dmq_samples import UNKNOWN_DEVICE, apply_sample, error_sample, refusal_sample, sample_of, units_of
from simulator.facility import Facility
from simulator.schedule import Schedule, Tick

_log = logging.getLogger(__name__)
_SILENCE_S = 5.0  # until a front end that does not answer becomes a status (dpm-http.md 10)
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Rules:
    """How the server behaves where servers may differ, and where a test wants it to (dmq.md 10)."""

    timers: Timers = field(default_factory=Timers)
    unknown: Status = UNKNOWN_DEVICE  # of a device that does not exist
    pending_delay: float = 0.0  # s, of PENDING
    pending: bool = True
    correlation: bool = True  # False: the results of settings have an empty one, as the Java server sends them
    with_ticket: bool = False  # a job ends with the ticket of its INIT; the real server is not known to (4.4)
    refuse_nowhere: bool = False  # refusals of what cannot be built go to R.null


class BadInit(ValueError):
    """An INIT whose requests cannot be served; the text is for the client."""


def requests_of(job: ServerJob) -> dict[str, DataRequest]:
    """The requests of a job by their strings; BadInit names the first that is bad: the whole job fails (8)."""
    if not job.entries:
        raise BadInit("Empty request")
    found = {}
    for entry in job.entries:
        if len((READING_PREFIX + entry).encode()) > LONGEST_KEY:
            raise BadInit(f"Request too long: {entry[:40]}...")
        try:
            found[entry] = DataRequest.parse(entry)
        except BadRequest:
            raise BadInit(f"Invalid data request: {entry}") from None
        if found[entry].is_foreign:
            raise BadInit(f"Invalid data request: {entry}")
    return found


Sent = Callable[[int, DataRequest, Value], None]
# places, ms, values; how many were sent: none when the broker is too slow; None: send them one by one
SendNumbers = Callable[[list[int], int, list[float]], int | None]


class SimulatedJob:
    """A job that was accepted. `send` publishes an envelope to the client's exchange."""

    def __init__(
        self,
        facility: Facility,
        state: ServerJob,
        requests: dict[str, DataRequest],
        context: Context | None,
        rules: Rules,
        send: Callable[[Envelope], None],
        sent: Sent,
        now: float,
        send_numbers: SendNumbers,
    ) -> None:
        self._facility, self.state, self._requests, self.context = facility, state, requests, context
        self._rules, self._send, self._sent, self._send_numbers = rules, send, sent, send_numbers
        self._ends = now + context.lifetime if rules.with_ticket and context is not None else _NEVER
        self._entries = list(requests)
        self._schedule: Schedule | None = None
        self._late: deque[tuple[float, Callable[[], None]]] = deque()  # answers to settings, in order, and when
        self._pending_at = now + rules.pending_delay if rules.pending else _NEVER
        self.units = {entry: units_of(one, facility.spec(one.device)) for entry, one in requests.items()}

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state.state is State.OVER

    def begin(self, now_ns: int, now: float) -> None:
        """PENDING, and the first samples of a reading job."""
        self.tick(now_ns, now, heartbeats=False)
        if self.state.kind is Kind.READING and not self.over:
            found = {entry: self._facility.check(request) for entry, request in self._requests.items()}
            for entry, status in found.items():
                if status != OK:
                    refusal = refusal_sample(self._facility, self._requests[entry], status, now_ns, self._rules.unknown)
                    self._say(entry, refusal)
            good = [(place, self._requests[entry]) for place, entry in enumerate(self._entries) if found[entry] == OK]
            self._schedule = Schedule(self._facility, good, now_ns)
            self.tick(now_ns, now, heartbeats=False)

    def next(self, now_ns: int, now: float) -> float:
        """Seconds until `tick` has something to do."""
        due = min(self.state.due, self._pending_at, self._late[0][0] if self._late else _NEVER) - now
        next_ns = self._schedule.next_ns() if self._schedule else None
        return max(0.0, due if next_ns is None else min(due, (next_ns - now_ns) / 1e9))

    def tick(self, now_ns: int, now: float, heartbeats: bool = True) -> None:
        """Do what is due; a client that was silent for too long is forgotten without a word (5.6)."""
        if self.state.lost(now) or now >= self._ends:
            self.state.receive(Envelope(DROP), now)
        if self.over:
            return
        if now >= self._pending_at:
            self._pending_at = _NEVER
            self._send(self.state.pending(now_ns // 1_000_000))
        while self._late and self._late[0][0] <= now:
            self._late.popleft()[1]()
        for tick in self._schedule.take(now_ns) if self._schedule else ():
            for entry, sample in self._samples(tick, now_ns):
                self._say(entry, sample)
        if self.state.beats(now) and heartbeats:
            self._send(self.state.beat())

    def again(self, now_ns: int) -> None:
        """The same INIT came again: PENDING again."""
        self._send(self.state.pending(now_ns // 1_000_000))

    def setting(self, drf: str, envelope: Envelope, reason: str, now_ns: int, now: float) -> None:
        """An S whose signature was looked at: apply it, and answer once, in the order of arrival."""
        request = self._requests.get(drf)
        sample: ErrorSample
        late = False
        if reason:
            sample = error_sample(SECURITY_VIOLATION, now_ns, f"Security violation: {reason}")
        elif request is None or self.state.kind is Kind.READING:
            sample = error_sample(INVALID_REQUEST, now_ns, f"Not a setting of this job: {drf}")
        else:
            late = self._facility.silent(request)
            sample = self._applied(request, envelope.body, now_ns)
        correlation = envelope.message_id if self._rules.correlation else ""
        due = max(now + _SILENCE_S if late else now, self._late[-1][0] if self._late else now)
        self._late.append((due, lambda: self._say(drf, sample, correlation)))
        self.tick(now_ns, now)

    def _applied(self, request: DataRequest, body: bytes, now_ns: int) -> ErrorSample:
        try:
            wished = decode_sample(body)
        except ProtocolError as error:
            return error_sample(INVALID_DATA_TYPE, now_ns, str(error))
        if isinstance(wished, ErrorSample):
            return error_sample(INVALID_DATA_TYPE, now_ns, "An error cannot be set")
        status = apply_sample(self._facility, request, wished, now_ns)
        if self._facility.spec(request.device) is None:
            return error_sample(self._rules.unknown, now_ns, f"Device not found: {request.device}")
        return error_sample(status, now_ns)

    def _samples(self, tick: Tick, now_ns: int) -> Iterator[tuple[str, Sample | ErrorSample]]:
        singles = [(single.tag, single.value, single.status) for single in tick.others]
        tags, values = tick.tags.tolist(), tick.values.tolist()
        sent = self._send_numbers(tags, tick.stamp_ns // 1_000_000, values) if tags else None
        if sent is not None:
            self.state.sends(What.ANSWER)
            for tag, value in zip(tags[:sent], values, strict=False):
                self._sent(tick.stamp_ns // 1_000_000, self._requests[self._entries[tag]], value)
            tags, values = [], []
        numbers = zip(tags, values, strict=True)
        for tag, value, status in (*((tag, value, OK) for tag, value in numbers), *singles):
            entry = self._entries[tag]
            if value is None:
                yield entry, error_sample(status, now_ns)
            else:
                self._sent(tick.stamp_ns // 1_000_000, self._requests[entry], value)
                yield entry, sample_of(self._requests[entry], value, tick.stamp_ns, self.units[entry])

    def _say(self, entry: str, sample: Sample | ErrorSample, correlation_id: str | None = None) -> None:
        try:
            self._send(self.state.answer(entry, sample, correlation_id))
        except ProtocolError as error:  # a key of somebody's own making, or a text that the encoding has not
            _log.warning("an answer cannot be sent: %s", error)


@dataclass(slots=True, eq=False)
class Client:
    """The channel of one job, its queue, and the job once it was accepted."""

    init: Envelope
    channel: Channel
    exchange: str
    queue: str = ""
    job: SimulatedJob | None = None
    burst: Burst | None = None  # what sends the numbers of the job in one piece
    held: list[Envelope] = field(default_factory=list)  # taken while the server hangs

    def frames(self, places: list[int], stamp_ms: int, values: list[float]) -> bytes:
        """What publishes these numbers; nothing where they must go one by one."""
        if self.burst is None or not EARLIEST <= stamp_ms < LATEST << 32:
            return b""
        return self.burst.frames(places, stamp_ms, values)


def burst_of(job: SimulatedJob, requests: dict[str, DataRequest], channel: int, exchange: str) -> Burst | None:
    """What sends its numbers; None where some of them are no doubles, or bear a unit that cannot be written."""
    if job.state.kind is Kind.SETTING or any(one.property is Property.INDEX for one in requests.values()):
        return None
    try:
        return Burst(channel, exchange, dict(enumerate(job.units.items())))
    except ProtocolError:
        return None


def publish(channel: Channel, exchange: str, envelope: Envelope) -> None:
    """Put an envelope on its way."""
    properties = pika.BasicProperties(**envelope.properties())  # type: ignore[arg-type]  # each by its own type
    channel.basic_publish(exchange, envelope.key, envelope.body, properties)
