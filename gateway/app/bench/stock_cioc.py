"""A C IOC, EPICS base as epicscorelibs brings it, of N numbers that count: what the gateway is measured beside.

Its records are scanned periodically, each period by a thread of the IOC, as base does it; periods below 0.1 s are
added to its menu. No Python runs once it serves.
"""

import ctypes
import sys
import tempfile
import threading
from pathlib import Path

from epicscorelibs import ioc  # type: ignore[import-untyped]

from gateway.app.ready_file import write_ready

_LAST = 'choice(menuScan_1_second,".1 second")'
_DOUBLE = 10  # dbPutField's number of the type


def _records(count: int, period: float, elements: int) -> str:
    """The database: calc records that count their scans, waveforms, or numbers to put to where nothing is scanned."""
    scan = f'field(SCAN,"{period:g} second")'
    if elements > 1:
        kind, fields = "waveform", f'{scan}field(FTVL,"DOUBLE")field(NELM,"{elements}")'
    elif period:
        kind, fields = "calc", scan
    else:
        kind, fields = "ao", 'field(PINI,"YES")'
    lines = []
    for place in range(count):
        name = f"S:D{place:05d}"
        counts = f'field(INPA,"{name}")field(CALC,"A+1")' if kind == "calc" else ""
        lines.append(f'record({kind},"{name}"){{{fields}{counts}}}')
    return "\n".join(lines)


def _fill(count: int, elements: int) -> None:
    """Give the waveforms all their elements; they have none before."""
    zeros = (ctypes.c_double * elements)()
    for place in range(count):
        address = ctypes.create_string_buffer(1024)  # a dbAddr, which is smaller
        if ioc.dbCore.dbNameToAddr(f"S:D{place:05d}".encode(), address):
            raise RuntimeError(f"the IOC does not know S:D{place:05d}")
        ioc.dbCore.dbPutField(address, _DOUBLE, zeros, ctypes.c_long(elements))


def main(count: int, rate: float, chunk: int, ready: str, elements: int) -> None:
    """Serve S:D00000 ... until a signal ends the process; rate in updates/s over all, 0: none; elements of each."""
    del chunk  # a period is scanned in one go
    period = 0.01 if elements > 1 else count / rate if rate else 0.0
    with tempfile.TemporaryDirectory(prefix="acgate-bench-ioc-") as folder:
        menu = (Path(ioc.DEFAULT_DBD_PATH) / "menuScan.dbd").read_text("utf-8")
        if _LAST not in menu:
            raise RuntimeError("the menu of scan periods of this EPICS base is another one")
        if 0 < period < 0.1:
            menu = menu.replace(_LAST, f'{_LAST}\n\tchoice(menuScan_bench,"{period:g} second")')
        menu = menu.replace('".', '"0.')
        (Path(folder) / "menuScan.dbd").write_text(menu, "utf-8")
        records = Path(folder) / "bench.db"
        records.write_text(_records(count, period, elements), "utf-8")
        ioc.DEFAULT_DBD_PATH = f"{folder}:{ioc.DEFAULT_DBD_PATH}"
        ioc.start_ioc(dbs=[(str(records), "")])
    if elements > 1:
        _fill(count, elements)
    write_ready(ready)
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
