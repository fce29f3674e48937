"""Who may set what: the console users, their roles and classes, and the devices of a role (dpm-http.md 12). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from simulator.yaml_section import Section

_ALL_CLASSES = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class User:
    """An entry of the console user table."""

    roles: tuple[str, ...] = ()
    classes: int = 0  # bit mask of console classes


@dataclass(frozen=True, slots=True)
class Permissions:
    """The tables of users and roles; empty ones allow nobody anything."""

    users: Mapping[str, User] = field(default_factory=dict)  # by console name
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # patterns of device names

    def refusal(self, user: str, role: str, device: str, protection: int) -> str:
        """Why the user may not set the device, for the log; empty when he may.

        `protection` is the device's mask: a class that user and device share is as good as a role.
        """
        known = self.users.get(user)
        if known is None:
            return f"{user} is no console user"
        if known.classes & protection:
            return ""
        if not role:
            return f"{user} may not set {device} without a role"
        if role not in known.roles:
            return f"{user} has not the role {role}"
        if not any(fnmatchcase(device, pattern) for pattern in self.roles.get(role, ())):
            return f"the role {role} may not set {device}"
        return ""


def console_name(principal: str) -> str:
    """`svc/console/user1.admin@FNAL.GOV` -> `user1`: the name that the user table has."""
    return principal.partition("@")[0].rpartition("/")[2].partition(".")[0]


def parse_permissions(section: Section | None) -> Permissions:
    """The section `permissions` of a facility file; BadConfig names line and key."""
    if section is None:
        return Permissions()
    roles: dict[str, tuple[str, ...]] = {}
    for node in section.items("roles"):
        role = Section(node, section.file, "roles")
        roles[role.text("name")] = role.texts("devices")
        role.finish()
    users: dict[str, User] = {}
    for node in section.items("users"):
        user = Section(node, section.file, "users")
        users[user.text("name")] = User(
            user.texts("roles") if user.has("roles") else (), user.whole("classes", 0, 0, _ALL_CLASSES)
        )
        for name in users[user.text("name")].roles:
            if name not in roles:
                raise user.wrong(f"{name!r} is none of the roles {', '.join(roles)}", "roles")
        user.finish()
    section.finish()
    return Permissions(users, roles)
