"""pyepics: puts a value on each SP of the devices it was called with, and tells what became of it."""

import sys

import epics
from telling import leave, tell

PATIENCE = 15.0


def pv(name: str) -> epics.PV:
    made = epics.PV(name)
    assert made.wait_for_connection(PATIENCE), name
    return made


value = float(sys.argv[1])
for device in sys.argv[2:]:
    setpoint = pv(f"{device}:SP")
    setpoint.put(value, wait=True, timeout=PATIENCE)
    seen = setpoint.get_with_metadata(form="time", use_monitor=False)
    tell(
        device=device,
        value=seen["value"],
        severity=seen["severity"],
        state=pv(f"{device}:WR:STATE").get(as_string=True, use_monitor=False),
        message=pv(f"{device}:WR:MSG").get(as_string=True, use_monitor=False),
    )
leave()
