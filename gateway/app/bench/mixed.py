"""Two backends in one gateway: the updates of one, while the other is away and while it sends all it has."""

import time
from collections.abc import Callable

from gateway.app.bench.job import Figures, Gauge
from gateway.app.bench.ours import TAKEN, Setup
from gateway.app.bench.rawca import MeasurementFailed
from gateway.app.bench.servers import Serving, flooding

_PATIENCE = 30.0  # s until the flood has begun
_KEPT = ("updates_s", "p50_ms", "p99_ms")


def beside_flood(served: Serving, setup: Setup, measure: Callable[[], Figures]) -> Figures:
    """What `measure` finds alone and beside the flood; `flood_s` is what the gateway took of it per second."""
    alone = measure()
    taken = Gauge(served.port, TAKEN)
    with flooding(served, setup):
        _await(taken, setup.offered + 0.2 * setup.flood * min(setup.flood_hertz, 10))
        before, began = taken.read(), time.perf_counter()
        beside = measure()
        flood = (taken.read() - before) / (time.perf_counter() - began) - setup.offered
    taken.close()
    figures = {f"alone_{key}": alone[key] for key in _KEPT} | {f"beside_{key}": beside[key] for key in _KEPT}
    return figures | {"flood_s": flood}


def _await(taken: Gauge, rate: float) -> None:
    """Wait until the gateway takes so many readings per second."""
    end = time.perf_counter() + _PATIENCE
    while time.perf_counter() < end:
        before, began = taken.read(), time.perf_counter()
        time.sleep(1.0)  # whole bursts
        if (taken.read() - before) / (time.perf_counter() - began) >= rate:
            return
    raise MeasurementFailed(f"the flood did not begin within {_PATIENCE:g} s")
