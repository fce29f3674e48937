"""Metadata and Refresh: who is asked when, what is said, what a running plan takes of it."""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.app.metadata import NEVER, RETRY, Home, Metadata, Refresh, cache_path, open_metadata
from gateway.backends.info_cache import InfoCache
from gateway.config.backend_url import BackendUrl
from gateway.config.config import MetadataConfig
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import Property
from gateway.core.errors import BadInput
from gateway.core.ports import ANYTHING
from gateway.plan.build import build_plan
from gateway.plan.known_names import AWAY, Answer
from gateway.plan.model import DevicePlan
from tests.config.loading import HEAD, loaded
from tests.support.clock import ManualClock

INFOS = {name: DeviceInfo(name, reading=PropertyInfo(units="A")) for name in ("M:X", "M:Y")}


class Database:
    """A device database under the control of a test."""

    def __init__(self) -> None:
        self.infos, self.last_error, self.closed = dict(INFOS), "", False

    def describe(
        self,
        devices: Sequence[str],
        timeout: float,  # noqa: ARG002 - the port's
        only: Mapping[str, frozenset[Property]] = ANYTHING,  # noqa: ARG002 - the port's
    ) -> dict[str, DeviceInfo]:
        return {} if self.last_error else {name: self.infos[name] for name in devices if name in self.infos}

    def look_up(self, devices: Sequence[str], timeout: float) -> dict[str, DeviceInfo]:
        return self.describe(devices, timeout)

    def close(self) -> None:
        self.closed = True


class Rig:
    """A database, its cache in memory, and the look of a gateway of these entries."""

    def __init__(self, *entries: str) -> None:
        self.clock, self.database = ManualClock(), Database()
        self.metadata = Metadata(self.database, InfoCache(self.database, None, self.clock), 600.0, self.clock)
        self.config = loaded(HEAD + "".join(f"  - {entry}\n" for entry in entries))
        plan, _ = build_plan(self.config, INFOS)
        self.plan, self.applied, self.generations = plan, list[Mapping[str, DevicePlan]](), list[int]()
        self.refresh = Refresh(self.metadata, self.config, plan, INFOS, {}, self.clock, self._apply)

    def _apply(self, changed: Mapping[str, DevicePlan], generation: int) -> None:
        self.applied.append(changed)
        self.generations.append(generation)


def test_only_devices_that_are_described_in_another_way_are_handed_over() -> None:
    rig = Rig("{device: 'M:X', backend: dpm}", "{device: 'M:Y', backend: dpm}")
    rig.refresh.look()
    assert [] == rig.applied
    rig.database.infos["M:Y"] = replace(INFOS["M:Y"], reading=PropertyInfo(units="mA"))
    rig.refresh.look()
    rig.refresh.look()
    (changed,) = rig.applied
    assert ["M:Y"] == list(changed)
    assert "mA" == changed["M:Y"].info.reading.units  # type: ignore[union-attr]


def test_news_say_of_which_configuration_they_are_so_that_those_which_a_reload_overtakes_are_left_out() -> None:
    rig = Rig("{device: 'M:X', backend: dpm}")
    for generation in (1, 2):
        rig.database.infos["M:X"] = replace(INFOS["M:X"], description=f"{generation}")
        rig.refresh.look()
        rig.refresh.renew(rig.config, rig.plan.devices, INFOS, {}, generation + 1)
    rig.refresh.look()  # it is news again: what was on its way when the reload came is found anew
    assert ([1, 2, 3], "2") == (rig.generations, rig.applied[-1]["M:X"].info.description)


def test_what_is_asked_for_a_plan_counts_nothing() -> None:
    rig = Rig("{device: 'M:X', backend: dpm}")
    rig.metadata.describe(["M:X"], {})
    assert {"M:Y": INFOS["M:Y"]} == rig.metadata.foretell(["M:Y", "Q:NONE"], {})
    assert (0, 0, 0.0) == (rig.metadata.cached, rig.metadata.missing, rig.metadata.age())


