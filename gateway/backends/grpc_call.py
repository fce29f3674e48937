"""ReadCall: one running call of Read, whose replies a reader does nothing with but keep (dpm-grpc.md 5.7)."""

import threading
from collections import deque
from contextlib import suppress

import grpc

from gateway.backends.grpc_link import LOST, Failure, GrpcLink, Metadata, read_call
from gateway.runtime.worker import StopToken, Worker

BOUND = 200_000  # replies that may wait; the oldest give way
_NO_SIGN = (*LOST, grpc.StatusCode.DEADLINE_EXCEEDED)


class Bell:
    """What frees a worker that waits, from any thread; it stays rung until somebody has waited."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """Free the waiter."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it rings, `seconds` at most; whether it rang."""
        rang = self._event.wait(seconds)
        self._event.clear()
        return rang


class ReadCall:
    """A call that was begun. `bell` rings when replies came after there were none, and when it ended."""

    def __init__(
        self, link: GrpcLink, channel: grpc.Channel, request: bytes, metadata: Metadata, bell: Bell, name: str
    ) -> None:
        self.channel, self.metadata = channel, metadata
        self._link, self._bell = link, bell
        self._replies: deque[bytes] = deque(maxlen=BOUND)
        self.dropped = 0  # replies that nobody took in time
        self.ended = False  # nothing more comes; replies may still wait
        self.failure: Failure | None = None  # None when the server closed it as it should
        self._call = read_call(channel, request, metadata)
        self._worker = Worker(name, self._pump, lambda _: self._end(None))
        self._worker.start()

    def _pump(self, token: StopToken) -> None:
        failure = None
        try:
            for reply in self._call:
                self.dropped += len(self._replies) == BOUND
                self._replies.append(reply)
                if len(self._replies) <= 1:  # looked at afterwards: who takes them meanwhile need not be told
                    self._bell.ring()
        except grpc.RpcError as error:
            if not token.stopped():
                failure = self._link.failure(error)
        self._end(failure)

    def _end(self, failure: Failure | None) -> None:
        self.failure = failure
        self.ended = True  # after the failure: whoever sees the one sees the other
        self._bell.ring()

    @property
    def alive(self) -> bool:
        """Whether the server has shown that it lives, by whatever answer."""
        if self._replies:
            return True
        return self.ended and (self.failure is None or self.failure.code not in _NO_SIGN)

    def take(self) -> list[bytes]:
        """The replies that wait, oldest first."""
        taken: list[bytes] = []
        with suppress(IndexError):
            for _ in range(len(self._replies)):
                taken.append(self._replies.popleft())
        return taken

    def close(self, timeout: float = 1.0) -> bool:
        """Cancel it, so that the server is free of it; False when its reader does not end in time."""
        self._worker.signal_stop()
        self._call.cancel()
        return self._worker.stop(timeout)
