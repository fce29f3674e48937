"""The facility: all simulated devices behind one seam that every protocol reads and writes through."""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest
from gateway.core.status import BAD_REQUEST, NOPROP, OK, Status
from gateway.core.values import SettingValue
from simulator.answer import Answer
from simulator.device import SimulatedDevice
from simulator.device_spec import DeviceSpec
from simulator.facility_file import parse_facility
from simulator.permissions import Permissions
from simulator.synthetic import SyntheticDevices, name

REMEMBERED = 10_000  # settings
SHIPPED = "facility.yaml"
NOBODY = Permissions()


@dataclass(frozen=True, slots=True)
class AppliedSetting:
    """A setting that reached the facility, and what became of it."""

    request: DataRequest
    value: SettingValue
    t_ns: int
    status: Status


class Facility:
    """Devices by name or index. Thread-safe; times are handed in, so it knows no clock."""

    def __init__(self, specs: Iterable[DeviceSpec] = (), permissions: Permissions = NOBODY) -> None:
        self.permissions = permissions  # asked by services that know who their clients are
        self._lock = threading.Lock()
        self._devices = {spec.name: SimulatedDevice(spec) for spec in specs}
        self._names = {device.spec.index: name for name, device in self._devices.items()}
        self._synthetic = SyntheticDevices()
        self._made: SimulatedDevice | None = None  # the synthetic device that was asked for last
        self._faults: dict[str, Status] = {}
        self._log: deque[AppliedSetting] = deque(maxlen=REMEMBERED)

    def synthetic(self, count: int, rate_hz: float = 1.0) -> None:
        """Have so many synthetic devices S:D00000 ..., whose readings step `rate_hz` times a second."""
        with self._lock:
            self._synthetic = SyntheticDevices(count, max(1, round(1e9 / rate_hz)))
            self._made = None

    @property
    def devices(self) -> tuple[str, ...]:
        """The names of all devices, the synthetic ones last."""
        return (*self._devices, *(name(place) for place in range(self._synthetic.count)))

    def spec(self, device: str) -> DeviceSpec | None:
        """What the device is; None when there is none of that name."""
        with self._lock:
            found = self._find(device)
            return found.spec if found else None

    def info(self, device: str) -> DeviceInfo | None:
        """What the device database knows of a device, by name or index form; None when there is none."""
        with self._lock:
            found = self._find(device)
            return found.info() if found else None

    def check(self, request: DataRequest) -> Status:
        """Whether a request can be started at all: device, property and range (dpm-http.md 7.2)."""
        if request.is_foreign:
            return BAD_REQUEST
        with self._lock:
            device = self._find(request.device)
            if device is None:
                return NOPROP
            span = device.span(request)
            return span if isinstance(span, Status) else OK

    def element_size(self, request: DataRequest) -> int:
        """Bytes of one element of the property; 1 where there is none."""
        with self._lock:
            device = self._find(request.device)
            shape = device.shape(request.property) if device and request.property else None
            return shape[1] if shape else 1

    def octets(self, request: DataRequest) -> int:
        """The bytes of raw data that a request addresses; 0 when it can address none."""
        with self._lock:
            device = self._find(request.device)
            return device.octets(request) if device else 0

    def silent(self, request: DataRequest) -> bool:
        """Whether the answer is 1/-49, which a protocol must give late (dpm-http.md 7.2)."""
        with self._lock:
            device = self._find(request.device)
            return device is not None and device.silent(request)

    def read(self, request: DataRequest, t_ns: int) -> Answer:
        """The value at a time (Unix, ns), or None and the status that says why. Does not wait for silent devices."""
        with self._lock:
            device = self._find(request.device)
            if device is None:
                return None, BAD_REQUEST if request.is_foreign else NOPROP
            if device.spec.name in self._faults:
                return None, self._faults[device.spec.name]
            return device.read(request, t_ns)

    def write(self, request: DataRequest, value: SettingValue, t_ns: int) -> Status:
        """Apply a setting to a request in its write form; every call is remembered, refused or not."""
        with self._lock:
            device = self._find(request.device)
            if device is None:
                status = BAD_REQUEST if request.is_foreign else NOPROP
            elif device.spec.name in self._faults:
                status = self._faults[device.spec.name]
            else:
                status = device.write(request, value, t_ns)
            self._log.append(AppliedSetting(request, value, t_ns, status))
            return status

    def column(self, request: DataRequest) -> int | None:
        """The number under which `read_columns` computes this request; None when it must be read alone."""
        if request.device in self._faults:
            return None
        return self._synthetic.column(request)

    def read_columns(self, places: npt.NDArray[np.int64], t_ns: int) -> npt.NDArray[np.float64]:
        """The readings of synthetic devices at a time, float64[len(places)]."""
        return self._synthetic.values(places, t_ns)

    def settings(self) -> list[AppliedSetting]:
        """The settings that came, oldest first, the newest ten thousand of them."""
        with self._lock:
            return list(self._log)

    def fail(self, device: str, status: Status | None) -> None:
        """Answer everything about a device with a status; None ends that. Streams of synthetic devices go on."""
        with self._lock:
            if status is None:
                self._faults.pop(device, None)
            else:
                self._faults[device] = status

    def faults(self) -> dict[str, Status]:
        """The devices that fail by command."""
        with self._lock:
            return dict(self._faults)

    def _find(self, device: str) -> SimulatedDevice | None:
        found = self._devices.get(device)
        if found is None and device[:2] in ("0:", "#:") and device[2:].isdecimal():
            found = self._devices.get(self._names.get(int(device[2:]), ""))
        if found is None and (place := self._synthetic.place(device)) is not None:
            found = self._made  # questions about one device come one after the other
            if found is None or found.spec.name != device:
                found = self._made = SimulatedDevice(self._synthetic.spec(place))
        return found


def load_facility(text: str, file: str = SHIPPED) -> Facility:
    """The facility in a YAML text; BadConfig names file, line and key."""
    return Facility(*parse_facility(text, file))


def shipped_facility() -> Facility:
    """The facility that comes with acgate."""
    return load_facility((files("simulator") / SHIPPED).read_text("utf-8"))
