"""pyepics against the demo: gets, metadata, a monitor, puts, enums, waveforms, texts."""

import threading
import time

import epics
from telling import leave, tell

PATIENCE = 10.0


def pv(name: str, **options: object) -> epics.PV:
    made = epics.PV(name, **options)
    assert made.wait_for_connection(PATIENCE), name
    return made


def monitor(name: str, count: int) -> list[dict[str, float]]:
    """So many updates of a PV."""
    updates, done = [], threading.Event()

    def arrived(**event: float) -> None:
        updates.append({key: event[key] for key in ("value", "timestamp", "severity")})
        if len(updates) >= count:
            done.set()

    made = pv(name)
    made.add_callback(arrived)
    assert done.wait(PATIENCE), f"{name}: {len(updates)} updates of {count}"
    made.clear_callbacks()
    return updates[:count]


def put_error(name: str, value: object) -> str:
    """The name of the exception of a put with callback; empty where it seems well."""
    try:
        pv(name).put(value, wait=True, timeout=PATIENCE)
    except Exception as error:  # noqa: BLE001 - which one it is, is what the test asks
        return type(error).__name__
    return ""


setpoint, reading = pv("Z:ACLTST:SP"), pv("Z:ACLTST")
began = time.monotonic()
put = setpoint.put(12.5, wait=True, timeout=PATIENCE)
took = time.monotonic() - began
command = pv("Z:ACLTST:CMD")
command.put("OFF", wait=True, timeout=PATIENCE)
bit = pv("Z:ACLTST:STS:ON")
deadline = time.monotonic() + PATIENCE
while (bit.get(as_string=True, use_monitor=False) != "off" or abs(reading.get(use_monitor=False) - 12.5) > 0.01) and (
    time.monotonic() < deadline
):
    time.sleep(0.05)
tell(
    temperature=pv("M:OUTTMP").get(),
    control={key: value for key, value in setpoint.get_ctrlvars().items() if key != "status"},
    type=setpoint.type,
    put=put,
    took=took,
    setpoint=setpoint.get(use_monitor=False),
    readback=pv("Z:ACLTST:SP_RBV").get(use_monitor=False),
    reading=reading.get(use_monitor=False),
    commands=command.enum_strs,
    command=command.get(as_string=True, use_monitor=False),
    bit=[bit.get(use_monitor=False), bit.get(as_string=True), bit.enum_strs, bit.type],
    word=[pv("Z:ACLTST:STS").get(), pv("Z:ACLTST:STS").type],
    wave=pv("B:IRMS06").get(),
    part=pv("B:IRMS06").get(count=5),
    gains=[pv("D:GAINS:SP").put([3.0 * n for n in range(8)], wait=True), pv("D:GAINS:SP").get(use_monitor=False)],
    mode=[pv("G:MODE").get(as_string=True), pv("G:MODE").type],
    mode_put=[pv("G:MODE:SP").put("Beam", wait=True), pv("G:MODE:SP_RBV").nelm],
    updates=monitor("G:WNDSPD", 4),
    precise=pv("I:TOROID").get_with_metadata(as_string=True, use_monitor=False),
    char_value=reading.char_value,
    history=[pv("I:TOROID:HIST:N").get(), len(pv("I:TOROID:HIST:V").get())],
    read_only=put_error("M:OUTTMP", 1.0),
    access=[pv("M:OUTTMP").write_access, setpoint.write_access],
    gateway=pv("GW1:DEVICES").get(),
)
leave()
