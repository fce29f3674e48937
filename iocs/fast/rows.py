"""Columns of scalar readings as rows of the wire: updates and replies of many PVs in one go. Pure."""

import numpy as np
import numpy.typing as npt

from gateway.core.batch import stamp_of_all
from gateway.core.severity import no_alarms
from iocs.fast.conversions import STRING, cast, number_texts
from iocs.fast.messages import EPICS_EPOCH, EVENT_ADD, HEADER, NORMAL, READ_NOTIFY

DOUBLE, TIME_DOUBLE = 6, 20
_NS = 1_000_000_000
_NATIVE = {0: "S40", 1: ">i2", 2: ">f4", 5: ">i4", 6: ">f8"}  # STRING SHORT FLOAT LONG DOUBLE
_PADS = {("STS", 6): 4, ("TIME", 1): 2, ("TIME", 6): 4}  # bytes between the stamp or alarm and the value
_ALARM = [("status", ">u2"), ("severity", ">u2")]
_STAMP = [*_ALARM, ("seconds", ">u4"), ("nanoseconds", ">u4")]
_LEADS: dict[str, tuple[int, list[tuple[str, str]]]] = {"": (0, []), "STS": (7, _ALARM), "TIME": (14, _STAMP)}

Rows = npt.NDArray[np.void]
Headers = npt.NDArray[np.void]
Flags = npt.NDArray[np.bool_]
Column = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int64]
Alarms = npt.NDArray[np.uint16]
Digits = tuple[Stamps, npt.NDArray[np.int32]]


def _row(lead: str, native: int) -> np.dtype[np.void]:
    """One message with one value: the header, the payload of one DBR type, zeros up to eight bytes."""
    fields: list[tuple[str, str]] = [("header", "V16"), *_LEADS[lead][1]]
    if pad := _PADS.get((lead, native)):
        fields.append(("pad", f"V{pad}"))
    fields.append(("value", _NATIVE[native]))
    if short := -np.dtype(fields).itemsize % 8:
        fields.append(("end", f"V{short}"))
    return np.dtype(fields)


# the DBR types that go as rows: plain, STS and TIME of every number, and of numbers as text; CTRL is asked for once
ROWS = {first + native: _row(lead, native) for lead, (first, _) in _LEADS.items() for native in _NATIVE}
HEADERS = np.dtype(
    [("command", ">u2"), ("size", ">u2"), ("type", ">u2"), ("count", ">u2"), ("first", ">u4"), ("second", ">u4")]
)


def update_header(data_type: int, subscription: int) -> bytes:
    """The 16 bytes before every update of one subscription."""
    return HEADER.pack(EVENT_ADD, ROWS[data_type].itemsize - 16, data_type, 1, NORMAL, subscription)


def read_headers(data_type: int, requests: npt.NDArray[np.uint32]) -> npt.NDArray[np.void]:
    """The headers of the replies to gets with these request ids."""
    headers = np.zeros(len(requests), HEADERS)
    headers["command"], headers["size"] = READ_NOTIFY, ROWS[data_type].itemsize - 16
    headers["type"], headers["count"], headers["first"] = data_type, 1, NORMAL
    headers["second"] = requests
    return headers.view("V16")


def epics_second(stamp_ns: int) -> tuple[int, int]:
    """One stamp as seconds since 1990 and nanoseconds, as `epics_time` gives many."""
    second, nanosecond = divmod(stamp_ns, _NS)
    return min(max(second - EPICS_EPOCH, 0), 0xFFFFFFFF), nanosecond


def epics_time(stamp_ns: Stamps) -> tuple[Stamps, Stamps] | tuple[int, int]:
    """Seconds since 1990 and nanoseconds; what lies before 1990 or after 2126 becomes the nearest that fits.

    One number each where all stamps are one, as those of a burst are.
    """
    if (one := stamp_of_all(stamp_ns)) is not None:
        return epics_second(one)
    seconds, nanoseconds = np.divmod(stamp_ns, _NS)
    seconds -= EPICS_EPOCH
    return np.minimum(np.maximum(seconds, 0), 0xFFFFFFFF), nanoseconds  # np.clip takes half as long again


class Readings:
    """Readings in order of arrival; their rows of each DBR type are made once, for all clients.

    `digits` is a column of precisions, and the place of each reading in it: for texts, which need them.
    `alone` says that there is one client only: it may have the rows themselves, where others need a copy.
    """

    __slots__ = ("_made", "alone", "digits", "severity", "stamp_ns", "status", "value")

    def __init__(
        self, value: Column, stamp_ns: Stamps, status: Alarms, severity: Alarms, alone: bool = False,
        digits: Digits | None = None,
    ) -> None:  # fmt: skip
        self.value, self.stamp_ns, self.status, self.severity = value, stamp_ns, status, severity
        self.alone, self.digits = alone, digits
        self._made: dict[int, bytearray] = {}

    def messages(self, data_type: int, headers: Headers, mine: Flags | None = None) -> bytearray:
        """Whole messages of one client: those that are `mine`, None for all; a header for each."""
        made = self._made.get(data_type)
        if made is None:
            made = self._made[data_type] = self._make(data_type)
        if mine is not None:
            made = bytearray(_rows(made, data_type)[mine].tobytes())
        elif not self.alone:
            made = bytearray(made)
        else:
            del self._made[data_type]
        _rows(made, data_type)["header"] = headers
        return made

    def _make(self, data_type: int) -> bytearray:
        """Rows without headers."""
        octets = bytearray(len(self.value) * ROWS[data_type].itemsize)
        rows = _rows(octets, data_type)
        if data_type >= 7 and self.severity is not no_alarms(len(rows)):
            rows["status"], rows["severity"] = self.status, self.severity
        if data_type >= 14:
            rows["seconds"], rows["nanoseconds"] = epics_time(self.stamp_ns)
        native = data_type % 7
        if native == STRING:
            assert self.digits is not None, "texts are made of rows of the store"
            precision, index = self.digits
            rows["value"] = number_texts(self.value, precision[index])
        else:
            rows["value"] = self.value if native == DOUBLE else cast(self.value, native)
        return octets


def _rows(octets: bytearray, data_type: int) -> Rows:
    """These octets as rows that can be written."""
    row = ROWS[data_type]
    return np.ndarray((len(octets) // row.itemsize,), row, octets)
