"""The two ends of a job of DMQ, without I/O: what to send, and what a delivery means (dmq.md 5)."""

from collections import deque
from dataclasses import dataclass, replace
from typing import TypeAlias

from gateway.core.errors import ProtocolError
from gateway.core.status import RETRY, Status
from gateway.wire import dmq
from gateway.wire.dmq_envelope import (
    ALIVE,
    BEAT,
    DROP,
    INIT,
    JOB,
    NOWHERE,
    READING_PREFIX,
    SETTING_PREFIX,
    Envelope,
    key_of,
)
from gateway.wire.dmq_states import PENDING, Job, Kind, State, Timers, What


@dataclass(frozen=True, slots=True)
class Pending:
    """The job was accepted; settings may go out."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a server says of one entry: in a reading job its DRF, in a setting job the message id of the S."""

    entry: str
    sample: dmq.Sample | dmq.ErrorSample | None  # None: it cannot be understood


@dataclass(frozen=True, slots=True)
class Refusal:
    """The whole job failed."""

    status: Status
    message: str


Event: TypeAlias = Pending | Answer | Refusal


def status_of(sample: dmq.ErrorSample) -> Status:
    """The status in an ErrorSample; 1/-1 for numbers that are none."""
    try:
        return Status.from_split(sample.facility_code, sample.error_number)
    except ProtocolError:
        return RETRY


class ClientJob(Job):
    """The client's end. `settings` that have no answer yet are answered in order, unless the answer says which."""

    def __init__(self, kind: Kind, entries: tuple[str, ...], now: float, timers: Timers | None = None) -> None:
        super().__init__(kind, entries, now, timers or Timers())
        self._message_id = ""
        self._known = frozenset(entries)
        self._open: deque[str] = deque()  # message ids of settings without an answer, oldest first

    def init(self, message_id: str, reply_to: str, app_id: str, host_address: bytes) -> Envelope:
        """The INIT, without token and signature. ProtocolError when an entry cannot be addressed."""
        for entry in self.entries:
            key_of(SETTING_PREFIX, entry)
        made = dmq.ReadingRequest if self.kind is Kind.READING else dmq.SettingRequest
        body = dmq.encode(made(self.entries))
        self.sends(What.INIT)
        self._message_id = message_id
        return Envelope(INIT, body, message_id, None, reply_to, app_id, host_address)

    def set(self, entry: str, body: bytes, message_id: str, host_address: bytes) -> Envelope:
        """An S for one entry, without signature."""
        self.sends(What.SET)
        self._open.append(message_id)
        return Envelope(key_of(SETTING_PREFIX, entry), body, message_id, host_address=host_address)

    def beat(self) -> Envelope:
        """A heartbeat; ask `beats` before."""
        self.sends(What.BEAT)
        return Envelope(BEAT)

    def drop(self) -> Envelope | None:
        """The courtesy at the end; None when there is nobody to tell."""
        if not self.takes(What.DROP):
            return None
        return Envelope(DROP)

    def receive(self, envelope: Envelope, now: float) -> Event | None:
        """What a delivery means; None: nothing. Never raises, whatever it holds (5.3, 5.5)."""
        if envelope.key == ALIVE:
            if self.takes(What.ALIVE):
                self.heard = now
            return None
        sample = _understood(envelope.body)
        if isinstance(sample, dmq.ErrorSample) and status_of(sample) == PENDING:
            return Pending() if self.takes(What.PENDING) else None
        return self._reading(envelope, sample) if self.kind is Kind.READING else self._setting(envelope, sample)

    def _reading(self, envelope: Envelope, sample: dmq.Sample | dmq.ErrorSample | None) -> Event | None:
        ref = 0 if sample is None else sample.ref_id or 0
        if 1 <= ref <= len(self.entries):
            entry: str | None = self.entries[ref - 1]
        else:
            drf = envelope.key.removeprefix(READING_PREFIX)
            entry = drf if envelope.key.startswith(READING_PREFIX) and drf in self._known else None
        if entry is not None:
            return Answer(entry, sample) if self.takes(What.ANSWER) else None
        mine = (envelope.correlation_id or self._message_id) == self._message_id
        if isinstance(sample, dmq.ErrorSample) and ref == 0 and envelope.key in (JOB, NOWHERE) and mine:
            return self._refused(sample)
        return None

    def _setting(self, envelope: Envelope, sample: dmq.Sample | dmq.ErrorSample | None) -> Event | None:
        if isinstance(sample, dmq.ErrorSample) and envelope.key == JOB:
            said = envelope.correlation_id
            if said == self._message_id or (not said and self.state is State.ASKED):
                return self._refused(sample)
        if not self._open or not self.takes(What.ANSWER):
            return None
        wanted = envelope.correlation_id
        message_id = wanted if wanted in self._open else self._open[0]
        assert message_id is not None
        self._open.remove(message_id)
        return Answer(message_id, sample)

    def _refused(self, sample: dmq.ErrorSample) -> Refusal | None:
        return Refusal(status_of(sample), sample.message or "") if self.takes(What.REFUSAL) else None


