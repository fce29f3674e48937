"""pyepics: tells what it may do with a PV, and each change of that, until the end of its standard input."""

import select
import sys

import epics
from telling import leave, tell


def told(read_access: bool, write_access: bool, pv: epics.PV) -> None:
    tell(pv=pv.pvname, read=read_access, write=write_access)


pv = epics.PV(sys.argv[1], access_callback=told, connection_callback=lambda conn, **_: tell(connected=int(conn)))
assert pv.wait_for_connection(20), pv.pvname
while not select.select([0], [], [], 0.05)[0]:
    epics.poll()
leave()
