"""A gateway that has no file descriptor left serves those that it has, says so in few lines, and recovers (4.b5)."""

import resource
from contextlib import ExitStack

import psutil

from tests.support.ca_client import PATIENCE, CaClient
from tests.support.processes import HOST, Site, until

CONFIG = (
    f"gateway: {{interfaces: [{HOST}]}}\nbackends: {{a: {{url: 'sim:'}}}}\n"
    "devices:\n  - {device: 'M:OUTTMP', event: 'p,200'}\n"
)
LEFT = 12  # descriptors that it may still open


def greeted(client: CaClient, timeout: float) -> bool:
    try:
        client.take(0, timeout=timeout)
    except TimeoutError:
        return False
    return True


def test_without_a_file_descriptor_the_open_circuits_are_served_and_new_ones_as_soon_as_there_is_one(
    site: Site,
) -> None:
    gateway = site.run(CONFIG)
    process = psutil.Process(gateway.pid)
    with CaClient(site.ca_port) as old:
        number = old.subscribe(old.create("M:OUTTMP"))
        old.update(number)
        hard = process.rlimit(resource.RLIMIT_NOFILE)[1]
        process.rlimit(resource.RLIMIT_NOFILE, (process.num_fds() + LEFT, hard))
        with ExitStack() as crowd:
            clients = [crowd.enter_context(CaClient(site.ca_port, hello=False)) for _ in range(3 * LEFT)]
            assert until(lambda: "no further circuit can be taken" in gateway.err, PATIENCE)
            assert sum(greeted(client, 0.05) for client in clients) <= LEFT
            first = old.update(number).value
            assert until(lambda: old.update(number).value != first, PATIENCE)
            assert old.get(old.create("GW1:CLIENTS"))
        with CaClient(site.ca_port, hello=False) as new:  # asyncio accepts again after a second
            assert greeted(new, PATIENCE)
            new.create("M:OUTTMP")
        assert old.update(number)
    assert gateway.err.count("no further circuit") <= 10
    gateway.end()
