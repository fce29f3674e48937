"""A scripted DAQ server and backends before it, for tests of the backend `dpm+grpc`."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from gateway.backends.dpm_grpc import DpmGrpcBackend
from gateway.backends.dpm_lists import Budget
from gateway.backends.dpm_orders import Timeouts
from gateway.backends.jwt_tokens import Token
from gateway.core.drf import DataRequest
from gateway.core.ports import Subscription
from gateway.core.status import DISCONNECTED, PRIV
from gateway.core.values import Outcome, Reading, Setting, SettingResult, TimedArray
from gateway.runtime.clock import SystemClock
from gateway.wire.daq_replies import encode_scalar
from tests.backends.scripted_daq import Read, ScriptedDaq
from tests.support import grpc_engine
from tests.support.leaks import check_leaks

QUICK = Timeouts(connect=1.0, silence=1.0, backoff_cap=0.05)
STAMP = 1_700_000_000_123_456_789


class Tokens:
    """A source whose token the test changes."""

    def __init__(self, text: str = "a.b.c", lives: float = 600.0) -> None:
        self.token = Token(text, time.time() + lives)

    def current(self) -> Token:
        return self.token

    def close(self) -> None:
        pass


Make = Callable[..., DpmGrpcBackend]


@pytest.fixture
def server() -> Iterator[ScriptedDaq]:
    grpc_engine.begin()
    with check_leaks(), ScriptedDaq() as made:
        yield made


@pytest.fixture
def make(server: ScriptedDaq) -> Iterator[Make]:
    made: list[DpmGrpcBackend] = []

    def one(
        tokens: Tokens | None = None, timeouts: Timeouts = QUICK, budget: Budget | None = None, port: int | None = None
    ) -> DpmGrpcBackend:
        made.append(
            DpmGrpcBackend(
                "grpc", "127.0.0.1", port or server.port, clock=SystemClock(), tokens=tokens, budget=budget,
                timeouts=timeouts, chance=lambda: 0.5,
            )
        )  # fmt: skip
        return made[-1]

    yield one
    for backend in made:
        backend.close()


@pytest.fixture
def backend(make: Make) -> DpmGrpcBackend:
    return make(Tokens())


def parse(*texts: str) -> list[DataRequest]:
    return [DataRequest.parse(text) for text in texts]


def settings(*wishes: tuple[str, Any]) -> list[Setting]:
    return [Setting(DataRequest.parse(text).for_writing(), value) for text, value in wishes]


def plain(reading: Reading) -> Any:
    if isinstance(reading.value, TimedArray):
        return {"data": reading.value.values.tolist(), "micros": (reading.value.stamps_ns // 1000).tolist()}
    return reading.value


def periodic(value: float = 1.0, every: float = 0.02) -> Read:
    """A number for every index, again and again."""

    def read(texts: list[str], context: grpc.ServicerContext) -> Iterator[bytes]:
        over = threading.Event()
        if not context.add_callback(over.set):
            return
        while texts and not over.wait(every):
            for index in range(len(texts)):
                yield encode_scalar(index, time.time_ns(), value + index)

    return read


def until(stream: Subscription, wanted: Callable[[Any], bool], seconds: float = 5.0) -> Any:
    """The first batch that is as wanted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        batch = stream.get(0.1)
        if len(batch) and wanted(batch):
            return batch
    raise AssertionError("nothing as wanted came")


def good(batch: Any) -> bool:
    return len(batch.slot) > 0


def lost(batch: Any) -> bool:
    return any(other.reading.status == DISCONNECTED for other in batch.others)


def wait_for(what: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def refused(results: list[SettingResult]) -> str:
    (result,) = results
    assert (result.outcome, result.status) == (Outcome.REFUSED, PRIV)
    assert result.message.endswith("nothing was sent")
    return result.message
