"""bluesky against the demo: a count of detectors of every kind, a scan with several, and moves that fail."""

from typing import Any

from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky.plans import count, list_scan
from ophyd import EpicsSignal, EpicsSignalRO
from telling import leave, tell

PATIENCE = 10.0

temperature = EpicsSignalRO("M:OUTTMP", name="temperature")
humidity = EpicsSignalRO("G:OUTHUM", name="humidity")
wave = EpicsSignalRO("I:STAIRS", name="wave")
weather = EpicsSignalRO("G:WEATHR", name="weather", string=True)
bit = EpicsSignalRO("I:V802:STS:ON", name="bit", string=True)
trim = EpicsSignal("I:V802:SP", name="trim", put_complete=True, limits=True)
readback = EpicsSignalRO("I:V802:SP_RBV", name="readback")
refused = EpicsSignal("Z:REFUSE:SP", name="refused", put_complete=True)
patient = EpicsSignal("Z:REFUSE:SP_RBV", write_pv="Z:REFUSE:SP", name="patient", tolerance=0.01)
locked = EpicsSignal("M:OUTTMP", name="locked")
signals = (temperature, humidity, wave, weather, bit, trim, readback, refused, patient, locked)
for signal in signals:
    signal.wait_for_connection(timeout=PATIENCE)
engine = RunEngine()
documents: list[tuple[str, dict[str, Any]]] = []
engine.subscribe(lambda name, document: documents.append((name, document)))


def run(plan: Any) -> dict[str, Any]:
    """Run a plan; what its documents say, or the name of the exception that ended it."""
    documents.clear()
    try:
        engine(plan)
    except Exception as error:  # noqa: BLE001 - which one it is, is what the test asks
        cause = error.__cause__ or error
        return {"error": type(error).__name__, "cause": type(cause).__name__}
    return {
        "names": [name for name, _ in documents],
        "data": [document["data"] for name, document in documents if name == "event"],
        "keys": next((d["data_keys"] for name, d in documents if name == "descriptor"), {}),
    }


def moves(signal: EpicsSignal, value: float, **options: Any) -> Any:
    yield from bps.abs_set(signal, value, wait=True, **options)


tell(
    counted=run(count([temperature, humidity, wave, weather, bit], num=3)),
    scanned=run(list_scan([readback, temperature, wave], trim, [-1.0, 0.5, 2.0])),
    beyond=run(moves(trim, 1e6)),
    locked=run(moves(locked, 1.0)),
    refused=[run(moves(refused, 5.0)), refused.get(use_monitor=False), int(refused.alarm_severity)],
    patient=run(moves(patient, 5.0, timeout=1.0)),
)
leave()
