"""One stream of DMQ, both ways: past pika as numbers, and as messages. The batches are equal in every byte."""

from collections.abc import Sequence

import numpy as np
import pika
from hypothesis import given
from hypothesis import strategies as st
from pika import frame

from gateway.backends.dmq_batch import Rows
from gateway.backends.dpm_readings import is_word
from gateway.core.batch import ReadingBatch
from gateway.core.drf import DataRequest
from gateway.wire.dmq import ErrorSample, Sample, SampleKind, encode
from gateway.wire.dmq_connection import Answer, ClientJob
from gateway.wire.dmq_envelope import READING_PREFIX, Envelope
from gateway.wire.dmq_states import Kind
from gateway.wire.dmq_stream import CONSUMER, SampleStream

NOW_MS = 1_767_225_600_123
EXCHANGE = "5b1f0f0e-8d3c-4f0c-9c57-0d7c1a2b3c4d"
ENTRIES = ("M:OUTTMP.READING@p,100", "Z:ACLTST.STATUS.BIT_VALUE@p,100", "B:IRMS06.READING[0:3]@p,100")
REQUESTS = [DataRequest.parse(entry) for entry in ENTRIES]
REFS = {entry: ref for ref, entry in enumerate(ENTRIES, 1)}
SLOTS = {1: (0, 3), 2: (1,), 3: (2,)}  # the first is watched twice

times = st.integers(NOW_MS, NOW_MS + 10_000) | st.sampled_from((0, 5, -1, 1 << 45))
samples = (
    st.builds(
        Sample, st.just(SampleKind.DOUBLE), st.floats(), times, unit=st.sampled_from((None, "DegF")),
        cycle_time=st.sampled_from((None, 7)), ref_id=st.sampled_from((None, None, None, 0, 2)),
    )
    | st.builds(Sample, st.just(SampleKind.INTEGER), st.integers(-5, 5), times)
    | st.builds(Sample, st.just(SampleKind.STRING), st.text("abc"), times)
    | st.builds(ErrorSample, st.just(14), st.just(-20), times)
)  # fmt: skip
deliveries = st.lists(st.tuples(st.sampled_from(ENTRIES), samples.map(encode) | st.binary(max_size=40)), max_size=30)


class Ordinary:
    """Answers as messages."""

    def __init__(self) -> None:
        self.rows = Rows(SLOTS, lambda: None)
        self._key = ""
        self._job = ClientJob(Kind.READING, ENTRIES, 0.0)
        self._job.init("m", EXCHANGE, "test", bytes(4))

    def take(self, key: str, body: bytes) -> None:
        event = self._job.receive(Envelope(key, body), 0.0)
        if isinstance(event, Answer):
            ref = REFS[event.entry]
            self.rows.add(ref, REQUESTS[ref - 1], event.sample, NOW_MS * 1_000_000)

    def take_frames(self, octets: bytes) -> bytes:
        """What an AMQP library makes of frames; what is not whole yet is left."""
        while octets:
            size, found = frame.decode_frame(octets)
            if found is None:
                break
            octets = octets[size:]
            if isinstance(found, frame.Method):
                self._key = found.method.routing_key
            elif isinstance(found, frame.Body):
                self.take(self._key, found.fragment)
            elif isinstance(found, frame.Header) and not found.body_size:
                self.take(self._key, b"")
        return octets


def on_the_wire(tag: int, key: str, body: bytes) -> bytes:
    method = pika.spec.Basic.Deliver(CONSUMER, tag, False, EXCHANGE, key)
    frames = [frame.Method(3, method), frame.Header(3, len(body), pika.BasicProperties())]
    return b"".join(one.marshal() for one in (*frames, *([frame.Body(3, body)] if body else [])))


def columns(batch: ReadingBatch) -> Sequence[bytes]:
    return [np.ascontiguousarray(one).tobytes() for one in
            (batch.slot, batch.stamp_ns, batch.value, batch.facility, batch.number)]  # fmt: skip


@given(deliveries, st.integers(20, 4096))
def test_both_ways_give_the_same_batch(came: list[tuple[str, bytes]], read: int) -> None:
    ordinary, other = Ordinary(), Ordinary()
    stream = SampleStream()
    refs = {READING_PREFIX + one: ref for one, ref in REFS.items() if not is_word(REQUESTS[ref - 1])}
    stream.expect(EXCHANGE, refs, other.rows.numbers)
    octets = b""
    for tag, (entry, body) in enumerate(came, 1):
        ordinary.take(READING_PREFIX + entry, body)
        octets += on_the_wire(tag, READING_PREFIX + entry, body)
    passed = b""
    for first in range(0, len(octets), read):
        for piece in stream.receive(octets[first : first + read]):
            passed += piece
            passed = other.take_frames(passed)
    assert passed == b""
    expected, found = ordinary.rows.take(), other.rows.take()
    assert columns(found) == columns(expected)
    assert [(one.slot, one.after, one.reading.status, one.reading.stamp_ns) for one in found.others] == [
        (one.slot, one.after, one.reading.status, one.reading.stamp_ns) for one in expected.others
    ]
