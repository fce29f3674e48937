"""What Read answers: replies <-> columns of plain scalars, and samples for everything else (dpm-grpc.md 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from gateway.core.errors import ProtocolError
from gateway.core.status import OK, RETRY, Status
from gateway.core.values import TimedArray
from gateway.wire.daq import status_message, status_of
from gateway.wire.daq_values import WireValue, fill, value_of
from gateway.wire.protobuf import daq_pb2

Ints = npt.NDArray[np.int64]

SECOND_NS = 1_000_000_000
_LATEST_S = 2**63 // SECOND_NS - 1  # the last whole second whose nanoseconds fit into a column
_parse = daq_pb2.ReadingReply.FromString


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One answer that is no plain scalar with a value."""

    value: WireValue | None
    stamp_ns: int  # Unix, UTC; 0 when there was none
    status: Status
    message: str = ""  # for people only


NO_DATA = Sample(None, 0, RETRY, "the server says success and sends no data")  # status 0/0 in place of readings (5.5)
END = Sample(None, 0, OK)  # readings without a single one: the end of logged data (5.6)


@dataclass(frozen=True, slots=True, eq=False)
class Replies:
    """Plain scalars in order of arrival as columns of one length, and the rest among them."""

    index: Ints  # of the request in the list of Read
    stamp_ns: Ints  # Unix, UTC; 0 when there was none
    value: npt.NDArray[np.float64]
    status: npt.NDArray[np.int16]  # packed; 0 good or a warning, never an error
    others: tuple[tuple[int, int, Sample], ...] = ()  # scalars before it, index, sample


class _Columns:
    """Columns while they grow."""

    def __init__(self) -> None:
        self.index: list[int] = []
        self.seconds: list[int] = []
        self.nanos: list[int] = []
        self.value: list[float] = []
        self.status: dict[int, int] = {}  # by row; few have one
        self.others: list[tuple[int, int, Sample]] = []

    def add(self, index: int, reading: daq_pb2.Reading) -> None:
        data, stamp = reading.data, reading.timestamp
        plain = data.WhichOneof("value") == "scalar"
        status = OK
        if not plain or reading.HasField("status"):
            status, message = status_of(reading.status)
            if not plain or status.failed:
                self.others.append((len(self.index), index, _sample(reading, status, message)))
                return
        if status.number:
            self.status[len(self.index)] = status.packed
        self.index.append(index)
        self.seconds.append(stamp.seconds)
        self.nanos.append(stamp.nanos)
        self.value.append(data.scalar)

    def replies(self) -> Replies:
        status = np.zeros(len(self.index), np.int16)
        for row, packed in self.status.items():
            status[row] = packed
        seconds, nanos = np.array(self.seconds, np.int64), np.array(self.nanos, np.int64)
        known = (seconds >= 0) & (seconds <= _LATEST_S) & (nanos >= 0) & (nanos < SECOND_NS)
        stamps = np.where(known, seconds, 0) * SECOND_NS + np.where(known, nanos, 0)
        return Replies(np.array(self.index, np.int64), stamps, np.array(self.value), status, tuple(self.others))


def decode_replies(messages: Sequence[bytes]) -> Replies:
    """What several replies bring, in their order. ProtocolError when one of them is none.

    Replies without any member are left out. An impossible status, or a value without a member, is an error of
    its sample alone.
    """
    columns = _Columns()
    for data in messages:
        try:
            reply = _parse(data)
        except DecodeError:
            raise ProtocolError(f"{len(data)} bytes are no services.daq.ReadingReply") from None
        kind, index = reply.WhichOneof("value"), reply.index
        if kind == "readings":
            readings = reply.readings.reading
            for reading in readings:
                columns.add(index, reading)
            if not readings:
                columns.others.append((len(columns.index), index, END))
        elif kind == "status":
            status, message = status_of(reply.status)
            sample = Sample(None, 0, status, message) if status.number else NO_DATA
            columns.others.append((len(columns.index), index, sample))
    return columns.replies()


def _sample(reading: daq_pb2.Reading, status: Status, message: str) -> Sample:
    """A reading of any kind by the rules of section 5.5."""
    value = None if status.failed else value_of(reading.data)
    if value is None and status.good:
        status, message = RETRY, "the server sends a reading without a value"
    return Sample(value, _stamp(reading), status, message)


def _stamp(reading: daq_pb2.Reading) -> int:
    """Nanoseconds since 1970; 0, unknown, for what no clock can have meant (5.4)."""
    seconds, nanos = reading.timestamp.seconds, reading.timestamp.nanos
    if not 0 <= nanos < SECOND_NS or not 0 <= seconds <= _LATEST_S:
        return 0
    return seconds * SECOND_NS + nanos


def encode_sample(index: int, sample: Sample) -> bytes:
    """One reply for an index. What has no value and no stamp is a status in place of readings."""
    reply = daq_pb2.ReadingReply(index=index)
    if sample is END:
        reply.readings.SetInParent()
    elif sample.value is None and not sample.stamp_ns:
        status = OK if sample is NO_DATA else sample.status
        reply.status.CopyFrom(status_message(status, "" if sample is NO_DATA else sample.message))
    else:
        _add(reply, sample.value, sample.stamp_ns, sample.status, sample.message)
    return reply.SerializeToString()


def encode_scalar(index: int, stamp_ns: int, value: float) -> bytes:
    """The reply that brings one good number."""
    reply = daq_pb2.ReadingReply(index=index)
    _add(reply, value, stamp_ns)
    return reply.SerializeToString()


def encode_points(index: int, points: TimedArray) -> bytes:
    """One reply with many numbers, each with its own stamp: plots and logged data (5.3, 5.6). None are the end."""
    reply = daq_pb2.ReadingReply(index=index)
    reply.readings.SetInParent()
    for value, stamp_ns in zip(points.values.tolist(), points.stamps_ns.tolist(), strict=True):
        _add(reply, value, stamp_ns)
    return reply.SerializeToString()


def _add(
    reply: daq_pb2.ReadingReply, value: WireValue | None, stamp_ns: int, status: Status = OK, message: str = ""
) -> None:
    reading = reply.readings.reading.add()
    if stamp_ns:
        reading.timestamp.seconds, reading.timestamp.nanos = divmod(stamp_ns, SECOND_NS)
    if value is not None:
        fill(reading.data, value)
    if status.number:
        reading.status.CopyFrom(status_message(status, message))
