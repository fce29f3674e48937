"""Settings over DMQ: one at a time per device, in order, each sent at most once (dmq.md 5.4, 5.5; P-10)."""

import threading
import uuid
from collections import deque
from collections.abc import Sequence

from gateway.backends.dmq_line import Line
from gateway.backends.dmq_readings import UNREADABLE, body_of, refusal
from gateway.backends.dmq_sessions import Session, SessionLimits, Sessions, Turn
from gateway.backends.kerberos_port import KerberosError
from gateway.core.drf_events import NEVER
from gateway.core.errors import ProtocolError
from gateway.core.status import BAD_REQUEST, DISCONNECTED, OK, PRIV, REQTMO, RETRY, Status
from gateway.core.values import Outcome, Setting, SettingResult
from gateway.wire.dmq import ErrorSample
from gateway.wire.dmq_connection import Answer, status_of

_NOTHING_SENT = "nothing was sent"
_UNKNOWN = "outcome unknown, not repeated"
_ATTEMPTS = 2  # sessions for one setting, as long as nothing was sent
_MARGIN = 0.5  # s that a caller waits beyond the deadline, for the thread of the line to say what became of it


class Wish(Turn):
    """One setting on its way. `published` says whether it may have reached the server."""

    def __init__(self, writer: "Writer", setting: Setting, body: bytes, deadline: float) -> None:
        self._writer, self.setting, self._body, self.deadline = writer, setting, body, deadline
        self.entry = setting.request.with_event(NEVER).sent()
        self.result: SettingResult | None = None
        self.done = threading.Event()
        self.published = False
        self.attempts = 0
        self.timer: object | None = None

    def ready(self, session: Session) -> None:
        """See Turn; PENDING may come again, the setting goes out once, and never after the caller has gone."""
        if self.published or session.channel is None:
            return
        if self._writer.late(self):
            self.expire()
            return
        try:
            self.published = session.channel.set(self.entry, self._body, str(uuid.uuid4()))
        except KerberosError as error:
            self.finish(PRIV, Outcome.REFUSED, f"{error}, {_NOTHING_SENT}", usable=False)

    def answered(self, answer: Answer) -> None:
        """See Turn."""
        if answer.sample is None:
            self.finish(RETRY, Outcome.UNKNOWN, f"{UNREADABLE}, {_UNKNOWN}", usable=False)
            return
        status, message = OK, ""
        if isinstance(answer.sample, ErrorSample):
            status, message = status_of(answer.sample), answer.sample.message or ""
        self.finish(status, Outcome.REFUSED if status.failed else Outcome.ACCEPTED, message)

    def refused(self, status: Status, message: str) -> None:
        """See Turn."""
        self.finish(status, Outcome.REFUSED, message, usable=False)

    def failed(self, status: Status, reason: str, reached_nobody: bool) -> None:
        """See Turn; what reached nobody may be sent again, in a new session."""
        if reached_nobody:
            self.published = False
        if self.published:
            self.finish(status, Outcome.UNKNOWN, f"{reason}, {_UNKNOWN}", usable=False)
        elif self.attempts < _ATTEMPTS and status == DISCONNECTED:
            self._writer.begin(self)
        else:
            self.finish(status, Outcome.REFUSED, f"{reason}, {_NOTHING_SENT}", usable=False)

    def expire(self) -> None:
        """Its time is over."""
        self.timer = None
        if self.published:
            self.finish(REQTMO, Outcome.UNKNOWN, f"no answer in time, {_UNKNOWN}", usable=False)
        else:
            self.finish(REQTMO, Outcome.REFUSED, f"no session in time, {_NOTHING_SENT}", usable=False)

    def finish(self, status: Status, outcome: Outcome, message: str, usable: bool = True) -> None:
        """Say what became of it, once."""
        if self.result is None:
            self.result = SettingResult(self.setting, status, outcome, message, sent=self.published)
            self._writer.finished(self, usable)


