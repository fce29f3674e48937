"""One put for several devices, through libca: the simulated facility says what was sent, and what was not."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.core.drf import Property
from gateway.runtime.clock import SystemClock
from simulator.facility import Facility, shipped_facility
from simulator.services import Services
from tests.support.ca_client import CaClient
from tests.support.processes import Json, Running, Site, config_of

MEMBERS = ("Z:ACLTST", "Z:ACLTS1", "G:AMANDA", "Z:STUCK", "Z:CLIP")
DEVICES = "".join(
    f'  - {{device: "{name}", writable: true, low: -5, high: 5, properties: [reading, setting]}}\n' for name in MEMBERS
)
GROUPS = "".join(
    f"  {name}: {{members: '{', '.join(MEMBERS)}', precheck: {precheck}}}\n"
    for name, precheck in (("all", "on"), ("each", "off"))
)
ONE_FAR, FAR = ["1", "2", "9", "nan", "4"], "G:AMANDA"
MAJOR, NONE = 2, 0


@dataclass
class Stage:
    """A gateway over a facility whose log the test can read."""

    site: Site
    facility: Facility

    def put(self, group: str, *values: str) -> tuple[Json, dict[str, object]]:
        """What aioca makes of it, and what has come to the facility meanwhile, by device."""
        before = len(self.facility.settings())
        told = self.site.client("group_aioca", group, *values).result()
        came = self.facility.settings()[before:]
        assert all(one.request.property is Property.SETTING for one in came)
        assert len(came) == len({one.request.device for one in came}), "nothing is sent twice"
        return told, {one.request.device: one.value for one in came}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    facility = shipped_facility()
    services = Services(facility, SystemClock(), {"dpm_http": 0})
    services.start()
    try:
        with Site(tmp_path_factory.mktemp("groups")) as site:
            simulator = cast(Running, SimpleNamespace(said=services.addresses))
            gateway = site.run(config_of(simulator, DEVICES, more=f"groups:\n{GROUPS}"))
            yield Stage(site, facility)
            gateway.end()
    finally:
        services.stop()


def test_five_settings_are_sent_by_one_put_that_is_done_when_all_are_answered(stage: Stage) -> None:
    told, came = stage.put("all", "1", "2", "3", "0.5", "4")
    assert dict(zip(MEMBERS, (1.0, 2.0, 3.0, 0.5, 4.0), strict=True)) == came
    assert (1, 1) == (told["staged"], told["outcome"])
    assert (["ACCEPTED"] * 5, NONE, "") == (told["results"], told["severity"], told["message"])
    assert [f"{name}:SP" for name in MEMBERS] == told["members"]


def test_with_precheck_one_out_of_range_leaves_the_facility_untouched(stage: Stage) -> None:
    told, came = stage.put("all", *ONE_FAR)
    assert {} == came
    assert (1, 0) == (told["staged"], told["outcome"])
    assert ["DENIED", "DENIED", "DENIED", "IDLE", "DENIED"] == told["results"]
    assert NONE == told["severity"], "a refusal touches no alarm"
    assert f"{FAR}: {FAR}:SP takes values from -5 to 5" in told["message"]
    with CaClient(stage.site.ca_port) as client:
        assert [0] * 5 == [client.get_time(client.create(f"{name}:SP")).severity for name in MEMBERS]


def test_without_precheck_the_others_are_written_and_one_has_an_error(stage: Stage) -> None:
    told, came = stage.put("each", *ONE_FAR)
    assert {"Z:ACLTST": 1.0, "Z:ACLTS1": 2.0, "Z:CLIP": 4.0} == came
    assert (1, 0) == (told["staged"], told["outcome"])
    assert ["ACCEPTED", "ACCEPTED", "DENIED", "IDLE", "ACCEPTED"] == told["results"]
    assert MAJOR == told["severity"]
