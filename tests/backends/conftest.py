"""A scripted server and a backend before it, both gone without a trace at the end of the test."""

from collections.abc import Callable, Iterator

import pytest

from gateway.backends.dpm_http import DpmHttpBackend
from gateway.backends.dpm_lists import Budget
from gateway.backends.dpm_orders import Timeouts
from gateway.runtime.clock import SystemClock
from tests.backends.scripted_server import ScriptedServer
from tests.support.leaks import check_leaks

QUICK = Timeouts(connect=1.0, silence=1.0, backoff_cap=0.05)
Make = Callable[..., DpmHttpBackend]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with check_leaks(), ScriptedServer(beat=0.2) as made:
        yield made


@pytest.fixture
def make(server: ScriptedServer) -> Iterator[Make]:
    """Makes backends in front of the server, with short timeouts unless said otherwise."""
    made: list[DpmHttpBackend] = []

    def one(
        timeouts: Timeouts = QUICK, budget: Budget | None = None, role: str | None = None, port: int | None = None
    ) -> DpmHttpBackend:
        backend = DpmHttpBackend(
            "dpm", "127.0.0.1", port or server.port, clock=SystemClock(), role=role, budget=budget, timeouts=timeouts,
            chance=lambda: 0.5,
        )  # fmt: skip
        made.append(backend)
        return backend

    yield one
    for backend in made:
        backend.close()


@pytest.fixture
def backend(make: Make) -> DpmHttpBackend:
    return make()
