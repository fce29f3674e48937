"""pyepics and aioca in one process, as ophyd and ophyd-async bring them: each hears what the other puts.

Each brings a copy of libca, and two copies in one process do not work: pyepics is told to take that of aioca.
"""

import asyncio
import os
import queue
import threading

import aioca
from epicscorelibs.path import get_lib

os.environ["PYEPICS_LIBCA"] = get_lib("ca")
import epics
from telling import leave, tell

PATIENCE = 10.0
SETPOINT = "I:V802:SP"
values: queue.Queue[float] = queue.Queue()
puts: queue.Queue[float] = queue.Queue()
outcome: queue.Queue[object] = queue.Queue()


def of_pyepics() -> None:
    pv = epics.PV(SETPOINT)
    outcome.put(pv.wait_for_connection(PATIENCE))
    pv.add_callback(lambda value, **_: values.put(value))
    outcome.put(pv.put(puts.get(timeout=PATIENCE), wait=True, timeout=PATIENCE))
    outcome.put(epics.caget("M:OUTTMP", timeout=PATIENCE))


def heard(wished: float) -> bool:
    while values.get(timeout=PATIENCE) != wished:
        pass
    return True


async def main() -> None:
    worker = threading.Thread(target=of_pyepics, daemon=True)
    worker.start()
    connected = await asyncio.to_thread(outcome.get, True, PATIENCE)
    updates = []
    monitor = aioca.camonitor("G:WNDSPD", updates.append)
    await aioca.caput(SETPOINT, 6.25, wait=True, timeout=PATIENCE)
    known = await asyncio.to_thread(heard, 6.25)
    puts.put(3.5)
    put, temperature = [await asyncio.to_thread(outcome.get, True, PATIENCE) for _ in range(2)]
    back = float(await aioca.caget(SETPOINT, timeout=PATIENCE))
    for _ in range(100):
        if len(updates) > 1:
            break
        await asyncio.sleep(0.1)
    monitor.close()
    tell(connected=connected, heard=known, put=put, back=back, updates=len(updates), temperature=temperature)


asyncio.run(main())
leave()
