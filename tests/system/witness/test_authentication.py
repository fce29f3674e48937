"""The third-party client and a simulator that checks: who may set what, and how each refusal reaches the client."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.kdc import REALM, SERVICE, Kdc
from tests.system.witness.simulated import Simulated, simulated
from tests.system.witness.witness import Witness

PRIV = (False, 17, -17)
OK = (True, 0, 0)


def ticket(realm: Kdc, name: str) -> Mapping[str, str]:
    """The environment of a client who is logged in as somebody."""
    keytab, cache = realm.folder / f"{name}.keytab", realm.folder / f"{name}.cache"
    if not keytab.exists():
        realm.add(f"{name}@{REALM}", keytab)
    realm.login(f"{name}@{REALM}", keytab, cache)
    return {**realm.environment, "KRB5CCNAME": f"FILE:{cache}"}


def written(port: int, environment: Mapping[str, str], device: str, role: str | None = None) -> tuple[object, ...]:
    with Witness(port, role=role, environment=environment) as client:
        came = client.write(device, 2.0)
        return (came.get("ok", came.get("raised")), came.get("facility"), came.get("error"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, realm: Kdc) -> Iterator[Simulated]:
    folder = tmp_path_factory.mktemp("server")
    with simulated(folder, "--keytab", str(realm.keytab), environment=realm.environment) as started:
        yield started


@pytest.mark.parametrize(
    ("user", "role", "device", "expected"),
    [
        ("user2", "testing", "Z:ACLTST", PRIV),  # no console user
        ("guest", None, "Z:ACLTST", PRIV),  # a user without a role
        ("guest", "testing", "Z:ACLTST", PRIV),  # who names a role that others have
        ("operator", "operations", "N:LGXS", OK),
        ("operator", "operations", "Z:ACLTST", PRIV),  # the role does not have that device
        ("operator", None, "Z:ACLTS1", OK),  # without a role, by the console class
        ("operator", None, "Z:ACLTST", PRIV),  # which that device does not allow
    ],
)
def test_a_setting_is_allowed_by_role_or_by_console_class_and_refused_otherwise(
    server: Simulated, realm: Kdc, user: str, role: str | None, device: str, expected: tuple[object, ...]
) -> None:
    assert expected == written(server.port, ticket(realm, user), device, role)


def test_reading_needs_no_ticket(server: Simulated) -> None:
    with Witness(server.port) as stranger:
        assert stranger.get("M:OUTTMP")["ok"] is True


def test_a_ticket_for_a_key_that_the_server_does_not_have_any_more_is_refused(
    server: Simulated, realm: Kdc, tmp_path: Path
) -> None:
    environment = ticket(realm, "operator")
    realm.administer(f"ktadd -k {tmp_path / 'newer.keytab'} {SERVICE}")  # the server goes on with the older key
    answer = written(server.port, ticket(realm, "operator") | environment, "Z:ACLTS1")
    assert answer[0] == "AuthenticationError"
    assert "DPM/HTTP refuses a token" in server.said()


def test_without_a_keytab_the_simulator_checks_nothing(simulator: Simulated, kdc: Kdc) -> None:
    assert written(simulator.port, kdc.environment, "Z:ACLTST") == OK
