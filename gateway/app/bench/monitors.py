"""Loads that subscribe: updates of numbers to some clients, and waveforms to one."""

import select
import selectors
import time

from gateway.app.bench.job import SMALL_BUFFER, Figures, Gauge, Job, open_circuits
from gateway.app.bench.processes import cpu_seconds, memory_mb
from gateway.app.bench.rawca import DBR_TIME_DOUBLE, EVENT_ADD, MeasurementFailed
from gateway.app.bench.updates import Updates, ages_ms


def updates(job: Job) -> Figures:
    """Monitors of all PVs by all clients, at the rate that the source offers."""
    drops = Gauge(job.port, job.drops) if job.drops else None  # first: who opens it later does not read meanwhile
    stuck = open_circuits(job, job.stuck, SMALL_BUFFER) if job.stuck else []
    circuits = open_circuits(job, job.clients)
    for circuit in (*stuck, *circuits):
        circuit.subscribe(job.data_type)
    counters = [Updates(circuit, job.data_type) for circuit in circuits]
    with selectors.DefaultSelector() as ready:
        for counter in counters:
            ready.register(counter.link, selectors.EVENT_READ, counter)
        _pump(ready, job.settle)
        before = drops.read() if drops else 0.0
        figures = _window(job, ready, counters)
        if drops:
            figures["drops"] = drops.read() - before
    for circuit in (*stuck, *circuits):
        circuit.close()
    return figures


def _pump(ready: selectors.BaseSelector, seconds: float) -> float:
    """Take in what comes for so long; how long it really was, s."""
    began = time.perf_counter()
    while (left := began + seconds - time.perf_counter()) > 0:
        for key, _ in ready.select(min(left, 0.1)):
            key.data.read()
    return time.perf_counter() - began


def _window(job: Job, ready: selectors.BaseSelector, counters: list[Updates]) -> Figures:
    for counter in counters:
        counter.reset()
    memory = memory_mb(job.pid)
    used, source = cpu_seconds(job.pid), cpu_seconds(job.source_pid) if job.source_pid else 0.0
    own = time.process_time()
    took = _pump(ready, job.seconds)
    own = time.process_time() - own
    used = cpu_seconds(job.pid) - used
    source = cpu_seconds(job.source_pid) - source if job.source_pid else 0.0
    count = sum(counter.count for counter in counters)
    if not count:
        raise MeasurementFailed("no update came in the time that was measured")
    figures: Figures = {}
    if job.data_type == DBR_TIME_DOUBLE:  # the others are counted, and not looked at
        p50, p99 = ages_ms(counters, (50, 99))
        figures = {"lost": max(counter.lost() for counter in counters), "p50_ms": p50, "p99_ms": p99}
    return figures | {
        "offered_s": job.offered,
        "updates_s": count / took,
        "delivered": count / took / job.offered / len(counters),
        "cpu_us": used / count * 1e6,
        "server_core": used / took,
        "source_core": source / took,
        "client_core": own / took,
        "rss_mb": memory_mb(job.pid),
        "grew_mb": memory_mb(job.pid) - memory,
    }


def waves(job: Job) -> Figures:
    """Monitors of waveforms as plain doubles of full length: bytes per second, nothing decoded."""
    (circuit,) = open_circuits(job, 1)
    circuit.subscribe_plain()
    circuit.replies(EVENT_ADD, job.pvs)
    store, bytes_in = bytearray(1 << 20), 0
    used, began = cpu_seconds(job.pid), time.perf_counter()
    while (left := began + job.seconds - time.perf_counter()) > 0:
        if not select.select([circuit.link], [], [], left)[0]:
            break
        got = circuit.link.recv_into(store)
        if not got:
            raise MeasurementFailed("the server closed the circuit")
        bytes_in += got
    took, used = time.perf_counter() - began, cpu_seconds(job.pid) - used
    circuit.close()
    if not bytes_in:
        raise MeasurementFailed("no waveform came in the time that was measured")
    return {"mb_s": bytes_in / took / 1e6, "server_core": used / took, "cpu_us_mb": used / bytes_in * 1e12}
