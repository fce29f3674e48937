"""Who may open jobs and set devices: tokens and signatures, checked beside the AMQP thread (dmq.md 4.3, 4.4)."""

import queue
from collections.abc import Callable
from typing import Protocol

from gateway.core.errors import AcgateError
from gateway.runtime.worker import StopToken, SupervisedWorker
from gateway.wire.dmq_envelope import Envelope

NO_HOST = "host-address is missing or is no IPv4 address"


class Context(Protocol):
    """The accepting end of one client's GSS context."""

    @property
    def complete(self) -> bool:
        """Whether the client is known."""
        ...

    @property
    def user(self) -> str:
        """The client's principal."""
        ...

    @property
    def lifetime(self) -> float:
        """Seconds that the client's ticket is still good."""
        ...

    def step(self, token: bytes) -> bytes | None:
        """Take the client's token; raises an AcgateError that says why not."""
        ...

    def verify(self, data: bytes, mic: bytes) -> None:
        """Check a signature; raises an AcgateError that says why not."""
        ...


class Acceptor(Protocol):
    """What makes such contexts from a keytab."""

    def accept(self) -> Context:
        """The end of a new context."""
        ...


Admitted = Callable[["Context | None", str], None]  # the context, and why not; an empty text is yes
Checked = Callable[[str], None]  # why not; an empty text is yes


class Guard:
    """Checks in the order of the calls, whoever they are for: so the answers of each job keep theirs.

    Without an acceptor everybody may do everything; a guard that has one never takes what is not signed.
    """

    def __init__(self, acceptor: Acceptor | None, post: Callable[[Callable[[], None]], None]) -> None:
        self._acceptor, self._post = acceptor, post
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._worker = SupervisedWorker("simulator-dmq-gss", self._run)

    def start(self) -> None:
        """Begin to check, where there is something to check."""
        if self._acceptor is not None:
            self._worker.start()

    def stop(self, timeout: float) -> bool:
        """End it; False when a check still runs."""
        self._worker.signal_stop()
        self._work.put(None)
        return self._worker.stop(timeout)

    def admit(self, init: Envelope, done: Admitted) -> None:
        """Look at the token and the signature of an INIT; `done` is called on the AMQP thread."""
        acceptor = self._acceptor
        if acceptor is None:
            done(None, "")
            return

        def look() -> None:
            context, reason = _admit(acceptor, init)
            self._post(lambda: done(context, reason))

        self._work.put(look)

    def check(self, context: Context | None, envelope: Envelope, done: Checked) -> None:
        """Look at the signature of an S, which must be in the job's own context."""
        if context is None:
            done("")
            return

        def look() -> None:
            reason = _verified(context, envelope)
            self._post(lambda: done(reason))

        self._work.put(look)

    def _run(self, stop: StopToken) -> None:
        while not stop.stopped():
            look = self._work.get()
            if look is not None:
                look()


def _admit(acceptor: Acceptor, init: Envelope) -> tuple[Context | None, str]:
    if not init.token:  # before GSS sees it: MIT takes an empty token without error (4.3)
        return None, "gss-token is missing or empty"
    context = acceptor.accept()
    try:
        context.step(init.token)
    except AcgateError as error:
        return None, str(error)
    if not context.complete:
        return None, "the token is not enough"
    reason = _verified(context, init)
    return (None, reason) if reason else (context, "")


def _verified(context: Context, envelope: Envelope) -> str:
    """Why the signature of a message is not accepted; an empty text when it is."""
    if envelope.host_address is None or len(envelope.host_address) != 4:
        return NO_HOST
    try:
        context.verify(envelope.signed(), envelope.signature or b"")
    except AcgateError as error:
        return str(error)
    return ""
