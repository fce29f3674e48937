"""Plain numbers taken out of a stream of AMQP frames; the frames are those of an AMQP library."""

import struct

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame

from gateway.wire.dmq import ErrorSample, Sample, SampleKind, encode
from gateway.wire.dmq_stream import CONSUMER, Numbers, SampleStream

NOW_MS = 1_767_225_600_123
EXCHANGE, OTHER = "5b1f0f0e-8d3c-4f0c-9c57-0d7c1a2b3c4d", "00000000-8d3c-4f0c-9c57-0d7c1a2b3c4d"
BEAT = frame.Heartbeat().marshal()
KEY = "R.M:OUTTMP@p,100"


def delivery(
    body: bytes,
    key: str = KEY,
    *,
    tag: int = 1,
    channel: int = 3,
    exchange: str = EXCHANGE,
    consumer: str = CONSUMER,
    properties: pika.BasicProperties | None = None,
) -> bytes:
    method = pika.spec.Basic.Deliver(consumer, tag, False, exchange, key)
    header = frame.Header(channel, len(body), properties or pika.BasicProperties())
    return frame.Method(channel, method).marshal() + header.marshal() + frame.Body(channel, body).marshal()


def double(value: float, time: int = NOW_MS, **more: object) -> bytes:
    return encode(Sample(SampleKind.DOUBLE, value, time, **more))  # type: ignore[arg-type]  # fields by their names


class Taken:
    """A stream that expects two entries, and what it takes."""

    def __init__(self) -> None:
        self.calls = 0
        self.numbers = Numbers(self._wait)
        self.stream = SampleStream()
        self.stream.expect(EXCHANGE, {KEY: 1, "R.Z:X": 2}, self.numbers)

    def _wait(self) -> None:
        self.calls += 1

    def passed(self, *pieces: bytes) -> bytes:
        """What is passed on of these reads."""
        return b"".join(part for piece in pieces for part in self.stream.receive(piece))

    @property
    def rows(self) -> list[tuple[int, int, float]]:
        return list(zip(self.numbers.refs, self.numbers.stamps_ms, self.numbers.values, strict=True))


def test_samples_of_expected_entries_are_taken_and_everything_else_is_passed_on() -> None:
    taken = Taken()
    others = [
        BEAT,
        delivery(b"", "Q"),
        delivery(double(9.0), "R.S:TRANGER"),
        delivery(double(9.0), exchange=OTHER),
        delivery(double(9.0), consumer="ctag1.17"),
        delivery(encode(Sample(SampleKind.STRING, "text", NOW_MS))),
        delivery(encode(ErrorSample(14, -20, NOW_MS))),
        delivery(double(9.0, ref_id=2)),
        delivery(b"garbage"),
        delivery(encode(Sample(SampleKind.STRING, "long " * 200, NOW_MS))),
        frame.Method(3, pika.spec.Basic.ConsumeOk(CONSUMER)).marshal(),
    ]
    stream = b""
    for number, other in enumerate(others):
        stream += delivery(double(float(number), NOW_MS + number, unit="DegF"), tag=number) + other
        stream += delivery(double(-0.5, NOW_MS), "R.Z:X", tag=number)
    assert taken.passed(stream) == b"".join(others)
    assert taken.rows == [
        row for number in range(len(others)) for row in ((1, NOW_MS + number, float(number)), (2, NOW_MS, -0.5))
    ]
    assert taken.calls == 1


def test_what_came_before_a_piece_is_in_the_columns_when_it_comes() -> None:
    taken = Taken()
    seen = []
    for piece in taken.stream.receive(delivery(double(1.0)) + BEAT + delivery(double(2.0)) + BEAT):
        seen.append((piece, len(taken.rows)))
    assert seen == [(BEAT, 1), (BEAT, 2)]


@given(st.lists(st.integers(1, 400), max_size=40))
def test_it_does_not_matter_how_the_stream_is_cut(sizes: list[int]) -> None:
    taken = Taken()
    stream = b"".join(
        delivery(double(float(number)), tag=number) + BEAT * (number % 3) + delivery(b"x" * 300, "R")
        for number in range(8)
    )
    pieces, at = [], 0
    for size in sizes:
        pieces.append(stream[at : at + size])
        at += size
    passed = taken.passed(*pieces, stream[at:])
    assert passed == b"".join(BEAT * (number % 3) + delivery(b"x" * 300, "R") for number in range(8))
    assert [value for _, _, value in taken.rows] == [float(number) for number in range(8)]


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_whatever_the_bytes_are_they_are_passed_on(noise: bytes, more: bytes) -> None:
    taken = Taken()
    passed = taken.passed(noise, more)
    assert (noise + more).startswith(passed)
    assert taken.rows == []