def test_what_cannot_be_shown_is_said_once_and_what_cannot_be_planned_keeps_the_plan(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig("{device: 'M:X', backend: dpm}", "{device: 'M:Y[2:]', backend: dpm, length: 3}")
    for length in (3, 4):
        setting = PropertyInfo(length=length)
        rig.database.infos["M:X"] = replace(INFOS["M:X"], setting=setting, description=f"{length}")
        rig.refresh.look()
    assert 1 == caplog.text.count("M:X: SETTING has come; a restart serves it")
    assert ["3", "4"] == [changed["M:X"].info.description for changed in rig.applied]


def test_who_is_described_by_the_cache_and_who_by_nobody_is_one_line_and_so_is_the_return(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    rig = Rig("{device: 'M:X', backend: dpm}")
    rig.metadata.describe(["M:X"], {})
    assert (0, 0, 0.0, 600.0) == (rig.metadata.cached, rig.metadata.missing, rig.metadata.age(), rig.metadata.pause)
    rig.database.last_error = "it is away"
    rig.clock.advance(30.0)
    for _ in range(2):
        rig.metadata.describe(["M:X", "M:NEW"], {})
    assert (1, 1, 30.0, RETRY) == (rig.metadata.cached, rig.metadata.missing, rig.metadata.age(), rig.metadata.pause)
    assert (30.0, NEVER) == (rig.metadata.age_of("M:X"), rig.metadata.age_of("M:NEW"))
    rig.database.last_error = ""
    rig.metadata.describe(["M:X"], {})
    assert [
        "1 of 2 devices are described by the cache, up to 30 s old, and 1 by nobody: it is away",
        "the device database describes all 1 devices again",
    ] == [record.getMessage() for record in caplog.records]


def test_names_that_nobody_configured_are_found_in_the_cache_while_the_database_is_away() -> None:
    rig = Rig("{device: 'M:X', backend: dpm}")
    assert rig.metadata.look_up(["M:Y", "Q:NONE"]) == Answer({"M:Y": INFOS["M:Y"]})
    rig.database.last_error = "it is away"
    assert rig.metadata.look_up(["M:X", "M:Y", "Q:NONE"]) == Answer({"M:Y": INFOS["M:Y"]}, complete=False)
    assert rig.metadata.look_up(["Q:NONE"]) == AWAY
    assert (rig.metadata.cached, rig.metadata.missing) == (0, 0)  # these count what is configured


def test_what_does_not_exist_is_not_kept() -> None:
    rig = Rig("{device: 'M:X', backend: dpm}")
    rig.database.infos["Q:NONE"] = DeviceInfo("Q:NONE", exists=False)
    assert rig.metadata.look_up(["Q:NONE"]).complete
    rig.database.last_error = "it is away"
    assert rig.metadata.look_up(["Q:NONE"]) == AWAY


@pytest.mark.parametrize(
    ("cache", "environment", "path"),
    [
        ("off", {"HOME": "/h"}, None),
        ("a/b.json", {}, Path("/etc/a/b.json")),
        ("/v/c.json", {}, Path("/v/c.json")),
        ("auto", {"HOME": "/h"}, Path("/h/.cache/acgate/GW1-metadata.json")),
        ("auto", {"HOME": "/h", "XDG_CACHE_HOME": "/x"}, Path("/x/acgate/GW1-metadata.json")),
        ("auto", {}, None),
    ],
)
def test_the_cache_lies_where_it_is_said_or_in_the_cache_folder_of_the_user(
    cache: str, environment: dict[str, str], path: Path | None
) -> None:
    assert path == cache_path(
        MetadataConfig(BackendUrl.parse("sim:"), cache, 1.0), Home("GW1", Path("/etc")), environment
    )


def opened(url: str) -> Metadata:
    return open_metadata(
        MetadataConfig(BackendUrl.parse(url), "off", 60.0), Home("GW1", Path()), ManualClock(), {}, str
    )


def test_a_database_is_opened_without_contacting_it_and_a_simulated_one_is_never_asked_again() -> None:
    database = opened("devdb+grpc://127.0.0.1:1?tls=on")
    assert 60.0 == database.pause
    database.close()
    assert opened("sim:").pause is None


def test_tls_is_on_or_off() -> None:
    with pytest.raises(BadInput, match="tls=maybe is neither on nor off"):
        opened("devdb+grpc://127.0.0.1:1?tls=maybe")


def test_a_missing_extra_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    monkeypatch.delitem(sys.modules, "gateway.backends.devdb_grpc", raising=False)
    with pytest.raises(BadInput, match=r"devdb\+grpc needs grpc; pip install 'acgate\[grpc\]'"):
        opened("devdb+grpc://127.0.0.1:1")
