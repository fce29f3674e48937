"""A C IOC as a process: pythonSoftIOC with a record of every type that acgate serves, told line by line what to show.

Run as a script it is that IOC; a line of JSON names a record, and its value, severity, alarm and stamp, and is answered
by one when the record was told.
"""

import json
import sys
from typing import Any

import numpy as np

PREFIX = "C"
LARGE = 1_000_000  # elements
NUMBER = {"EGU": "mA", "PREC": 2, "HOPR": 10.0, "LOPR": -10.0, "DESC": "a number"}


def _records(builder: Any) -> dict[str, Any]:
    told = {"TSE": -2}  # the stamp is what the record is told
    every = {"MDEL": -1, "ADEL": -1, **told}
    return {
        "AI": builder.aIn("AI", **NUMBER, **every),
        "AID": builder.aIn("AID", **NUMBER, MDEL=2, ADEL=4, HIHI=50, HHSV="MAJOR", LOW=-5, LSV="MINOR", HYST=1, **told),
        "AO": builder.aOut("AO", always_update=True, DRVH=10.0, DRVL=-10.0, **NUMBER, **every),
        "LI": builder.longIn("LI", DESC="a number", **every),
        "BI": builder.boolIn("BI", ZNAM="off", ONAM="on", DESC="a number", **told),
        "MBBO": builder.mbbOut("MBBO", "RESET", "ON", "OFF", DESC="a number", always_update=True),
        "SI": builder.stringIn("SI", DESC="a number"),
        "WF": builder.WaveformIn("WF", length=4, FTVL="DOUBLE", **NUMBER, **told),
        "BIG": builder.WaveformIn("BIG", length=LARGE, FTVL="DOUBLE"),
        "CH": builder.WaveformIn("CH", length=64, FTVL="CHAR", DESC="a number", **told),
    }


def _value(name: str, value: Any) -> Any:
    if name == "CH":
        return np.frombuffer(value.encode("latin-1") + b"\0", np.uint8)
    if name == "BIG":
        return np.full(LARGE, value)
    if name == "WF":
        return np.array(value, np.float64)
    return float(value) if name.startswith("A") else value  # nan and inf are texts in JSON


def main() -> None:
    from softioc import asyncio_dispatcher, builder, softioc

    builder.SetDeviceName(PREFIX)
    records = _records(builder)
    builder.LoadDatabase()
    softioc.iocInit(asyncio_dispatcher.AsyncioDispatcher())
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    for line in sys.stdin:
        wish = json.loads(line)
        name = wish["set"]
        about = {"severity": wish["severity"], "alarm": wish["alarm"]}
        if name not in ("AO", "MBBO"):  # what is put has the time of the put
            about["timestamp"] = wish["stamp"]
        records[name].set(_value(name, wish["value"]), **about)
        sys.stdout.write(json.dumps({"set": name}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
