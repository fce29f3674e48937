"""With the times that ship: a loss is seen within five seconds, and the return within five more."""

import time

import pytest

from gateway.backends.open import open_backend
from gateway.config.backend_url import BackendUrl
from gateway.core.drf import DataRequest
from gateway.core.ports import Subscription
from gateway.core.status import DISCONNECTED, REQTMO
from gateway.runtime.clock import SystemClock
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.support import grpc_engine
from tests.support.leaks import check_leaks

LIMIT = 5.0  # s
LOST = (DISCONNECTED, REQTMO)  # a service that answers call by call is late before it is lost


def until(stream: Subscription, good: bool) -> float:
    """Seconds until a reading with, or a lost one without, a value comes."""
    begin = time.monotonic()
    while time.monotonic() - begin < 3 * LIMIT:
        batch = stream.get(0.1)
        if len(batch.slot) if good else any(other.reading.status in LOST for other in batch.others):
            return time.monotonic() - begin
    raise AssertionError(f"nothing in {3 * LIMIT} s")


FAULTS = ("reset", "hang", "silent", "garbage")
CASES = [(service, fault) for service in ("dpm_http", "dpm_grpc", "acl") for fault in FAULTS] + [("acl", "half")]
URLS = {"dpm_http": "dpm+http://{}", "dpm_grpc": "dpm+grpc://{}", "acl": "acl+{}?period=0.1"}  # of the address


@pytest.mark.parametrize(("service", "fault"), CASES)
def test_a_fault_is_seen_and_healed_in_time_without_watching_again(service: str, fault: str) -> None:
    clock = SystemClock()
    grpc_engine.begin()
    with check_leaks():
        services = Services(shipped_facility(), clock, {service: 0})
        services.start()
        backend = open_backend("dpm", BackendUrl.parse(URLS[service].format(services.addresses[service])), clock)
        stream = backend.watch([DataRequest.parse("M:OUTTMP@p,100"), DataRequest.parse("G:AMANDA@p,1000")])
        assert until(stream, good=True) < LIMIT
        services.faults.command(service, fault)
        assert until(stream, good=False) < LIMIT
        services.faults.command(service, "none")
        assert until(stream, good=True) < LIMIT
        backend.close()
        assert services.stop()
