"""InfoCache: what a source once said, on disk, with its age (P-15)."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.backends import info_cache
from gateway.backends.info_cache import InfoCache
from gateway.core.device_info import Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.core.drf import Property
from gateway.core.ports import ANYTHING
from tests.support.clock import ManualClock

FULL = DeviceInfo(
    "Z:ACLTST", "Strömung Ω", PropertyInfo(units="A", low=-1, high=2, precision=4), PropertyInfo(text=True, length=3),
    True, (StatusBit(0, "ON", 1, 1, True, "on", "off", "the switch"),), (Command(None, "TEST", "t"), Command(3, "GO")),
    True, True,
)  # fmt: skip


class Source:
    """A source that says what the test wants."""

    def __init__(self) -> None:
        self.infos = {"Z:ACLTST": FULL}

    def describe(
        self,
        devices: Sequence[str],
        timeout: float,  # noqa: ARG002 - the port's
        only: Mapping[str, frozenset[Property]] = ANYTHING,  # noqa: ARG002 - the port's
    ) -> dict[str, DeviceInfo]:
        return {name: self.infos[name] for name in devices if name in self.infos}


def test_what_was_said_is_known_after_a_restart_though_the_source_is_away(tmp_path: Path) -> None:
    clock, path = ManualClock(), tmp_path / "deep" / "cache.json"
    first = InfoCache(Source(), path, clock)
    assert {"Z:ACLTST": FULL} == first.describe(["Z:ACLTST", "X:NONE"], 1.0)
    assert first.answered("Z:ACLTST")
    said_at = clock.now_ns()
    clock.advance(60.0)
    silent = Source()
    silent.infos = {}
    second = InfoCache(silent, path, clock)
    found = second.describe(["Z:ACLTST", "X:NONE"], 1.0)
    assert {"Z:ACLTST": FULL} == found
    assert (said_at, None) == (second.stamp_ns("Z:ACLTST"), second.stamp_ns("X:NONE"))
    assert not second.answered("Z:ACLTST")
    assert ["cache.json"] == [file.name for file in path.parent.iterdir()]


def test_what_the_source_says_now_wins_and_is_kept(tmp_path: Path) -> None:
    clock, source, path = ManualClock(), Source(), tmp_path / "cache.json"
    InfoCache(source, path, clock).describe(["Z:ACLTST"], 1.0)
    source.infos = {"Z:ACLTST": replace(FULL, description="new"), "M:X": DeviceInfo("M:X", reading=PropertyInfo())}
    InfoCache(source, path, clock).describe(["M:X", "Z:ACLTST"], 1.0)
    kept = InfoCache(None, path, clock).describe(["Z:ACLTST", "M:X"], 1.0)
    assert ("new", "M:X") == (kept["Z:ACLTST"].description, kept["M:X"].device)
    assert PropertyInfo() == kept["M:X"].reading


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"version": 1}', '{"version": 2, "devices": {}}', '{"version": 1, "devices": [1]}', "\x00",
        '{"version": 1, "devices": {"A:B": {"at_ns": 1}}}', '{"version": 1, "devices": {"A:B": null}}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_line_in_the_log_and_begins_anew(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache.json"
    path.write_text(text)
    cache = InfoCache(Source(), path, ManualClock())
    assert 1 == len(caplog.records)
    assert "begins anew" in caplog.text
    cache.describe(["Z:ACLTST"], 1.0)
    assert FULL.description == json.loads(path.read_text())["devices"]["Z:ACLTST"]["description"]


@pytest.mark.parametrize("change", [{"length": -1}, {"low": 1e999}, {"low": "x"}, {"strange": 1}])
def test_a_file_with_a_value_of_another_kind_is_damaged(
    change: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache.json"
    InfoCache(Source(), path, ManualClock()).describe(["Z:ACLTST"], 1.0)
    content = json.loads(path.read_text())
    content["devices"]["Z:ACLTST"]["reading"] |= change
    path.write_text(json.dumps(content))
    assert {} == InfoCache(None, path, ManualClock()).describe(["Z:ACLTST"], 1.0)
    assert "is damaged" in caplog.text


def test_a_file_that_cannot_be_written_is_said_once_and_the_source_serves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    path = tmp_path / "cache.json"
    cache = InfoCache(Source(), path, ManualClock())
    path.mkdir()
    (path / "occupied").touch()
    for _ in range(2):
        assert {"Z:ACLTST": FULL} == cache.describe(["Z:ACLTST"], 1.0)
    assert ["cannot be written" in record.getMessage() for record in caplog.records] == [True]
    assert ["cache.json"] == [file.name for file in tmp_path.iterdir()]


def test_what_was_looked_up_is_remembered_and_the_file_is_written_only_for_news(tmp_path: Path) -> None:
    clock, path = ManualClock(), tmp_path / "cache.json"
    cache = InfoCache(Source(), path, clock)
    cache.remember({"Z:ACLTST": FULL})
    assert {"Z:ACLTST": FULL} == InfoCache(None, path, clock).known(["Z:ACLTST", "X:NONE"])
    path.unlink()
    clock.advance(60.0)
    cache.remember({"Z:ACLTST": FULL})
    assert not path.exists()
    assert cache.stamp_ns("Z:ACLTST") == clock.now_ns()
    cache.remember({"Z:ACLTST": replace(FULL, description="new")})
    assert "new" == InfoCache(None, path, clock).known(["Z:ACLTST"])["Z:ACLTST"].description


def test_names_of_all_the_world_do_not_fill_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info_cache, "MOST", 2)
    cache = InfoCache(None, None, ManualClock())
    for name in ("M:A", "M:B", "M:C"):
        cache.remember({name: replace(FULL, device=name)})
    cache.remember({"M:A": replace(FULL, description="new")})
    assert {"M:A", "M:B"} == set(cache.known(["M:A", "M:B", "M:C"]))
    assert "new" == cache.known(["M:A"])["M:A"].description
