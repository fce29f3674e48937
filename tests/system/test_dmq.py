"""A gateway whose devices come over DMQ, with tickets of a real KDC, while its broker is killed and comes back."""

from collections.abc import Iterator

import pytest

from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.kdc import Kdc
from tests.support.processes import HOST, Running, Site, until
from tests.support.rabbitmq import RabbitMq, running_rabbitmq

DEVICES = [f"S:D{number:05d}" for number in range(500)]
INVALID = 3
IN_TIME = 10.0  # s
BACK = 30.0  # s for a broker that returns, and both ends after it


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    """A broker that may be killed."""
    with running_rabbitmq(tmp_path_factory.mktemp("mortal")) as started:
        yield started


def config(broker: RabbitMq, auth: str = ", auth: {kerberos: {}}") -> str:
    url = f"dmq://{HOST}:{broker.port}/?backoff_cap=2"
    lines = [f"gateway: {{name: GW1, interfaces: [{HOST}], writes: on}}", f'backends: {{q: {{url: "{url}"{auth}}}}}']
    lines += ['metadata: {url: "sim:"}', "devices:"]
    lines += [f"  - {{device: '{name}', event: 'p,500', properties: [reading]}}" for name in DEVICES]
    return "\n".join([*lines, "  - {device: 'Z:ACLTST', event: 'p,500', writable: true}"]) + "\n"


def counted(broker: RabbitMq) -> list[int]:
    """What the broker has now."""
    return [broker.count(what) for what in ("queues", "channels", "connections")]


def states(client: CaClient, channels: list[ca.Channel]) -> list[tuple[int, float]]:
    """Severity and value of each channel, all asked for at once."""
    numbers = [client.next_id() for _ in channels]
    client.send(b"".join(ca.pack(15, ca.TIME_DOUBLE, 1, c.sid, n) for c, n in zip(channels, numbers, strict=True)))
    updates = [ca.update(client.take(15, p2=number)) for number in numbers]
    return [(update.severity, float(update.value)) for update in updates]  # type: ignore[arg-type]


def severities(client: CaClient, channels: list[ca.Channel]) -> set[int]:
    return {severity for severity, _ in states(client, channels)}


def put(site: Site, value: float) -> Running:
    client = site.client("puts_pyepics", str(value), "Z:ACLTST")
    assert client.wait(60.0) == 0, client.report()
    return client


@pytest.mark.timeout(300)
def test_a_broker_that_is_killed_turns_five_hundred_pvs_invalid_and_they_come_back_by_themselves(
    tmp_path_factory: pytest.TempPathFactory, mortal: RabbitMq, kdc: Kdc
) -> None:
    kdc.login()
    with Site(tmp_path_factory.mktemp("dmq"), kdc.environment) as site:
        simulator = site.simulate(
            "--synthetic", "500", "--rate", "2", "--amqp", mortal.url, "--keytab", str(kdc.keytab)
        )
        gateway = site.run(config(mortal))
        with CaClient(int(gateway.said["ca_port"])) as client:
            channels = [client.create(name) for name in DEVICES]
            assert until(lambda: severities(client, channels) == {0}, IN_TIME), gateway.err
            before = counted(mortal)
            threads = gateway.threads()
            mortal.kill()
            assert until(lambda: severities(client, channels) == {INVALID}, IN_TIME), gateway.err
            assert all(value != 0 for _, value in states(client, channels))  # the last good ones are kept
            mortal.start()
            assert until(lambda: severities(client, channels) == {0}, BACK), gateway.err
            assert until(lambda: all(now <= then for now, then in zip(counted(mortal), before, strict=True)), BACK)
            assert gateway.threads() <= threads
        (line,) = [one for one in put(site, 3.5).lines() if one.get("device") == "Z:ACLTST"]
        assert (line["state"], line["severity"]) == ("ACCEPTED", 0), line
        with CaClient(int(gateway.said["ca_port"])) as client:
            assert client.get_time(client.create("GW1:BACKEND:q:SESSIONS")).value == 1
        gateway.end()
        simulator.end()
        assert until(lambda: counted(mortal) == [0, 0, 0], IN_TIME)


def test_a_gateway_without_credentials_is_told_before_anything_starts(
    tmp_path_factory: pytest.TempPathFactory, mortal: RabbitMq
) -> None:
    with Site(tmp_path_factory.mktemp("anonymous")) as site:
        path = site.folder / "gateway.yaml"
        path.write_text(config(mortal, ""), "utf-8")
        for verb in ("check", "run"):
            running = site.acgate(verb, str(path))
            assert running.wait(30.0) == 2
            assert "S:D00000: 'q' (dmq) has no credentials, and the service answers nobody without" in running.err
