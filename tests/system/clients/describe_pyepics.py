"""pyepics reads what every PV of a list is: DBR_CTRL, and the whole description as a long string."""

import json
import sys
from pathlib import Path

import epics
from telling import leave, tell

PATIENCE = 30.0


def metadata(pv: epics.PV) -> dict[str, object]:
    """Units, precision, limits and labels, as libca has them of DBR_CTRL."""
    found = pv.get_ctrlvars(timeout=PATIENCE) or {}
    labels = [text.decode() if isinstance(text, bytes) else text for text in found.get("enum_strs", ())]
    return {**found, "enum_strs": labels, "type": pv.type, "count": pv.nelm}


names = json.loads(Path(sys.argv[1]).read_text("utf-8"))
pvs = {name: epics.PV(name, auto_monitor=False) for name in names}
for name, pv in pvs.items():
    assert pv.wait_for_connection(PATIENCE), name
tell(pvs={name: metadata(pv) for name, pv in pvs.items() if not name.endswith((".DESC", ".DESC$", ":META:TEXT"))},
     texts={name: pv.get(as_string=True, timeout=PATIENCE) for name, pv in pvs.items()
            if name.endswith((".DESC", ".DESC$", ":META:TEXT"))})  # fmt: skip
leave()
