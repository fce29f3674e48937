"""Writes go on while tickets are renewed and links are lost, against a simulator that checks."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.backends.open import open_backend
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth, Kerberos
from gateway.core.drf import DataRequest
from gateway.core.ports import Backend, Expiring
from gateway.core.values import Outcome, Setting, SettingResult
from gateway.runtime.clock import SystemClock
from simulator.facility import load_facility
from simulator.services import Services
from tests.support.kdc import REALM, Kdc
from tests.support.leaks import check_leaks
from tests.support.processes import until

FACILITY = """
permissions:
  roles: [{name: testing, devices: "Z:*"}]
  users: [{name: passing, roles: [testing]}]
devices:
  - {name: "Z:A", units: V, setting: 1.0}
"""
LIFE = 4  # s, of a ticket
REQUEST = DataRequest.parse("Z:A").for_writing()


@pytest.fixture
def services(realm: Kdc, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)
    with check_leaks():
        running = Services(load_facility(FACILITY), SystemClock(), {"dpm_http": 0}, keytab=realm.keytab)
        running.start()
        yield running
        assert running.stop()


@pytest.fixture(scope="module")
def keytab(realm: Kdc) -> Path:
    return realm.add(f"passing@{REALM}", realm.folder / "passing.keytab", life=f"{LIFE}s")


@pytest.fixture
def backend(services: Services, keytab: Path) -> Iterator[Backend]:
    url = BackendUrl("dpm+http", "127.0.0.1", services.dpm.address[1], query={"role": "testing"})
    made = open_backend("dpm", url, SystemClock(), Auth(kerberos=Kerberos(keytab=str(keytab))))
    yield made
    made.close()


def write(backend: Backend, value: float, timeout: float = 5.0) -> SettingResult:
    (result,) = backend.write([Setting(REQUEST, value)], timeout)
    return result


def fresh_links(services: Services) -> None:
    """Cut all connections, so that the next write has to log in anew."""
    services.faults.command("dpm_http", "reset")
    assert until(lambda: services.dpm.clients == 0, 5.0)
    services.faults.command("dpm_http", "none")
    assert until(lambda: services.dpm.fault.value == "none", 5.0)


def test_every_write_is_accepted_while_tickets_come_and_go(services: Services, backend: Backend, realm: Kdc) -> None:
    results, began, value = [], time.monotonic(), 0.0
    while time.monotonic() - began < 2.5 * LIFE:
        value += 1.0
        results.append(write(backend, value))
        if value % 10 == 0:
            fresh_links(services)
        time.sleep(0.02)
    assert [one.message for one in results if one.outcome is not Outcome.ACCEPTED] == []
    assert [one.value for one in services.facility.settings()] == [float(n) for n in range(1, len(results) + 1)]
    assert (realm.folder / "kdc.log").read_text("utf-8").count(f"passing@{REALM} for krbtgt") >= 4
    assert isinstance(backend, Expiring)
    assert 0 < backend.expires_in()["TICKET"] <= LIFE


def test_a_kdc_that_is_away_at_the_start_fails_writes_until_it_comes(
    services: Services, backend: Backend, realm: Kdc
) -> None:
    realm.stop()
    try:
        with check_leaks():
            url = BackendUrl("dpm+http", "127.0.0.1", services.dpm.address[1], query={"role": "testing"})
            late = open_backend("late", url, SystemClock(), Auth(kerberos=Kerberos(keytab=str(realm.user_keytab))))
            said = write(late, 2.0)
            assert (said.outcome, said.sent) == (Outcome.REFUSED, False)
            assert said.message.startswith("no Kerberos server of the realm can be reached; see [realms] in krb5.conf")
            reading = late.read([REQUEST], 5.0)[0]
            assert reading.value is not None, "reading needs no ticket"
            late.close()
    finally:
        assert realm.start()
    assert until(lambda: write(backend, 3.0).outcome is Outcome.ACCEPTED, 10.0)


def test_a_link_that_has_logged_in_goes_on_when_the_ticket_ends_and_a_new_one_does_not(
    services: Services, backend: Backend, realm: Kdc
) -> None:
    assert write(backend, 1.0).outcome is Outcome.ACCEPTED
    realm.stop()
    try:
        assert isinstance(backend, Expiring)
        assert until(lambda: backend.expires_in()["TICKET"] == 0.0, LIFE + 3.0)
        assert write(backend, 2.0).outcome is Outcome.ACCEPTED, "the identity belongs to the connection (section 11)"
        fresh_links(services)
        said = write(backend, 3.0)
        assert (said.outcome, said.sent) == (Outcome.REFUSED, False)
        assert "no Kerberos server of the realm can be reached" in said.message
    finally:
        assert realm.start()
    assert until(lambda: write(backend, 4.0).outcome is Outcome.ACCEPTED, 10.0)
    assert [one.value for one in services.facility.settings()] == [1.0, 2.0, 4.0]
