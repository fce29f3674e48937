"""Plain numbers as AMQP frames, read back by an AMQP library."""

import pika
import pytest
from pika import frame

from gateway.core.errors import ProtocolError
from gateway.wire.dmq import Sample, SampleKind, decode_sample
from gateway.wire.dmq_burst import Burst

NOW_MS = 1_767_225_600_123
EXCHANGE = "5b1f0f0e-8d3c-4f0c-9c57-0d7c1a2b3c4d"


def read_back(octets: bytes) -> list[tuple[int, str, str, Sample]]:
    """Channel, exchange, routing key and sample of each message."""
    frames = []
    while octets:
        size, found = frame.decode_frame(octets)
        frames.append(found)
        octets = octets[size:]
    messages = []
    for method, header, body in zip(frames[::3], frames[1::3], frames[2::3], strict=True):
        assert isinstance(method, frame.Method)
        assert isinstance(header, frame.Header)
        assert isinstance(body, frame.Body)
        publish = method.method
        assert isinstance(publish, pika.spec.Basic.Publish)
        assert (publish.mandatory, publish.immediate) == (False, False)
        assert method.channel_number == header.channel_number == body.channel_number
        assert header.body_size == len(body.fragment)
        assert header.properties == pika.BasicProperties()
        sample = decode_sample(body.fragment)
        assert isinstance(sample, Sample)
        messages.append((method.channel_number, publish.exchange, publish.routing_key, sample))
    return messages


def test_each_value_is_a_message_with_its_unit() -> None:
    burst = Burst(3, EXCHANGE, {0: ("M:OUTTMP@p,100", "DegF"), 4: ("Z:X", None)})
    assert read_back(burst.frames([4, 0], NOW_MS, [1.5, -2.0])) == [
        (3, EXCHANGE, "R.Z:X", Sample(SampleKind.DOUBLE, 1.5, NOW_MS)),
        (3, EXCHANGE, "R.M:OUTTMP@p,100", Sample(SampleKind.DOUBLE, -2.0, NOW_MS, unit="DegF")),
    ]


def test_a_unit_that_the_encoding_has_not_is_refused() -> None:
    with pytest.raises(ProtocolError):
        Burst(1, EXCHANGE, {0: ("Z:X", "\u03a9")})
