"""aioca, told what to put: lines of JSON with `id`, `pv`, `device`, `value`, and `text` for long strings.

Tells what became of each, with the outcome PVs of its device. The end of the input ends it.
"""

import asyncio
import json
import sys

from aioca import DBR_CHAR_STR, caget, caput, connect
from telling import leave, tell


async def put(wish: dict) -> None:
    pv, value = wish["pv"], wish["value"]
    outcome = await connect(pv, timeout=10, throw=False)
    if outcome.ok:
        datatype = DBR_CHAR_STR if wish.get("text") else None
        outcome = await caput(pv, value, datatype=datatype, wait=True, timeout=20, throw=False)
    state = await caget(f"{wish['device']}:WR:STATE", datatype=str, timeout=10)
    message = await caget(f"{wish['device']}:WR:MSG", datatype=DBR_CHAR_STR, timeout=10)
    tell(id=wish["id"], ok=outcome.ok, error="" if outcome.ok else str(outcome), state=state, message=message)


async def main() -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await put(json.loads(line))


asyncio.run(main())
leave()
