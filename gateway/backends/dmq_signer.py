"""Signer: what makes an INIT believable, beside the AMQP thread: a Kerberos server can take its time (dmq.md 4)."""

import queue
from collections.abc import Callable
from dataclasses import replace

from gateway.backends.kerberos_port import Credentials, Initiator, KerberosError
from gateway.runtime.worker import StopToken, SupervisedWorker
from gateway.wire.dmq_envelope import Envelope

_ROUNDING = 2_000_000_000  # ns: lives of tickets are told in whole seconds
SERVICE = "daeset/bd/dmq.fnal.gov@FNAL.GOV"  # a Kerberos principal name, not a host-based one (4.1)

Signed = Callable[["Envelope | None", "Initiator | None", str], None]  # None, and why, when it cannot be signed


class Signer:
    """A fresh context for each job; it signs the INIT here, and every S of the job where that is sent.

    Without credentials nothing is signed: only a simulator without keytab takes that.
    """

    def __init__(
        self, name: str, credentials: Credentials | None, service: str, post: Callable[[Callable[[], None]], None]
    ) -> None:
        self._credentials, self._service, self._post = credentials, service, post
        self._inits: queue.SimpleQueue[tuple[Envelope, Signed] | None] = queue.SimpleQueue()
        self._worker = SupervisedWorker(f"{name}-gss", self._run)

    def start(self) -> None:
        """Begin, where there is something to sign with."""
        if self._credentials is not None:
            self._worker.start()

    def stop(self, timeout: float) -> bool:
        """End it; False when it still waits for a ticket."""
        self._worker.signal_stop()
        self._inits.put(None)
        return self._worker.stop(timeout)

    def init(self, envelope: Envelope, done: Signed) -> None:
        """Add token and signature; `done` is called on the AMQP thread."""
        if self._credentials is None:
            done(envelope, None, "")
        else:
            self._inits.put((envelope, done))

    def outlived(self, context: Initiator) -> bool:
        """Whether there is a newer ticket than the one that a context was made with."""
        return self._credentials is not None and self._credentials.expires_ns > context.expires_ns + _ROUNDING

    def _run(self, stop: StopToken) -> None:
        while not stop.stopped():
            order = self._inits.get()
            if order is not None:
                self._sign(*order)

    def _sign(self, envelope: Envelope, done: Signed) -> None:
        assert self._credentials is not None
        try:
            context = self._credentials.context(self._service)
            token = context.step()
            signed = replace(envelope, token=token, signature=context.sign(envelope.signed()))
        except KerberosError as error:
            reason = str(error)
            self._post(lambda: done(None, None, reason))
        else:
            self._post(lambda: done(signed, context, ""))
