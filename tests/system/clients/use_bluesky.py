"""A bluesky scan of Z:ACLTST:SP with Z:ACLTST as detector, to the end; tells what the documents say."""

from bluesky import RunEngine
from bluesky.plans import scan
from ophyd import Component, Device, EpicsSignal, EpicsSignalRO
from ophyd.status import SubscriptionStatus
from telling import leave, tell

PATIENCE = 10.0
CLOSE = 0.002  # A


class Supply(Device):
    """A power supply that has arrived when its reading has."""

    setpoint = Component(EpicsSignal, ":SP", put_complete=True)
    current = Component(EpicsSignalRO, "", auto_monitor=True)

    def set(self, wished: float) -> SubscriptionStatus:
        """Done when the backend has taken the setting and the reading is near it."""
        self.setpoint.set(wished, timeout=PATIENCE).wait(PATIENCE)

        def near(*_: object, value: float, **__: object) -> bool:
            return abs(value - wished) < CLOSE

        return SubscriptionStatus(self.current, near, timeout=PATIENCE)


supply = Supply("Z:ACLTST", name="supply")
detector = EpicsSignalRO("Z:ACLTST", name="detector")
supply.wait_for_connection(timeout=PATIENCE)
detector.wait_for_connection(timeout=PATIENCE)
documents: list[tuple[str, dict]] = []
(run,) = RunEngine()(scan([detector], supply, -2.0, 2.0, 5), lambda name, document: documents.append((name, document)))
events = [document["data"] for name, document in documents if name == "event"]
tell(
    names=[name for name, _ in documents],
    exit_status=documents[-1][1]["exit_status"],
    setpoints=[event["supply_setpoint"] for event in events],
    readings=[event["detector"] for event in events],
    units=next(d["data_keys"]["detector"]["units"] for name, d in documents if name == "descriptor"),
)
leave()
