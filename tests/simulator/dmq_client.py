"""A client of DMQ for tests: pika's blocking connection, one job per channel, nothing of the backend."""

import time
import uuid
from collections.abc import Callable
from dataclasses import replace

import pika

from gateway.wire.dmq import Sample, SampleKind, encode
from gateway.wire.dmq_connection import ClientJob, Event
from gateway.wire.dmq_envelope import Envelope
from gateway.wire.dmq_states import Kind

HOST = bytes((127, 0, 0, 1))
PATIENCE = 10.0  # s
Sign = Callable[[Envelope], Envelope]


def as_it_is(envelope: Envelope) -> Envelope:
    """Signs nothing."""
    return envelope


class RawJob:
    """One job; what the server says is kept as envelopes and as events."""

    def __init__(self, connection: pika.BlockingConnection, kind: Kind, *entries: str) -> None:
        self._connection = connection
        self.channel = connection.channel()
        self.exchange = str(uuid.uuid4())
        self.said: list[Envelope] = []
        self.events: list[Event] = []
        self.job = ClientJob(kind, entries, 0.0)
        self.queue = self.channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        self.channel.exchange_declare(self.exchange, "topic", auto_delete=True)
        for key in ("R.#", "Q"):
            self.channel.queue_bind(self.queue, self.exchange, key)
        self.channel.basic_consume(self.queue, self._delivered, auto_ack=True)

    def init(self, sign: Sign = as_it_is) -> Envelope:
        """Send the INIT."""
        envelope = sign(self.job.init(str(uuid.uuid4()), self.exchange, "test", HOST))
        self.publish(envelope, "amq.topic")
        return envelope

    def set(self, entry: str, value: float, sign: Sign = as_it_is, message_id: str = "") -> str:
        """Send an S; its message id."""
        body = encode(Sample(SampleKind.DOUBLE, value, 0, ref_id=1))
        envelope = sign(self.job.set(entry, body, message_id or str(uuid.uuid4()), HOST))
        self.publish(envelope)
        return envelope.message_id or ""

    def publish(self, envelope: Envelope, exchange: str = "") -> None:
        """Send anything."""
        properties = pika.BasicProperties(**envelope.properties())  # type: ignore[arg-type]
        self.channel.basic_publish(exchange or self.exchange, envelope.key, envelope.body, properties)

    def hear(self, count: int, key: str = "") -> list[Envelope]:
        """Wait until so many envelopes whose key begins so have come; all of those."""
        found: list[Envelope] = []
        deadline = time.monotonic() + PATIENCE
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} have come: {self.said}"
            self._connection.process_data_events(0.05)
            found = [one for one in self.said if one.key.startswith(key)]
        return found

    def silence(self, seconds: float) -> int:
        """How many envelopes come in so many seconds."""
        before, deadline = len(self.said), time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._connection.process_data_events(0.05)
        return len(self.said) - before

    def _delivered(
        self, _: object, deliver: pika.spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        envelope = Envelope.of(deliver.routing_key or "", properties, body)
        self.said.append(envelope)
        if (event := self.job.receive(envelope, 0.0)) is not None:
            self.events.append(event)


def signing(context: "object") -> Sign:
    """Signs with a GSS context; the INIT gets its token as well."""

    def sign(envelope: Envelope) -> Envelope:
        token = context.step() if envelope.key == "I" else None  # type: ignore[attr-defined]
        signature = context.get_signature(envelope.signed())  # type: ignore[attr-defined]
        return replace(envelope, token=token, signature=signature)

    return sign
