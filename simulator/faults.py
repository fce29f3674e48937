"""Faults that can be commanded while the simulator runs: which service misbehaves how. Pure state, thread-safe.

What a single device does wrong is the facility's: every protocol shows it.
"""

import threading
from enum import Enum

from gateway.core.errors import BadInput


class Fault(Enum):
    """What a service does wrong."""

    NONE = "none"
    REFUSE = "refuse"  # new connections are refused; those that are open go on
    RESET = "reset"  # all connections are reset, new ones at once
    HANG = "hang"  # connections are accepted, nothing is read, done or sent; it goes on where it stopped
    SILENT = "silent"  # requests are carried out, nothing is sent
    NO_HEARTBEAT = "no_heartbeat"  # everything but heartbeats
    GARBAGE = "garbage"  # what is sent cannot be understood
    HTTP_500 = "http_500"  # ACL: each call fails with HTTP 500
    HTML = "html"  # ACL: a page for people in place of the text
    HALF = "half"  # ACL: half an answer, then the connection is closed
    FEWER_LINES = "fewer_lines"  # ACL: the last line is missing


class Faults:
    """The present fault of each service."""

    def __init__(self, *services: str) -> None:
        self._lock = threading.Lock()
        self._faults = dict.fromkeys(services, Fault.NONE)

    def of(self, service: str) -> Fault:
        """What the service does wrong now."""
        with self._lock:
            return self._faults.get(service, Fault.NONE)

    def command(self, service: str, fault: str) -> None:
        """Let a service do wrong, or (`none`) right again; BadInput names what is not known."""
        names = [known.value for known in Fault]
        if fault not in names:
            raise BadInput(f"fault {fault!r} is none of {', '.join(names)}")
        with self._lock:
            if service not in self._faults:
                raise BadInput(f"service {service!r} is none of {', '.join(self._faults)}")
            self._faults[service] = Fault(fault)

    def state(self) -> dict[str, str]:
        """All services and their faults, by name."""
        with self._lock:
            return {service: fault.value for service, fault in self._faults.items()}
