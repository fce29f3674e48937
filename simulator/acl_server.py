"""The CGI of ACL on its port: one worker listens, one for each connection (acl.md 1, 5).

`GET /cgi-bin/acl.pl?acl=<script>` is the CGI, with its odd decoding of the query. `POST` to the same path runs the
commands of its body as they are: the door of `simulator.acl_shell`, so that ACL over SSH is the same facility.
"""

import socket
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from itertools import count

from gateway.core.drf import DataRequest
from gateway.core.ports import Clock
from gateway.core.values import Value
from gateway.runtime.worker import StopToken, Worker
from gateway.wire import acl_lines
from gateway.wire.acl import script_of, split_script
from simulator.acl_interpreter import AclInterpreter
from simulator.facility import Facility
from simulator.faults import Fault, Faults
from simulator.listening import ABORT, bound
from simulator.sent_log import SentLog

NAME = "acl"
PATH = "/cgi-bin/acl.pl"
LONGEST_URL = 8192  # bytes
_REMEMBERED = 10_000  # scripts
_IDLE_S = 30.0  # until a connection that is kept alive and not used is closed
_LONGEST_BODY = 1 << 20
_LOOK_S = 0.05  # until a commanded fault is seen
_HTML = "<html><body>Service error</body></html>\n"


class _Ended(Exception):
    """The server stops."""


