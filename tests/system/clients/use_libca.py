"""libca by itself, as base's own suites use it: connect and clear, subscribe and cancel, arrays, puts, rights."""

import sys
import time
from collections.abc import Callable
from typing import Any

import epics
from epics import ca
from telling import leave, tell

PATIENCE = 20.0
reading, setpoint, array, text = sys.argv[1:5]


def until(what: Callable[[], object]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not what() and time.monotonic() < deadline:
        ca.poll(evt=1e-3, iot=0.1)
    return bool(what())


def connected(name: str) -> Any:
    channel = ca.create_channel(name, connect=False)
    assert until(lambda: ca.isConnected(channel)), name
    return channel


def put_status(channel: Any, value: object) -> str:
    try:
        ca.put(channel, value, wait=True, timeout=PATIENCE)
    except Exception as error:  # noqa: BLE001 - which one it is, is what the test asks
        return type(error).__name__
    return ""


rounds = 0
for _ in range(300):  # connect and clear
    made = connected(reading)
    ca.clear_channel(made)
    rounds += 1

channel = connected(reading)
late: list[float] = []
first = 0
for _ in range(300):  # subscribe, hear the first update, cancel, and hear nothing more
    seen: list[float] = []
    gone = [False]

    def news(value: float | None = None, seen: list = seen, gone: list = gone, **_: object) -> None:
        (late if gone[0] else seen).append(value)

    callback, user, event = ca.create_subscription(channel, callback=news)
    first += until(lambda seen=seen: seen)
    ca.clear_subscription(event)
    ca.flush_io()
    gone[0] = True
ca.poll(evt=0.3)

wave = connected(array)
count = ca.element_count(wave)
elements = [len(ca.get(wave, count=n)) if n > 1 else 1 for n in (1, 2, count)]
target = connected(setpoint)
began = time.monotonic()
puts = [put_status(target, n / 10) for n in range(100)]
tell(
    rounds=rounds,
    first=first,
    late=len(late),
    elements=elements,
    count=count,
    puts=[status for status in puts if status],
    took=time.monotonic() - began,
    last=ca.get(target),
    text=ca.get(connected(text), as_string=True),
    host=ca.host_name(target),
    rights=[ca.write_access(channel), ca.write_access(target), ca.read_access(channel)],
    state=ca.state(channel),
    version=epics.__version__,
)
leave()
