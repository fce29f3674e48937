"""One call of DAQ.Read: its requests, what is due for each, and when all of them are done (dpm-grpc.md 5). Pure."""

import heapq
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gateway.core.blocks import ATTRIBUTES, BasicStatus
from gateway.core.drf import DataRequest, Property
from gateway.core.errors import BadRequest
from gateway.core.status import BAD_EVENT, BAD_REQUEST, OK, Status
from gateway.core.values import TimedArray, Value
from gateway.wire import dpm
from gateway.wire.daq import is_directive
from gateway.wire.daq_replies import Sample, encode_points, encode_sample, encode_scalar
from gateway.wire.daq_values import StatusTexts, WireValue
from simulator.daq_manners import DPM, Manners
from simulator.facility import Facility
from simulator.logger_data import LIVE, NO_SOURCE, logged, source_status, source_word
from simulator.schedule import Member, Schedule, Single, Tick, effective_event

FAST_MS = 50  # readings that come faster travel several in one reply, as plots do (5.3)
TOGETHER_NS = 100_000_000  # the time that one such reply covers

Record = Callable[[DataRequest, int, Value], None]  # told of each value that is sent, with its stamp in ns


class DaqRead:
    """The requests of one call by their index. Times are handed in; not thread-safe."""

    def __init__(
        self,
        facility: Facility,
        texts: Sequence[str],
        now_ns: int,
        manners: Manners = DPM,
        record: Record | None = None,
    ) -> None:
        self._facility, self._manners, self._record = facility, manners, record
        self._requests: dict[int, DataRequest] = {}
        self._once: list[tuple[int, int, bytes]] = []  # replies that come once: when, their order, bytes
        self._order = 0
        self._changes: dict[int, Value | None] = {}  # of @Q requests: what was sent last
        self._fast: dict[int, tuple[list[int], list[float]]] = {}  # of fast requests: stamps and values that wait
        self._flush_ns: int | None = None  # when these are sent
        begun = (self._begin(index, text, now_ns) for index, text in enumerate(texts) if not is_directive(text))
        self._schedule = Schedule(facility, [member for member in begun if member is not None], now_ns)

    def _begin(self, index: int, text: str, now_ns: int) -> Member | None:
        """What is to be scheduled for a request; all else is prepared."""
        try:
            request = self._requests[index] = DataRequest.parse(text)
        except BadRequest as error:
            refusals = {"event": BAD_EVENT, "source": NO_SOURCE}
            self._refuse(index, refusals.get(error.part, BAD_REQUEST), now_ns)
            return None
        source = request.source or ""
        live = source_word(source) in LIVE
        event = effective_event(self._facility, request)
        if live and event.mode == "N":
            return None
        if not request.is_foreign and self._facility.spec(request.device) is None:
            self._refuse(index, self._manners.unknown, now_ns + int(self._manners.unknown_after * 1e9))
        elif (bad := source_status(source, now_ns) or self._facility.check(request)) != OK:
            self._refuse(index, bad, now_ns)
        elif request.property is Property.CONTROL:  # write-only: success without data (5.3)
            self._refuse(index, OK, now_ns)
        elif not live:
            for reply in logged(self._facility, index, request, source, now_ns):
                self._later(now_ns, self._logged(index, reply))
        else:
            if event.mode == "Q":
                self._changes[index] = None
            elif event.mode == "P" and (event.period_ms or 0) < FAST_MS:
                self._fast[index] = ([], [])
            return index, request
        return None

    def _later(self, at_ns: int, reply: bytes) -> None:
        self._order += 1
        heapq.heappush(self._once, (at_ns, self._order, reply))

    def _refuse(self, index: int, status: Status, at_ns: int) -> None:
        self._later(at_ns, encode_sample(index, Sample(None, 0, status)))

    def _logged(self, index: int, reply: dpm.Reply) -> bytes:
        """A reply of the logger in this protocol (5.6)."""
        match reply:
            case dpm.TimedScalarArrayReply():
                return encode_points(index, TimedArray(reply.data, reply.micros * 1000))
            case dpm.ScalarReply():
                return encode_scalar(index, reply.timestamp * 1_000_000, reply.data)
            case dpm.StatusReply():
                return encode_sample(index, Sample(None, 0, Status.from_packed(reply.status)))
        raise AssertionError(f"the logger does not answer {reply}")

    def next_ns(self) -> int | None:
        """When `due` has something to do next; None when nothing will ever come again: the call is done (5.2)."""
        times = (self._once[0][0] if self._once else None, self._flush_ns, self._schedule.next_ns())
        return min((time for time in times if time is not None), default=None)

    def due(self, now_ns: int) -> Iterator[bytes]:
        """The replies that are due by now, in order of their times."""
        while self._once and self._once[0][0] <= now_ns:
            yield heapq.heappop(self._once)[2]
        for tick in self._schedule.take(now_ns):
            yield from self._tick(tick)
        if self._flush_ns is not None and self._flush_ns <= now_ns:
            self._flush_ns = None
            for index, (stamps, values) in self._fast.items():
                if stamps:
                    yield encode_points(index, TimedArray(np.array(values), np.array(stamps, np.int64)))
                    stamps.clear()
                    values.clear()

    def _tick(self, tick: Tick) -> Iterator[bytes]:
        for index, value in zip(tick.tags.tolist(), tick.values.tolist(), strict=True):
            if not self._changed(index, value):
                continue
            self._note(index, tick.stamp_ns, value)
            if waiting := self._fast.get(index):
                waiting[0].append(tick.stamp_ns)
                waiting[1].append(value)
                self._flush_ns = self._flush_ns or tick.stamp_ns + TOGETHER_NS
            else:
                yield encode_scalar(index, tick.stamp_ns, value)
        for single in tick.others:
            if single.value is None:
                yield encode_sample(single.tag, Sample(None, 0, single.status))
            elif self._changed(single.tag, single.value):
                self._note(single.tag, tick.stamp_ns, single.value)
                yield self._single(single, tick.stamp_ns)

    def _single(self, single: Single, stamp_ns: int) -> bytes:
        value = single.value
        assert value is not None  # asked before
        if isinstance(value, TimedArray):
            return encode_points(single.tag, value)
        return encode_sample(single.tag, Sample(self._shown(single.tag, value), stamp_ns, single.status))

    def _shown(self, index: int, value: WireValue) -> WireValue:
        """A status as the server shows it."""
        if not isinstance(value, BasicStatus) or not self._manners.labels:
            return value
        spec = self._facility.spec(self._requests[index].device)
        bits = spec.status.bits if spec and spec.status else ()
        states = value.attributes()
        named = ((bit, states.get(ATTRIBUTES[bit.order])) for bit in bits if bit.order < len(ATTRIBUTES))
        return StatusTexts(
            {bit.name: bit.true_text if state else bit.false_text for bit, state in named if state is not None}
        )

    def _changed(self, index: int, value: Value) -> bool:
        """Whether a value is news: of a monitor only changes are (section 3)."""
        if index not in self._changes:
            return True
        before, self._changes[index] = self._changes[index], value
        if isinstance(value, np.ndarray):
            return not (isinstance(before, np.ndarray) and np.array_equal(before, value))
        return bool(before != value)

    def _note(self, index: int, stamp_ns: int, value: Value) -> None:
        if self._record is not None:
            self._record(self._requests[index], stamp_ns, value)
