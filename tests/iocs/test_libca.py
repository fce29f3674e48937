"""One smoke test with the real libca, which pyepics brings: every type, in a process of its own."""

import json
import os
import subprocess
import sys

import numpy as np

from gateway.core.blocks import BasicStatus
from tests.iocs.serving import Serving, ca_settings
from tests.plan.planning import planned

SCRIPT = """
import json, sys, threading
import epics

out = {}
names = ["Z:ACLTST", "Z:ACLTST:SP", "Z:ACLTST:STS", "Z:ACLTST:STS:READY", "Z:ACLTST:CMD", "Z:ACLTST:HIST:V",
         "Z:ACLTST:GW:BACKEND", "Z:ACLTST:WR:STATE", "B:IRMS06", "G:TEXT", "GW1:NAME", "Z:ACLTST:GW:BACKEND.VAL$"]
pvs = {name: epics.PV(name, form="ctrl" if name == "Z:ACLTST" else "time") for name in names}
for name, pv in pvs.items():
    assert pv.wait_for_connection(10), name
    value = pv.get(as_string=name in ("G:TEXT", "GW1:NAME", "Z:ACLTST:GW:BACKEND.VAL$"))
    out[name] = value.tolist() if hasattr(value, "tolist") else value
pv = pvs["Z:ACLTST"]
out["units"], out["precision"], out["limits"] = pv.units, pv.precision, [pv.lower_disp_limit, pv.upper_ctrl_limit]
out["labels"] = list(pvs["Z:ACLTST:STS:READY"].get_ctrlvars()["enum_strs"])
out["stamp"] = pvs["Z:ACLTST:SP"].get_timevars()["timestamp"]
out["severity"] = [pvs[name].severity for name in ("Z:ACLTST:SP", "Z:ACLTST:STS:READY")]
out["rights"] = [pvs["Z:ACLTST:SP"].write_access, pvs["Z:ACLTST:STS"].write_access]
seen, three = [], threading.Event()
def news(value=None, **_):
    seen.append(value)
    if len(seen) == 3:
        three.set()
epics.PV("Z:ACLTST:SP", callback=news, form="time")
for _ in range(1000):
    if seen:
        break
    epics.ca.poll(0.01)
out["puts"] = [pvs["Z:ACLTST:SP"].put(value, wait=True, timeout=10) for value in (5.5, 6.5)]
for _ in range(1000):
    if three.is_set():
        break
    epics.ca.poll(0.01)
out["seen"] = seen
pvs["Z:ACLTST:CMD"].put("ON", wait=True, timeout=10)
pvs["G:TEXT"].put("good evening", wait=True, timeout=10)
print(json.dumps(out))
sys.stdout.flush()
"""


def test_libca_connects_reads_monitors_and_puts_every_type() -> None:
    plan = planned(
        '{device: "Z:ACLTST", writable: true, units: mA, precision: 2, low: -10, high: 10}',
        '{device: "B:IRMS06[0:3]", properties: [reading], name: "B:IRMS06"}',
        '{device: "G:TEXT", properties: [setting, reading], text: true, length: 64, writable: true}',
    )
    device = plan.devices["Z:ACLTST"]
    text_row = plan.devices["G:TEXT"].reading_row
    with Serving(plan, ca_settings()) as served:
        served.bring(
            (device.reading_row, 1.25),
            (device.setting_row, 2.25),
            (device.word_row, 3.0),
            (device.status_row, BasicStatus(on=True, ready=False)),
            (plan.devices["B:IRMS06"].reading_row, np.arange(4.0)),
            (text_row, "good morning"),
        )
        served.settle()
        environment = {
            "EPICS_CA_ADDR_LIST": "127.0.0.1",
            "EPICS_CA_AUTO_ADDR_LIST": "NO",
            "EPICS_CA_SERVER_PORT": str(served.port),
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert 0 == done.returncode, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        assert [5.5, 6.5, 1.0, "good evening"] == [setting.value for setting in served.backend.writes]
    values = ["Z:ACLTST", "Z:ACLTST:SP", "Z:ACLTST:STS", "Z:ACLTST:STS:READY", "B:IRMS06", "G:TEXT", "GW1:NAME"]
    assert [1.25, 2.25, 3, 0, [0.0, 1.0, 2.0, 3.0], "good morning", "acgate"] == [found[name] for name in values]
    assert ("a", "a") == (found["Z:ACLTST:GW:BACKEND"], found["Z:ACLTST:GW:BACKEND.VAL$"])
    assert ("mA", 2, [-10.0, 10.0]) == (found["units"], found["precision"], found["limits"])
    assert ["tripped", "ready"] == found["labels"]
    assert 1_700_000_000.25 == found["stamp"]
    assert [0, 2] == found["severity"]
    assert [True, False] == found["rights"]
    assert [1, 1] == found["puts"]
    assert [2.25, 5.5, 6.5] == found["seen"]
