"""Users, roles and console classes, from section 12 of dpm-http.md."""

import pytest

from gateway.core.errors import BadConfig
from simulator.facility import shipped_facility
from simulator.facility_file import parse_facility
from simulator.permissions import Permissions, User, console_name

TABLES = Permissions(
    {"user1": User(("testing", "weather"), 0x01), "guest": User()}, {"testing": ("Z:*", "M:OUTTMP"), "weather": ()}
)


@pytest.mark.parametrize(
    ("user", "role", "device", "protection", "reason"),
    [
        ("user1", "testing", "Z:ACLTST", 0, ""),
        ("user1", "testing", "M:OUTTMP", 0, ""),
        ("user1", "testing", "N:LGXS", 0, "the role testing may not set N:LGXS"),
        ("user1", "weather", "Z:ACLTST", 0, "the role weather may not set Z:ACLTST"),
        ("user1", "operations", "Z:ACLTST", 0, "user1 has not the role operations"),
        ("user1", "", "Z:ACLTST", 0, "user1 may not set Z:ACLTST without a role"),
        ("guest", "testing", "Z:ACLTST", 0, "guest has not the role testing"),
        ("nobody", "testing", "Z:ACLTST", 0, "nobody is no console user"),
        ("user1", "", "N:LGXS", 0x03, ""),  # the second chance: a console class that both have
        ("user1", "operations", "N:LGXS", 0x03, ""),
        ("user1", "", "N:LGXS", 0x02, "user1 may not set N:LGXS without a role"),
        ("nobody", "", "N:LGXS", 0xFF, "nobody is no console user"),
    ],
)
def test_a_user_may_set_what_a_role_of_his_or_a_console_class_allows(
    user: str, role: str, device: str, protection: int, reason: str
) -> None:
    assert reason == TABLES.refusal(user, role, device, protection)


@pytest.mark.parametrize(
    ("principal", "name"),
    [
        ("user1@FNAL.GOV", "user1"),
        ("svc/console/user1@FNAL.GOV", "user1"),
        ("user1.admin@FNAL.GOV", "user1"),
        ("u", "u"),
    ],
)
def test_the_console_name_is_the_last_part_of_the_principal_up_to_its_first_dot(principal: str, name: str) -> None:
    assert name == console_name(principal)


def test_the_shipped_facility_has_a_user_for_every_case() -> None:
    tables = shipped_facility().permissions
    assert ["", "the role weather may not set Z:ACLTST", "user1 has not the role operations"] == [
        tables.refusal("user1", role, "Z:ACLTST", 0) for role in ("testing", "weather", "operations")
    ]


@pytest.mark.parametrize(
    ("text", "line", "key", "reason"),
    [
        ("permissions: 3\n", 1, "permissions", "key: value"),
        ("permissions:\n  users:\n    - {name: a, roles: [b]}\n", 3, "roles", "'b' is none of the roles"),
        ("permissions:\n  users:\n    - {name: a, classes: much}\n", 3, "classes", "whole number"),
        ("permissions:\n  users:\n    - {name: a, rolls: [b]}\n", 3, "rolls", "did you mean 'roles'"),
        ("permissions:\n  roles:\n    - {name: a, devices: 3}\n", 3, "devices", "write a text or a list"),
        ("permissions:\n  roles:\n    - {name: a, devices: b, c: d}\n", 3, "c", "unknown key"),
        ("permissions:\n  rights: []\n", 2, "rights", "unknown key"),
        ("devices:\n  - name: Z:A\n    protection: -1\n", 3, "protection", "whole number"),
    ],
)
def test_the_first_error_names_file_line_and_key(text: str, line: int, key: str, reason: str) -> None:
    with pytest.raises(BadConfig, match=f"^f.yaml:{line}: {key}: .*{reason}"):
        parse_facility(text, "f.yaml")
