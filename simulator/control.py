"""The control port of the simulator: faults commanded over HTTP while it runs.

`POST /faults` takes JSON: `{"service": "dpm_http", "fault": "silent"}` for a service, or `{"fault": "wrong_status",
"device": "M:OUTTMP", "status": "1 -49"}` for one device in all protocols; the fault `none` ends it. `GET /state`
answers with the present faults as JSON.
"""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer

from gateway.core.errors import BadInput
from gateway.core.status import UTIME, Status
from gateway.runtime.worker import StopToken, Worker
from simulator.facility import Facility
from simulator.faults import Faults

_LONGEST_BODY = 65536
_PATIENCE_S = 2.0  # for a caller that does not finish


class ControlPort:
    """A tiny HTTP server in a worker of its own; one call at a time."""

    def __init__(self, facility: Facility, faults: Faults, port: int = 0, host: str = "127.0.0.1") -> None:
        self._facility, self._faults, self._wanted = facility, faults, (host, port)
        self._server: HTTPServer | None = None
        self._worker = Worker("simulator-control", self._run)
        self.address: tuple[str, int] = self._wanted

    def start(self) -> None:
        """Listen and serve. BadInput, one sentence, when the port cannot be had."""
        try:
            self._server = HTTPServer(self._wanted, _caller(self))
        except (OSError, OverflowError) as error:
            host, port = self._wanted
            raise BadInput(f"the control port cannot listen on {host}:{port} ({error}); choose another one") from None
        self._server.timeout = 0.1
        self.address = self._server.server_address[0], self._server.server_address[1]  # type: ignore[assignment]
        self._worker.start()

    def stop(self, timeout: float = 3.0) -> bool:
        """Close the port; False when its worker did not end in time. Safe to call twice."""
        ended = self._worker.stop(timeout)
        if self._server is not None:
            self._server.server_close()
        return ended

    def _run(self, stop: StopToken) -> None:
        if self._server is None:
            raise RuntimeError("the control port was not started")
        while not stop.stopped():
            self._server.handle_request()

    def state(self) -> dict[str, object]:
        """What misbehaves now."""
        devices = {device: f"{status.facility} {status.number}" for device, status in self._facility.faults().items()}
        return {"services": self._faults.state(), "devices": devices}

    def command(self, text: bytes) -> None:
        """Carry out one POST; BadInput says what is wrong with it."""
        try:
            wish = json.loads(text)
        except ValueError:
            raise BadInput("the body is no JSON") from None
        if not isinstance(wish, dict) or any(not isinstance(word, str) for word in wish.values()):
            raise BadInput('write an object of texts, for example {"service": "dpm_http", "fault": "silent"}')
        unknown = set(wish) - {"service", "fault", "device", "status"}
        if unknown or "fault" not in wish:
            raise BadInput("the keys are fault, and service or device, and status")
        if "device" not in wish:
            self._faults.command(wish.get("service", ""), wish["fault"])
            return
        if wish["fault"] not in ("wrong_status", "none"):
            raise BadInput(f"fault {wish['fault']!r} of a device is none of wrong_status, none")
        if self._facility.spec(wish["device"]) is None:
            raise BadInput(f"there is no device {wish['device']!r}")
        status = Status.parse(wish["status"]) if "status" in wish else UTIME
        self._facility.fail(wish["device"], status if wish["fault"] == "wrong_status" else None)


def _caller(port: ControlPort) -> type[BaseHTTPRequestHandler]:
    """The class that answers the calls of one control port, as http.server wants it."""

    class Caller(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S

        def do_GET(self) -> None:
            if self.path == "/state":
                self._answer(200, port.state())
            else:
                self._answer(404, {"error": "there is GET /state and POST /faults"})

        def do_POST(self) -> None:
            size = self.headers.get("Content-Length", "0")
            if self.path != "/faults":
                self._answer(404, {"error": "there is GET /state and POST /faults"})
            elif not size.isdigit() or int(size) > _LONGEST_BODY:
                self._answer(413, {"error": "the body is too long"})
            else:
                try:
                    port.command(self.rfile.read(int(size)))
                except BadInput as error:
                    self._answer(400, {"error": str(error)})
                else:
                    self._answer(200, port.state())

        def _answer(self, code: int, content: object) -> None:
            body = json.dumps(content).encode() + b"\n"
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Calls are no news."""

    return Caller
