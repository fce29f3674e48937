"""A gateway and a C IOC on one host whose searches go to the same port (users.md 1.18)."""

import socket
from pathlib import Path

from tests.support.processes import Site
from tests.system.twins.conftest import SoftIoc

CONFIG = """gateway: {interfaces: [127.0.0.1]}
backends: {sim: {url: "sim:"}}
devices: [{device: "M:OUTTMP", backend: sim}]
"""


def test_a_gateway_that_starts_beside_a_c_ioc_warns_that_they_share_searches(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        taken = socket.create_server(("127.0.0.1", site.ca_port))  # as by an earlier IOC: the later one moves aside
        ioc = SoftIoc(site, site.ca_port)
        try:
            ioc.ready()
            taken.close()
            gateway = site.run(CONFIG, ca_port=site.ca_port)
            gateway.ready()
            gateway.end()
        finally:
            taken.close()
            ioc.running.close()
    assert f"another server answers searches on 127.0.0.1, UDP port {site.ca_port}, too" in gateway.err
