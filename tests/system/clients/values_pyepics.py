"""pyepics: gets each PV it was called with once, and tells the values."""

import sys

import epics
import numpy as np
from telling import leave, tell

for name in sys.argv[1:]:
    pv = epics.PV(name)
    assert pv.wait_for_connection(15.0), name
    value = pv.get(use_monitor=False, timeout=15.0)
    tell(pv=name, value=value, list=[float(one) for one in np.atleast_1d(value)] if not isinstance(value, str) else [])
leave()
