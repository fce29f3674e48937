"""A pythonSoftIOC server of N numbers and one task that sets them: what the gateway is measured beside."""

import asyncio
import sys
import threading
import time
from typing import Any

import numpy as np
from softioc import asyncio_dispatcher, builder, softioc  # type: ignore[import-untyped]

from gateway.app.ready_file import write_ready


async def _set_forever(records: list[Any], rate: float, chunk: int, elements: int) -> None:
    """Rounds over all records, `chunk` of them between two pauses; the value counts the rounds."""
    rounds, due = 0, time.monotonic()
    while True:
        rounds += 1
        for at in range(0, len(records), chunk):
            part = records[at : at + chunk]
            for record in part:
                record.set(float(rounds) if elements == 1 else np.full(elements, float(rounds)))
            due += len(part) / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def main(count: int, rate: float, chunk: int, ready: str, elements: int) -> None:
    """Serve S:D00000 ... until a signal ends the process; rate in updates/s over all, 0: none; elements of each.

    Without a rate the records are aOut, so that clients can put; otherwise aIn.
    """
    builder.SetDeviceName("S")
    make = builder.aIn if rate else builder.aOut
    if elements == 1:
        records = [make(f"D{place:05d}", initial_value=0.0) for place in range(count)]
    else:
        records = [builder.WaveformIn(f"D{place:05d}", initial_value=np.zeros(elements)) for place in range(count)]
    builder.LoadDatabase()
    dispatcher = asyncio_dispatcher.AsyncioDispatcher()
    softioc.iocInit(dispatcher)
    write_ready(ready)
    if rate:
        asyncio.run_coroutine_threadsafe(_set_forever(records, rate, chunk or count, elements), dispatcher.loop)
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
