"""Plain numbers taken straight out of a stream of AMQP frames, before a message is made of each (dmq.md 2.5, 6).

Nearly all that a watching client is sent are DoubleSamples, each a delivery of three frames. Such a delivery differs
from the one before it of the same entry only in delivery tag, properties, value and time, so it is compared with that
one, and two numbers are taken out. Whatever else arrives is passed on as it came, in its place.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway.core.errors import ProtocolError
from gateway.wire.dmq import Sample, SampleKind, decode_sample
from gateway.wire.dmq_burst import AROUND, BODY, END, FRAME, HEADER, KINDS, LATEST, METHOD, NUMBER, PLACE, TIME, VALUE

CONSUMER = "w"  # the consumer tag of a job: of one letter, so that it takes as much room in all deliveries

_DELIVER = struct.Struct(">BHIIBc")  # a frame, class and method, the consumer tag; behind it 8 bytes of delivery tag
_IS_DELIVER = (0x003C003C, 1, CONSUMER.encode())
_NAMES = _DELIVER.size + 8  # from the first byte to whether it is redelivered, exchange and routing key
_LARGEST = 1024  # bytes of a method frame that may be a delivery, and is waited for
_FEWEST = 4  # bytes of them, with the end of the frame
_CONTENT = struct.Struct(">BHIHHQ")  # the frame of a content header, class, weight, bytes of the body
_LONGEST = 512  # bytes of the body of a plain sample; what is longer is something else


@dataclass(slots=True, eq=False)
class _Entry:
    """An entry that has answered, and what surrounds the two numbers of its answers."""

    ref: int
    channel: int
    numbers: "Numbers"
    size: int = -1  # bytes of the body; -1 nothing is known yet
    before: bytes = b""  # the frame of the body up to the value
    behind: bytes = b""  # from behind the time to the end of the frame


class Numbers:
    """Plain numbers in order of arrival, columns of one length; `waiting` is called for the first of each lot."""

    def __init__(self, waiting: Callable[[], None]) -> None:
        self._waiting = waiting
        self.clear()

    def clear(self) -> None:
        """New columns; who took the old ones keeps them."""
        self.refs: list[int] = []
        self.stamps_ms: list[int] = []  # since 1970 UTC; 0 unknown
        self.values: list[float] = []

    def add(self, ref: int, stamp_ms: int, value: float) -> None:
        """One more."""
        if not self.refs:
            self._waiting()
        self.refs.append(ref)
        self.stamps_ms.append(stamp_ms)
        self.values.append(value)


_NO_JOB: tuple[Mapping[bytes, int], Numbers] = {}, Numbers(lambda: None)


class SampleStream:
    """What one connection sends, after what belongs to expected entries was taken out of it."""

    def __init__(self) -> None:
        self._jobs: dict[bytes, tuple[Mapping[bytes, int], Numbers]] = {}  # by exchange
        self._entries: dict[bytes, _Entry] = {}  # by what stands in a delivery between its tag and its header
        self.restart()

    def restart(self) -> None:
        """A new connection begins with a new frame."""
        self._held = b""  # the beginning of a frame, or of a delivery
        self._owed = 0  # bytes that are still to come of a frame that is passed on

    def expect(self, exchange: str, refs: Mapping[str, int], numbers: Numbers) -> None:
        """Take the plain samples of these routing keys of a job from now on; a reference each."""
        self._jobs[exchange.encode()] = {key.encode(): ref for key, ref in refs.items()}, numbers

    def forget(self, exchange: str) -> None:
        """Take no more of this job. Safe to call twice."""
        if self._jobs.pop(exchange.encode(), None) is not None:
            name = exchange.encode()
            self._entries = {key: entry for key, entry in self._entries.items() if not key.startswith(name, 2)}

    def receive(self, data: bytes) -> Iterator[bytes]:
        """What is not taken, piece by piece; what came before a piece is in its columns when the piece comes.

        Each piece ends with a frame, but perhaps the last one. It must be used up before the next one is asked for.
        """
        data, self._held = self._held + data, b""
        begin, at, end = 0, self._owed, len(data)  # of what is passed on, of the frame that is looked at, of all
        while at + FRAME.size <= end:
            kind, _, size = FRAME.unpack_from(data, at)
            behind = at + AROUND + size
            if kind == METHOD and size < _LARGEST:
                if behind > end:
                    break
                entry = self._entries.get(data[at + _NAMES : behind]) or self._new_entry(data, at, behind)
                if entry is not None:
                    if begin < at:
                        yield data[begin:at]
                        begin = at
                        continue  # whoever used it may have forgotten the job
                    taken = _take(entry, data, behind, end)
                    if taken > end:
                        break
                    if taken:
                        begin = at = taken
                        continue
            at = behind
        if at < end and data[at] not in KINDS:  # this is not AMQP, which others shall find out
            at = end
        self._owed = max(0, at - end)
        self._held = data[at:]
        if begin < min(at, end):
            yield data[begin:at]

    def _new_entry(self, data: bytes, at: int, behind: int) -> _Entry | None:
        """The entry of a delivery that was expected and never came before; None for any other frame."""
        if not self._jobs or behind < at + _NAMES + _FEWEST or _DELIVER.unpack_from(data, at)[3:] != _IS_DELIVER:
            return None
        _, channel, _ = FRAME.unpack_from(data, at)
        key = data[at + _NAMES : behind]
        exchange = key[2 : 2 + key[1]]
        refs, numbers = self._jobs.get(exchange, _NO_JOB)
        names = key[2 + len(exchange) :]
        ref = refs.get(names[1:-1])
        if ref is None or names[0] != len(names) - 2:
            return None
        entry = self._entries[key] = _Entry(ref, channel, numbers)
        return entry


def _take(entry: _Entry, data: bytes, at: int, end: int) -> int:
    """Take the number whose content begins at `at`: the place behind it.

    More than `end` when it is not complete, 0 when it is nothing to be taken.
    """
    if at + _CONTENT.size > end:
        return end + 1
    kind: int
    room: int
    size: int
    kind, channel, size, _, _, room = _CONTENT.unpack_from(data, at)
    if kind != HEADER or channel != entry.channel or not 0 < room <= _LONGEST:
        return 0
    body = at + AROUND + size
    behind = body + AROUND + room
    if behind > end:
        return behind
    if room == entry.size and data.startswith(entry.before, body):
        value, field, upper, lower = NUMBER.unpack_from(data, body + FRAME.size + PLACE)
        rest = body + FRAME.size + PLACE + NUMBER.size
        if field == TIME and upper < LATEST and data[rest:behind] == entry.behind:
            entry.numbers.add(entry.ref, (upper << 32) + lower, value)
            return behind
    return _decode(entry, data, body, room)


def _decode(entry: _Entry, data: bytes, body: int, room: int) -> int:
    """The same in the ordinary way, and learn what surrounds the numbers."""
    behind = body + AROUND + room
    if FRAME.unpack_from(data, body) != (BODY, entry.channel, room) or data[behind - 1] != END:
        return 0
    try:
        sample = decode_sample(data[body + FRAME.size : behind - 1])
    except ProtocolError:
        return 0
    if not isinstance(sample, Sample) or sample.kind is not SampleKind.DOUBLE or sample.ref_id is not None:
        return 0
    assert isinstance(sample.value, float)
    entry.numbers.add(entry.ref, sample.time, sample.value)
    place = body + FRAME.size + PLACE
    if data[place - len(VALUE) : place] == VALUE and data[place + 8 : place + 12] == TIME.to_bytes(4, "big"):
        entry.size, entry.before, entry.behind = room, data[body:place], data[place + NUMBER.size : behind]
    return behind
