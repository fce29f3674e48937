"""ACL over HTTP: the CGI, one connection kept alive (acl.md 1). The schemes acl+http and acl+https.

The standard library's client is used, since it sends a target as it is: others encode characters that the CGI then
takes literally (acl.md 1.2).
"""

import http.client
import io
import select
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress

from gateway.backends.acl_session import AclTrouble, CallFailed, SessionLost, TimedOut
from gateway.backends.tcp import connect, said, until_ready
from gateway.core.ports import Clock
from gateway.wire.acl import SEPARATOR, query_of
from gateway.wire.acl_answers import text_of

LONGEST = 6000  # bytes of a URL: the server takes about 8 kB (acl.md 1.3)
_LONGEST_BODY = 16 << 20  # bytes
_CHUNK = 1 << 16
_HEADERS = {"Accept": "text/plain, */*", "User-Agent": "acgate"}


class HttpSession:
    """The port AclSession over one HTTP connection."""

    def __init__(self, host: str, port: int, path: str, clock: Clock, tls: ssl.SSLContext | None = None) -> None:
        self._host, self._port, self._path, self._clock, self._tls = host, port, path, clock, tls
        self._lock = threading.Lock()
        self._link: _Link | None = None
        self._busy = self._closed = False
        self._broken = False  # the last connection ended in an error
        self.reconnects = 0
        self.longest = LONGEST - len(path) - len("?acl=")

    @property
    def connected(self) -> bool:
        """Whether the connection is open, as far as we know."""
        return self._link is not None

    def length(self, command: str) -> int:
        """The bytes of a command in the query, its separator with it."""
        return len(command) + len(SEPARATOR)

    def run(self, commands: Sequence[str], deadline: float) -> str:
        """The body of the answer; an AclTrouble where there is none."""
        target = f"{self._path}?{query_of(commands)}"
        with self._lock:
            if self._closed:
                raise SessionLost(f"{self._place}: closed here")
            self._busy, used = True, self._link is not None
        try:
            return self._call(target, deadline)
        except SessionLost:
            if not used or self._cancelled():
                raise
            return self._call(target, deadline)  # the server may close what is idle: once more, on a new connection
        finally:
            with self._lock:
                self._busy = False
            if self._cancelled():
                self._drop()

    def close(self) -> None:
        """Free a call that waits; see the port."""
        with self._lock:
            self._closed = True
            if self._link is not None:
                self._link.abort()
        if not self._busy:
            self._drop()

    def _call(self, target: str, deadline: float) -> str:
        kept = False
        try:
            link = self._link or self._connect(deadline)
            link.deadline = deadline
            code, body, kept = self._exchange(link, target)
        except (OSError, http.client.HTTPException) as error:
            self._broken = self._broken or self._link is not None
            raise self._trouble(error) from None
        finally:
            if not kept:
                self._drop()
        if not 200 <= code < 300:
            raise CallFailed(f"HTTP {code} from {self._place}")
        return text_of(body)

    def _trouble(self, error: OSError | http.client.HTTPException) -> AclTrouble:
        """What went wrong, in our terms and in one sentence."""
        if isinstance(error, ssl.SSLError):
            return SessionLost(f"{self._place}: TLS failed: {getattr(error, 'verify_message', '') or error.reason}")
        if isinstance(error, TimeoutError):
            return TimedOut(f"{self._place}: no answer in time")
        if isinstance(error, http.client.IncompleteRead):
            return SessionLost(f"{self._place}: the answer broke off")
        return SessionLost(f"{self._place}: {said(error) if isinstance(error, OSError) else f'no HTTP ({error!r})'}")

    def _cancelled(self) -> bool:
        """Whether it was closed, perhaps meanwhile."""
        return self._closed

    @property
    def _place(self) -> str:
        return f"{self._host}:{self._port}"

    def _connect(self, deadline: float) -> "_Link":
        plain = connect(self._host, self._port, deadline, self._clock, self._cancelled)
        try:
            link = _Link(self._shaken(plain, deadline), self._clock, deadline)
        except BaseException:
            plain.close()
            raise
        with self._lock:
            self._link = link
            if self._closed:
                link.abort()
            self.reconnects += self._broken
            self._broken = False
        return link

    def _shaken(self, plain: socket.socket, deadline: float) -> socket.socket:
        """The socket with TLS on it, where that is wanted."""
        if self._tls is None:
            return plain
        secured = self._tls.wrap_socket(plain, server_hostname=self._host, do_handshake_on_connect=False)
        try:
            self._shake(secured, deadline)
        except BaseException:
            secured.close()
            raise
        return secured

    def _shake(self, secured: ssl.SSLSocket, deadline: float) -> None:
        """The handshake of TLS, which nothing may hold up."""
        while True:
            try:
                secured.do_handshake()
            except ssl.SSLWantReadError:
                until_ready(secured, select.POLLIN, deadline, self._clock, self._cancelled)
            except ssl.SSLWantWriteError:
                until_ready(secured, select.POLLOUT, deadline, self._clock, self._cancelled)
            else:
                return

    def _exchange(self, link: "_Link", target: str) -> tuple[int, bytes, bool]:
        """Code, body, and whether the connection may be used again."""
        caller = http.client.HTTPConnection(self._host, self._port)
        caller.sock = link  # all of a socket that it uses
        caller.request("GET", target, headers=_HEADERS)
        answer = caller.getresponse()
        body = answer.read(_LONGEST_BODY + 1)
        if len(body) > _LONGEST_BODY:
            raise CallFailed(f"{self._place}: an answer of more than {_LONGEST_BODY >> 20} MB")
        if answer.length:
            raise http.client.IncompleteRead(body, answer.length)
        return answer.status, body, not answer.will_close

    def _drop(self) -> None:
        with self._lock:
            if self._link is not None:
                self._link.end()
                self._link = None


class _Link:
    """A socket as http.client wants one: it may close it as often as it likes, and waits no longer than a deadline."""

    def __init__(self, link: socket.socket, clock: Clock, deadline: float) -> None:
        self._socket, self._clock, self.deadline = link, clock, deadline

    def _arm(self) -> None:
        left = self.deadline - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        self._socket.settimeout(left)

    def sendall(self, data: bytes) -> None:
        """Send all, by the deadline."""
        self._arm()
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """A buffer to read one answer from; the socket outlives it."""
        assert mode == "rb"
        return io.BufferedReader(_Reading(self), _CHUNK)

    def take(self, buffer: memoryview) -> int:
        """What has come, or comes by the deadline; 0 at the end."""
        self._arm()
        return self._socket.recv_into(buffer)

    def close(self) -> None:
        """Nothing: http.client closes what it has handed to an answer. See `end`."""

    def abort(self) -> None:
        """Free whoever waits for it."""
        with suppress(OSError):  # it may be over already
            self._socket.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Give the socket back."""
        self._socket.close()


class _Reading(io.RawIOBase):
    """The bytes of one answer."""

    def __init__(self, link: _Link) -> None:
        super().__init__()
        self._link = link

    def readable(self) -> bool:
        """It is for that."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # always a writable view, of BufferedReader
        """What has come."""
        return self._link.take(buffer)
