"""A C IOC and acgate side by side, with records that are each other's twins and are told the same."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from gateway.core.blocks import BasicStatus
from gateway.core.severity import NO_ALARM, Alarm, alarm_of
from gateway.core.status import DISCONNECTED, OK, Status
from gateway.core.values import Value
from tests.iocs.serving import Serving
from tests.plan.planning import planned
from tests.support.ca_client import CaClient
from tests.support.processes import ROOT, Running, Site, until

STAMP = 1_700_000_000  # s, Unix
WARNING = Status(14, 10)
NUMBER = 'units: mA, precision: 2, low: -10, high: 10, description: "a number"'
ENTRIES = (
    f'{{device: "G:AI", properties: [reading], {NUMBER}}}',
    f'{{device: "G:AID", properties: [reading], {NUMBER}}}',
    f'{{device: "G:AO", properties: [setting, control], writable: true, commands: [RESET, "ON", "OFF"], {NUMBER}}}',
    '{device: "G:LI", properties: [status], description: "a number"}',
    f'{{device: "G:WF[0:3]", properties: [reading], name: "G:WF", {NUMBER}}}',
    '{device: "G:CH", properties: [reading], text: true, length: 64, description: "a number"}',
)
TWINS = {  # what follows the C IOC's prefix, and the PV of acgate
    "AI": "G:AI", "AID": "G:AID", "AO": "G:AO:SP", "MBBO": "G:AO:CMD", "LI": "G:LI:STS", "BI": "G:LI:STS:ON",
    "SI": "G:LI:GW:BACKEND", "WF": "G:WF", "CH": "G:CH",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """What a record and its twin are told at one moment; None for the value says that the reading was lost."""

    record: str
    value: Any
    status: Status = OK
    after: float = 0.0  # s since STAMP


class SoftIoc:
    """The C IOC, as a process."""

    def __init__(self, site: Site, port: int) -> None:
        here = str(port)
        environment = site.environment(port) | {"EPICS_CA_MAX_ARRAY_BYTES": "20000000", "PVXS_QSRV_ENABLE": "NO"}
        environment |= {"EPICS_CAS_SERVER_PORT": here, "EPICS_CA_SERVER_PORT": here, "PYTHONPATH": str(ROOT)}
        script = str(ROOT / "tests" / "support" / "soft_ioc.py")
        self.running = Running("soft-ioc", [sys.executable, script], environment, site.folder, stdin=True)
        self._told = 0
        self._shown: dict[str, Any] = {}

    def ready(self) -> None:
        assert until(lambda: self.running.lines() or self.running.process.poll() is not None, 60), self.running.report()
        assert self.running.lines(), self.running.report()

    def tell(self, step: Step, alarm: Alarm) -> None:
        """Process the record with that value, and wait until it was told."""
        value = self._shown.get(step.record) if step.value is None else step.value
        self._shown[step.record] = value
        wish = {"set": step.record, "value": _text(value), "severity": alarm.severity, "alarm": alarm.status}
        self.running.tell(json.dumps(wish | {"stamp": STAMP + step.after}))
        self._told += 1
        assert until(lambda: len(self.running.lines()) > self._told, 20), self.running.report()


def _text(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, list):
        return [_text(item) for item in value]
    return str(value) if isinstance(value, float) else value


class Twins:
    """Both servers, and what is told to both."""

    def __init__(self, folder: Path, fast: bool) -> None:
        self._open = ExitStack()
        self.site = self._open.enter_context(Site(folder))
        self.ioc = SoftIoc(self.site, self.site.ca_port)
        self._open.callback(self.ioc.running.close)
        served = Serving(planned(*ENTRIES))
        served.fast = fast
        self.served = self._open.enter_context(served)
        self.ioc.ready()
        self.c = self._open.enter_context(CaClient(self.site.ca_port))
        self.g = self._open.enter_context(self.served.client())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def begin(self) -> None:
        """The same beginning for all."""
        setting = self.served.plan.devices["G:AO"].setting_row
        self.served.bring((setting, 0.0), stamp_ns=STAMP * 10**9)
        for client, name in ((self.c, "C:MBBO"), (self.g, "G:AO:CMD"), (self.c, "C:AO"), (self.g, "G:AO:SP")):
            assert client.put(client.create(name), 0) == 1
        for field, value in (("MDEL", 2), ("ADEL", 4), ("HIHI", 50), ("HHSV", 2), ("LOW", -5), ("LSV", 1), ("HYST", 1)):
            assert self.g.put(self.g.create(f"G:AID.{field}"), value) == 1
        for record, value in (("AI", 0.0), ("AID", 0.0), ("LI", 0), ("BI", 0), ("WF", []), ("CH", "")):
            self.tell(Step(record, value))
        for record, value in (("SI", "a"), ("AO", 0.0), ("MBBO", 0)):
            self.ioc.tell(Step(record, value), NO_ALARM)

    def tell(self, step: Step) -> None:
        """Tell both, and wait until acgate has published it."""
        alarm = alarm_of(step.status, step.value is not None, had_value=True)
        self.ioc.tell(step, alarm)
        row, value = self._reading(step)
        self.served.bring((row, value), stamp_ns=STAMP * 10**9 + int(step.after * 10**9), status=step.status)
        self.served.settle()

    def _reading(self, step: Step) -> tuple[int, Value | None]:
        plan, value = self.served.plan, step.value
        if step.record in ("LI", "BI"):
            device = plan.devices["G:LI"]
            if step.record == "LI":
                return device.word_row, None if value is None else float(value)
            return device.status_row, None if value is None else BasicStatus(on=bool(value))
        row = plan.devices[TWINS[step.record]].reading_row
        return row, np.array(value, np.float64) if isinstance(value, list) else value

    def watch(self, *records: str) -> Running:
        """One libca client that watches records and their twins."""
        names = [name for record in records for name in (f"C:{record}", TWINS[record])]
        address = f"127.0.0.1:{self.site.ca_port} 127.0.0.1:{self.served.port}"
        environment = self.site.environment() | {"EPICS_CA_ADDR_LIST": address}
        script = str(ROOT / "tests" / "system" / "clients" / "watch_twins.py")
        client = Running(f"watch-{os.getpid()}", [sys.executable, script, *names], environment, self.site.folder, True)
        self._open.callback(client.close)
        assert until(lambda: client.lines() or client.process.poll() is not None, 60), client.report()
        assert client.lines(), client.report()
        return client


LOST = DISCONNECTED


@pytest.fixture(scope="module", params=["rows", "ordinary"])
def twins(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """With plain scalars as rows, and with everything the ordinary way."""
    with Twins(tmp_path_factory.mktemp("twins"), request.param == "rows") as made:
        made.begin()
        yield made
