"""One SSH connection to a host, through others where it must be, with every host key checked (acl.md 7.1)."""

import asyncio
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress

import asyncssh

from gateway.backends.acl_session import SessionLost, TimedOut
from gateway.backends.kerberos_port import KerberosError
from gateway.backends.ssh_channel import SshChannel
from gateway.backends.ssh_trust import Hop, HostKeys, Login, Untrusted
from gateway.core.ports import Clock
from gateway.runtime.worker import StopToken, Worker

logging.getLogger("asyncssh").setLevel(logging.CRITICAL)  # what it logs is raised, too

_KEEP_ALIVE_S = 30
_ENDING_S = 1.0  # for the ends of all hops

_Store = Mapping[bytes | str, bytes | str] | None


class SshConnection:
    """Connects when a channel is wanted, and anew after a loss. Thread-safe: asyncssh lives in a loop of its own."""

    def __init__(self, hops: Sequence[Hop], login: Login, clock: Clock) -> None:
        self._hops, self._login, self._clock = tuple(hops), login, clock
        self._lock = threading.Lock()  # of the next three
        self._worker: Worker | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._over = asyncio.Event()  # this and the rest are the loop's
        self._connecting = asyncio.Lock()
        self._links: list[asyncssh.SSHClientConnection] = []  # one for each hop
        self._at = self._hops[0]  # where it is, or was last
        self._connected_before = False
        self.reconnects = 0

    def channel(self, command: str, deadline: float) -> SshChannel:
        """A command of its own, by the monotonic time `deadline`; an AclTrouble says why there is none."""
        store = self._store(deadline)
        running = asyncio.run_coroutine_threadsafe(self._open(command, store), self._running())
        try:
            return running.result(max(0.0, deadline - self._clock.monotonic()))
        except TimeoutError:
            running.cancel()
            raise TimedOut(f"{self._at}: no answer in time") from None
        except CancelledError:
            raise SessionLost("closed here") from None
        except Untrusted as error:
            raise SessionLost(str(error)) from None
        except asyncssh.PermissionDenied as error:
            reason = f"{self._at} refuses the login ({error.reason}); {self._login.remedy(self._at)}"
            raise SessionLost(reason) from None
        except asyncssh.ConnectionLost:
            raise SessionLost(f"{self._at}: the connection ended; see whether an SSH server answers there") from None
        except asyncssh.Error as error:
            raise SessionLost(f"{self._at}: {error.reason}") from None
        except OSError as error:
            raise SessionLost(f"{self._at}: {os.strerror(error.errno) if error.errno else error}") from None

    def close(self) -> None:
        """End it for good and free whoever waits. Safe to call twice."""
        with self._lock:
            self._closed = True
            worker, loop = self._worker, self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(self._over.set)
        if worker is not None:
            worker.stop(_ENDING_S + 0.5)
        if self._login.kerberos is not None:
            self._login.kerberos.close()

    def _store(self, deadline: float) -> _Store:
        """Where the Kerberos ticket is, once there is one."""
        if self._login.kerberos is None:
            return None
        try:
            return self._login.kerberos.store(max(0.0, deadline - self._clock.monotonic())) or None
        except KerberosError as error:
            raise SessionLost(str(error)) from None

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop, started with the first channel."""
        with self._lock:
            if self._closed:
                raise SessionLost("closed here")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._worker = Worker(f"ssh-{self._hops[-1].host}", self._serve)
                self._worker.start()
            return self._loop

    def _serve(self, _: StopToken) -> None:
        loop = self._loop
        assert loop is not None  # it was made before this thread
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # which ends what still runs
            runner.run(self._until_over())

    async def _until_over(self) -> None:
        await self._over.wait()
        links = self._drop()
        with suppress(TimeoutError):  # then the process that they lead to does not answer: they are cut off
            async with asyncio.timeout(_ENDING_S):
                await asyncio.gather(*(link.wait_closed() for link in links), return_exceptions=True)

    async def _open(self, command: str, store: _Store) -> SshChannel:
        async with self._connecting:
            try:
                if not self._links or self._links[-1].is_closed():
                    await self._connect(store)
                channel = SshChannel(asyncio.get_running_loop())
                await self._links[-1].create_session(lambda: channel, command, encoding=None, request_pty=False)
            except BaseException:
                self._drop()
                raise
        return channel

    async def _connect(self, store: _Store) -> None:
        """Connect hop by hop, each inside the one before it."""
        self._drop()
        hosts, words = self._login.hosts(), self._login.words(store)
        for hop in self._hops:
            self._at, judge = hop, HostKeys(hop, hosts, self._login.known_hosts)
            try:
                link = await asyncssh.connect(
                    hop.host,
                    hop.port,
                    username=hop.user,
                    tunnel=self._links[-1] if self._links else (),
                    config=None,
                    known_hosts=hosts,
                    client_factory=lambda judge=judge: judge,
                    keepalive_interval=_KEEP_ALIVE_S,
                    **words,
                )
            except asyncssh.HostKeyNotVerifiable as error:
                raise Untrusted(judge.refused or f"{hop}: {error.reason}") from None
            self._links.append(link)
        self.reconnects += self._connected_before
        self._connected_before = True

    def _drop(self) -> list[asyncssh.SSHClientConnection]:
        """Give up all hops, the last first."""
        links, self._links = self._links, []
        for link in reversed(links):
            link.abort()
        return links
