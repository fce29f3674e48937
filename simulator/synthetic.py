"""Synthetic devices S:D00000, S:D00001, ...: thousands of readings that are computed as one column.

The value of device i counts the periods since 1970, modulo 2**20, and carries i / 2**17 as its fraction: two
neighbouring values of one device differ by 1 unless an update was lost, and no two devices have the same value.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.device_info import PropertyInfo
from gateway.core.drf import DataRequest, Property
from simulator.device_spec import DeviceSpec, Scale
from simulator.models import FloatArray, IntArray

_ROUNDS = 1 << 20
_FRACTION = 1.0 / (1 << 17)
_FIRST_INDEX = 1_000_000
_INFO = PropertyInfo(units="cnt", low=0.0, high=float(_ROUNDS), precision=6)


@dataclass(frozen=True, slots=True)
class Counter:
    """The model of synthetic device number `place`."""

    place: int
    period_ns: int

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:
        """See `Model`."""
        return np.full(len(elements), counted(t_ns, self.period_ns) + self.place * _FRACTION)


def counted(t_ns: int, period_ns: int) -> float:
    """The whole part of all synthetic values at a time."""
    return float(t_ns // period_ns % _ROUNDS)


@dataclass(frozen=True, slots=True)
class SyntheticDevices:
    """So many devices, all of one rate."""

    count: int = 0
    period_ns: int = 1_000_000_000

    def place(self, device: str) -> int | None:
        """The number of the device with this canonical name; None when there is none."""
        digits = device[3:]
        if not (device.startswith("S:D") and len(digits) >= 5 and digits.isascii() and digits.isdigit()):
            return None
        number = int(digits)
        return number if number < self.count and device == name(number) else None

    def column(self, request: DataRequest) -> int | None:
        """The number of the device, if the request is its plain reading, which `values` can compute."""
        plain = request.property is Property.READING and request.field == "SCALED" and request.source is None
        if not plain or (request.range is not None and request.range.normal() != "[0]"):
            return None
        return self.place(request.device)

    def values(self, places: npt.NDArray[np.int64], t_ns: int) -> FloatArray:
        """The readings of the devices with these numbers at a time, float64[len(places)]."""
        return places.astype(np.float64) * _FRACTION + counted(t_ns, self.period_ns)

    def spec(self, place: int) -> DeviceSpec:
        """The device, written out."""
        event = f"p,{max(1, round(self.period_ns / 1e6))}"
        return DeviceSpec(
            name(place), _FIRST_INDEX + place, f"Synthetic device {place}", event=event,
            model=Counter(place, self.period_ns), reading=_INFO, scale=Scale(primary_units="cnt"),
        )  # fmt: skip


def name(place: int) -> str:
    """The canonical name of synthetic device number `place`."""
    return f"S:D{place:05d}"
