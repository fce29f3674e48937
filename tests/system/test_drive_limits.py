"""Limits of settings that are PVs of this gateway and of a C IOC, through libca; the facility says what came."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.core.severity import NO_ALARM, Alarm, Severity, Stat
from gateway.runtime.clock import SystemClock
from iocs.fast import messages as ca
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.support.ca_client import CaClient, free_port
from tests.support.processes import Json, Running, Site, config_of, until
from tests.system.twins.conftest import SoftIoc, Step

INVALID = Alarm(Severity.INVALID, Stat.READ)
DEVICES = """  - {device: "Z:ACLTS1", writable: true, event: "p,100", properties: [reading, setting]}
  - {device: "Z:ACLTST", writable: true, properties: [reading, setting], drive: {low: -5, high: "Z:ACLTS1:SP_RBV"}}
  - {device: "G:AMANDA", writable: true, properties: [reading, setting], drive: {high: "C:AI", outside: clamp}}
"""
OWN, FAR, WRITE = "Z:ACLTST", "G:AMANDA", 2


class Stage:
    """A gateway, the log of what it sends, a C IOC that may not be there, and a client by libca."""

    def __init__(self, site: Site, opened: ExitStack) -> None:
        self.facility = shipped_facility()
        services = Services(self.facility, SystemClock(), {"dpm_http": 0})
        services.start()
        opened.callback(services.stop)
        self.site, self._opened, self.ioc_port = site, opened, free_port()
        self.config = site.folder / "gateway.yaml"
        self.config.write_text(config_of(cast(Running, SimpleNamespace(said=services.addresses)), DEVICES))
        more = {"EPICS_CA_ADDR_LIST": f"127.0.0.1:{self.ioc_port}", "EPICS_CA_CONN_TMO": "1"}
        self.gateway = site.acgate("run", str(self.config), ready=True, more=more)
        self.client = site.client("live_aioca", stdin=True)
        self._puts = 0

    def start_ioc(self, number: float) -> SoftIoc:
        ioc = SoftIoc(self.site, self.ioc_port)
        self._opened.callback(ioc.running.close)
        ioc.ready()
        ioc.tell(Step("AI", number), NO_ALARM)
        return ioc

    def put(self, name: str, value: float) -> tuple[bool, list[object]]:
        """Whether libca says that it was done, and what has come to the facility meanwhile."""
        before = len(self.facility.settings())
        self._puts += 1
        number = str(self._puts)
        self.client.tell(f"put {number} {name}:SP {value}")

        def over() -> list[Json]:
            return [line for line in self.client.lines() if line.get("put") == number]

        assert until(over, 20), self.client.report()
        return over()[0]["ok"], [one.value for one in self.facility.settings()[before:]]

    def shown(self, name: str) -> float:
        """The upper control limit of a setpoint."""
        with CaClient(self.site.ca_port) as client:
            return client.get_control(client.create(f"{name}:SP")).control[1]

    def message(self, name: str) -> str:
        with CaClient(self.site.ca_port) as client:
            said = client.get(client.create(f"{name}:WR:MSG"))
        return bytes(said if isinstance(said, list) else [said]).partition(b"\0")[0].decode()  # type: ignore[list-item]

    def foretold(self, name: str, value: float) -> Json:
        command = self.site.acgate("explain", f"{name}:SP", "--config", str(self.config), f"--value={value}", "--json")
        assert 0 == command.wait(60), command.report()
        return {one["layer"]: one for one in json.loads(command.out)["put"]["layers"]}["limits"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as opened:
        made = Stage(opened.enter_context(Site(tmp_path_factory.mktemp("limits"))), opened)
        yield made
        made.client.end()
        made.gateway.end()


def test_a_limit_that_is_a_pv_of_the_gateway_holds_and_moves(stage: Stage) -> None:
    assert (True, [3.0]) == stage.put("Z:ACLTS1", 3.0)
    assert until(lambda: stage.shown(OWN) == 3.0, 20), stage.gateway.report()
    assert (True, [2.5]) == stage.put(OWN, 2.5)
    with CaClient(stage.site.ca_port) as watcher:
        setpoint = watcher.create(f"{OWN}:SP")
        properties = watcher.subscribe(setpoint, 34, mask=8)
        news = watcher.subscribe(setpoint)
        assert (2.5, 0) == (watcher.update(news).value, watcher.get_time(setpoint).severity)
        assert 3.0 == watcher.control_update(properties).control[1]
        foretold = stage.foretold(OWN, 3.5)
        assert (False, []) == stage.put(OWN, 3.5)
        assert stage.message(OWN).startswith(f"{OWN}:SP takes values from -5 to 3 ")
        assert foretold["reason"] in stage.message(OWN)  # whose units are those of the service
        assert [] == watcher.waiting(news), "a refusal is no news to anybody"
        assert (2.5, 0) == (watcher.get(setpoint), watcher.get_time(setpoint).severity)
        assert ca.NORMAL == watcher.put(watcher.create("Z:ACLTS1:SP"), 4.0)
        assert 4.0 == watcher.control_update(properties, 20).control[1]
        assert 4.0 == watcher.get(watcher.create(f"{OWN}:SP.DRVH"))
    assert (True, [3.5]) == stage.put(OWN, 3.5)


def test_a_limit_of_another_ioc_clamps_and_while_it_has_no_valid_value_nobody_may_set(stage: Stage) -> None:
    lacking = f"{FAR}:SP is limited by C:AI, which has no valid value now"
    assert (False, []) == stage.put(FAR, 1.0), "an IOC that was never there"
    assert f"{lacking} (limits)" == stage.message(FAR)
    foretold = stage.foretold(FAR, 1.0)
    assert (False, lacking) == (foretold["passes"], foretold["reason"])
    ioc = stage.start_ioc(6.0)
    assert until(lambda: stage.shown(FAR) == 6.0, 30), stage.gateway.report()
    assert (True, [5.0]) == stage.put(FAR, 5.0)
    foretold = stage.foretold(FAR, 9.0)
    assert (True, [6.0]) == stage.put(FAR, 9.0)
    said = stage.message(FAR)
    assert said.startswith("clamped from 9 to 6")
    assert (True, "clamped from 9 to 6") == (foretold["passes"], foretold["reason"])
    ioc.tell(Step("AI", 6.0), INVALID)
    assert until(lambda: stage.shown(FAR) == 0.0, 30), "no limit is known"
    assert (False, []) == stage.put(FAR, 1.0)
    ioc.tell(Step("AI", 7.0), NO_ALARM)
    assert until(lambda: stage.shown(FAR) == 7.0, 30)
    ioc.running.kill()
    assert until(lambda: stage.shown(FAR) == 0.0, 30), stage.gateway.report()
    assert (False, []) == stage.put(FAR, 1.0)
    assert f"{lacking} (limits)" == stage.message(FAR)
    assert (True, [3.0]) == stage.put(OWN, 3.0), "the limits of others are theirs"
