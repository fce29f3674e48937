"""The section `groups`: what is taken, and what is refused with place and remedy."""

import pytest

from gateway.config.problems import ConfigErrors
from tests.config.loading import loaded

HEAD = 'backends: {a: {url: "sim:"}}\ndevices: [{device: "Z:ACLTST", writable: true}]\ngroups:\n'


def test_a_group_has_members_in_order_and_a_place() -> None:
    plain, other = loaded(HEAD + "  bump: {members: 'A:B, C:D'}\n  x: {members: A:B, precheck: off, group: X}\n").groups
    assert ("bump", ("A:B", "C:D"), True, "DEFAULT", 4) == (
        plain.name, plain.section.members, plain.section.precheck, plain.section.group, plain.line,
    )  # fmt: skip
    assert (False, "X") == (other.section.precheck, other.section.group)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  a bump: {members: A:B}", "gw.yaml:4: groups.a bump: its name is 1 to 20 letters, digits, '_' and '-'"),
        ("  bump: {precheck: on}", "groups.bump.members: is required and absent"),
        ("  bump: {members: []}", "groups.bump.members: needs at least one entry"),
        ("  bump: {member: A:B, members: A:B}", "did you mean 'members'?"),
    ],
)
def test_what_cannot_be_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as error:
        loaded(f"{HEAD}{text}\n")
    assert said in str(error.value)
