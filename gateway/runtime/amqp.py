"""AmqpLink: a connection to an AMQP broker that comes back by itself, and the one thread that touches it.

pika's connections belong to one thread (dmq.md 9). Here that thread never blocks: everything is a callback on pika's
own loop, so that it can end at any time, even while a broker hangs. Needs the extra `dmq`.
"""

import logging
import random
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote, urlsplit

import pika
from pika import exceptions
from pika.adapters.select_connection import IOLoop
from pika.channel import Channel

from gateway.core.errors import BadInput
from gateway.core.ports import Clock
from gateway.runtime.amqp_screen import Screen, StreamServices
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker

_log = logging.getLogger(__name__)
logging.getLogger("pika").setLevel(logging.CRITICAL)  # what it would report is told to the owner, once, for people
HEARTBEAT = 15  # s (dmq.md 2.1)
BLOCKED = 10.0  # s that a broker may hold up publishers
_GRACE = 0.7  # s for the goodbye at the end


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is, and the login; its text has no password."""

    host: str
    port: int = 5672
    vhost: str = "/"
    user: str = "guest"
    password: str = field(default="guest", repr=False)

    @classmethod
    def parse(cls, text: str) -> "Broker":
        """The broker of a URL such as amqp://guest:guest@127.0.0.1:5672/; BadInput says what is wrong."""
        shown = re.sub(r"//[^@/]*@", "//", text)  # the login stays out of messages
        try:
            url = urlsplit(text)
            port = url.port
        except ValueError:
            raise BadInput(f"{shown!r}: the host or the port is malformed; write amqp://127.0.0.1:5672/") from None
        if url.scheme != "amqp" or not url.hostname or port == 0 or url.query or url.fragment:
            raise BadInput(f"{shown!r} is no URL of an AMQP broker; write for example amqp://127.0.0.1:5672/")
        plain = cls(url.hostname)
        user, password = unquote(url.username or plain.user), unquote(url.password or plain.password)
        return cls(url.hostname, port or plain.port, unquote(url.path.removeprefix("/")) or plain.vhost, user, password)

    def __str__(self) -> str:
        return f"amqp://{self.host}:{self.port}/{'' if self.vhost == '/' else self.vhost}"


class Owner(Protocol):
    """Who uses a link. Everything is called on its thread."""

    def link_up(self) -> None:
        """The broker is there; channels can be opened."""
        ...

    def link_lost(self, reason: str) -> None:
        """The connection is lost, or an attempt has failed. All channels were closed before."""
        ...


