"""Tickets of a real KDC: obtained, renewed, refused, each refusal with its own remedy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.backends.kerberos import KerberosCredentials
from gateway.backends.kerberos_port import KerberosError
from gateway.config.models import Kerberos
from gateway.runtime.clock import SystemClock
from tests.support.kdc import REALM, SERVICE, USER, Kdc
from tests.support.leaks import check_leaks

Make = Callable[..., KerberosCredentials]
pytestmark = pytest.mark.usefixtures("kerberos_environment")


@pytest.fixture
def make() -> Iterator[Make]:
    """Credentials of a section of the configuration, all closed at the end without a trace."""
    made: list[KerberosCredentials] = []

    def one(**section: str | None) -> KerberosCredentials:
        made.append(KerberosCredentials(Kerberos(**section), SystemClock()))
        return made[-1]

    with check_leaks():
        yield one
        for credentials in made:
            credentials.close()


def test_a_keytab_gives_a_ticket_of_its_principal(make: Make, kdc: Kdc) -> None:
    credentials = make(keytab=str(kdc.user_keytab))
    assert credentials.expires_in() == 0.0
    assert credentials.principal == USER
    assert 3500 < credentials.expires_in() <= 3600


def test_the_environment_gives_the_ticket_of_its_cache(make: Make) -> None:
    assert make().principal == USER


def test_a_context_has_one_token_and_signs(make: Make) -> None:
    context = make().context(SERVICE)
    assert not context.complete
    assert len(context.step() or b"") > 500
    assert context.complete
    assert context.sign(b"1234")[:2] == b"\x04\x04"


def test_an_unknown_service_is_named(make: Make) -> None:
    with pytest.raises(KerberosError, match=r"does not know the service daeset/bd/nowhere@FNAL.GOV; see the host"):
        make().context(f"daeset/bd/nowhere@{REALM}")


def test_a_principal_that_the_keytab_lacks_is_named_with_those_it_has(make: Make, kdc: Kdc) -> None:
    with pytest.raises(KerberosError, match=r"has no key of user2@FNAL.GOV; it has user1@FNAL.GOV"):
        _ = make(keytab=str(kdc.user_keytab), principal="user2").principal


def test_a_cache_of_another_principal_is_refused(make: Make, kdc: Kdc) -> None:
    with pytest.raises(KerberosError, match=r"the Kerberos ticket in FILE:.* is not of user2"):
        _ = make(cache=kdc.environment["KRB5CCNAME"], principal="user2").principal


def test_a_cache_that_is_not_there_asks_for_kinit(make: Make, tmp_path: Path) -> None:
    with pytest.raises(KerberosError, match=r"there is no Kerberos ticket of this user in .*none; get one with kinit"):
        _ = make(cache=f"FILE:{tmp_path / 'none'}").principal
