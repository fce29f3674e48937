"""What people copy to run it as a service gives it no more than it needs, and starts it again (users.md 4.s6)."""

import re

import yaml

from tests.house.tree import ROOT


def unit() -> dict[str, list[str]]:
    """The lines of the unit file in the documents, by key."""
    text = (ROOT / "docs" / "how-to" / "run-as-a-service.md").read_text("utf-8")
    (block,) = re.findall(r"```ini\n(.*?)```", text, re.DOTALL)
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^([A-Za-z]+)=(.*)$", block, re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def test_the_unit_of_systemd_is_no_root_writes_little_and_comes_back_within_ten_seconds() -> None:
    found = unit()

    assert found["User"] != ["root"]
    assert (found["NoNewPrivileges"], found["ProtectSystem"], found["ProtectHome"]) == (["yes"], ["strict"], ["yes"])
    assert found["Restart"] == ["on-failure"]
    assert int(found["RestartSec"][0]) < 10
    assert found["MemoryMax"]
    assert "XDG_CACHE_HOME=/var/cache/" + found["CacheDirectory"][0] in found["Environment"][0].split()


def test_the_containers_are_no_root_read_only_and_bounded() -> None:
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))["services"]

    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["mem_limit"]
    assert re.search(r"^USER (?!root)", (ROOT / "docker" / "Dockerfile").read_text("utf-8"), re.MULTILINE)
