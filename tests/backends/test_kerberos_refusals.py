"""What a real KDC and MIT's library refuse, each in a sentence of its own that names the remedy."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.backends.kerberos import KerberosCredentials
from gateway.backends.kerberos_port import KerberosError
from gateway.config.models import Kerberos
from gateway.runtime.clock import SystemClock
from tests.support.kdc import REALM, SERVICE, Kdc

Why = Callable[..., str]


@pytest.fixture
def why(realm: Kdc, monkeypatch: pytest.MonkeyPatch) -> Why:
    """Why a section of the configuration gives no context."""
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)

    def reason(service: str = SERVICE, **section: str) -> str:
        credentials = KerberosCredentials(Kerberos(**section), SystemClock())
        try:
            with pytest.raises(KerberosError) as refused:
                credentials.context(service)
        finally:
            credentials.close()
        assert refused.value.__cause__ is None
        return str(refused.value)

    return reason


@pytest.fixture
def user(realm: Kdc, tmp_path: Path) -> Path:
    """The keytab of a principal that a test may spoil."""
    return realm.add(f"{tmp_path.name}@{REALM}", tmp_path / "user.keytab")


def test_a_principal_that_was_deleted(why: Why, realm: Kdc, user: Path) -> None:
    realm.administer(f"delprinc -force {user.parent.name}")
    assert why(keytab=str(user)) == (
        f"the Kerberos server does not know the principal {user.parent.name}@{REALM}; "
        "see auth.kerberos.principal and the keytab"
    )


def test_a_principal_that_is_locked(why: Why, realm: Kdc, user: Path) -> None:
    realm.administer(f"modprinc -allow_tix {user.parent.name}")
    assert why(keytab=str(user)) == (
        f"the Kerberos principal {user.parent.name}@{REALM} is locked; ask for it to be unlocked"
    )


def test_a_principal_that_has_expired(why: Why, realm: Kdc, user: Path) -> None:
    realm.administer(f"modprinc -expire 2001-01-01 {user.parent.name}")
    assert why(keytab=str(user)) == (
        f"the Kerberos principal {user.parent.name}@{REALM} has expired; ask for it to be extended"
    )


def test_a_password_that_has_expired(why: Why, realm: Kdc, user: Path) -> None:
    realm.administer(f"modprinc -pwexpire 2001-01-01 {user.parent.name}")
    assert why(keytab=str(user)) == (
        f"the password of {user.parent.name}@{REALM} has expired; make a new one, and a new keytab"
    )


def test_a_key_that_was_changed_since(why: Why, realm: Kdc, user: Path) -> None:
    realm.administer(f"ktadd -k {user.parent / 'newer.keytab'} {user.parent.name}")
    assert why(keytab=str(user)) == (
        f"the key of {user.parent.name}@{REALM} in {user} is not the one that the Kerberos server has; "
        "make the keytab anew (ktadd)"
    )


def test_a_file_that_is_no_cache(why: Why, tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    for cache in (f"FILE:{tmp_path / 'junk'}", "NOSUCH:x"):
        assert why(cache=cache) == (
            f"{cache} is no cache of Kerberos tickets; see auth.kerberos.cache, or get a ticket with kinit"
        )


def test_a_text_that_is_no_principal(why: Why) -> None:
    assert why(principal="a@b@c") == "a@b@c is no Kerberos principal; write for example user1@FNAL.GOV"


def test_a_realm_that_krb5_conf_does_not_have(why: Why, realm: Kdc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", "/none/krb5.conf")
    assert why(keytab=str(realm.user_keytab)) == (
        "krb5.conf names no Kerberos server of the realm that is asked for; add it under [realms]"
    )
    assert why(keytab=str(realm.user_keytab), principal="user1") == (
        "krb5.conf cannot be read, or names no default_realm; see KRB5_CONFIG and /etc/krb5.conf"
    )


@pytest.mark.usefixtures("kerberos_environment")
def test_what_has_no_sentence_of_its_own_is_said_in_the_words_of_the_library() -> None:
    credentials = KerberosCredentials(Kerberos(), SystemClock())
    context = credentials.context(SERVICE)
    with pytest.raises(KerberosError, match=r"^Kerberos fails for user1@FNAL.GOV: A required input parameter"):
        context.sign(b"1234")
    context.step()
    with pytest.raises(KerberosError, match="already fully established"):
        context.step()
    credentials.close()
