"""A stock caproto server of N numbers and one task that writes them: what the gateway is measured beside."""

import asyncio
import sys
import time

import numpy as np
from caproto.asyncio.server import Context
from caproto.server import PVGroup, pvproperty

from gateway.app.ready_file import write_ready


async def _write_forever(pvs: list[object], rate: float, chunk: int, elements: int) -> None:
    """Rounds over all PVs, `chunk` of them between two pauses; the value counts the rounds."""
    rounds, due = 0, time.monotonic()
    while True:
        rounds += 1
        for at in range(0, len(pvs), chunk):
            part = pvs[at : at + chunk]
            for pv in part:
                value = float(rounds) if elements == 1 else np.full(elements, float(rounds))
                await pv.write(value)  # type: ignore[attr-defined]  # a caproto channel, which has no types
            due += len(part) / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def main(count: int, rate: float, chunk: int, ready: str, elements: int, record: str | None = None) -> None:
    """Serve S:D00000 ... until a signal ends the process; rate in updates/s over all, 0: none; elements of each."""
    body = {
        f"pv{place}": pvproperty(value=0.0 if elements == 1 else [0.0] * elements, name=f"D{place:05d}", record=record)
        for place in range(count)
    }
    group = type("Group", (PVGroup,), body)(prefix="S:")

    async def started(_: object) -> None:
        write_ready(ready)
        if rate:
            await _write_forever(list(group.pvdb.values()), rate, chunk or count, elements)

    async def serve() -> None:
        await Context(group.pvdb, ["127.0.0.1"]).run(startup_hook=started)  # its queues need the running loop

    asyncio.run(serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]), *sys.argv[6:])
