"""One SSH connection to a host, through others where it must be, with every host key checked (acl.md 7.1)."""

import logging
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.hostkeys import InvalidHostKey

from gateway.backends.acl_session import SessionLost, TimedOut
from gateway.backends.tcp import connect, said
from gateway.core.ports import Clock

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it logs with tracebacks what it raises, too

_KEEP_ALIVE_S = 30
SYSTEM_KNOWN_HOSTS = "~/.ssh/known_hosts"


@dataclass(frozen=True, slots=True)
class Hop:
    """A host on the way, or the one at its end."""

    host: str
    port: int
    user: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Login:
    """How we log in, and whom we trust. Secrets are in files and agents, never here."""

    key_file: str | None = None  # None: the keys of the agent, and the usual files
    known_hosts: str = SYSTEM_KNOWN_HOSTS
    agent: bool = True


class _Unknown(paramiko.SSHException):
    """The host has a key that nobody has told us of."""


class _Refuse(paramiko.MissingHostKeyPolicy):
    """Whoever is unknown is refused, with the words that help."""

    def __init__(self, known_hosts: str) -> None:
        self._known_hosts = known_hosts

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        del client
        raise _Unknown(
            f"the host key of {hostname} is unknown ({key.get_name()} {key.fingerprint}); "
            f"compare it and add it to {self._known_hosts}"
        )


class SshConnection:
    """Connects when a channel is wanted, and anew after a loss. Thread-safe; one thread connects at a time."""

    def __init__(self, hops: Sequence[Hop], login: Login, clock: Clock) -> None:
        self._hops, self._login, self._clock = tuple(hops), login, clock
        self._connecting = threading.Lock()
        self._lock = threading.Lock()  # of the clients
        self._clients: list[paramiko.SSHClient] = []  # one for each hop
        self._closed = False
        self._connected_before = False
        self.reconnects = 0

    @property
    def alive(self) -> bool:
        """Whether the last hop is connected."""
        return self._transport() is not None

    def _transport(self, hops: int | None = None) -> paramiko.Transport | None:
        """That of the last hop, or after so many; None where it is not connected."""
        with self._lock:  # another thread may close it
            wanted = len(self._hops) if hops is None else hops
            transport = self._clients[-1].get_transport() if wanted and len(self._clients) == wanted else None
        return transport if transport is not None and transport.is_active() else None

    def channel(self, deadline: float) -> paramiko.Channel:
        """A new session channel, by the monotonic time `deadline`; an AclTrouble says why there is none."""
        if not self._connecting.acquire(timeout=max(0.0, deadline - self._clock.monotonic())):
            raise TimedOut(f"{self._hops[-1]}: no connection in time")
        try:
            if not self.alive:
                self._reconnect(deadline)
            if (transport := self._transport()) is None:
                raise EOFError
            return transport.open_session(timeout=self._left(deadline))
        except (paramiko.SSHException, OSError, EOFError) as error:
            reached = len(self._clients)
            self._drop()
            raise self._lost_by(error, reached) from None
        finally:
            self._connecting.release()

    def close(self) -> None:
        """End it for good and free whoever waits. Safe to call twice."""
        with self._lock:
            self._closed = True
        self._drop()

    def _left(self, deadline: float) -> float:
        left = deadline - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left

    def _lost_by(self, error: Exception, reached: int) -> SessionLost | TimedOut:
        """What went wrong, as a trouble of the call."""
        place = self._hops[max(0, reached - 1)]
        if isinstance(error, TimeoutError):
            return TimedOut(f"{place}: no answer in time")
        if isinstance(error, paramiko.BadHostKeyException):
            return SessionLost(
                f"the host key of {error.hostname} has changed: {error.key.fingerprint} in place of "
                f"{error.expected_key.fingerprint}; somebody may be in between. If the change is meant, replace it in "
                f"{self._login.known_hosts}"
            )
        if isinstance(error, _Unknown):
            return SessionLost(str(error))
        if isinstance(error, paramiko.AuthenticationException):
            return SessionLost(f"{place} refuses the login ({error}); name a key_file that it knows, or use an agent")
        return SessionLost(f"{place}: {said(error) if isinstance(error, OSError) else error or 'the connection ended'}")

    def _reconnect(self, deadline: float) -> None:
        """Connect hop by hop, each inside the one before it."""
        self._drop()
        for number, hop in enumerate(self._hops):
            client = self._client()
            way = self._way(hop, number, deadline)
            with self._lock:
                if self._closed:
                    way.close()
                    raise ConnectionAbortedError("closed here")
                self._clients.append(client)  # from here on close() ends it
            try:
                self._log_in(client, hop, way, deadline)
            except BaseException:
                way.close()
                raise
        self.reconnects += self._connected_before
        self._connected_before = True

    def _way(self, hop: Hop, number: int, deadline: float) -> socket.socket | paramiko.Channel:
        """What leads to a hop: a connection of our own, or a channel of the hop before it."""
        if number == 0:
            return connect(hop.host, hop.port, deadline, self._clock, lambda: self._closed)
        if (transport := self._transport(number)) is None:
            raise EOFError
        return transport.open_channel(
            "direct-tcpip", (hop.host, hop.port), ("127.0.0.1", 0), timeout=self._left(deadline)
        )

    def _log_in(
        self, client: paramiko.SSHClient, hop: Hop, way: socket.socket | paramiko.Channel, deadline: float
    ) -> None:
        left, login = self._left(deadline), self._login
        client.connect(
            hop.host,
            hop.port,
            hop.user,
            sock=way,  # a channel will do
            key_filename=None if login.key_file is None else str(Path(login.key_file).expanduser()),
            allow_agent=login.agent,
            look_for_keys=login.key_file is None,
            timeout=left,
            banner_timeout=left,
            auth_timeout=left,
        )
        transport = client.get_transport()
        if transport is None:
            raise EOFError
        transport.set_keepalive(_KEEP_ALIVE_S)

    def _drop(self) -> None:
        with self._lock:
            clients, self._clients = self._clients, []
        for client in reversed(clients):
            with suppress(OSError, EOFError):  # it may be over already
                client.close()

    def _client(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        known = Path(self._login.known_hosts).expanduser()
        try:
            client.load_host_keys(str(known))
        except FileNotFoundError:
            pass  # then every host is unknown, which is said with its key
        except (OSError, UnicodeError) as error:
            reason = said(error) if isinstance(error, OSError) else "it is no text"
            raise OSError(f"cannot read {known}: {reason}") from None
        except InvalidHostKey as error:
            raise OSError(f"cannot read {known}: the line {error.line.strip()[:60]!r} holds no key") from None
        client.set_missing_host_key_policy(_Refuse(self._login.known_hosts))
        return client
