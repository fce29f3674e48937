"""ophyd against the demo: EpicsSignal and EpicsSignalRO."""

import time

from ophyd import EpicsSignal, EpicsSignalRO
from ophyd.utils import LimitError, ReadOnlyError
from telling import leave, tell

PATIENCE = 10.0


def error_of(act, *arguments: object, **options: object) -> str:
    """The name of the exception of a call; empty when there is none."""
    try:
        act(*arguments, **options)
    except (LimitError, ReadOnlyError, ValueError, TimeoutError) as error:
        return type(error).__name__
    return ""


def arrives(signal: EpicsSignal, value: float) -> float:
    """Wait until a signal has this value; the value that it has."""
    deadline = time.monotonic() + PATIENCE
    while (seen := signal.get(use_monitor=False)) != value and time.monotonic() < deadline:
        time.sleep(0.02)
    return seen


temperature = EpicsSignalRO("M:OUTTMP", name="temperature")
setpoint = EpicsSignal("I:H801:SP_RBV", write_pv="I:H801:SP", name="trim", limits=True, put_complete=True)
command = EpicsSignal("I:H801:CMD", name="command", string=True, put_complete=True)
bit = EpicsSignalRO("I:H801:STS:ON", name="bit", string=True)
mode = EpicsSignal("G:MODE", write_pv="G:MODE:SP", name="mode", string=True)
wave = EpicsSignalRO("I:STAIRS", name="wave")
for signal in (temperature, setpoint, command, bit, mode, wave):
    signal.wait_for_connection(timeout=PATIENCE)

status = setpoint.set(4.25, timeout=PATIENCE)
status.wait(PATIENCE)
command.set("OFF").wait(PATIENCE)
tell(
    read=temperature.read(),
    describe=temperature.describe(),
    setpoint_describe=setpoint.describe(),
    limits=setpoint.limits,
    beyond=error_of(setpoint.set, 99.0),
    done=[status.done, status.success],
    reading=arrives(setpoint, 4.25),
    asked=setpoint.get_setpoint(use_monitor=False),
    put=error_of(setpoint.put, 4.5, wait=True, timeout=PATIENCE),
    reading_after_put=arrives(setpoint, 4.5),
    command=command.get(use_monitor=False),
    command_strings=command.enum_strs,
    bit_describe=bit.describe(),
    text=mode.get(),
    mode_describe=mode.describe(),
    wave=wave.get(),
    wave_describe=wave.describe(),
    read_only=error_of(EpicsSignal("M:OUTTMP", name="no").put, 1.0),
    alarm=[temperature.alarm_severity, temperature.alarm_status],
)
leave()
