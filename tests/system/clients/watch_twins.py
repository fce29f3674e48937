"""Watch records of two servers with one libca, in every type, format and event mask; tell all events when asked to.

The arguments are names of PVs. The line `ready` comes once every subscription has its first value; after a line on
stdin, and once nothing has come for half a second, the events are told by name, type, format and mask.
"""

import asyncio
import sys
from typing import Any

from aioca import FORMAT_CTRL, FORMAT_RAW, FORMAT_TIME, camonitor
from telling import leave, tell

QUIET, PATIENCE = 0.5, 30.0  # s
MASKS = (1, 2, 4, 8, 5)
FORMATS = {"PLAIN": FORMAT_RAW, "TIME": FORMAT_TIME, "CTRL": FORMAT_CTRL}
TYPES = ("STRING", "SHORT", "FLOAT", "ENUM", "CHAR", "LONG", "DOUBLE")
ABOUT = ("status", "severity", "units", "precision", "upper_disp_limit", "lower_disp_limit", "upper_alarm_limit",
         "upper_warning_limit", "upper_ctrl_limit", "lower_ctrl_limit", "enums", "raw_stamp")  # fmt: skip
events: dict[str, list[Any]] = {}


def keep(key: str, value: Any) -> None:
    about = {name: getattr(value, name) for name in ABOUT if hasattr(value, name)}
    shown = value.tolist() if hasattr(value, "tolist") else value
    events[key].append([shown, about])


async def until(what: Any) -> bool:
    for _ in range(int(PATIENCE / 0.05)):
        if what():
            return True
        await asyncio.sleep(0.05)
    return False


async def quiet() -> None:
    """Wait until nothing has come for a while."""
    seen, since = -1, 0.0
    for _ in range(int(PATIENCE / 0.05)):
        total = sum(map(len, events.values()))
        since = since + 0.05 if total == seen else 0.0
        seen = total
        if since >= QUIET:
            return
        await asyncio.sleep(0.05)


async def main() -> None:
    for name in sys.argv[1:]:
        for data_type, word in enumerate(TYPES):
            for form, number in FORMATS.items():
                for mask in MASKS:
                    key = f"{name} {word} {form} {mask}"
                    events[key] = []
                    camonitor(
                        name, lambda value, key=key: keep(key, value), datatype=data_type, format=number, events=mask,
                        all_updates=True,
                    )  # fmt: skip
    await until(lambda: all(events.values()))
    tell(missing=[key for key, found in events.items() if not found])
    await asyncio.to_thread(sys.stdin.readline)
    await quiet()
    tell(events=events)


asyncio.run(main())
leave()
