"""Health check of the container: a Channel Access get of the gateway's own PV; exit code 0 when it is answered."""

import os
import sys

os.environ.setdefault("EPICS_CA_ADDR_LIST", "127.0.0.1")
os.environ.setdefault("EPICS_CA_AUTO_ADDR_LIST", "NO")

from caproto import CaprotoError
from caproto.sync.client import read

name = os.environ.get("ACGATE_HEALTH_PV", "GW1:UPTIME")
try:
    read(name, timeout=3, repeater=False)
except (CaprotoError, OSError) as error:
    sys.exit(f"{name}: {type(error).__name__}: {error}")