def _understood(body: bytes) -> dmq.Sample | dmq.ErrorSample | None:
    """The sample in a body; what cannot be understood still counts for its entry (5.3 rule 2, 6.7)."""
    try:
        return dmq.decode_sample(body)
    except ProtocolError:
        return None


class ServerJob(Job):
    """The server's end, made of an INIT that was found good. What it says carries no signature."""

    def __init__(self, init: Envelope, now: float, timers: Timers | None = None) -> None:
        message = dmq.decode_init(init.body)
        kind = Kind.READING if isinstance(message, dmq.ReadingRequest) else Kind.SETTING
        super().__init__(kind, tuple(dict.fromkeys(message.data_request)), now, timers or Timers())
        self.message_id = init.message_id
        self.takes(What.INIT)

    def pending(self, time_ms: int) -> Envelope:
        """The job is accepted; of a setting job only once its queue is bound (5.2)."""
        self.sends(What.PENDING)
        return error_envelope(PENDING, "", time_ms, self.message_id)

    def refuse(self, status: Status, message: str, time_ms: int, key: str = JOB) -> Envelope:
        """The job is over. On `R.null` a refusal bears no correlation (2.5)."""
        self.sends(What.REFUSAL)
        return error_envelope(status, message, time_ms, self.message_id if key == JOB else None, key)

    def answer(self, entry: str, sample: dmq.Sample | dmq.ErrorSample, correlation_id: str | None = None) -> Envelope:
        """What is to be said of an entry; `entry` is byte for byte that of the INIT, or of the key of an S."""
        body = dmq.encode(sample)
        self.sends(What.ANSWER)
        return Envelope(key_of(READING_PREFIX, entry), body, correlation_id=correlation_id)

    def beat(self) -> Envelope:
        """A heartbeat; ask `beats` before."""
        self.sends(What.ALIVE)
        return Envelope(ALIVE)

    def receive(self, envelope: Envelope, now: float) -> str | None:
        """The DRF that is to be set, if the message is an S; heartbeats and the end are taken note of."""
        if envelope.key == BEAT:
            if self.takes(What.BEAT):
                self.heard = now
        elif envelope.key == DROP:
            self.takes(What.DROP)
        elif envelope.key.startswith(SETTING_PREFIX) and self.state is State.OPEN:
            return envelope.key.removeprefix(SETTING_PREFIX)
        return None


def error_envelope(
    status: Status, message: str, time_ms: int, correlation_id: str | None = None, key: str = JOB
) -> Envelope:
    """A status on its own, for a whole job; characters that the encoding has not become question marks."""
    text = message.encode("latin-1", "replace").decode("latin-1") or None
    sample = dmq.ErrorSample(status.facility, status.number, time_ms, message=text)
    return replace(Envelope(key, dmq.encode(sample)), correlation_id=correlation_id)
