"""JobChannel: one job of DMQ on an AMQP channel of its own, from its INIT to its end (dmq.md 2.2, 5).

I, S and H are published as `mandatory`: what no server is bound to comes back, so that a server that is absent, or has
dropped the job, is noticed at once, and a setting that reached nobody is known to have reached nobody.
"""

import uuid
from collections.abc import Callable
from typing import Protocol

import pika
from pika import exceptions
from pika.channel import Channel

from gateway.backends.dmq_signer import Signer
from gateway.backends.kerberos_port import Initiator
from gateway.core.errors import ProtocolError
from gateway.core.status import BAD_REQUEST, DISCONNECTED, Status
from gateway.runtime.amqp import AmqpLink, reason_of
from gateway.wire.dmq_connection import ClientJob, Event
from gateway.wire.dmq_envelope import BEAT, INIT, READING_PREFIX, Envelope
from gateway.wire.dmq_states import State
from gateway.wire.dmq_stream import CONSUMER

TOPIC = "amq.topic"
APPLICATION = "acgate"
LINGER = 5.0  # s for the first answer to a job that nobody wants any more


class Listener(Protocol):
    """Who opened a job. Everything is called on the AMQP thread."""

    def heard(self, event: Event) -> None:
        """The server said something; after a Refusal nothing more comes."""
        ...

    def returned(self, message_id: str) -> None:
        """A setting reached nobody."""
        ...

    def lost(self, status: Status, reason: str) -> None:
        """The job is over, and nobody asked for that. Called once, and nothing after it."""
        ...


