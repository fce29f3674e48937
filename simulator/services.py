"""The simulated central services: one facility behind every protocol that is served, started and ended together."""

from contextlib import ExitStack
from pathlib import Path

from gateway.core.errors import BadInput
from gateway.core.ports import Clock
from simulator.control import ControlPort
from simulator.dpm_list import SERVICE
from simulator.dpm_server import NAME, DpmServer
from simulator.facility import Facility
from simulator.faults import Faults
from simulator.sent_log import SentLog


class Services:
    """What `acgate simulate` runs. Ports: 0 takes any free one; None serves no control port.

    `sent_log` names a CSV file that gets every value that is sent (see `SentLog`).
    """

    def __init__(
        self,
        facility: Facility,
        clock: Clock,
        dpm_http_port: int = 6802,
        host: str = "127.0.0.1",
        control_port: int | None = None,
        sent_log: Path | None = None,
        service: str = SERVICE,
    ) -> None:
        self.facility = facility
        self.faults = Faults(NAME)
        self._clock, self._host, self._service = clock, host, service
        self._ports = (dpm_http_port, control_port)
        self._log_path = sent_log
        self._open = ExitStack()
        self._ended = True
        self.dpm: DpmServer | None = None
        self.control: ControlPort | None = None

    def start(self) -> None:
        """Listen on everything, or raise BadInput and leave nothing behind."""
        dpm_port, control_port = self._ports
        with ExitStack() as opened:
            log = None
            if self._log_path is not None:
                try:
                    log = SentLog(self._log_path)
                except OSError as error:
                    raise BadInput(f"the sent log {self._log_path} cannot be written: {error.strerror}") from None
                opened.callback(log.close)
            self.dpm = DpmServer(
                self.facility, self._clock, dpm_port, self._host,
                faults=self.faults, sent_log=log, service=self._service,
            )  # fmt: skip
            self.dpm.start()
            opened.callback(self._stop_dpm, self.dpm)
            if control_port is not None:
                self.control = ControlPort(self.facility, self.faults, control_port, self._host)
                self.control.start()
                opened.callback(self._stop_control, self.control)
            self._open = opened.pop_all()

    def _stop_dpm(self, server: DpmServer) -> None:
        self._ended = server.stop() and self._ended

    def _stop_control(self, port: ControlPort) -> None:
        self._ended = port.stop() and self._ended

    @property
    def addresses(self) -> dict[str, str]:
        """Where each service listens, `host:port` by the keys of a ready file."""
        found = {}
        if self.dpm is not None:
            found["dpm_http"] = "{}:{}".format(*self.dpm.address)
        if self.control is not None:
            found["control"] = "http://{}:{}".format(*self.control.address)
        return found

    def stop(self) -> bool:
        """End everything within two seconds; False when a worker did not end. Safe to call twice."""
        self._ended = True
        self._open.close()
        return self._ended
