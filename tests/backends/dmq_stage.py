"""A backend `dmq`, the simulated server, and the real broker between them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.backends.dmq import DmqBackend
from gateway.backends.open import ANONYMOUS, open_backend
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth
from gateway.core.batch import ReadingBatch
from gateway.core.drf import DataRequest
from gateway.core.ports import Subscription
from gateway.core.values import Setting, SettingValue
from gateway.runtime.amqp import Broker
from gateway.runtime.clock import SystemClock
from simulator.dmq_job import Rules
from simulator.dmq_server import DmqServer
from simulator.facility import Facility, load_facility, shipped_facility
from simulator.faults import Faults
from tests.support.processes import until
from tests.support.rabbitmq import RabbitMq

CLOCK = SystemClock()
IN_TIME = 10.0  # s


@dataclass
class Stage:
    """Both ends in this process."""

    broker: RabbitMq
    facility: Facility
    faults: Faults
    server: DmqServer
    backend: DmqBackend
    keytab: Path | None = None
    rules: Rules = field(default_factory=Rules)

    def command(self, fault: str) -> None:
        """Let the server do wrong, from now on."""
        self.faults.command("amqp", fault)
        assert until(lambda: self.server.fault.value == fault, IN_TIME)

    def restart_server(self) -> None:
        """The server ends, with all its queues, and comes back."""
        assert self.server.stop()
        self.server = server_of(self.facility, self.broker, self.faults, self.rules, self.keytab)
        self.server.start()


def server_of(facility: Facility, broker: RabbitMq, faults: Faults, rules: Rules, keytab: Path | None) -> DmqServer:
    acceptor = None
    if keytab is not None:
        from simulator.gss_acceptor import Acceptor

        acceptor = Acceptor(keytab)
    return DmqServer(facility, CLOCK, Broker.parse(broker.url), faults=faults, rules=rules, acceptor=acceptor)


@contextmanager
def staged(
    broker: RabbitMq,
    query: str = "unsigned=yes",
    facility: Facility | None = None,
    rules: Rules | None = None,
    keytab: Path | None = None,
    auth: Auth = ANONYMOUS,
) -> Iterator[Stage]:
    """Everything runs until the block ends; then all of it ends in time."""
    facility, faults, rules = facility or shipped_facility(), Faults("amqp"), rules or Rules()
    server = server_of(facility, broker, faults, rules, keytab)
    server.start()
    backend = open_backend("dmq", BackendUrl.parse(f"dmq://127.0.0.1:{broker.port}/?{query}"), CLOCK, auth)
    assert isinstance(backend, DmqBackend)
    stage = Stage(broker, facility, faults, server, backend, keytab, rules)
    try:
        yield stage
    finally:
        backend.close()
        ended = stage.server.stop()
    assert ended


def settable(count: int) -> Facility:
    """A facility of so many devices `Z:W0`, ... that can be set."""
    device = "{{name: 'Z:W{n}', index: {index}, description: W, units: V, limits: [-9999, 9999], setting: 0.0}}"
    devices = ", ".join(device.format(n=number, index=number + 1) for number in range(count))
    return load_facility(f"devices: [{devices}]")


def parse(*texts: str) -> list[DataRequest]:
    return [DataRequest.parse(text) for text in texts]


def setting(text: str, value: SettingValue) -> Setting:
    return Setting(DataRequest.parse(text).for_writing(), value)


def batches(stream: Subscription, good: bool, slots: int, seconds: float = IN_TIME) -> dict[int, ReadingBatch]:
    """The batch in which each slot had its first reading with (or without) a value; fails when one has none."""
    found: dict[int, ReadingBatch] = {}

    def complete() -> bool:
        batch = stream.get(0.2)
        for slot in batch.slot.tolist() if good else [other.slot for other in batch.others]:
            found.setdefault(slot, batch)
        return len(found) == slots

    assert until(complete, seconds), f"{slots - len(found)} of {slots} requests have nothing"
    return found
