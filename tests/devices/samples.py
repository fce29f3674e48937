"""Watches, readings and plans that the tests of this room are made of."""

from collections.abc import Sequence

import numpy as np

from gateway.core.batch import ReadingBatch, batch_of
from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest
from gateway.core.route import Route
from gateway.core.status import OK, Status
from gateway.core.values import Reading, Value
from gateway.plan.model import Confirm, DevicePlan, Kind, Watch

SECOND = 1_000_000_000


def request(device: str = "M:OUTTMP", event: str = "p,1000") -> DataRequest:
    return DataRequest.parse(f"{device}@{event}")


def watch(kind: Kind = Kind.SCALAR, length: int = 1, event: str = "p,1000", device: str = "M:OUTTMP") -> Watch:
    return Watch(request(device, event), kind, length, ("dpm",))


def scalars(count: int) -> list[Watch]:
    return [watch(device=f"S:D{row:05}") for row in range(count)]


def reading(value: Value | None, stamp_ns: int = SECOND, status: Status = OK, message: str = "") -> Reading:
    return Reading(request(), value, stamp_ns, status, message)


def batch(*items: tuple[int, Value | None] | tuple[int, Value | None, Status]) -> ReadingBatch:
    """A batch of (slot, value) or (slot, value, status), one nanosecond apart."""
    readings = []
    for n, item in enumerate(items):
        status = item[2] if len(item) == 3 else OK
        readings.append((item[0], reading(item[1], SECOND + n, status)))
    return batch_of(readings)


def items(batches: ReadingBatch | Sequence[ReadingBatch]) -> list[tuple[int, object]]:
    """(slot, value) of every reading in order of arrival; None where it has no value."""
    found: list[tuple[int, object]] = []
    for one in [batches] if isinstance(batches, ReadingBatch) else batches:
        placed: list[tuple[float, int, object]] = [
            (at + 0.5, int(slot), float(value))
            for at, (slot, value) in enumerate(zip(one.slot, one.value, strict=True))
        ]
        placed += [(other.after, other.slot, other.reading.value) for other in one.others]
        placed.sort(key=lambda item: item[0])
        found += [(slot, value) for _, slot, value in placed]
    return found


def identity(rows: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.arange(rows)


def device_plan(
    name: str = "Z:ACLTST", confirm: Confirm | None = None, reading_row: int = -1, setting_row: int = -1
) -> DevicePlan:
    return DevicePlan(
        name,
        DeviceInfo(name),
        Route(("dpm",), ("dpm",)),
        True,
        confirm,
        5.0,
        reading_row=reading_row,
        setting_row=setting_row,
    )
