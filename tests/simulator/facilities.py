"""One small facility, and how to read and write it."""

from gateway.core.drf import DataRequest
from gateway.core.status import OK, Status
from simulator.facility import Facility, load_facility

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
VALUES = (
    "{name: 'Z:A', index: 5, description: Text, units: V, limits: [0, 10], setting: 1.0, settle: 1.0,"
    " settle_shape: linear, scale: {raw: int16, step: 0.5, slope: 2, offset: 1, primary_units: mV}, %s}"
)


def facility(extra: str = "long_name: Long") -> Facility:
    return load_facility(f"devices: [{VALUES % extra}]")


def read(of: Facility, text: str, t_ns: int = NOW) -> object:
    value, status = of.read(DataRequest.parse(text), t_ns)
    return value if status == OK and value is not None else status


def write(of: Facility, text: str, value: object, t_ns: int = NOW) -> Status:
    return of.write(DataRequest.parse(text).for_writing(), value, t_ns)  # type: ignore[arg-type]
