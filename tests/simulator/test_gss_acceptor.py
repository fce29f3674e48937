"""The acceptor against tokens and signatures of a real KDC's tickets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.backends.kerberos import KerberosCredentials
from gateway.backends.kerberos_ticket import SecurityContext
from gateway.config.models import Kerberos
from gateway.core.errors import BadInput
from gateway.runtime.clock import SystemClock
from simulator.gss_acceptor import AcceptedContext, Acceptor, Rejected
from tests.support.kdc import DMQ_SERVICE, SERVICE, USER, Kdc

DATA = b"1234"
Client = Callable[[], SecurityContext]
pytestmark = pytest.mark.usefixtures("kerberos_environment")


@pytest.fixture
def client(kdc: Kdc) -> Iterator[Client]:
    """Makes contexts for the service."""
    credentials = KerberosCredentials(Kerberos(keytab=str(kdc.user_keytab)), SystemClock())
    yield lambda: credentials.context(SERVICE)
    credentials.close()


@pytest.fixture
def acceptor(kdc: Kdc) -> Acceptor:
    return Acceptor(kdc.keytab)


def token_of(context: SecurityContext) -> bytes:
    token = context.step()
    assert token is not None
    return token


@pytest.fixture
def pair(client: Client, acceptor: Acceptor) -> tuple[SecurityContext, AcceptedContext]:
    """Two ends of one context, both complete."""
    initiator, accepted = client(), acceptor.accept()
    assert accepted.step(token_of(initiator)) is None
    assert (initiator.complete, accepted.complete) == (True, True)
    return initiator, accepted


def test_one_token_completes_both_ends_and_names_the_user(pair: tuple[SecurityContext, AcceptedContext]) -> None:
    assert pair[1].user == USER


def test_signatures_are_verified_in_their_order(pair: tuple[SecurityContext, AcceptedContext]) -> None:
    for data in (DATA, b"", DATA):
        pair[1].verify(data, pair[0].sign(data))


def test_a_gap_is_accepted_a_late_and_a_repeated_signature_are_not(
    pair: tuple[SecurityContext, AcceptedContext],
) -> None:
    first, second, third = (pair[0].sign(DATA) for _ in range(3))
    pair[1].verify(DATA, first)
    pair[1].verify(DATA, third)
    with pytest.raises(Rejected, match="older than one that came before"):
        pair[1].verify(DATA, second)
    with pytest.raises(Rejected, match="used before"):
        pair[1].verify(DATA, third)


def test_a_wrong_signature_is_refused_and_uses_no_number_up(pair: tuple[SecurityContext, AcceptedContext]) -> None:
    good = pair[0].sign(DATA)
    for data, mic, said in (
        (b"1235", good, "signature is wrong"),
        (DATA, good[:-1] + bytes([good[-1] ^ 1]), "signature is wrong"),
        (DATA, b"junk", "signature is wrong"),
        (DATA, b"", "no signature"),
    ):
        with pytest.raises(Rejected, match=said):
            pair[1].verify(data, mic)
    pair[1].verify(DATA, good)


def test_a_signature_of_another_context_is_refused(
    client: Client, acceptor: Acceptor, pair: tuple[SecurityContext, AcceptedContext]
) -> None:
    other = client()
    acceptor.accept().step(token_of(other))
    with pytest.raises(Rejected, match="wrong"):
        pair[1].verify(DATA, other.sign(DATA))


@pytest.mark.parametrize(("token", "said"), [(b"", "empty"), (b"junk", "no token of Kerberos")])
def test_what_is_no_token_is_refused(acceptor: Acceptor, token: bytes, said: str) -> None:
    accepted = acceptor.accept()
    with pytest.raises(Rejected, match=said):
        accepted.step(token)
    with pytest.raises(Rejected, match="no context"):
        accepted.verify(DATA, bytes(28))
    with pytest.raises(Rejected, match="no token that is enough"):
        _ = accepted.user


def test_a_token_is_good_once(client: Client, acceptor: Acceptor) -> None:
    token = token_of(client())
    acceptor.accept().step(token)
    with pytest.raises(Rejected, match="used before"):
        acceptor.accept().step(token)


def test_a_token_that_was_changed_is_refused(client: Client, acceptor: Acceptor) -> None:
    with pytest.raises(Rejected, match="changed on its way"):
        acceptor.accept().step(token_of(client())[:-3] + b"xyz")


def test_a_token_for_another_service_is_refused(client: Client, kdc: Kdc) -> None:
    with pytest.raises(Rejected, match="another service"):
        Acceptor(kdc.user_keytab).accept().step(token_of(client()))


def test_a_keytab_names_its_principals(acceptor: Acceptor) -> None:
    assert acceptor.principals == [SERVICE, DMQ_SERVICE]


def test_a_keytab_that_cannot_be_used_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none.keytab cannot be read: No such file"):
        Acceptor(tmp_path / "none.keytab")
    (tmp_path / "text").write_text("no keytab", "utf-8")
    with pytest.raises(BadInput, match=r"text cannot be used: it is no keytab"):
        Acceptor(tmp_path / "text")
    (tmp_path / "empty").write_bytes(b"\x05\x02")
    with pytest.raises(BadInput, match=r"empty holds no key"):
        Acceptor(tmp_path / "empty")
