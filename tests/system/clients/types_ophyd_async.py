"""ophyd-async asks for every kind of PV as every type: tells which of them connect, and as what they are read."""

import asyncio
from typing import Any

import numpy as np
from ophyd_async.core import Array1D, StrictEnum, SubsetEnum
from ophyd_async.epics.core import epics_signal_r
from telling import leave, tell

PATIENCE = 20.0
PVS = {
    "number": "I:H803:SP_RBV",
    "word": "I:H803:STS",
    "bit": "I:H803:STS:READY",
    "command": "I:H803:CMD",
    "text": "G:MODE",
    "string": "M:OUTTMP:GW:BACKEND",
    "array": "I:STAIRS",
}


class Bit(StrictEnum):
    TRIPPED = "tripped"
    READY = "ready"


class OtherLabels(StrictEnum):
    TRIPPED = "tripped"
    READY = "fine"


class SomeCommands(SubsetEnum):
    ON = "ON"
    OFF = "OFF"


class AllCommands(StrictEnum):
    ON = "ON"
    OFF = "OFF"
    RESET = "RESET"


TYPES = {
    "float": float,
    "int": int,
    "str": str,
    "bool": bool,
    "Bit": Bit,
    "OtherLabels": OtherLabels,
    "SomeCommands": SomeCommands,
    "AllCommands": AllCommands,
    "float64 array": Array1D[np.float64],
    "float32 array": Array1D[np.float32],
    "int32 array": Array1D[np.int32],
}


async def connects(kind: type[Any], name: str) -> bool:
    signal = epics_signal_r(kind, name)
    try:
        await signal.connect(timeout=PATIENCE)
    except Exception as error:
        if "Timeout" in f"{type(error).__name__}: {error}":
            raise
        return False
    await signal.get_value()
    return True


async def main() -> None:
    found = {}
    for pv, name in PVS.items():
        answers = await asyncio.gather(*(connects(kind, name) for kind in TYPES.values()))
        found[pv] = [word for word, answer in zip(TYPES, answers, strict=True) if answer]
    tell(found=found)


asyncio.run(main())
leave()
