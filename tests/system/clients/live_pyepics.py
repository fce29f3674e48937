"""pyepics: tells every update of the PVs it was called with, until the end of its standard input."""

import select
import sys

import epics
from telling import leave, tell


def updated(pvname: str, value: float, posixseconds: float, nanoseconds: int, severity: int, status: int, **_) -> None:
    stamp_ns = int(posixseconds) * 1_000_000_000 + nanoseconds
    tell(pv=pvname, value=value, stamp_ns=stamp_ns, severity=severity, status=status)


pvs = [epics.PV(name, callback=updated, form="time") for name in sys.argv[1:]]
for pv in pvs:
    assert pv.wait_for_connection(20), pv.pvname
tell(connected=len(pvs))
while not select.select([0], [], [], 0.1)[0]:
    epics.poll()  # pyepics leaves it to its user to send what it has written
tell(over=True)
leave()