def test_what_is_not_amqp_is_passed_on_at_once() -> None:
    assert Taken().passed(b"AMQP") == b"AMQP"


def test_a_delivery_without_a_body_is_passed_on_at_once() -> None:
    empty = delivery(b"")[: -len(frame.Body(3, b"").marshal())]
    assert Taken().passed(empty) == empty


def test_a_large_frame_is_passed_on_as_it_comes() -> None:
    assert Taken().passed(struct.pack(">BHI", 1, 3, 5000)) == struct.pack(">BHI", 1, 3, 5000)
    taken = Taken()
    large = delivery(b"x" * 50_000, "R.Z:Y")
    assert taken.passed(large[:20_000]) == large[:20_000]
    assert taken.passed(large[20_000:] + delivery(double(1.0))) == large[20_000:]
    assert taken.rows == [(1, NOW_MS, 1.0)]


def test_properties_may_change_from_message_to_message() -> None:
    taken = Taken()
    for number in range(3):
        properties = pika.BasicProperties(message_id=f"m{number}" * number, correlation_id="c")
        assert taken.passed(delivery(double(float(number)), properties=properties)) == b""
    assert [value for _, _, value in taken.rows] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "bodies",
    [
        (double(1.0, cycle_time=7), double(2.0, cycle_time=8)),
        (double(1.0, 0), double(2.0, 0)),
        (double(1.0), double(2.0, -(1 << 46))),
        (double(1.0), double(2.0, 5)),
        (double(1.0), double(2.0, unit="A"), double(3.0)),
    ],
)
def test_fields_and_sizes_that_change_are_read_in_the_ordinary_way(bodies: tuple[bytes, ...]) -> None:
    taken = Taken()
    assert taken.passed(*(delivery(body) for body in bodies)) == b""
    assert [value for _, _, value in taken.rows] == [1.0, 2.0, 3.0][: len(bodies)]


def test_fields_in_another_order_are_read_in_the_ordinary_way() -> None:
    plain = double(1.0)
    turned = plain[:16] + plain[28:] + plain[16:28]
    taken = Taken()
    assert taken.passed(delivery(turned), delivery(turned)) == b""
    assert taken.rows == [(1, NOW_MS, 1.0)] * 2


def test_frames_of_another_channel_between_those_of_a_delivery_are_left_alone() -> None:
    taken = Taken()
    one, two = delivery(double(1.0)), delivery(double(2.0), channel=4)
    cut = one.index(b"\xce\x02") + 1
    mixed = one[:cut] + two + one[cut:]
    assert taken.passed(delivery(double(0.0)), mixed) == mixed
    header = one.index(b"\xce\x03") + 1
    strange = one[:header] + two[header:]  # the body is of another channel than its header
    fresh = Taken()
    assert fresh.passed(strange) == strange
    assert fresh.rows == []


def test_a_frame_without_its_end_is_passed_on() -> None:
    broken = delivery(double(1.0))[:-1] + b"\0"
    taken = Taken()
    assert taken.passed(broken) == broken
    assert taken.passed(delivery(double(1.0)), broken) == broken


def test_a_job_that_is_forgotten_is_left_alone_even_by_what_came_with_it() -> None:
    taken = Taken()
    passed = []
    for piece in taken.stream.receive(delivery(double(1.0)) + BEAT + delivery(double(2.0)) + BEAT):
        passed.append(piece)
        taken.stream.forget(EXCHANGE)
        taken.stream.forget(EXCHANGE)
    assert b"".join(passed) == BEAT + delivery(double(2.0)) + BEAT
    assert taken.rows == [(1, NOW_MS, 1.0)]


def test_a_new_connection_begins_anew() -> None:
    taken = Taken()
    assert taken.passed(delivery(double(1.0))[:30]) == b""
    taken.stream.restart()
    assert taken.passed(BEAT) == BEAT


def test_names_that_do_not_fill_their_frame_are_no_delivery() -> None:
    taken = Taken()
    whole = delivery(double(1.0))
    size = struct.unpack_from(">I", whole, 3)[0]
    longer = whole[:3] + struct.pack(">I", size + 1) + whole[7 : 7 + size] + b"\0" + whole[7 + size :]
    assert taken.passed(longer) == longer
    assert taken.rows == []


def test_columns_that_were_taken_stay_with_the_taker() -> None:
    taken = Taken()
    taken.passed(delivery(double(1.0)))
    values = taken.numbers.values
    taken.numbers.clear()
    taken.passed(delivery(double(2.0)))
    assert (values, taken.numbers.values, taken.calls) == ([1.0], [2.0], 2)
