"""On what was measured: the facts without which figures say little."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gateway import __version__

_PACKAGES = ("caproto", "numpy", "softioc", "epicscorelibs")


def machine() -> dict[str, object]:
    """Processor, memory, kernel, Python and the packages that take part; None for what is not installed."""
    return {
        "acgate": __version__,
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()],  # others' work on the machine, at the start
        **{package: _version(package) for package in _PACKAGES},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
