"""aioca, told on standard input what to do: tells every update of the PVs it was called with, and of each put.

`put N PV VALUE` puts with callback and tells the outcome as number N; the end of the input, or SIGTERM, ends it.
"""

import asyncio
import os
import signal
import sys
import time

from aioca import FORMAT_TIME, caget, camonitor, caput, connect
from telling import leave, tell


def updated(value, index: int) -> None:
    name = sys.argv[1 + index]
    if not value.ok:
        tell(pv=name, lost=True)
        return
    seconds, nanoseconds = value.raw_stamp
    if getattr(value, "ndim", 0):  # a long string is told, an array is not
        plain = bytes(value).partition(b"\0")[0].decode() if value.dtype == "uint8" else None
    else:
        plain = str(value) if isinstance(value, str) else float(value)
    stamp_ns = seconds * 1_000_000_000 + nanoseconds
    tell(
        pv=name, value=plain, stamp_ns=stamp_ns, severity=value.severity, status=value.status, at_ns=time.time_ns()
    )  # fmt: skip


async def put(number: str, name: str, text: str) -> None:
    values = [float(part) for part in text.split(",")]
    began = time.monotonic()
    tell(begun=number)
    outcome = await caput(name, values if len(values) > 1 else values[0], wait=True, timeout=60, throw=False)
    took = time.monotonic() - began
    shown = await caget(name, format=FORMAT_TIME, timeout=1, throw=False)
    after = [shown, shown.severity, shown.status] if shown.ok else None
    tell(put=number, ok=outcome.ok, error="" if outcome.ok else str(outcome), took=took, after=after)


async def main() -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    puts = set()

    def told() -> None:
        text = os.read(0, 65536).decode()
        if not text:
            loop.remove_reader(0)
            over.set()
        for line in text.splitlines():
            puts.add(loop.create_task(put(*line.split()[1:])))

    loop.add_signal_handler(signal.SIGTERM, over.set)
    names = sys.argv[1:]
    await connect(names, timeout=10)
    if names:
        camonitor(names, updated, format=FORMAT_TIME, all_updates=True, notify_disconnect=True)
    tell(connected=len(names))
    loop.add_reader(0, told)
    await over.wait()
    tell(over=True)


asyncio.run(main())
leave()
