"""ophyd-async against the demo: epics_signal_rw of every kind, set, and types that do not fit."""

import asyncio
from typing import Any

import numpy as np
from ophyd_async.core import Array1D, SignalR, StrictEnum, observe_value
from ophyd_async.epics.core import epics_signal_r, epics_signal_rw
from telling import leave, tell

PATIENCE = 10.0


class Command(StrictEnum):
    ON = "ON"
    OFF = "OFF"
    RESET = "RESET"


class Switch(StrictEnum):
    OFF = "off"
    ON = "on"


class Other(StrictEnum):
    OFF = "off"
    ON = "closed"


async def connect_error(signal: SignalR[Any]) -> str:
    """What it says when it does not connect; empty when it does."""
    try:
        await signal.connect(timeout=PATIENCE)
    except Exception as error:  # noqa: BLE001 - which one it is, is what the test asks
        return f"{type(error).__name__}: {error}"
    return ""


async def arrives(signal: SignalR[Any], value: object) -> object:
    """Wait until a signal has this value; the value it has."""
    async for seen in observe_value(signal, done_timeout=PATIENCE):
        if seen == value:
            return seen
    return None


async def main() -> None:
    trim = epics_signal_rw(float, "I:H803:SP_RBV", "I:H803:SP", name="trim")
    gains = epics_signal_rw(Array1D[np.float64], "D:GAINS:SP", name="gains")
    mode = epics_signal_rw(str, "G:MODE:SP", name="mode")
    command = epics_signal_rw(Command, "I:H803:CMD", name="command")
    bit = epics_signal_r(Switch, "I:H803:STS:ON", name="bit")
    word = epics_signal_r(int, "I:H803:STS", name="word")
    as_bool = epics_signal_r(bool, "I:H803:STS:ON", name="as_bool")
    for signal in (trim, gains, mode, command, bit, word, as_bool):
        await signal.connect(timeout=PATIENCE)
    await trim.set(3.5, timeout=PATIENCE)
    await gains.set(np.arange(8) / 2, timeout=PATIENCE)
    await mode.set("Studies", timeout=PATIENCE)
    await command.set(Command.OFF, timeout=PATIENCE)
    tell(
        trim=[await arrives(trim, 3.5), (await trim.describe())["trim"], (await trim.read())["trim"]],
        gains=[await gains.get_value(), (await gains.describe())["gains"]],
        mode=await mode.get_value(),
        command=await command.get_value(),
        bit=[await arrives(bit, Switch.OFF), (await bit.describe())["bit"]],
        word=await word.get_value(),
        as_bool=await as_bool.get_value(),
        wrong_type=await connect_error(epics_signal_r(float, "I:H803:STS:ON")),
        wrong_labels=await connect_error(epics_signal_r(Other, "I:H803:STS:ON")),
    )


asyncio.run(main())
leave()
