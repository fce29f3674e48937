"""Every kind of backend in one gateway at once: each serves, and the flood of one holds up none of the others."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.ca_client import free_port
from tests.support.processes import HOST, Json, Running, Site, until
from tests.support.rabbitmq import RabbitMq

FLOOD = 3000  # devices at 10 Hz
WINDOW = 5.0  # s
LATE = 1.0  # s from the source's stamp to the client, for 99 of 100, on a machine that does other things, too
POLLED = {"acl": 1.5}  # s more where the gateway asks now and then
KINDS = ("dpm", "daq", "dmq", "acl", "own")


@dataclass
class Stage:
    """The gateway over one backend of each kind, and one more whose simulator starts when it is wanted."""

    site: Site
    gateway: Running
    client: Running
    flood_port: int

    def updates(self, since: int) -> dict[str, list[Json]]:
        """The updates of each backend's device from a line of the client's output on."""
        found: dict[str, list[Json]] = {kind: [] for kind in KINDS}
        for line in self.client.lines()[since:]:
            assert "lost" not in line, line
            if "pv" in line:
                found[line["pv"].partition(":")[0].lower()].append(line)
        return found

    def window(self) -> dict[str, list[Json]]:
        """What comes in so many seconds."""
        begin = len(self.client.lines())
        assert not until(lambda: self.client.process.poll() is not None, WINDOW), self.client.report()
        return self.updates(begin)


@pytest.fixture
def stage(site: Site, rabbitmq: RabbitMq) -> Iterator[Stage]:
    services = site.simulate("--dpm-grpc-port", "0", "--amqp", rabbitmq.url)
    flood_port = free_port()
    urls = {
        "dpm": f"dpm+http://{services.said['dpm_http']}",
        "daq": f"dpm+grpc://{services.said['dpm_grpc']}",
        "dmq": f"dmq://{HOST}:{rabbitmq.port}/?unsigned=yes",
        "acl": services.said["acl"].replace("http", "acl+http", 1),
        "own": "sim:",
        "flood": f"dpm+http://{HOST}:{flood_port}",
    }
    backends = "".join(f'  {name}: {{url: "{url}"}}\n' for name, url in urls.items())
    devices = "".join(
        f'  - {{device: "M:OUTTMP", name: "{kind.upper()}:OUT", event: "p,{1000 if kind in POLLED else 100}", '
        f"backend: {kind}, properties: reading}}\n"
        for kind in KINDS
    )
    devices += "".join(
        f'  - {{device: "S:D{number:05d}", event: "p,100", backend: flood, properties: reading}}\n'
        for number in range(FLOOD)
    )
    gateway = site.run(f"gateway: {{interfaces: [{HOST}]}}\nbackends:\n{backends}devices:\n{devices}")
    client = site.client("live_aioca", *(f"{kind.upper()}:OUT" for kind in KINDS), stdin=True)
    made = Stage(site, gateway, client, flood_port)
    served = lambda: all(  # noqa: E731
        any(one["severity"] == 0 for one in told) for told in made.updates(0).values()
    )
    assert until(served, 20), gateway.report()
    yield made
    client.end()
    gateway.end()
    services.end()


def late(told: list[Json]) -> float:
    """Seconds from stamp to arrival, for 99 of 100 updates."""
    ages = sorted((one["at_ns"] - one["stamp_ns"]) / 1e9 for one in told)
    return ages[int(0.99 * (len(ages) - 1))]


def test_every_kind_of_backend_serves_at_once_and_a_flood_holds_up_none(stage: Stage) -> None:
    calm = stage.window()
    flood = stage.site.simulate("--synthetic", str(FLOOD), "--rate", "10", port=stage.flood_port)
    watcher = stage.site.client("live_aioca", "S:D00000", f"S:D{FLOOD - 1:05d}", stdin=True)
    assert until(lambda: sum("value" in line and line["severity"] == 0 for line in watcher.lines()) > 20, 20)
    flooded = stage.window()
    watcher.end()
    flood.end()
    for kind in KINDS:
        expected = WINDOW * (1 if kind in POLLED else 10)
        for told in (calm[kind], flooded[kind]):
            assert len(told) > 0.6 * expected, (kind, len(told))
            assert {one["severity"] for one in told} == {0}, kind
            stamps = [one["stamp_ns"] for one in told]
            assert stamps == sorted(set(stamps)), kind
            assert late(told) < LATE + POLLED.get(kind, 0.0), kind
