"""Columns of scalar readings as rows of the wire: DBR_TIME_DOUBLE updates of many PVs in one go. Pure."""

import numpy as np
import numpy.typing as npt

from iocs.fast.messages import EVENT_ADD, HEADER, NORMAL

EPICS_EPOCH = 631_152_000  # s from 1970 to 1990
TIME_DOUBLE = 20
_NS = 1_000_000_000

# one EVENT_ADD reply with one DBR_TIME_DOUBLE: the header as it was at subscription, then the reading
ROW = np.dtype(
    [
        ("header", "V16"),
        ("status", ">u2"),
        ("severity", ">u2"),
        ("seconds", ">u4"),
        ("nanoseconds", ">u4"),
        ("pad", ">u4"),
        ("value", ">f8"),
    ]
)
Rows = npt.NDArray[np.void]


def update_header(subscription: int) -> bytes:
    """The 16 bytes before every update of one subscription."""
    return HEADER.pack(EVENT_ADD, 24, TIME_DOUBLE, 1, NORMAL, subscription)


def epics_time(stamp_ns: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Seconds since 1990 and nanoseconds; what lies before 1990 or after 2126 becomes the nearest that fits."""
    seconds, nanoseconds = np.divmod(stamp_ns, _NS)
    return np.clip(seconds - EPICS_EPOCH, 0, 0xFFFFFFFF), nanoseconds


def update_rows(
    value: npt.NDArray[np.float64],
    stamp_ns: npt.NDArray[np.int64],
    status: npt.NDArray[np.uint16],
    severity: npt.NDArray[np.uint16],
) -> Rows:
    """Rows without headers, in the order of the columns; made once for all clients."""
    rows = np.zeros(len(value), ROW)
    rows["status"], rows["severity"] = status, severity
    rows["seconds"], rows["nanoseconds"] = epics_time(stamp_ns)
    rows["value"] = value
    return rows