class AclServer:
    """Serves a facility to any number of clients. `start` listens before it returns; `stop` leaves nothing behind.

    `prints_before_error` says whether the lines of the commands before the one that failed are printed: which of the
    two the real service does is not known (acl.md 4.2).
    """

    def __init__(
        self,
        facility: Facility,
        clock: Clock,
        port: int = 8081,
        host: str = "127.0.0.1",
        *,
        faults: Faults | None = None,
        sent_log: SentLog | None = None,
        prints_before_error: bool = True,
    ) -> None:
        self._facility, self._clock, self._wanted = facility, clock, (host, port)
        self._faults, self._log, self._prints_before_error = faults or Faults(NAME), sent_log, prints_before_error
        self._listener: socket.socket | None = None
        self._connections: dict[socket.socket, Worker] = {}
        self._fault = Fault.NONE
        self._number = count(1)
        self._worker = Worker("simulator-acl", self._run)
        self.address: tuple[str, int] = self._wanted
        self.scripts: deque[list[str]] = deque(maxlen=_REMEMBERED)  # those that were run, oldest first

    @property
    def fault(self) -> Fault:
        """The fault that it plays now."""
        return self._faults.of(NAME)

    def start(self) -> None:
        """Listen and serve. BadInput, one sentence, when the port cannot be had."""
        self._listener = bound(self._wanted, "ACL")
        self._listen(self._listener)
        self.address = self._listener.getsockname()[:2]
        self._worker.start()

    @staticmethod
    def _listen(listener: socket.socket) -> None:
        listener.listen(128)
        listener.settimeout(_LOOK_S)

    def stop(self, timeout: float = 2.0) -> bool:
        """Close everything; False when a worker did not end in time. Safe to call twice."""
        ended = self._worker.stop(timeout)
        connections = list(self._connections.items())
        for connection, worker in connections:
            worker.signal_stop()
            with suppress(OSError):  # closed meanwhile
                connection.shutdown(socket.SHUT_RDWR)
        for _, worker in connections:
            ended = worker.stop(timeout) and ended
        if self._listener is not None:
            self._listener.close()
        if self._log is not None:
            self._log.flush(self._clock.monotonic())
        return ended

    def _run(self, stop: StopToken) -> None:
        assert self._listener is not None  # start made it
        while not stop.stopped():
            self._obey()
            if self._fault is Fault.REFUSE:
                stop.wait(_LOOK_S)
                continue
            try:
                accepted, address = self._listener.accept()
            except OSError:  # nobody came, or went away before it was accepted
                continue
            if self.fault is Fault.RESET:
                self.abort(accepted)
                accepted.close()
            else:
                self._converse(accepted, address)

    def _obey(self) -> None:
        """Take up a fault that was commanded since the last look."""
        fault, before = self.fault, self._fault
        self._fault = fault
        if fault is Fault.RESET:
            for connection in list(self._connections):
                self.abort(connection)
        if fault is not before and Fault.REFUSE in (fault, before):
            assert self._listener is not None
            if fault is Fault.REFUSE:  # a socket that is bound and does not listen refuses, and keeps the port
                self._listener.close()
                self._listener = bound(self.address, "ACL")
            else:
                self._listen(self._listener)

    @staticmethod
    def abort(connection: socket.socket) -> None:
        """Let a connection end with a reset, once its worker has closed it."""
        with suppress(OSError):  # closed meanwhile
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            connection.shutdown(socket.SHUT_RD)

    def _converse(self, accepted: socket.socket, address: tuple[str, int]) -> None:
        def serve(stop: StopToken) -> None:
            with accepted, suppress(OSError, _Ended):  # it went away, or the server stops
                _Caller(self, stop, accepted, address)
            self._connections.pop(accepted, None)

        accepted.setblocking(True)
        self._connections[accepted] = worker = Worker(f"simulator-acl-{next(self._number)}", serve)
        worker.start()

    def hold_while(self, fault: Fault, stop: StopToken) -> None:
        """Wait until the fault is over."""
        while self.fault is fault:
            if stop.wait(_LOOK_S):
                raise _Ended

    def answer(self, commands: list[str], stop: StopToken) -> str:
        """The text that a script prints; remembers it."""

        def wait(seconds: float) -> None:
            if stop.wait(seconds):
                raise _Ended

        self.scripts.append(commands)
        output = AclInterpreter(self._facility, self._clock.now_ns, wait, self._sent).run(commands)
        lines = list(output.lines) if self._prints_before_error or not output.error else []
        lines += [output.error] if output.error else []
        if self.fault is Fault.FEWER_LINES:
            lines = lines[:-1]
        return _HTML if self.fault is Fault.HTML else acl_lines.page(lines)

    def _sent(self, request: DataRequest, value: Value) -> None:
        if self._log is not None:
            self._log.add(self._clock.now_ns() // 1_000_000, request, value)
            self._log.flush(self._clock.monotonic())


class _Caller(BaseHTTPRequestHandler):
    """Answers the calls of one connection, all of them, when it is made."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    wbufsize = -1  # head and body in one piece: apart, the second waits for the acknowledgement of the first

    def __init__(self, acl: AclServer, stop: StopToken, connection: socket.socket, address: tuple[str, int]) -> None:
        self._acl, self._stop = acl, stop
        super().__init__(connection, address, None)  # type: ignore[arg-type] # a server of its kind is not needed

    def do_GET(self) -> None:
        path, _, query = self.path.partition("#")[0].partition("?")
        wire = next((part[4:] for part in query.split("&") if part.startswith("acl=")), None)
        if len(self.path) > LONGEST_URL:
            self._send(414, "URI Too Long\n")
        elif path != PATH:
            self._send(404, f"there is {PATH}\n")
        elif wire is None:
            self._send(400, f"write {PATH}?acl=read+M:OUTTMP\n")
        else:
            self._run(script_of(wire))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if self.path != PATH or not size.isdecimal() or int(size) > _LONGEST_BODY:
            self._send(400, f"post commands to {PATH}\n")
            return
        body = self.rfile.read(int(size)).decode("utf-8", "replace")
        self._run([command for line in body.splitlines() for command in split_script(line)])

    def _run(self, commands: list[str]) -> None:
        self._acl.hold_while(Fault.HANG, self._stop)
        if self._acl.fault is Fault.HTTP_500:
            self._send(500, "Internal Server Error\n")
            return
        text = self._acl.answer(commands, self._stop)
        self._acl.hold_while(Fault.SILENT, self._stop)
        self._send(200, text)

    def _send(self, code: int, text: str) -> None:
        body = text.encode()
        if self._acl.fault is Fault.GARBAGE:
            self.wfile.write(b"\xde\xad\xbe\xef" * 8)
            self.close_connection = True
            return
        half = self._acl.fault is Fault.HALF
        self.send_response(code)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        if half or code != 200:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if half else body)

    def log_message(self, *_: object) -> None:
        """Calls are no news."""
