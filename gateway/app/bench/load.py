"""One measurement against one server, in a process of its own: `python -m gateway.app.bench.load JOB`.

The job is a JSON object with the fields of `Job`; the figures go to stdout as one JSON object. A figure's unit is the
end of its name: `_s` seconds or per second where it counts, `_ms`, `_us`, `_mb`, `_kb`; the rest are shares, 0 to 1.
"""

import json
import struct
import sys
import time

from gateway.app.bench import libca
from gateway.app.bench.job import Figures, Job, open_circuits
from gateway.app.bench.monitors import updates, waves
from gateway.app.bench.processes import cpu_seconds, memory_mb
from gateway.app.bench.rawca import (
    DBR_DOUBLE,
    EVENT_ADD,
    READ_NOTIFY,
    WRITE_NOTIFY,
    Circuit,
    MeasurementFailed,
    message,
    search,
)
from gateway.app.bench.storm import fields, searches


def connect(job: Job) -> Figures:
    """Search, create and subscribe all; the server's memory while they are subscribed."""
    began = time.perf_counter()
    found, port = search(job.port, job.names())
    searched = time.perf_counter()
    if found < job.pvs:
        raise MeasurementFailed(f"the server knows only {found} of {job.pvs} names")
    circuit = Circuit(port)
    circuit.create(job.names())
    created = time.perf_counter()
    circuit.subscribe()
    circuit.replies(EVENT_ADD, job.pvs)
    subscribed = time.perf_counter()
    memory = memory_mb(job.pid)
    circuit.close()
    return {
        "search_ms": (searched - began) * 1e3,
        "create_ms": (created - searched) * 1e3,
        "subscribe_ms": (subscribed - created) * 1e3,
        "subscribed_mb": memory,
    }


def _round_trips(job: Job, command: int, body: bytes, reply: int) -> Figures:
    """One after the other, then all PVs in one go; `reply` is the payload of an answer, bytes."""
    (circuit,) = open_circuits(job, 1)
    requests = [message(command, body, DBR_DOUBLE, 1, sid, place) for place, sid in enumerate(circuit.sids)]
    circuit.link.sendall(requests[0])
    circuit.replies(command, 1)
    used, times, end = cpu_seconds(job.pid), list[float](), time.perf_counter() + job.seconds
    while (began := time.perf_counter()) < end:
        circuit.link.sendall(requests[len(times) % len(requests)])
        circuit.replies(command, 1)
        times.append(time.perf_counter() - began)
    used = cpu_seconds(job.pid) - used
    times.sort()
    figures = {
        "p50_ms": times[len(times) // 2] * 1e3,
        "p99_ms": times[int(len(times) * 0.99)] * 1e3,
        "cpu_us": used / len(times) * 1e6,
    }
    batch, count, began = b"".join(requests), 0, time.perf_counter()
    used = cpu_seconds(job.pid)
    while time.perf_counter() - began < job.seconds:
        circuit.link.sendall(batch)
        circuit.many_replies(command, len(requests), reply)
        count += len(requests)
    took, used = time.perf_counter() - began, cpu_seconds(job.pid) - used
    circuit.close()
    return figures | {"piped_s": count / took, "piped_cpu_us": used / count * 1e6}


def get(job: Job) -> Figures:
    """Gets with callback of one double."""
    return _round_trips(job, READ_NOTIFY, b"", 8)


def put(job: Job) -> Figures:
    """Puts with callback of one double."""
    return _round_trips(job, WRITE_NOTIFY, struct.pack(">d", 1.5), 0)


def connect_libca(job: Job) -> Figures:
    """Connect all with the client library that most tools use; the environment says where it searches."""
    return {"libca_ms": libca.connect(job.names(), job.repeater_port) * 1e3}


JOBS = {
    "connect": connect,
    "updates": updates,
    "waves": waves,
    "get": get,
    "put": put,
    "libca": connect_libca,
    "searches": searches,
    "fields": fields,
}


def main(text: str) -> int:
    """Do the job of the command line; 1 and one sentence on stderr when it failed."""
    job = Job(**json.loads(text))
    try:
        figures = JOBS[job.what](job)
    except (MeasurementFailed, OSError) as error:
        sys.stderr.write(f"{error or type(error).__name__}\n")
        return 1
    sys.stdout.write(json.dumps(figures))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1])
    libca.leave(status)
