"""Every backend in front of the same facility. A new one gets a line in `WAYS`, and is held to what it says it can."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.backends.open import open_backend
from gateway.backends.route import RouteBackend
from gateway.backends.route_stream import Failover
from gateway.config.backend_url import SCHEMES, BackendUrl, Scheme
from gateway.config.models import Auth, Jwt, Kerberos, Ssh
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest
from gateway.core.ports import Backend, DeviceInfoSource, Learning
from gateway.core.route import Route
from gateway.core.status import NOPROP, Status
from gateway.runtime.amqp import Broker
from gateway.runtime.clock import SystemClock
from simulator.daq_manners import Manners
from simulator.dmq_job import Rules
from simulator.facility import Facility, shipped_facility
from simulator.in_process import InProcessBackend
from simulator.services import Services
from tests.support import grpc_engine
from tests.support.ca_client import free_port
from tests.support.kdc import Kdc
from tests.support.leaks import check_leaks
from tests.support.sshd import USER, Sshd, acl_command, make_key, running_sshd
from tests.support.tokens import SECRET, token_for

CLOCK = SystemClock()


@dataclass(frozen=True)
class Side:
    """A backend, and the facility that it leads to. What is not the same for all is documented by the fields."""

    backend: Backend
    facility: Facility
    unknown: Status = NOPROP  # of a device that there is not
    text_arrays: bool = True  # whether elements of text arrive one by one: ACL prints them as one text
    name: str = "under-test"
    metadata: DeviceInfoSource | None = None  # who describes the devices, where that is not the backend

    @property
    def infos(self) -> DeviceInfoSource:
        found = self.metadata or self.backend
        assert isinstance(found, DeviceInfoSource)
        return found

    def describe(self, device: str) -> DeviceInfo:
        return self.infos.describe([device], 5.0)[device]


def _in_process(request: pytest.FixtureRequest, facility: Facility) -> Iterator[Side]:
    del request
    yield Side(InProcessBackend("under-test", facility, CLOCK), facility)


def _routed(request: pytest.FixtureRequest, facility: Facility) -> Iterator[Side]:
    """A route whose preferred backend works."""
    del request
    yield from _route(InProcessBackend("first", facility, CLOCK), facility)


def _routed_on(request: pytest.FixtureRequest, facility: Facility) -> Iterator[Side]:
    """A route whose preferred backend is away: everything goes to the other one."""
    del request
    yield from _route(open_backend("first", BackendUrl("dpm+http", "127.0.0.1", free_port()), CLOCK), facility)


def _route(first: Backend, facility: Facility) -> Iterator[Side]:
    second = InProcessBackend("second", facility, CLOCK)
    names = (first.name, second.name)
    route = RouteBackend(Route(names, names), {"first": first, "second": second}, CLOCK, Failover())
    yield Side(route, facility, name="first+second", metadata=second)
    first.close()
    second.close()


def _over_dpm(request: pytest.FixtureRequest, facility: Facility) -> Iterator[Side]:
    del request
    with _serving(Services(facility, CLOCK, {"dpm_http": 0})) as services:
        yield Side(open_backend("under-test", BackendUrl("dpm+http", *services.dpm.address), CLOCK), facility)


def _with_kerberos(request: pytest.FixtureRequest, facility: Facility) -> Iterator[Side]:
    """A server that checks, and a backend that logs in."""
    request.getfixturevalue("kerberos_environment")
    kdc: Kdc = request.getfixturevalue("kdc")
    with _serving(Services(facility, CLOCK, {"dpm_http": 0}, keytab=kdc.keytab)) as services:
        url = BackendUrl("dpm+http", *services.dpm.address, query={"role": "testing"})
        auth = Auth(kerberos=Kerberos(keytab=str(kdc.user_keytab)))
        yield Side(open_backend("under-test", url, CLOCK, auth), facility)


def _over_grpc(request: pytest.FixtureRequest, facility: Facility) -> Iterator[Side]:
    folder: Path = request.getfixturevalue("tmp_path")
    secret, token = folder / "secret", folder / "token"
    secret.write_bytes(SECRET)
    token.write_text(token_for(SECRET, CLOCK.now_ns() / 1e9 + 600))
    # the live service says 17/1 after 3 s for an unknown device; here it is the code of the other services (8.2)
    manners = Manners(unknown=NOPROP, unknown_after=0.0)
    with _serving(Services(facility, CLOCK, {"dpm_grpc": 0}, jwt_secret=secret, manners=manners)) as services:
        url = BackendUrl.parse(f"dpm+grpc://{services.addresses['dpm_grpc']}")
        backend = open_backend("under-test", url, CLOCK, Auth(jwt=Jwt(token_file=str(token))))
        assert isinstance(backend, Learning)
        infos = InProcessBackend("metadata", facility, CLOCK)  # DAQ knows no metadata; the gateway asks elsewhere, too
        backend.learn(infos.describe(facility.devices, 5.0))
        yield Side(backend, facility, metadata=infos)


def _over_dmq(request: pytest.FixtureRequest, facility: Facility) -> Iterator[Side]:
    rabbitmq = request.getfixturevalue("rabbitmq")
    # which code DMQ has for an unknown device is not known (dmq.md 8); here it is that of the other services
    with _serving(Services(facility, CLOCK, {}, broker=Broker.parse(rabbitmq.url), rules=Rules(unknown=NOPROP))):
        url = BackendUrl.parse(f"dmq://127.0.0.1:{rabbitmq.port}/?unsigned=yes")
        yield Side(open_backend("under-test", url, CLOCK), facility)


NO_RECORD = Status(16, -20)  # what ACL has for a device that there is not


def _over_acl(request: pytest.FixtureRequest, facility: Facility) -> Iterator[Side]:
    del request
    with _serving(Services(facility, CLOCK, {"acl": 0})) as services:
        url = BackendUrl("acl+http", *services.acl.address, query={"period": "0.1"})
        yield Side(open_backend("under-test", url, CLOCK), facility, NO_RECORD, text_arrays=False)


def _over_ssh(request: pytest.FixtureRequest, facility: Facility) -> Iterator[Side]:
    node = request.getfixturevalue("console_node")
    with _serving(Services(facility, CLOCK, {"acl": 0})) as services:
        url, auth = node.lead_to(services.addresses["acl"])
        backend = open_backend("under-test", url, CLOCK, auth)
        with closing(backend.watch([DataRequest.parse("M:OUTTMP@i")])) as first:
            assert len(first.get(10.0)) == 1  # a login takes its time, which is none of the stream's
        yield Side(backend, facility, NO_RECORD, text_arrays=False)


def scheme_of(way: str) -> Scheme:
    """What the table of schemes says of a way."""
    return SCHEMES[way.split()[0]]


WAYS: dict[str, Callable[[pytest.FixtureRequest, Facility], Iterator[Side]]] = {
    "sim": _in_process,
    "sim by a route": _routed,
    "sim by a route whose first backend is away": _routed_on,
    "dpm+http": _over_dpm,
    "dpm+http with Kerberos": _with_kerberos,
    "dpm+grpc": _over_grpc,
    "dmq": _over_dmq,
    "acl+http": _over_acl,
    "acl+ssh": _over_ssh,
}
WRITING = [way for way in WAYS if scheme_of(way).capabilities.write]
READING_ONLY = [way for way in WAYS if way not in WRITING]
DESCRIBING = [way for way in WAYS if not way.startswith("acl")]  # ACL tells nothing of devices but values


@contextmanager
def _serving(services: Services) -> Iterator[Services]:
    services.start()
    yield services
    assert services.stop()


def _opened(request: pytest.FixtureRequest) -> Iterator[Side]:
    """The side of a scheme, and no trace of it afterwards."""
    grpc_engine.begin()
    way = WAYS[request.param](request, shipped_facility())
    with check_leaks():
        for side in way:
            yield side
            side.backend.close()


@pytest.fixture(params=WAYS)
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    """A backend of each scheme."""
    yield from _opened(request)


@pytest.fixture(params=WRITING)
def writing(request: pytest.FixtureRequest) -> Iterator[Side]:
    """A backend of each scheme that says it can write."""
    yield from _opened(request)


@pytest.fixture(params=READING_ONLY)
def reading_only(request: pytest.FixtureRequest) -> Iterator[Side]:
    """A backend of each scheme that says it cannot write."""
    yield from _opened(request)


@pytest.fixture(params=DESCRIBING)
def describing(request: pytest.FixtureRequest) -> Iterator[Side]:
    """A backend of each scheme that describes devices."""
    yield from _opened(request)


@dataclass(frozen=True)
class ConsoleNode:
    """An SSH server whose logins are the interpreter of whichever simulator a test leads them to."""

    server: Sshd
    folder: Path

    def lead_to(self, simulator: str) -> tuple[BackendUrl, Auth]:
        (self.folder / "simulator").write_text(simulator, "ascii")
        (self.folder / "known_hosts").write_text(self.server.known_host(), "ascii")
        ssh = Ssh(key_file=str(self.folder / "key"), known_hosts=str(self.folder / "known_hosts"), agent=False)
        url = BackendUrl("acl+ssh", "127.0.0.1", self.server.port, USER, query={"period": "0.1"})
        return url, Auth(ssh=ssh)


@pytest.fixture(scope="session")
def console_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleNode]:
    folder = tmp_path_factory.mktemp("console")
    key = make_key(folder / "key")
    with running_sshd(folder / "sshd", acl_command(f'"$(cat {folder}/simulator)"'), key) as server:
        yield ConsoleNode(server, folder)
