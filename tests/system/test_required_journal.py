"""Where the journal is required and its database dies, puts are refused until it is back; no row is lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from gateway.app.history import rows_of
from gateway.history.database import Database
from gateway.runtime.clock import SystemClock
from iocs.fast import messages as ca
from simulator.facility import Facility, load_facility
from simulator.services import Services
from tests.support.ca_client import CaClient
from tests.support.leaks import check_leaks
from tests.support.postgres import postgres
from tests.support.processes import Site, until

FACILITY = """devices:
  - {name: "Z:ONE", index: 1, description: P, units: V, setting: 1.0, settle: 0}
"""
CONFIG = """gateway: {{name: GW1, interfaces: [127.0.0.1], writes: on, audit: {{required: on}}}}
backends: {{dpm: {{url: "dpm+http://{address}"}}}}
devices:
  - {{device: "Z:ONE", writable: true, properties: "reading, setting"}}
"""
PATIENCE = 60.0  # s


@contextmanager
def of_sqlite(folder: Path) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    """A database with the schema, and how it dies and comes back: as a disk that is not mounted any more."""
    disk, away = folder / "disk", folder / "away"
    disk.mkdir()
    yield f"sqlite:///{disk / 'puts.db'}", lambda: disk.rename(away), lambda: away.rename(disk)


@contextmanager
def of_postgresql(_: Path) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    """The same as a server that ends and is started again."""
    with postgres() as server:
        yield server.url, server.stop, server.start


def sent(facility: Facility) -> list[float]:
    """The values that the facility was sent."""
    return [float(np.ravel(one.value)[0]) for one in facility.settings()]


def text(client: CaClient, name: str) -> str:
    signs = client.get(client.create(name))
    assert isinstance(signs, list)
    return bytes(signs).partition(b"\0")[0].decode()


@pytest.mark.parametrize("database", [of_sqlite, of_postgresql])
def test_puts_are_refused_while_the_database_is_away_and_nothing_is_sent(
    tmp_path: Path, database: Callable[[Path], "contextmanager"]
) -> None:
    facility = load_facility(FACILITY)
    services = Services(facility, SystemClock(), {"dpm_http": 0})
    with check_leaks(), Site(tmp_path) as site, database(tmp_path) as (url, die, recover):
        services.start()
        Database(url).upgrade()
        config = tmp_path / "gateway.yaml"
        config.write_text(CONFIG.format(address=services.addresses["dpm_http"]))
        gateway = site.acgate("run", str(config), ready=True, more={"ACGATE__GATEWAY__AUDIT__URL": url})
        with CaClient(site.ca_port, user="alice") as client:
            setpoint, state = client.create("Z:ONE:SP"), "GW1:JOURNAL:STATE"
            assert ca.NORMAL == client.put(setpoint, 5.0)
            die()
            assert until(lambda: "cannot be written" in text(client, state), PATIENCE), gateway.report()
            before = client.get_time(setpoint)
            for value in (6.0, 7.0):
                assert ca.PUT_FAILED == client.put(setpoint, value)
                said = text(client, "Z:ONE:WR:MSG")
                assert said.startswith("the journal "), said
                assert said.endswith("(audit)"), said
            assert before == client.get_time(setpoint)
            assert [5.0] == sent(facility)
            recover()
            assert until(lambda: text(client, state) == "OK", PATIENCE), gateway.report()
            assert ca.NORMAL == client.put(setpoint, 8.0)
        assert [5.0, 8.0] == sent(facility)
        assert "secret" not in gateway.err
        gateway.end()
        rows = [(row["new"], row["layer"], row["outcome"]) for row in rows_of(url)]
        assert services.stop()
    assert [
        ("5.0", "", "ACCEPTED"), ("6.0", "audit", "DENIED"), ("7.0", "audit", "DENIED"), ("8.0", "", "ACCEPTED"),
    ] == rows  # fmt: skip
