"""aioca against the demo: gets in three formats, a monitor, good and failing puts."""

import asyncio
from typing import Any

from aioca import FORMAT_CTRL, FORMAT_TIME, CANothing, caget, cainfo, camonitor, caput, connect, purge_channel_caches
from telling import leave, tell


async def monitor(name: str, count: int) -> list[dict[str, float]]:
    """So many updates of a PV."""
    queue: asyncio.Queue[Any] = asyncio.Queue()
    subscription = camonitor(name, queue.put, format=FORMAT_TIME, all_updates=True)
    updates = [await asyncio.wait_for(queue.get(), 10) for _ in range(count)]
    subscription.close()
    return [{"value": float(u), "timestamp": u.timestamp, "severity": u.severity} for u in updates]


async def put_error(name: str, value: object, **options: Any) -> str:
    """The exception of a put with callback; empty where it is well."""
    try:
        await caput(name, value, wait=True, timeout=10, **options)
    except Exception as error:  # noqa: BLE001 - which one it is, is what the test asks
        return f"{type(error).__name__}: {error}"
    return ""


async def main() -> None:
    control = await caget("Z:ACLTS1:SP", format=FORMAT_CTRL)
    timed = await caget("M:OUTTMP", format=FORMAT_TIME)
    good = await caput("Z:ACLTS1:SP", 2.5, wait=True, timeout=10)
    setpoint = await caget("Z:ACLTS1:SP", format=FORMAT_TIME)
    many = await caget(["G:OUTHUM", "G:WNDSPD", "I:STAIRS"])
    info = await cainfo("Z:ACLTS1:CMD")
    failed = await caput("Z:REFUSE:SP", 2.0, wait=True, timeout=10, throw=False)
    after = await caget("Z:REFUSE:SP", format=FORMAT_TIME)
    tell(
        control={
            key: getattr(control, key)
            for key in ("units", "precision", "lower_ctrl_limit", "upper_ctrl_limit", "upper_disp_limit", "datatype")
        },
        timed={"value": timed, "timestamp": timed.timestamp, "severity": timed.severity, "status": timed.status},
        good=good.ok,
        setpoint=[setpoint, setpoint.severity],
        enum=[await caget("Z:ACLTS1:STS:ON", datatype=str), (await caget("Z:ACLTS1:STS:ON", format=FORMAT_CTRL)).enums],
        text=await caget("G:MODE", datatype=999),
        wave=many[2],
        ok=[one.ok for one in many],
        info=[info.datatype, info.count, info.write],
        updates=await monitor("G:WNDSPD", 4),
        failed=[bool(failed), isinstance(failed, CANothing), str(failed)],
        raised=await put_error("Z:REFUSE:SP", 3.0),
        after=[after, after.severity, after.status],
        read_only=await put_error("M:OUTTMP", 1.0),
        absent=not (await connect("Z:NOTFND", timeout=0.5, throw=False)).ok,
    )
    purge_channel_caches()


asyncio.run(main())
leave()
