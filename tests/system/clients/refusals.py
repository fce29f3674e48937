"""What one client library makes of puts with callback that are refused or fail: `refusals.py LIBRARY PV...`."""

import asyncio
import sys

from telling import leave, tell

PATIENCE = 10.0
VALUE = 2.0


def by_pyepics(name: str) -> dict[str, object]:
    import epics

    pv = epics.PV(name, form="ctrl")
    assert pv.wait_for_connection(PATIENCE), name
    outcome = pv.put(VALUE, wait=True, timeout=PATIENCE)
    seen = pv.get_with_metadata(use_monitor=False)
    return {"outcome": outcome, "value": seen["value"], "severity": seen["severity"]}


def by_ophyd(name: str) -> dict[str, object]:
    from ophyd import EpicsSignal

    signal = EpicsSignal(name, name="signal", put_complete=True)
    signal.wait_for_connection(timeout=PATIENCE)
    status = signal.set(VALUE, timeout=PATIENCE)
    status.wait(PATIENCE)
    value = signal.get(use_monitor=False)
    return {"outcome": status.success, "value": value, "severity": int(signal.alarm_severity)}


async def by_aioca(name: str) -> dict[str, object]:
    from aioca import FORMAT_TIME, caget, caput

    outcome = await caput(name, VALUE, wait=True, timeout=PATIENCE)
    seen = await caget(name, format=FORMAT_TIME)
    return {"outcome": outcome.ok, "value": seen, "severity": seen.severity}


async def by_ophyd_async(name: str) -> dict[str, object]:
    from ophyd_async.epics.core import epics_signal_rw

    signal = epics_signal_rw(float, name, name="signal")
    await signal.connect(timeout=PATIENCE)
    await signal.set(VALUE, timeout=PATIENCE)
    seen = (await signal.read())["signal"]
    return {"outcome": True, "value": seen["value"], "severity": seen["alarm_severity"]}


async def tried(library: str, name: str) -> dict[str, object]:
    try:
        if library == "pyepics":
            return by_pyepics(name)
        if library == "ophyd":
            return by_ophyd(name)
        return await (by_aioca if library == "aioca" else by_ophyd_async)(name)
    except Exception as error:  # noqa: BLE001 - which one it is, is what the test asks
        return {"error": f"{type(error).__name__}: {error}"}


async def main() -> None:
    tell(**{name: await tried(sys.argv[1], name) for name in sys.argv[2:]})


asyncio.run(main())
leave()
