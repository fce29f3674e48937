"""Every backend in front of the same facility."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.backends.open import open_backend
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth, Jwt, Kerberos
from gateway.core.device_info import DeviceInfo
from gateway.core.ports import Backend, DeviceInfoSource, Learning
from gateway.core.status import NOPROP
from gateway.runtime.amqp import Broker
from gateway.runtime.clock import SystemClock
from simulator.daq_manners import Manners
from simulator.dmq_job import Rules
from simulator.facility import Facility, shipped_facility
from simulator.in_process import InProcessBackend
from simulator.services import Services
from tests.support import grpc_engine
from tests.support.kdc import Kdc
from tests.support.leaks import check_leaks
from tests.support.rabbitmq import RabbitMq
from tests.support.tokens import SECRET, token_for


@dataclass(frozen=True)
class Side:
    """A backend, and the facility that it leads to."""

    backend: Backend
    infos: DeviceInfoSource
    facility: Facility

    def describe(self, device: str) -> DeviceInfo:
        return self.infos.describe([device], 5.0)[device]


@pytest.fixture(params=["sim", "dpm+http", "dpm+http with Kerberos", "dpm+grpc", "dmq"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    """A backend of each scheme, and no trace of it afterwards."""
    facility, clock = shipped_facility(), SystemClock()
    if request.param == "dmq":
        with check_leaks():
            yield from _over_dmq(facility, clock, request.getfixturevalue("rabbitmq"))
        return
    if request.param == "dpm+http with Kerberos":
        request.getfixturevalue("kerberos_environment")
        with check_leaks():
            yield from _with_kerberos(facility, clock, request.getfixturevalue("kdc"))
        return
    if request.param == "dpm+grpc":
        grpc_engine.begin()
        with check_leaks():
            yield from _over_grpc(facility, clock, request.getfixturevalue("tmp_path"))
        return
    with check_leaks():
        if request.param == "sim":
            in_process = InProcessBackend("under-test", facility, clock)
            yield Side(in_process, in_process, facility)
            in_process.close()
            return
        services = Services(facility, clock, {"dpm_http": 0})
        services.start()
        backend = open_backend("under-test", BackendUrl("dpm+http", "127.0.0.1", services.dpm.address[1]), clock)
        assert hasattr(backend, "describe")
        yield Side(backend, backend, facility)
        backend.close()
        assert services.stop()


def _with_kerberos(facility: Facility, clock: SystemClock, kdc: Kdc) -> Iterator[Side]:
    """A server that checks, and a backend that logs in."""
    services = Services(facility, clock, {"dpm_http": 0}, keytab=kdc.keytab)
    services.start()
    url = BackendUrl("dpm+http", "127.0.0.1", services.dpm.address[1], query={"role": "testing"})
    backend = open_backend("under-test", url, clock, Auth(kerberos=Kerberos(keytab=str(kdc.user_keytab))))
    assert isinstance(backend, DeviceInfoSource)
    yield Side(backend, backend, facility)
    backend.close()
    assert services.stop()


def _over_grpc(facility: Facility, clock: SystemClock, folder: Path) -> Iterator[Side]:
    secret, token = folder / "secret", folder / "token"
    secret.write_bytes(SECRET)
    token.write_text(token_for(SECRET, clock.now_ns() / 1e9 + 600))
    # the live service says 17/1 after 3 s for an unknown device; here it is the code of the other services (8.2)
    manners = Manners(unknown=NOPROP, unknown_after=0.0)
    services = Services(facility, clock, {"dpm_grpc": 0}, jwt_secret=secret, manners=manners)
    services.start()
    url = BackendUrl.parse(f"dpm+grpc://{services.addresses['dpm_grpc']}")
    backend = open_backend("under-test", url, clock, Auth(jwt=Jwt(token_file=str(token))))
    assert isinstance(backend, Learning)
    infos = InProcessBackend("metadata", facility, clock)  # DAQ knows no metadata; the gateway asks elsewhere, too
    backend.learn(infos.describe(facility.devices, 5.0))
    yield Side(backend, infos, facility)
    backend.close()
    assert services.stop()


def _over_dmq(facility: Facility, clock: SystemClock, rabbitmq: RabbitMq) -> Iterator[Side]:
    # which code DMQ has for an unknown device is not known (dmq.md 8); here it is that of the other services
    services = Services(facility, clock, {}, broker=Broker.parse(rabbitmq.url), rules=Rules(unknown=NOPROP))
    services.start()
    backend = open_backend("under-test", BackendUrl.parse(f"dmq://127.0.0.1:{rabbitmq.port}/?unsigned=yes"), clock)
    assert isinstance(backend, DeviceInfoSource)
    yield Side(backend, backend, facility)
    backend.close()
    assert services.stop()
