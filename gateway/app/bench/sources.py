"""What the gateway takes of a source whose readings nobody monitors: how many, and what each of them costs."""

import time

from gateway.app.bench.job import Figures, Gauge
from gateway.app.bench.ours import DROPS, TAKEN, Setup
from gateway.app.bench.processes import cpu_seconds
from gateway.app.bench.rawca import MeasurementFailed
from gateway.app.bench.servers import Serving

_PATIENCE = 20.0  # s until readings come
_SETTLE = 1.0  # s of whole bursts


def taken(served: Serving, setup: Setup, seconds: float) -> Figures:
    """Readings per second, CPU of the gateway and of the simulator per reading, and what the gateway dropped."""
    gauge, drops = Gauge(served.port, TAKEN), Gauge(served.port, DROPS)
    try:
        end = time.perf_counter() + _PATIENCE
        while gauge.read() < 2 * setup.pvs:
            if time.perf_counter() > end:
                raise MeasurementFailed(f"no readings over {setup.scheme} within {_PATIENCE:g} s")
            time.sleep(0.1)
        time.sleep(_SETTLE)
        lost, before, began = drops.read(), gauge.read(), time.perf_counter()
        used, made = cpu_seconds(served.pid), cpu_seconds(served.source_pid or served.pid)
        time.sleep(seconds)
        used, made = cpu_seconds(served.pid) - used, cpu_seconds(served.source_pid or served.pid) - made
        count, took, lost = gauge.read() - before, time.perf_counter() - began, drops.read() - lost
    finally:
        gauge.close()
        drops.close()
    each = 1e6 / max(count, 1.0)
    return {
        "readings_s": count / took,
        "cpu_us": used * each,
        "server_core": used / took,
        "source_cpu_us": made * each,
        "dropped": lost,
    }
