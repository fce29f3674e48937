"""How many PVs a plan has, and which of its rows clients may put to."""

from collections.abc import Iterator

from gateway.plan.family import family
from gateway.plan.model import Plan, Watch


def writable_watches(plan: Plan) -> Iterator[Watch]:
    """The rows that clients may put to: they say how large a message of a client can be."""
    for device in plan.devices.values():
        if device.writable and device.setting_row >= 0:
            yield plan.watches[device.setting_row]


def count_pvs(plan: Plan) -> int:
    """How many PVs the devices have; devices of one shape are counted once."""
    counts: dict[tuple[object, ...], int] = {}
    total = 0
    for device in plan.devices.values():
        kinds = tuple(plan.watches[row].kind for row in device.rows())
        values = device.reading_row >= 0, device.setting_row >= 0
        has = bool(device.info.commands), device.name in plan.frozen
        shape = (values, kinds, device.writable, len(device.info.bits), has)
        if shape not in counts:
            counts[shape] = sum(1 for _ in family(plan, device))
        total += counts[shape]
    return total