class Writer:
    """All settings of one backend: a queue for each device. A follower of the line; `write` is for any thread."""

    def __init__(self, line: Line, limits: SessionLimits) -> None:
        self._line = line
        self.sessions = Sessions(line, limits)
        self._lanes: dict[str, deque[Wish]] = {}  # by device, the first is under way
        self._waiting: list[Wish] = []  # for the line to come up
        self._starved: deque[Wish] = deque()  # for a session
        self._lock = threading.Lock()
        self._pending: set[Wish] = set()
        self._closed = threading.Event()

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:
        """One result per setting, in order; settings of different devices are under way at once."""
        deadline = self._line.now() + timeout
        found: list[SettingResult | Wish] = [self._wish(setting, deadline) for setting in settings]
        wishes = [one for one in found if isinstance(one, Wish)]
        with self._lock:
            if not self._closed.is_set():
                self._pending.update(wishes)
        self._line.post(lambda: self._queue(wishes))
        for wish in wishes:
            wish.done.wait(max(0.0, deadline + _MARGIN - self._line.now()))
        with self._lock:
            self._pending.difference_update(wishes)
        return [one if isinstance(one, SettingResult) else _outcome(one) for one in found]

    def close(self) -> None:
        """Free who waits."""
        with self._lock:
            self._closed.set()
            for wish in self._pending:
                wish.done.set()

    def _wish(self, setting: Setting, deadline: float) -> "SettingResult | Wish":
        if self._closed.is_set():
            return _not_sent(setting, DISCONNECTED, f"the backend is closed, {_NOTHING_SENT}")
        if found := refusal(setting):
            return _not_sent(setting, *found)
        try:
            return Wish(self, setting, body_of(setting, self._line.now_ns()), deadline)
        except ProtocolError as error:
            return _not_sent(setting, BAD_REQUEST, f"{error}, {_NOTHING_SENT}")

    def _queue(self, wishes: Sequence[Wish]) -> None:
        for wish in wishes:
            lane = self._lanes.setdefault(wish.setting.request.device, deque())
            lane.append(wish)
            if len(lane) == 1:
                self.begin(wish)

    def begin(self, wish: Wish) -> None:
        """Try to get a session for it; on the thread of the line, as all that follows."""
        if self.late(wish):
            wish.expire()
            return
        if wish.timer is None:
            wish.timer = self._line.later(wish.deadline - self._line.now(), wish.expire)
        if not self._line.up:
            self._waiting.append(wish)
            self._line.hurry()
            return
        wish.attempts += 1
        if not self.sessions.lend(wish.entry, wish):
            wish.attempts -= 1
            self._starved.append(wish)

    def late(self, wish: Wish) -> bool:
        """Whether its time is over."""
        return self._line.now() >= wish.deadline

    def finished(self, wish: Wish, usable: bool) -> None:
        """The next of its device, and those that wait for a session."""
        if wish.timer is not None:
            self._line.cancel(wish.timer)
        for queue in (self._waiting, self._starved):
            if wish in queue:
                queue.remove(wish)
        self.sessions.give_back(wish.entry, wish, usable)
        wish.done.set()
        device = wish.setting.request.device
        lane = self._lanes[device]
        lane.popleft()
        if not lane:
            del self._lanes[device]
        else:  # in a later turn of the loop, not from within this one: a thousand may have expired
            self._line.post(lambda: self._advance(device))
        if self._starved:
            self._line.post(self._feed)

    def _advance(self, device: str) -> None:
        """Begin the first wish of a device, unless it is under way."""
        lane = self._lanes.get(device)
        if lane and not lane[0].attempts and lane[0].timer is None:
            self.begin(lane[0])

    def _feed(self) -> None:
        """A session may be free: the one that waits for longest tries again."""
        if self._starved:
            self.begin(self._starved.popleft())

    def line_up(self) -> None:
        """See Follower."""
        waiting, self._waiting = self._waiting, []
        for wish in waiting:
            self.begin(wish)

    def line_lost(self, reason: str) -> None:
        """See Follower: nobody waits for a broker that is away."""
        waiting, self._waiting = self._waiting, []
        for wish in [*waiting, *self._starved]:
            wish.finish(DISCONNECTED, Outcome.REFUSED, f"{reason}, {_NOTHING_SENT}", usable=False)

    def tick(self) -> None:
        """See Follower."""
        self.sessions.expire()


def _outcome(wish: Wish) -> SettingResult:
    """What became of a wish; one that nobody answered for is said to be unknown, unless it was never sent."""
    if wish.result is not None:
        return wish.result
    if wish.published:
        return SettingResult(wish.setting, DISCONNECTED, Outcome.UNKNOWN, f"the backend was closed, {_UNKNOWN}")
    return _not_sent(wish.setting, DISCONNECTED, f"the backend was closed, {_NOTHING_SENT}")


def _not_sent(setting: Setting, status: Status, message: str) -> SettingResult:
    return SettingResult(setting, status, Outcome.REFUSED, message, sent=False)
