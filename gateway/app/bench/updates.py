"""Counts the monitors of one circuit: how many, how old, and which were lost. One numpy view per read."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.app.bench.rawca import DBR_TIME_DOUBLE, EVENT_ADD, HEAD, Circuit, MeasurementFailed, cut_message

EPICS_EPOCH = 631152000
# one EVENT_ADD reply that carries one DBR_TIME_DOUBLE: always 40 bytes
UPDATE = np.dtype(
    [("command", ">u2"), ("size", ">u2"), ("type", ">u2"), ("count", ">u2"), ("status", ">u4"), ("place", ">u4"),
     ("stat", ">u2"), ("sevr", ">u2"), ("sec", ">u4"), ("nsec", ">u4"), ("pad", ">u4"), ("value", ">f8")]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Monitored:
    """A DBR type that clients monitor numbers with."""

    name: str
    size: int  # bytes of the payload of one value


MONITORED = {
    DBR_TIME_DOUBLE: Monitored("TIME_DOUBLE", 24),
    6: Monitored("DOUBLE", 8),
    13: Monitored("STS_DOUBLE", 16),
    16: Monitored("TIME_FLOAT", 16),
    19: Monitored("TIME_LONG", 16),
    15: Monitored("TIME_SHORT", 16),
    14: Monitored("TIME_STRING", 56),
}
_SAMPLES = 64  # stamps looked at per read: p50 and p99 need no more


class Updates:
    """The updates of a circuit since the last `reset`. The value of a PV grows by 1 with each update of its source."""

    def __init__(self, circuit: Circuit, data_type: int = DBR_TIME_DOUBLE) -> None:
        self._whole = data_type == DBR_TIME_DOUBLE
        size = MONITORED[data_type].size
        self._size, self._type = size, UPDATE if self._whole else np.dtype([("head", HEAD), ("payload", "V", size)])
        self.link, self._rest, self._pvs = circuit.link, circuit.rest(), len(circuit.sids)
        self._store = bytearray(1 << 20)
        self.reset()

    def reset(self) -> None:
        """Begin a new window."""
        self.count = 0
        self.ages: list[npt.NDArray[np.float64]] = []
        self._counts = np.zeros(self._pvs, np.int64)
        self._first = np.full(self._pvs, np.nan)
        self._last = np.full(self._pvs, np.nan)

    def read(self) -> None:
        """Take in what one read of the socket brings."""
        keep = len(self._rest)
        self._store[:keep] = self._rest
        try:
            got = self.link.recv_into(memoryview(self._store)[keep:])
        except ConnectionResetError:
            got = 0
        if not got:
            raise MeasurementFailed("the server closed the circuit")
        now = time.time()
        total = keep + got
        whole = total - total % self._type.itemsize
        part = np.frombuffer(self._store, self._type, whole // self._type.itemsize)
        head = part if self._whole else part["head"]
        if ((head["command"] == EVENT_ADD) & (head["size"] == self._size)).all():
            self._rest = bytes(self._store[whole:total])
        else:
            part = self._walk(bytearray(self._store[:total]))
        if len(part):
            self._account(part, now)

    def _walk(self, data: bytearray) -> npt.NDArray[np.void]:
        """The updates among other messages."""
        at, rows = 0, []
        while (cut := cut_message(data, at)) is not None:
            found, after = cut
            if found.command == EVENT_ADD and len(found.payload) == self._size:
                rows.append(bytes(data[at:after]))
            at = after
        self._rest = bytes(data[at:])
        return np.frombuffer(b"".join(rows), self._type)

    def _account(self, part: npt.NDArray[np.void], now: float) -> None:
        self.count += len(part)
        if not self._whole:
            return
        few = part[:: max(1, len(part) // _SAMPLES)]
        self.ages.append(now - EPICS_EPOCH - few["sec"].astype(np.float64) - few["nsec"] * 1e-9)
        place, value = part["place"].astype(np.int64), part["value"].astype(np.float64)
        self._counts += np.bincount(place, minlength=self._pvs)
        self._last[place] = value  # of equal places the last one stays
        back = place[::-1]
        first = np.where(np.isnan(self._first[back]), value[::-1], self._first[back])
        self._first[back] = first

    def lost(self) -> float:
        """The share of updates between the first and the last one of each PV that did not come, 0 to 1."""
        seen = self._counts > 0
        sent = np.rint(self._last[seen] - self._first[seen]) + 1
        total = float(sent.sum())
        return max(0.0, 1.0 - float(self._counts[seen].sum()) / total) if total > 0 else 0.0


def ages_ms(counters: Sequence[Updates], percentiles: tuple[float, ...]) -> list[float]:
    """These percentiles of the time from the source's stamp to the arrival; MeasurementFailed without updates."""
    ages = [age for counter in counters for age in counter.ages]
    if not ages:
        raise MeasurementFailed("no update came in the time that was measured")
    return [float(age) for age in np.percentile(np.concatenate(ages) * 1e3, percentiles)]
