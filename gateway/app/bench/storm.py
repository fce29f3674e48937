"""Loads beside the values: searches beside a storm of names that nobody has, and the memory of PVs and their fields."""

import select
import socket
import time
from collections.abc import Iterator

from gateway.app.bench.job import Figures, Job, open_circuits
from gateway.app.bench.processes import cpu_seconds, memory_mb
from gateway.app.bench.rawca import EVENT_ADD, HOST, MINOR, SEARCH, VERSION, Circuit, MeasurementFailed, message, search

FIELDS = ("EGU", "HIHI", "DESC", "PREC", "RTYP")  # what displays and archivers ask for
_AT_ONCE = 25  # unknown names in a datagram, about as many as libca sends
_DATAGRAMS = 4  # between two searches for a name that is served
_TURN = 0.005  # s from one such search to the next: 20 000 unknown names a second
_LOST = 0.5  # s without an answer


def searches(job: Job) -> Figures:
    """Searches for served names by themselves, then each behind some datagrams of names that nobody has."""
    found, _ = search(job.port, job.names())
    if found < job.pvs:
        raise MeasurementFailed(f"the server knows only {found} of {job.pvs} names")
    alone = _probes(job, iter(()))
    memory = memory_mb(job.pid)
    beside = _probes(job, _nonsense())
    names = beside.pop("names")
    figures = {f"alone_{key}": alone[key] for key in ("p50_ms", "p99_ms")}
    figures |= {f"beside_{key}": beside[key] for key in ("p50_ms", "p99_ms")}
    each = (beside["server_core"] - alone["server_core"]) / (names / job.seconds)
    lost, grew = beside["lost"], memory_mb(job.pid) - memory
    return figures | {"unknown_s": names / job.seconds, "name_cpu_us": each * 1e6, "lost": lost, "grew_mb": grew}


def _nonsense() -> Iterator[bytes]:
    """Datagrams of names that nobody has, each name once."""
    number = 0
    while True:
        names = range(number, number + _AT_ONCE)
        number += _AT_ONCE
        yield message(VERSION, count=MINOR) + b"".join(
            message(SEARCH, f"Q:N{name:07d}".encode() + b"\0", 5, MINOR, name, name) for name in names
        )


def _datagrams() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _probes(job: Job, storm: Iterator[bytes]) -> Figures:
    """A search every few ms, behind what the storm brings meanwhile."""
    asked = [
        message(VERSION, count=MINOR) + message(SEARCH, name.encode() + b"\0", 5, MINOR, at, at)
        for at, name in enumerate(job.names())
    ]
    times, lost, names, turn = list[float](), 0, 0, 0
    with _datagrams() as link, _datagrams() as other:
        link.connect((HOST, job.port))
        used, began = cpu_seconds(job.pid), time.perf_counter()
        while (now := time.perf_counter()) < began + job.seconds:
            for datagram, _ in zip(storm, range(_DATAGRAMS), strict=False):
                other.sendto(datagram, (HOST, job.port))
                names += _AT_ONCE
            link.send(asked[turn % len(asked)])
            sent = time.perf_counter()
            if select.select([link], [], [], _LOST)[0]:
                link.recv(4096)
                times.append(time.perf_counter() - sent)
            else:
                lost += 1
            turn += 1
            time.sleep(max(0.0, now + _TURN - time.perf_counter()))
        took, used = time.perf_counter() - began, cpu_seconds(job.pid) - used
    if not times:
        raise MeasurementFailed("no search was answered in the time that was measured")
    times.sort()
    return {
        "p50_ms": times[len(times) // 2] * 1e3,
        "p99_ms": times[int(len(times) * 0.99)] * 1e3,
        "lost": lost / turn,
        "server_core": used / took,
        "names": float(names),
    }


def fields(job: Job) -> Figures:
    """Memory with all PVs subscribed to, and when some fields of each were asked for and are open as well."""
    (circuit,) = open_circuits(job, 1)
    circuit.subscribe()
    circuit.replies(EVENT_ADD, job.pvs)
    plain = memory_mb(job.pid)
    names = [f"{name}.{field}" for name in job.names() for field in FIELDS]
    found, port = search(job.port, names)
    if found < len(names):
        raise MeasurementFailed(f"the server knows only {found} of {len(names)} fields")
    asking = Circuit(port)
    asking.create(names)
    asked = memory_mb(job.pid)
    asking.close()
    circuit.close()
    return {"plain_mb": plain, "asked_mb": asked}
