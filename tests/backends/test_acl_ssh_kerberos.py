"""ACL over SSH with a ticket of a real KDC, against a real OpenSSH server (acl.md 7.1)."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.backends.acl_session import SessionLost
from gateway.backends.acl_ssh import SshSession
from gateway.backends.kerberos import KerberosCredentials
from gateway.backends.open import open_backend
from gateway.backends.ssh_connection import SshConnection
from gateway.backends.ssh_trust import Hop, Login
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth, Kerberos, Ssh
from gateway.core.drf import DataRequest
from gateway.core.values import Reading
from gateway.runtime.clock import SystemClock
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.support.kdc import USER as PRINCIPAL
from tests.support.kdc import Kdc
from tests.support.leaks import check_leaks
from tests.support.sshd import USER, Sshd, acl_command, make_key, running_sshd

CLOCK = SystemClock()
STRANGER = "stranger@FNAL.GOV"
REQUESTS = [DataRequest.parse("Z_ACLTST")]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, realm: Kdc) -> Iterator[Sshd]:
    """A console node that takes tickets; its key for logins is nobody's."""
    folder = tmp_path_factory.mktemp("site")
    services = Services(shipped_facility(), CLOCK, {"acl": 0})
    services.start()
    with running_sshd(
        folder / "node", acl_command(services.addresses["acl"]), make_key(folder / "key"), realm
    ) as server:
        known = server.known_host().replace("127.0.0.1", "localhost")
        (folder / "node" / "known_hosts").write_text(known, "ascii")
        yield server
    assert services.stop()


@pytest.fixture
def tickets(realm: Kdc, monkeypatch: pytest.MonkeyPatch) -> Kdc:
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)
    return realm


def read(node: Sshd, section: Kerberos, way: str = "") -> Reading:
    """One reading through a backend of its own, with nothing but the ticket to log in."""
    ssh = Ssh(known_hosts=str(node.folder / "known_hosts"), agent=False)
    url = BackendUrl.parse(f"acl+ssh://{USER}@localhost:{node.port}{way}")
    with check_leaks():
        backend = open_backend("clx", url, CLOCK, Auth(ssh=ssh, kerberos=section))
        try:
            (reading,) = backend.read(REQUESTS, 10.0)
            return reading
        finally:
            begin = time.monotonic()
            backend.close()
            backend.close()
            assert time.monotonic() - begin < 4.0


@pytest.mark.usefixtures("tickets")
def test_a_ticket_of_the_cache_is_enough_to_log_in(node: Sshd) -> None:
    assert read(node, Kerberos()).value == 10.0
    assert f"Accepted gssapi-with-mic for {USER}" in node.said()


def test_a_keytab_is_enough_and_leaves_no_ticket_in_a_file(
    node: Sshd, tickets: Kdc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'none'}")
    assert read(node, Kerberos(keytab=str(tickets.user_keytab), principal=PRINCIPAL)).value == 10.0
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("tickets")
def test_the_same_ticket_opens_a_jump_host_and_the_node_behind_it(node: Sshd) -> None:
    before = node.said().count("Accepted gssapi-with-mic")
    assert read(node, Kerberos(), f"?jump=localhost:{node.port}").value == 10.0
    assert node.said().count("Accepted gssapi-with-mic") == before + 2


@pytest.mark.usefixtures("tickets")
def test_without_a_ticket_the_reason_is_that_of_kerberos(
    node: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'none'}")
    found = read(node, Kerberos())
    assert found.value is None
    assert "kinit" in found.message


def test_somebody_whom_the_node_does_not_know_is_refused_with_the_remedy(
    node: Sshd, tickets: Kdc, tmp_path: Path
) -> None:
    keytab = tickets.add(STRANGER, tmp_path / "keytab")
    found = read(node, Kerberos(keytab=str(keytab)))
    assert "refuses the login (" in found.message
    assert f"the KDC must know host/localhost, and {USER} must accept that ticket" in found.message


@pytest.mark.usefixtures("tickets")
def test_a_ticket_is_kept_by_the_connection_and_its_life_is_told(node: Sshd) -> None:
    url = BackendUrl.parse(f"acl+ssh://{USER}@localhost:{node.port}")
    ssh = Ssh(known_hosts=str(node.folder / "known_hosts"))
    backend = open_backend("clx", url, CLOCK, Auth(ssh=ssh, kerberos=Kerberos()))
    try:
        assert backend.read(REQUESTS, 10.0)[0].value == 10.0
        assert 0.0 < backend.expires_in()["TICKET"] <= 3600.0
    finally:
        backend.close()


@pytest.mark.usefixtures("tickets")
def test_a_connection_that_was_closed_asks_for_no_ticket_any_more(node: Sshd) -> None:
    with check_leaks():
        login = Login(known_hosts=str(node.folder / "known_hosts"), kerberos=KerberosCredentials(Kerberos(), CLOCK))
        session = SshSession(SshConnection([Hop("localhost", node.port, USER)], login, CLOCK), CLOCK)
        session.close()
        with pytest.raises(SessionLost):
            session.run(["read Z_ACLTST"], CLOCK.monotonic() + 5.0)
