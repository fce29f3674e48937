"""What servers of the DAQ service do differently (dpm-grpc.md 5.3, 7, 8.2)."""

from dataclasses import dataclass

from gateway.core.status import PEND, Status


@dataclass(frozen=True, slots=True)
class Manners:
    """What servers of this service do differently."""

    unknown: Status = PEND  # the status of an unknown device; the live service has this one (8.2)
    unknown_after: float = 3.0  # s until it comes
    labels: bool = True  # STATUS in the device's own labels and texts, as DPM has it; else attributes as booleans (5.3)
    codes: bool = False  # a Set without the right is refused by a gRPC code, as gateways do; else by statuses (7)


DPM = Manners()
