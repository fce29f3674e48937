"""The DMQ service behind a real broker: one AMQP thread, a channel for each job (dmq.md 2.3, 2.4, 10)."""

import logging
import threading
from collections.abc import Callable

import pika
import pika.exceptions
from pika.channel import Channel

from gateway.core.errors import BadInput, ProtocolError
from gateway.core.ports import Clock
from gateway.core.status import Status
from gateway.runtime.amqp import AmqpLink, Broker
from gateway.runtime.backoff import Backoff
from gateway.wire.dmq_connection import ServerJob, error_envelope
from gateway.wire.dmq_envelope import BEAT, DROP, INIT, JOB, NOWHERE, SETTING_PREFIX, Envelope
from gateway.wire.dmq_states import DUPLICATE_JOB, INTERNAL_ERROR, INVALID_REQUEST, SECURITY_VIOLATION
from simulator.dmq_guard import Acceptor, Context, Guard
from simulator.dmq_job import BadInit, Client, Rules, Sent, SimulatedJob, burst_of, publish, requests_of
from simulator.facility import Facility
from simulator.faults import Fault, Faults
from simulator.sent_log import SentLog

NAME = "amqp"
TOPIC = "amq.topic"
_log = logging.getLogger(__name__)
_LONGEST_WAIT_S = 0.05  # until a commanded fault is seen
_BEGIN_S = 10.0  # for a broker to be there at the start
_MOST_UNSENT = 32 << 20  # bytes
_GARBAGE = b"\xde\xad\xbe\xef" * 4