class AmqpLink:
    """One connection. `post`, `start` and `stop` are for any thread; all else is for the thread of the link."""

    def __init__(
        self,
        name: str,
        broker: Broker,
        owner: Owner,
        clock: Clock,
        *,
        screen: Screen | None = None,
        timeout: float = 5.0,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name, self.broker = name, broker
        self._owner, self._chance, self._backoff = owner, chance, backoff or Backoff()
        self._clock, self._screen = clock, screen
        self._parameters = pika.ConnectionParameters(
            broker.host,
            broker.port,
            broker.vhost,
            pika.PlainCredentials(broker.user, broker.password),
            heartbeat=HEARTBEAT,
            blocked_connection_timeout=BLOCKED,
            connection_attempts=1,
            socket_timeout=timeout,
            stack_timeout=timeout,
            client_properties={"connection_name": name},
        )
        self._worker = SupervisedWorker(f"{name}-amqp", self._run, self._died, self._backoff, clock)
        self._posted: deque[Callable[[], None]] = deque()
        self._loop: IOLoop | None = None
        self._connection: pika.SelectConnection | None = None
        self._services: StreamServices | None = None  # of the connection
        self._pause: object | None = None  # the timer that runs until the next attempt
        self._attempt = 0
        self._ending = False
        self.ups = 0  # how often it came up, since the start

    @property
    def up(self) -> bool:
        """Whether channels can be opened. False already while the channels of a lost connection are told."""
        return self._connection is not None and self._connection.is_open

    def start(self) -> None:
        """Connect, and keep connected; once."""
        self._worker.start()

    def stop(self, timeout: float) -> bool:
        """Say goodbye and end the thread; False when it did not end in time. Safe to call twice."""
        self._worker.signal_stop()
        self.post(self._end)
        return self._worker.stop(timeout)

    def post(self, action: Callable[[], None]) -> None:
        """Do something on the thread of the link, in the order of the calls."""
        self._posted.append(action)
        loop = self._loop
        if loop is not None:
            loop.add_callback_threadsafe(self._obey)

    def later(self, seconds: float, action: Callable[[], None]) -> object:
        """Do something after so many seconds; give what is returned to `cancel`."""
        assert self._loop is not None
        return self._loop.call_later(seconds, action)

    def cancel(self, timer: object) -> None:
        """Do not do it."""
        if self._loop is not None:
            self._loop.remove_timeout(timer)  # type: ignore[arg-type]  # pika's handle, of a private type

    def channel(self, opened: Callable[[Channel], None]) -> None:
        """Open a channel, when the link is up."""
        assert self._connection is not None
        self._connection.channel(on_open_callback=opened)

    def write(self, frames: bytes, most: int) -> bool:
        """Send whole frames past pika, when the link is up; False where more than `most` bytes wait already."""
        assert self._services is not None
        if self._services.unsent > most:
            return False
        self._services.write(frames)
        return True

    def hurry(self) -> None:
        """Try again at once, if the link waits for its next attempt: somebody wants it now."""
        if self._pause is not None:
            self.cancel(self._pause)
            self._connect()

    def _run(self, token: StopToken) -> None:
        loop = IOLoop()
        try:
            if not token.stopped():
                self._loop = loop
                self._connect()
                loop.add_callback_threadsafe(self._obey)
                loop.start()
        except AssertionError:  # pika's own, when an attempt is given up during its handshake; its socket is closed
            if not self._ending:
                raise
        finally:
            self._abandon(loop)
            self._loop = None
            loop.close()

    def _obey(self) -> None:
        while self._posted:
            self._posted.popleft()()

    def _connect(self) -> None:
        self._pause = None
        assert self._loop is not None
        self._services = StreamServices(self._loop, self._screen, self._clock)
        self._connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=self._opened,
            on_open_error_callback=self._closed,
            on_close_callback=self._closed,
            custom_ioloop=self._services,
        )

    def _opened(self, _: object) -> None:
        self.ups += 1
        self._attempt = 0
        if not self._ending:
            self._owner.link_up()

    def _closed(self, _: object, error: BaseException) -> None:
        """A connection is over, or could not be made."""
        self._connection = None
        assert self._loop is not None
        if self._ending:
            self._loop.stop()
            return
        self._pause = self.later(self._backoff.delay(self._attempt, self._chance()), self._connect)
        self._attempt += 1
        self._owner.link_lost(f"{self.broker}: {reason_of(error, self.broker)}")

    def _end(self) -> None:
        assert self._loop is not None
        self._ending = True
        if self._connection is None:
            self._loop.stop()
        else:
            with suppress(exceptions.ConnectionWrongStateError):  # it is closing already
                self._connection.close()
            self.later(_GRACE, self._abort)

    def _abort(self) -> None:
        """A broker that does not answer the goodbye is left without it; pika has no public way for that."""
        if self._connection is not None:
            self._connection._terminate_stream(exceptions.ConnectionOpenAborted("ended"))  # type: ignore[attr-defined]

    def _abandon(self, loop: IOLoop) -> None:
        """The thread ends or dies: whatever is still open is closed, without a word to the broker."""
        if self._connection is not None and not self._connection.is_closed:
            self._ending, before = True, self._ending
            self._abort()
            loop.call_later(_GRACE, loop.stop)
            loop.start()
            self._ending = before
        self._connection = None

    def _died(self, death: BaseException) -> None:
        self._owner.link_lost(f"the AMQP worker died: {death!r}")


_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (exceptions.ProbableAuthenticationError, "the broker does not admit the user {user}"),
    (exceptions.ProbableAccessDeniedError, "the broker has no virtual host {vhost} for the user {user}"),
    (exceptions.IncompatibleProtocolError, "what listens there does not speak AMQP 0-9-1"),
    (exceptions.AMQPHeartbeatTimeout, f"the broker was silent for {2 * HEARTBEAT} s"),
    (exceptions.ConnectionBlockedTimeout, f"the broker has held up publishers for {BLOCKED:g} s"),
    (exceptions.StreamLostError, "the connection was lost"),
    (TimeoutError, "the broker does not answer"),
)


def reason_of(error: BaseException, broker: Broker) -> str:
    """What is behind an exception of pika, for people."""
    while (inner := _inside(error)) is not None:
        error = inner
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return sentence.format(user=broker.user, vhost=broker.vhost)
    if isinstance(error, exceptions.ConnectionClosed | exceptions.ChannelClosed):
        return f"{error.reply_text} ({error.reply_code})"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error) or type(error).__name__


def _inside(error: BaseException) -> BaseException | None:
    """What an error wraps: pika puts several around the one that counts."""
    several = getattr(error, "exceptions", None)
    found = several[-1] if several else getattr(error, "exception", None)
    if found is None and isinstance(error, exceptions.AMQPConnectionError) and error.args:
        found = error.args[0]
    return found if isinstance(found, BaseException) else None
