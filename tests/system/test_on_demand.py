"""Names that nobody has configured: made when asked for, ended when unused, and a storm of nonsense makes nothing."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.ca_client import CaClient, free_port, pack, search
from tests.support.processes import HOST, Running, Site, until

PATIENCE = 15.0  # s
SEARCH = 6


class Served:
    """A gateway that has configured M:OUTTMP alone, over simulated services."""

    def __init__(self, site: Site, more: str = "", metadata: bool = True, cache: str = "off") -> None:
        self.site, self.services = site, site.simulate("--devdb-port", "0")
        said = self.services.said
        database = f'metadata: {{url: "devdb+grpc://{said["devdb"]}", cache: {cache}}}\n' if metadata else ""
        self.config = (
            f"gateway: {{interfaces: [{HOST}], writes: on}}\n"
            f'backends: {{dpm: {{url: "dpm+http://{said["dpm_http"]}"}}}}\n{database}'
            'devices:\n  - {device: "M:OUTTMP", event: "p,200"}\n'
            f"on_demand: {{allow: '*', deny: 'N:*', event: 'p,200', linger: 1{more}}}\n"
        )
        self.gateway: Running = site.run(self.config)

    def found(self, name: str) -> bool:
        """Whether a search for the name is answered; clients search again and again, and so does this."""
        return until(lambda: bool(search(self.site.ca_port, [name], wait=0.5)), PATIENCE)

    def figure(self, name: str, of: str = "GW1:ONDEMAND") -> float:
        with CaClient(self.site.ca_port) as client:
            value = client.get(client.create(f"{of}:{name}"))
        assert isinstance(value, int | float)
        return value

    def end(self) -> None:
        self.gateway.end()
        self.services.end()


@pytest.fixture
def served(site: Site) -> Iterator[Served]:
    made = Served(site)
    yield made
    made.end()


def test_a_command_gets_what_nobody_configured_at_its_first_attempt(served: Served) -> None:
    names = ["G:AMANDA", "Z_ACLTST", "Z:ACLTST:SP_RBV", "Z|ACLTST", "G:AMANDA@p,500", "B:IRMS06[0:3]", "M_OUTTMP"]
    for name in names:
        tool = served.site.tool("caproto-get", "-w", "10", name)
        assert tool.wait(30) == 0, tool.report()
        assert name in tool.out


def test_a_reading_is_good_when_the_channel_is_there(served: Served) -> None:
    assert served.found("G:AMANDA")
    with CaClient(served.site.ca_port) as client:
        channel = client.create("G:AMANDA")
        first = client.get_time(channel)
        assert first.severity != 3, first  # INVALID: a client that reads at once would have nothing
        number = client.subscribe(channel)
        assert client.update(number).value != client.update(number, PATIENCE).value
        description = client.get(client.create("G~AMANDA"))
        assert description
        assert description == client.get(client.create("G:AMANDA.DESC"))


def test_it_is_read_only_and_what_policy_denies_is_not_served(served: Served) -> None:
    assert served.found("Z_ACLTST")
    with CaClient(served.site.ca_port) as client:
        assert client.put(client.create("Z_ACLTST"), 1.0) != 1
    assert not search(served.site.ca_port, ["N:H801"], wait=0.5)
    time.sleep(1.0)
    assert not search(served.site.ca_port, ["N:H801", "Z:NOTFND", "M:OUTTMP<-LOGGER"], wait=0.5)


def test_it_lives_while_one_of_two_clients_has_it_and_ends_when_it_has_lingered(served: Served) -> None:
    threads = served.gateway.threads()
    assert served.found("G:AMANDA")
    assert served.figure("WORLDS") == 0  # a search makes nothing
    with CaClient(served.site.ca_port) as first:
        with CaClient(served.site.ca_port) as second:
            for client in (first, second):
                client.update(client.subscribe(client.create("G:AMANDA")))
            assert served.figure("WORLDS") == 1
        time.sleep(3.0)
        assert served.figure("WORLDS") == 1
    assert until(lambda: served.figure("WORLDS") == 0, PATIENCE)
    assert served.gateway.threads() <= threads + 2  # of the lookups' pool and of the link; none for each device


def test_ten_thousand_nonsense_names_cost_a_bounded_number_of_calls_and_make_nothing(served: Served) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        for start in range(0, 10_000, 100):
            asked = b"".join(
                pack(SEARCH, 5, 13, number, number, f"Q:X{number:05d}".encode() + b"\0" * 8)
                for number in range(start, start + 100)
            )
            link.sendto(pack(0, 0, 13) + asked, (HOST, served.site.ca_port))
            time.sleep(0.005)
    assert search(served.site.ca_port, ["M:OUTTMP"], wait=5.0)
    assert until(lambda: served.figure("UNKNOWN") >= 5_000, 20)  # datagrams may be lost where the machine is busy
    assert served.figure("LOOKUPS") <= 40  # 500 names in one, at most
    assert served.figure("WORLDS") == 0
    assert served.found("G:AMANDA")
    assert served.gateway.err.count("Q:X") == 0  # nor a line of log for each


def test_the_gateways_own_figures_count_what_lives_on_demand(served: Served) -> None:
    before = served.figure("PVS", "GW1")
    assert served.found("B:IRMS06[0:3]")
    with CaClient(served.site.ca_port) as client:
        client.update(client.subscribe(client.create("B:IRMS06[0:3]")))
        assert served.figure("PVS", "GW1") > before
        updates = served.figure("UPDATES", "GW1")
        assert until(lambda: served.figure("UPDATES", "GW1") >= updates + 16, PATIENCE)  # two devices at 5 Hz
        assert until(lambda: served.figure("RATE", "GW1") > 6.0, PATIENCE)
    assert until(lambda: served.figure("WORLDS") == 0, PATIENCE)
    assert served.figure("PVS", "GW1") == before
    assert served.figure("UPDATES", "GW1") > updates


def test_a_device_that_was_once_looked_up_is_found_while_the_device_database_is_away(site: Site) -> None:
    served = Served(site, cache="cache.json")
    assert served.found("G:AMANDA")
    served.gateway.end()
    away = served.config.replace(served.services.said["devdb"], f"{HOST}:{free_port()}")
    assert away != served.config
    served.gateway = site.run(away)
    assert served.found("G:AMANDA")
    assert not search(site.ca_port, ["Z:ACLTST"], wait=0.5)
    with CaClient(site.ca_port) as client:
        assert client.get(client.create("G~AMANDA"))
    served.end()


def test_no_more_live_than_may(site: Site) -> None:
    served = Served(site, ", most: 1")
    assert served.found("G:AMANDA")
    assert served.found("Z:ACLTST")
    with CaClient(site.ca_port) as client:
        client.create("G:AMANDA")
        assert not search(site.ca_port, ["Z:ACLTST"], wait=0.5)
    served.end()


def test_without_a_device_database_the_backend_says_what_exists(site: Site) -> None:
    served = Served(site, metadata=False)
    assert served.found("G:AMANDA")
    assert not search(site.ca_port, ["Z:NOTFND"], wait=0.5)
    served.end()
