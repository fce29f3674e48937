"""The life of a ticket: renewed while it is used, and what happens when the Kerberos server is away or silent."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.backends.kerberos import KerberosCredentials
from gateway.backends.kerberos_port import KerberosError, TicketExpired
from gateway.config.models import Kerberos
from gateway.runtime.clock import SystemClock
from simulator.gss_acceptor import Acceptor
from tests.support.kdc import REALM, SERVICE, Kdc
from tests.support.leaks import check_leaks
from tests.support.processes import until

Make = Callable[..., KerberosCredentials]
LIFE = 5  # s, of a ticket


@pytest.fixture
def make(realm: Kdc, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Credentials of a section of the configuration, all closed at the end without a trace."""
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)
    made: list[KerberosCredentials] = []

    def one(**section: str | None) -> KerberosCredentials:
        made.append(KerberosCredentials(Kerberos(**section), SystemClock()))
        return made[-1]

    with check_leaks():
        yield one
        for credentials in made:
            credentials.close()


@pytest.fixture(scope="module")
def brief(realm: Kdc) -> str:
    """A keytab whose tickets live a few seconds."""
    return str(realm.add(f"brief@{REALM}", realm.folder / "brief.keytab", life=f"{LIFE}s"))


@pytest.fixture
def away(realm: Kdc) -> Iterator[Kdc]:
    """The KDC, which the test may stop; it serves again afterwards."""
    yield realm
    realm.stop()
    assert realm.start()


def issued(realm: Kdc, principal: str) -> int:
    """How many first tickets of a principal the KDC says that it has issued."""
    log = (realm.folder / "kdc.log").read_text("utf-8")
    return len(re.findall(rf"AS_REQ .* ISSUE: .*{principal}@{REALM} for krbtgt", log))


def sign(credentials: KerberosCredentials, acceptor: Acceptor) -> None:
    """A whole exchange as a write makes it, checked by the other end."""
    context, accepted = credentials.context(SERVICE), acceptor.accept()
    accepted.step(context.step() or b"")
    accepted.verify(b"1234", context.sign(b"1234"))


def test_a_ticket_is_renewed_before_it_expires_while_it_is_used(make: Make, realm: Kdc, brief: str) -> None:
    credentials, acceptor, before = make(keytab=brief), Acceptor(realm.keytab), issued(realm, "brief")
    left, longest = [], 0.0
    until_then = time.monotonic() + 2.5 * LIFE
    while time.monotonic() < until_then:
        began = time.monotonic()
        sign(credentials, acceptor)
        longest = max(longest, time.monotonic() - began)
        left.append(credentials.expires_in())
        time.sleep(0.05)
    assert min(left) > LIFE / 2 - 2  # its end is told in whole seconds
    assert 3 <= issued(realm, "brief") - before <= 8
    assert longest < 1.0


def test_a_ticket_is_renewed_though_nobody_asks_for_it(make: Make, brief: str) -> None:
    credentials = make(keytab=brief)
    credentials.start()
    assert until(lambda: credentials.expires_in() > 0, 5.0)
    time.sleep(LIFE * 1.2)
    assert credentials.expires_in() > 0


def test_a_server_that_is_away_at_the_start_is_named_and_found_when_it_comes(make: Make, away: Kdc, brief: str) -> None:
    away.stop()
    credentials = make(keytab=brief)
    with pytest.raises(KerberosError, match=r"^no Kerberos server of the realm can be reached; see \[realms\]"):
        credentials.context(SERVICE)
    assert credentials.expires_in() == 0.0
    assert away.start()
    assert until(lambda: credentials.expires_in() > 0, 10.0), "found in the background"
    credentials.context(SERVICE)


