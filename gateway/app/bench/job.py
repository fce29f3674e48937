"""What one load process is told to do, and the circuits it does it with."""

import json
import struct
from dataclasses import asdict, dataclass

from gateway.app.bench.rawca import (
    DBR_DOUBLE,
    DBR_TIME_DOUBLE,
    READ_NOTIFY,
    Circuit,
    MeasurementFailed,
    message,
    search,
)

Figures = dict[str, float]
SMALL_BUFFER = 8192  # bytes: what a client that never reads lets the server send


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure where."""

    what: str  # connect, updates, get, put, waves, libca
    port: int
    pid: int  # of the server
    name: str  # format of the PV names
    pvs: int
    seconds: float = 1.0
    settle: float = 0.0  # s before the window of `updates`
    offered: float = 0.0  # updates/s at the source
    source_pid: int | None = None
    repeater_port: int = 0
    clients: int = 1
    stuck: int = 0  # clients that subscribe to all and never read
    drops: str = ""  # PV in which the server counts its losses
    data_type: int = DBR_TIME_DOUBLE  # of the monitors

    def text(self) -> str:
        """The job as the argument of the process."""
        return json.dumps(asdict(self))

    def names(self) -> list[str]:
        """All PVs."""
        return [self.name.format(place) for place in range(self.pvs)]


def open_circuits(job: Job, clients: int, buffer: int | None = None) -> list[Circuit]:
    """Circuits with a channel for every PV; all are searched: a gateway only knows the names it was asked for."""
    names = job.names()
    found, port = search(job.port, names)
    if found < len(names):
        raise MeasurementFailed(f"the server knows only {found} of {len(names)} names")
    circuits = [Circuit(port, buffer) for _ in range(clients)]
    for circuit in circuits:
        circuit.create(names)
    return circuits


class Gauge:
    """One PV that is read now and then, over a circuit of its own that is open meanwhile."""

    def __init__(self, port: int, name: str) -> None:
        found, tcp_port = search(port, [name], timeout=10.0)
        if not found:
            raise MeasurementFailed(f"the server does not know {name}")
        self._circuit = Circuit(tcp_port)
        self._circuit.create([name])

    def close(self) -> None:
        """Close the circuit."""
        self._circuit.close()

    def read(self) -> float:
        """Its value now."""
        self._circuit.link.sendall(message(READ_NOTIFY, b"", DBR_DOUBLE, 1, self._circuit.sids[0], 0))
        answer = next(one for one in self._circuit.messages() if one.command == READ_NOTIFY)
        (value,) = struct.unpack(">d", answer.payload[:8])
        return float(value)