class DmqServer:
    """Serves a facility to any number of clients of one broker, and comes back with the broker."""

    def __init__(
        self,
        facility: Facility,
        clock: Clock,
        broker: Broker,
        *,
        faults: Faults | None = None,
        sent_log: SentLog | None = None,
        acceptor: Acceptor | None = None,
        rules: Rules | None = None,
    ) -> None:
        self._facility, self._clock, self._rules = facility, clock, rules or Rules()
        self._faults, self._log = faults or Faults(NAME), sent_log
        self._sent: Sent = (lambda *_: None) if sent_log is None else sent_log.add
        self.broker, self.address = broker, (broker.host, broker.port)
        self._link = AmqpLink("acgate-simulator", broker, self, clock, backoff=Backoff(cap=5.0))
        self._guard = Guard(acceptor, self._link.post)
        self._clients: dict[str, Client] = {}  # by the client's exchange
        self._inits: list[Envelope] = []  # came while the server hung
        self._fault = Fault.NONE
        self._settled = threading.Event()  # it serves, or it cannot
        self._reason = self._lost = ""  # why it does not serve, at the start and later
        self._zero = (0, 0.0)

    @property
    def jobs(self) -> int:
        """How many are open."""
        return len(self._clients)

    @property
    def fault(self) -> Fault:
        """The fault that it plays now; a command is taken up within a twentieth of a second."""
        return self._fault

    def start(self) -> None:
        """Serve. BadInput, one sentence, when the broker cannot be reached; later it may come and go."""
        self._zero = (self._clock.now_ns(), self._clock.monotonic())
        self._guard.start()
        self._link.start()
        if not self._settled.wait(_BEGIN_S):
            self._reason = f"{self.broker}: the broker does not answer"
        if self._reason:
            self.stop()
            raise BadInput(f"{self._reason}; see that a RabbitMQ is there and takes this login")

    def stop(self, timeout: float = 2.0) -> bool:
        """End it; False when a worker did not end in time. Safe to call twice."""
        ended = self._link.stop(timeout)
        return self._guard.stop(timeout) and ended

    # on the thread of the link

    def link_up(self) -> None:
        """Take INITs from now on. One server, one queue of its own (dmq.md 2.3)."""

        def opened(channel: Channel) -> None:
            channel.queue_declare("", exclusive=True, auto_delete=True, callback=lambda found: bound(channel, found))

        def bound(channel: Channel, declared: "pika.frame.Method[pika.spec.Queue.DeclareOk]") -> None:
            queue = declared.method.queue
            channel.queue_bind(queue, TOPIC, INIT)
            channel.basic_consume(queue, self._delivered_init, auto_ack=True, callback=serves)

        def serves(_: object) -> None:
            self._reason = self._lost = ""
            self._settled.set()
            self._turn()

        self._link.channel(opened)

    def link_lost(self, reason: str) -> None:
        """All queues of this server are gone, and with them all jobs (dmq.md 5.9)."""
        self._clients.clear()
        self._inits.clear()
        if not self._settled.is_set():
            self._reason = reason
            self._settled.set()
        elif reason != self._lost:
            self._lost = reason
            _log.warning("the simulated DMQ server lost its broker: %s", reason)

    def _now_ns(self) -> int:
        """Unix time in ns that never steps back: the wall clock at the start, carried on by the other one."""
        wall_ns, monotonic = self._zero
        return wall_ns + int((self._clock.monotonic() - monotonic) * 1e9)

    def _delivered_init(
        self, _: Channel, deliver: pika.spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        init = Envelope.of(deliver.routing_key or "", properties, body)
        if self._fault is Fault.HANG:
            self._inits.append(init)
        else:
            self._asked(init)

    def _asked(self, init: Envelope) -> None:
        """An INIT: bind to the client's exchange first, for otherwise nobody can be told anything (4.3)."""
        exchange = init.reply_to
        if not exchange:
            _log.warning("an INIT without reply_to was dropped")
            return
        if (client := self._clients.get(exchange)) is not None:
            self._asked_again(client, init)
            return
        try:
            self._link.channel(lambda channel: self._bind(Client(init, channel, exchange)))
        except pika.exceptions.AMQPError as error:  # the broker allows so many channels and no more
            _log.warning("an INIT was dropped, no channel can be opened: %s", error)

    def _asked_again(self, client: Client, init: Envelope) -> None:
        if init.message_id != client.init.message_id:
            text = "there is a job on this exchange already"
            self._publish(client, error_envelope(DUPLICATE_JOB, text, self._now_ms(), init.message_id))
        elif client.job is not None:
            client.job.again(self._now_ns())

    def _bind(self, client: Client) -> None:
        self._clients[client.exchange] = client
        client.channel.add_on_close_callback(lambda *_: self._closed(client))

        def declared(found: "pika.frame.Method[pika.spec.Queue.DeclareOk]") -> None:
            client.queue = found.method.queue
            if not client.channel.is_open:  # answers still come to a channel that is closing
                return
            client.channel.queue_bind(client.queue, client.exchange, SETTING_PREFIX + "#")
            client.channel.queue_bind(client.queue, client.exchange, BEAT)
            client.channel.queue_bind(client.queue, client.exchange, DROP, callback=lambda _: bound())

        def bound() -> None:
            self._guard.admit(client.init, lambda context, reason: self._admitted(client, context, reason))

        client.channel.queue_declare("", exclusive=True, auto_delete=True, callback=declared)

    def _closed(self, client: Client) -> None:
        """Its channel is closed, by us or because the client's exchange vanished."""
        if self._clients.get(client.exchange) is client:
            del self._clients[client.exchange]

    def _admitted(self, client: Client, context: Context | None, reason: str) -> None:
        if not client.channel.is_open:
            return
        if reason:
            self._refuse(client, SECURITY_VIOLATION, f"Security violation: {reason}")
            return
        if self._fault is Fault.REFUSE:
            self._refuse(client, INTERNAL_ERROR, "The simulated service refuses new jobs")
            return
        try:
            state = ServerJob(client.init, self._clock.monotonic(), self._rules.timers)
            requests = requests_of(state)
        except (ProtocolError, BadInit) as error:
            nowhere = self._rules.refuse_nowhere and isinstance(error, BadInit)
            self._refuse(client, INVALID_REQUEST, str(error), NOWHERE if nowhere else JOB)
            return
        now = self._clock.monotonic()
        client.job = SimulatedJob(
            self._facility, state, requests, context, self._rules, lambda one: self._publish(client, one),
            self._sent, now, lambda *numbers: self._publish_numbers(client, *numbers),
        )  # fmt: skip
        client.burst = burst_of(client.job, requests, client.channel.channel_number, client.exchange)
        client.channel.basic_consume(
            client.queue, self._delivered(client), auto_ack=True, callback=lambda _: self._begin(client)
        )

    def _begin(self, client: Client) -> None:
        assert client.job is not None
        client.job.begin(self._now_ns(), self._clock.monotonic())

    def _refuse(self, client: Client, status: Status, message: str, key: str = JOB) -> None:
        said_of = client.init.message_id if key == JOB else None
        self._publish(client, error_envelope(status, message, self._now_ms(), said_of, key))
        self._end(client)

    def _end(self, client: Client) -> None:
        """A queue without consumer is not deleted with its channel (dmq.md 2.4), so it is deleted here."""
        if client.channel.is_open and self._link.up:
            client.channel.queue_delete(client.queue)
            client.channel.close()

    def _delivered(self, client: Client) -> Callable[..., None]:
        def delivered(
            _: Channel, deliver: pika.spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes
        ) -> None:
            envelope = Envelope.of(deliver.routing_key or "", properties, body)
            if self._fault is Fault.HANG:
                client.held.append(envelope)
            else:
                self._take(client, envelope)

        return delivered

    def _take(self, client: Client, envelope: Envelope) -> None:
        job = client.job
        if job is None or job.over:
            return
        drf = job.state.receive(envelope, self._clock.monotonic())
        if drf is not None:
            self._guard.check(job.context, envelope, lambda reason: self._set(client, drf, envelope, reason))
        else:
            self._tidy(client)

    def _tidy(self, client: Client) -> None:
        """End the channel of a job that is over."""
        if client.job is not None and client.job.over:
            self._end(client)

    def _set(self, client: Client, drf: str, envelope: Envelope, reason: str) -> None:
        if client.job is not None and not client.job.over and client.channel.is_open:
            client.job.setting(drf, envelope, reason, self._now_ns(), self._clock.monotonic())

    def _turn(self) -> None:
        """Do what is due, and come again; a new connection begins its own turns."""
        if not self._link.up:
            return
        self._obey()
        now_ns, now = self._now_ns(), self._clock.monotonic()
        wait = _LONGEST_WAIT_S
        if self._fault is not Fault.HANG:
            for client in list(self._clients.values()):
                if client.job is None:
                    continue
                client.job.tick(now_ns, now, self._fault is not Fault.NO_HEARTBEAT)
                self._tidy(client)
                wait = min(wait, client.job.next(now_ns, now))
        if self._log is not None:
            self._log.flush(now)
        ups = self._link.ups
        self._link.later(wait, lambda: self._turn() if self._link.ups == ups else None)

    def _obey(self) -> None:
        """Take up a fault that was commanded since the last turn."""
        fault, before = self._faults.of(NAME), self._fault
        if fault is before:
            return
        self._fault = fault
        if fault is Fault.RESET:
            for client in list(self._clients.values()):
                self._end(client)
        if before is Fault.HANG:
            inits, self._inits = self._inits, []
            for init in inits:
                self._asked(init)
            for client in list(self._clients.values()):
                held, client.held = client.held, []
                for envelope in held:
                    self._take(client, envelope)

    def _publish(self, client: Client, envelope: Envelope) -> None:
        if self._fault in (Fault.SILENT, Fault.HANG) or not (client.channel.is_open and self._link.up):
            return
        if self._fault is Fault.GARBAGE and envelope.body:
            envelope = Envelope(envelope.key, _GARBAGE, correlation_id=envelope.correlation_id)
        publish(client.channel, client.exchange, envelope)

    def _publish_numbers(self, client: Client, places: list[int], stamp_ms: int, values: list[float]) -> int | None:
        """All numbers of one tick in one piece: how many, none to a slow broker. None where that cannot be."""
        if self._fault not in (Fault.NONE, Fault.NO_HEARTBEAT) or not (client.channel.is_open and self._link.up):
            return None
        frames = client.frames(places, stamp_ms, values)
        return len(places) * self._link.write(frames, _MOST_UNSENT) if frames else None

    def _now_ms(self) -> int:
        return self._now_ns() // 1_000_000
