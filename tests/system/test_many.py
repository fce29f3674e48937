"""A thousand devices: one bad one spoils none of the others, and gets are answered while the backend hangs."""

import signal
from pathlib import Path

from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.processes import Site, config_of, until

GOOD = [f"S:D{number:05d}" for number in range(999)]
INVALID = 3


def states(client: CaClient, channels: list[ca.Channel]) -> list[tuple[int, float]]:
    """Severity and value of each channel, all asked for at once."""
    first = client.next_id()
    numbers = [first, *(client.next_id() for _ in channels[1:])]
    client.send(b"".join(ca.pack(15, ca.TIME_DOUBLE, 1, c.sid, n) for c, n in zip(channels, numbers, strict=True)))
    updates = [ca.update(client.take(15, p2=number)) for number in numbers]
    return [(update.severity, float(update.value)) for update in updates]  # type: ignore[arg-type]


def test_one_bad_device_of_a_thousand_is_one_invalid_pv_and_a_hanging_backend_delays_no_get(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        simulator = site.simulate("--synthetic", "999", "--rate", "2")
        devices = "".join(f"  - {{device: '{name}', event: 'p,500', properties: [reading]}}\n" for name in GOOD)
        gateway = site.run(config_of(simulator, devices + "  - {device: 'Z:NOTFND', properties: [reading]}\n"))
        with CaClient(int(gateway.said["ca_port"])) as client:
            channels = [client.create(name) for name in (*GOOD, "Z:NOTFND")]
            assert until(lambda: [0] * 999 + [INVALID] == [severity for severity, _ in states(client, channels)], 10)
            assert 1 == sum("Z:NOTFND" in line for line in gateway.err.splitlines())
            simulator.process.send_signal(signal.SIGSTOP)
            try:
                assert until(lambda: {INVALID} == {severity for severity, _ in states(client, channels)}, 10)
                kept = states(client, channels)
                assert 999 == sum(value != 0 for _, value in kept)  # the last good ones
            finally:
                simulator.process.send_signal(signal.SIGCONT)