class JobChannel:
    """A job; whoever made it calls `open`, and `close` at the end."""

    def __init__(
        self,
        link: AmqpLink,
        signer: Signer,
        host_address: bytes,
        job: ClientJob,
        listener: Listener,
        ended: Callable[["JobChannel"], None],
        now: Callable[[], float],
    ) -> None:
        self._link, self._signer, self._host, self._now = link, signer, host_address, now
        self._job, self._listener, self._ended = job, listener, ended
        self.exchange = str(uuid.uuid4())  # the client's private one
        self._channel: Channel | None = None
        self._context: Initiator | None = None
        self._asked = False  # the INIT is out, and the exchange is there
        self._leaving = 0.0  # nobody listens any more; the latest end, in monotonic seconds
        self._over = False

    @property
    def is_open(self) -> bool:
        """Whether settings may go out."""
        return not self._over and self._job.state is State.OPEN

    @property
    def outlived(self) -> bool:
        """Whether the ticket was renewed since: then the job should be, too (dmq.md 4.4)."""
        return self._context is not None and self._signer.outlived(self._context)

    def open(self) -> None:
        """Declare, bind, ask."""
        if self._over:
            return
        if not self._link.up:
            self._lose(DISCONNECTED, f"{self._link.broker}: the connection was lost")
            return
        try:
            init = self._job.init(str(uuid.uuid4()), self.exchange, APPLICATION, self._host)
        except ProtocolError as error:
            self._lose(BAD_REQUEST, str(error))
            return
        try:
            self._link.channel(lambda channel: self._declare(channel, init))
        except exceptions.AMQPError as error:  # the broker allows so many channels and no more
            self._lose(DISCONNECTED, f"no channel can be opened: {self._why(error)}")

    def _declare(self, channel: Channel, init: Envelope) -> None:
        if self._over:
            channel.close()
            return
        self._channel = channel
        channel.add_on_close_callback(lambda _, error: self._lose(DISCONNECTED, self._why(error)))
        channel.add_on_cancel_callback(lambda _: self._lose(DISCONNECTED, "the broker deleted the queue of this job"))
        channel.add_on_return_callback(self._returned)

        def declared(found: "pika.frame.Method[pika.spec.Queue.DeclareOk]") -> None:
            if self._over or not self._sendable:  # answers still come to a channel that is closing
                return
            queue = found.method.queue
            channel.exchange_declare(self.exchange, "topic", auto_delete=True)
            channel.queue_bind(queue, self.exchange, f"{READING_PREFIX}#")
            channel.queue_bind(queue, self.exchange, "Q", callback=lambda _: bound(queue))

        def bound(queue: str) -> None:
            if not self._over:
                self._signer.init(init, lambda signed, context, reason: self._ask(queue, signed, context, reason))

        channel.queue_declare("", exclusive=True, auto_delete=True, callback=declared)

    def _why(self, error: BaseException) -> str:
        """Why the channel was closed, alone or with the connection."""
        reason = reason_of(error, self._link.broker)
        return f"the broker closed the channel: {reason}" if self._link.up else f"{self._link.broker}: {reason}"

    def _ask(self, queue: str, init: Envelope | None, context: Initiator | None, reason: str) -> None:
        if self._over or self._channel is None or not self._sendable:
            return
        if init is None:
            self._lose(DISCONNECTED, reason)  # no ticket, no link: a route may go on with another backend
            return
        self._context = context
        self._publish(TOPIC, init)
        self._asked = True
        self._job.restart(self._now())
        # nothing is acknowledged: the queue ends with the connection, so that nothing would ever come again (5.8)
        self._channel.basic_consume(queue, self._delivered, auto_ack=True, consumer_tag=CONSUMER)

    @property
    def _sendable(self) -> bool:
        return self._channel is not None and self._channel.is_open and self._link.up

    def set(self, entry: str, body: bytes, message_id: str) -> bool:
        """Sign and publish a setting; False when the channel is ending, KerberosError when it cannot be signed."""
        if not self.is_open or not self._sendable:
            return False
        envelope = self._job.set(entry, body, message_id, self._host)
        if self._context is not None:
            signature = self._context.sign(envelope.signed())
            envelope = Envelope(envelope.key, body, message_id, host_address=self._host, signature=signature)
        self._publish(self.exchange, envelope)
        return True

    def tick(self) -> None:
        """Heartbeats of this end, and the silence of the other."""
        now = self._now()
        if self._leaving and now >= self._leaving:
            self.end()
        elif self._job.lost(now):
            self._lose(DISCONNECTED, f"the DMQ server was silent for {self._job.silence:g} s")
        elif self._asked and self._sendable and self._job.beats(now):
            self._publish(self.exchange, self._job.beat())

    def close(self) -> None:
        """The end that was wanted: nothing more is heard.

        A job that nobody has answered yet lingers a little, since its server may not be bound yet: a D that nobody
        gets would leave the job to the server's idle limit.
        """
        if self._asked and self._job.state is State.ASKED and not self._over:
            self._leaving = self._leaving or self._now() + LINGER
        else:
            self.end()

    def end(self) -> None:
        """The same at once."""
        if self._over:
            return
        drop = self._job.drop()
        if drop is not None and self._asked and self._sendable:
            self._publish(self.exchange, drop)
        self._finish()

    def _finish(self) -> None:
        self._over = True
        if self._channel is not None and self._sendable:
            self._channel.close()
        self._ended(self)

    def _lose(self, status: Status, reason: str) -> None:
        if not self._over:
            self._finish()
            if not self._leaving:
                self._listener.lost(status, reason)

    def _publish(self, exchange: str, envelope: Envelope) -> None:
        assert self._channel is not None
        properties = pika.BasicProperties(**envelope.properties())  # type: ignore[arg-type]  # each by its own type
        mandatory = envelope.key == BEAT or envelope.message_id is not None
        self._channel.basic_publish(exchange, envelope.key, envelope.body, properties, mandatory)

    def _returned(
        self, _: Channel, returned: pika.spec.Basic.Return, properties: pika.BasicProperties, body: bytes
    ) -> None:
        del body
        if self._over:
            return
        if returned.routing_key == INIT:
            self._lose(DISCONNECTED, f"no DMQ server is on the broker {self._link.broker}")
        elif returned.routing_key == BEAT:
            # before it is open the server may not have bound yet; one whose Q still comes has not forgotten the job
            if self._job.state is State.OPEN and self._now() - self._job.heard > self._job.rhythm:
                self._lose(DISCONNECTED, "the DMQ server has dropped this job")
        else:
            self._listener.returned(properties.message_id or "")

    def _delivered(
        self, _: Channel, deliver: pika.spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        if self._over:
            return
        event = self._job.receive(Envelope.of(deliver.routing_key or "", properties, body), self._now())
        if self._leaving and event is not None:
            self.end()
        elif event is not None:
            self._listener.heard(event)
        if self._job.state is State.OVER and not self._over:
            self._finish()
