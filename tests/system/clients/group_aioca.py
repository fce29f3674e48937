"""aioca: stages the values of a group put, executes it, and tells what became of it: `group_aioca.py NAME V...`."""

import asyncio
import sys

from aioca import DBR_CHAR_STR, FORMAT_TIME, caget, caput
from telling import leave, tell

PATIENCE = 15.0
GROUP = f"GRP:{sys.argv[1]}"


async def main() -> None:
    values = [float(value) for value in sys.argv[2:]]
    staged = await caput(f"{GROUP}:VALUES", values, wait=True, timeout=PATIENCE, throw=False)
    outcome = await caput(f"{GROUP}:EXECUTE", 1, wait=True, timeout=PATIENCE, throw=False)
    results = await caget(f"{GROUP}:RESULTS", format=FORMAT_TIME, timeout=PATIENCE)
    tell(
        staged=int(staged.ok),
        outcome=int(outcome.ok),
        results=list(results),
        severity=results.severity,
        message=await caget(f"{GROUP}:MSG", datatype=DBR_CHAR_STR, timeout=PATIENCE),
        members=list(await caget(f"{GROUP}:MEMBERS", timeout=PATIENCE)),
    )


asyncio.run(main())
leave()