def test_a_server_that_goes_away_hinders_nothing_as_long_as_the_ticket_lives(
    make: Make, away: Kdc, brief: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    credentials, acceptor = make(keytab=brief), Acceptor(away.keytab)
    sign(credentials, acceptor)
    away.stop()
    good_until = time.monotonic() + credentials.expires_in() - 1.5
    while time.monotonic() < good_until:
        sign(credentials, acceptor)
        time.sleep(0.1)
    assert until(lambda: credentials.expires_in() == 0, LIFE)
    with pytest.raises(KerberosError, match="no Kerberos server of the realm can be reached"):
        credentials.context(SERVICE)
    assert away.start()
    assert until(lambda: credentials.expires_in() > 0, 15.0)
    sign(credentials, acceptor)
    said = [record.message for record in caplog.records]
    assert said[-1].endswith("there is a Kerberos ticket of brief@FNAL.GOV again")
    assert len([line for line in said if "can be reached" in line]) == 1  # once, not with every attempt


def test_a_burst_of_calls_asks_a_server_that_refuses_once(make: Make, realm: Kdc, tmp_path: Path) -> None:
    stale = tmp_path / "stale.keytab"
    realm.add(f"stale@{REALM}", stale)
    realm.administer(f"ktadd -k {tmp_path / 'newer.keytab'} stale@{REALM}")
    credentials = make(keytab=str(stale))
    log = realm.folder / "kdc.log"
    before = log.read_text("utf-8").count("stale@")
    for _ in range(50):
        with pytest.raises(KerberosError, match=r"the key of stale@FNAL.GOV in .* is not the one .* \(ktadd\)"):
            credentials.context(SERVICE)
    assert log.read_text("utf-8").count("stale@") - before <= 4


def test_a_ticket_that_somebody_else_gets_is_found(make: Make, realm: Kdc, brief: str, tmp_path: Path) -> None:
    credentials, cache = make(cache=f"FILE:{tmp_path / 'cache'}"), tmp_path / "cache"
    with pytest.raises(KerberosError, match="there is no Kerberos ticket of this user in"):
        credentials.context(SERVICE)
    realm.login(f"brief@{REALM}", Path(brief), cache)
    assert until(lambda: works(credentials), 5.0)
    assert until(lambda: credentials.expires_in() == 0, LIFE + 2)
    with pytest.raises(TicketExpired, match=r"has expired; get a new one with kinit, or give the backend a keytab"):
        credentials.context(SERVICE)
    realm.login(f"brief@{REALM}", Path(brief), cache)
    assert until(lambda: works(credentials), 5.0)


def works(credentials: KerberosCredentials) -> bool:
    try:
        credentials.context(SERVICE)
    except KerberosError:
        return False
    return True


def test_two_backends_have_tickets_of_their_own(make: Make, realm: Kdc, brief: str) -> None:
    one, other = make(keytab=brief), make(keytab=str(realm.user_keytab))
    assert (one.principal, other.principal) == (f"brief@{REALM}", f"user1@{REALM}")
    assert one.expires_in() <= LIFE < other.expires_in()
    one.close()
    assert other.context(SERVICE).step()


def test_a_server_that_never_answers_keeps_nobody_longer_than_asked(
    make: Make, brief: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        place = f"127.0.0.1:{deaf.getsockname()[1]}"
        (tmp_path / "krb5.conf").write_text(
            f"[libdefaults]\n default_realm = {REALM}\n udp_preference_limit = 1\n dns_lookup_kdc = false\n"
            f"[realms]\n {REALM} = {{\n  kdc = {place}\n }}\n"
        )
        monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))
        credentials = make(keytab=brief)
        began = time.monotonic()
        with pytest.raises(KerberosError, match=r"has not answered within 0\.4 s"):
            credentials.context(SERVICE, 0.4)
        assert 0.3 < time.monotonic() - began < 1.5
        freed: list[str] = []

        def wait() -> None:
            try:
                credentials.context(SERVICE, 30.0)
            except KerberosError as error:
                freed.append(str(error))

        waiter = threading.Thread(target=wait)
        waiter.start()
        began = time.monotonic()
        credentials.close()
        waiter.join(2.0)
        assert freed == ["the backend is closed"]
        assert time.monotonic() - began < 2.0
