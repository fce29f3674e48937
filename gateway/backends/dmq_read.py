"""One-shot reads: a reading job that is dropped when every entry has answered (dmq.md 5.3)."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.backends.dmq_channel import JobChannel
from gateway.backends.dmq_line import Line
from gateway.backends.dmq_readings import Answered, addressed, reading_of
from gateway.backends.dpm_read import refusal
from gateway.core.drf import DataRequest
from gateway.core.drf_events import IMMEDIATE
from gateway.core.status import BAD_REQUEST, DISCONNECTED, REQTMO, Status
from gateway.core.values import Reading
from gateway.wire.dmq_connection import Answer, Event, Refusal
from gateway.wire.dmq_states import INVALID_REQUEST, Kind

JOB_SIZE = 500  # entries of one job


def parts_of(entries: tuple[str, ...], message: str) -> list[tuple[str, ...]]:
    """A job that was refused for one bad entry in smaller ones: the entry that the message names, or halves.

    A server refuses the whole job for one request that it cannot parse (8); the others shall not suffer.
    """
    named = tuple(entry for entry in entries if entry in message)
    if len(named) == 1:
        return [named, tuple(entry for entry in entries if entry != named[0])]
    half = len(entries) // 2
    return [entries[:half], entries[half:]]


@dataclass(slots=True)
class Answers:
    """What came, by the text of the request; `status` and `message` are for those without an answer."""

    samples: dict[str, Answered] = field(default_factory=dict)
    refused: dict[str, tuple[Status, str]] = field(default_factory=dict)
    status: Status = REQTMO
    message: str = "no answer in time"


class Call:
    """One call of `read` on the thread of the line: its jobs, until all entries have an answer."""

    def __init__(self, line: Line, entries: Sequence[str], finished: threading.Event) -> None:
        self._line, self._waiting, self._finished = line, set(entries), finished
        self.entries = tuple(entries)
        self._jobs: list[_OneShot] = []
        self._over = False
        self.answers = Answers()

    def begin(self) -> None:
        """Open the jobs. The line must be up."""
        for first in range(0, len(self.entries), JOB_SIZE):
            self.open(self.entries[first : first + JOB_SIZE])

    def open(self, entries: tuple[str, ...]) -> None:
        """A job for some of the entries."""
        job = _OneShot(self, entries)
        self._jobs.append(job)
        job.channel = self._line.open(Kind.READING, entries, job)

    def answered(self, entry: str, sample: Answered) -> None:
        """The first answer counts."""
        if entry in self._waiting:
            self.answers.samples[entry] = sample
            self._done((entry,))

    def refused(self, entries: tuple[str, ...], status: Status, message: str) -> None:
        """A job was refused."""
        if status == INVALID_REQUEST and len(entries) > 1 and not self._over:
            for part in parts_of(entries, message):
                self.open(part)
            return
        self.answers.refused.update((entry, (status, message)) for entry in entries if entry in self._waiting)
        self._done(entries)

    def failed(self, entries: tuple[str, ...], status: Status, reason: str) -> None:
        """A job was lost, or there was none."""
        self._line.note(reason)
        self.answers.status, self.answers.message = status, reason
        self._done(entries)

    def end(self) -> None:
        """Nobody waits any more."""
        self._over = True
        for job in self._jobs:
            if job.channel is not None:
                job.channel.close()

    def _done(self, entries: tuple[str, ...]) -> None:
        self._waiting.difference_update(entries)
        if not self._waiting:
            self._finished.set()


class _OneShot:
    """The listener of one of its jobs."""

    def __init__(self, call: Call, entries: tuple[str, ...]) -> None:
        self._call, self._entries = call, entries
        self.channel: JobChannel | None = None

    def heard(self, event: Event) -> None:
        if isinstance(event, Answer):
            self._call.answered(event.entry, event.sample)
        elif isinstance(event, Refusal):
            self._call.refused(self._entries, event.status, event.message)

    def returned(self, message_id: str) -> None:
        """Reading jobs send no settings."""

    def lost(self, status: Status, reason: str) -> None:
        self._call.failed(self._entries, status, reason)


class Reader:
    """All calls of `read` of one backend. A follower of the line; `read` and `ask` are for any thread."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: list[Call] = []  # for the line to come up
        self._lock = threading.Lock()
        self._finished: set[threading.Event] = set()
        self._closed = threading.Event()

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:
        """One Reading per request, in order; equal requests are asked once."""
        asked = [request.with_event(IMMEDIATE) for request in requests]
        reasons = [refusal(request) or addressed(one) for request, one in zip(requests, asked, strict=True)]
        texts = {one.key(): one.sent() for one, reason in zip(asked, reasons, strict=True) if reason is None}
        answers = self.ask(list(texts.values()), timeout)
        readings = []
        for request, one, reason in zip(requests, asked, reasons, strict=True):
            now_ns = self._line.now_ns()
            if reason is not None:
                readings.append(Reading(request, None, now_ns, BAD_REQUEST, reason))
            else:
                readings.append(_reading(request, texts[one.key()], answers, now_ns))
        return readings

    def ask(self, texts: Sequence[str], timeout: float) -> Answers:
        """The first answer to each text, as far as they come in time."""
        entries = list(dict.fromkeys(texts))
        if not entries:
            return Answers()
        finished = threading.Event()
        with self._lock:
            if self._closed.is_set():
                return Answers(status=DISCONNECTED, message="the backend is closed")
            self._finished.add(finished)
        call = Call(self._line, entries, finished)
        self._line.post(lambda: self._begin(call))
        finished.wait(timeout)
        with self._lock:
            self._finished.discard(finished)
            if self._closed.is_set():
                call.answers.status, call.answers.message = DISCONNECTED, "the backend is closed"
        self._line.post(lambda: self._end(call))
        found = call.answers
        return Answers(dict(found.samples), dict(found.refused), found.status, found.message)

    def close(self) -> None:
        """Free who waits."""
        with self._lock:
            self._closed.set()
            for finished in self._finished:
                finished.set()

    def _begin(self, call: Call) -> None:
        if self._line.up:
            call.begin()
        else:
            self._waiting.append(call)
            self._line.hurry()

    def _end(self, call: Call) -> None:
        if call in self._waiting:
            self._waiting.remove(call)
        call.end()

    def line_up(self) -> None:
        """See Follower."""
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call.begin()

    def line_lost(self, reason: str) -> None:
        """See Follower: who waits for the broker need not wait longer."""
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call.failed(call.entries, DISCONNECTED, reason)

    def tick(self) -> None:
        """See Follower: the deadlines are watched by the callers."""


def _reading(request: DataRequest, text: str, answers: Answers, now_ns: int) -> Reading:
    if text in answers.samples:
        return reading_of(request, answers.samples[text], now_ns)
    status, message = answers.refused.get(text, (answers.status, answers.message))
    return Reading(request, None, now_ns, status, message)
