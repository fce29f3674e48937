"""One-shot reads over the shared channel (dpm-grpc.md 5.2, 9)."""

import logging
import threading
from collections.abc import Sequence

import grpc

from gateway.backends.dpm_link import LinkLost
from gateway.backends.grpc_answers import Answers, is_history
from gateway.backends.grpc_link import LOST, GrpcLink, Metadata, read_call
from gateway.backends.grpc_values import Labels
from gateway.backends.jwt_tokens import Identity
from gateway.core.drf import DataRequest
from gateway.core.drf_events import IMMEDIATE
from gateway.core.errors import ProtocolError
from gateway.core.ports import Clock
from gateway.core.status import BAD_REQUEST, REQTMO, RETRY, Status
from gateway.core.values import Reading
from gateway.wire import daq
from gateway.wire.daq_replies import decode_replies

_log = logging.getLogger(__name__)
AT_ONCE = 500  # requests of one call (9)


class GrpcReader:
    """Reads items of one call of the port, in as few calls of the server as are allowed."""

    def __init__(self, link: GrpcLink, identity: Identity, labels: Labels, clock: Clock, calls: int) -> None:
        self._link, self._identity, self._labels, self._clock = link, identity, labels, clock
        self._free = threading.BoundedSemaphore(calls)  # calls that may run at once
        self._told = False  # of replies for nobody
        self.last_error = (0.0, "")  # when, on the monotonic clock, and what

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:
        """One Reading per request, in order; equal requests are asked once."""
        deadline = self._clock.monotonic() + timeout
        asked: dict[str, DataRequest] = {}
        keys = []
        for request in requests:
            one = request if is_history(request) else request.with_event(IMMEDIATE)
            keys.append(one.key())
            if not daq.is_directive(one.device):
                asked.setdefault(one.key(), one)
        found: dict[str, Reading] = {}
        for group in _groups(asked):
            found |= self._read(group, deadline)
        return [self._answer(request, found.get(key)) for request, key in zip(requests, keys, strict=True)]

    def _answer(self, request: DataRequest, found: Reading | None) -> Reading:
        if found is None:
            text = f"{request}: the server would take it for a list directive; write a device"
            return Reading(request, None, self._clock.now_ns(), BAD_REQUEST, text)
        return Reading(request, found.value, found.stamp_ns, found.status, found.message)

    def _read(self, requests: dict[str, DataRequest], deadline: float) -> dict[str, Reading]:
        """A Reading for each; a call that failed before its first answer is repeated once, if that may help."""
        for last in (False, True):
            answers = Answers(list(requests.values()), self._labels)
            status, message, again = self._ask(answers, requests, deadline)
            if last or not again or len(answers.missing) < len(requests):
                break
        now_ns = self._clock.now_ns()
        return {
            key: answers.of(index) or Reading(one, None, now_ns, status, message)
            for index, (key, one) in enumerate(requests.items())
        }

    def _ask(self, answers: Answers, requests: dict[str, DataRequest], deadline: float) -> tuple[Status, str, bool]:
        """Fill the answers; status and text for those that stay without, and whether to ask again may help."""
        left = deadline - self._clock.monotonic()
        if not self._free.acquire(timeout=max(0.0, left)):
            return REQTMO, "too many reads are under way", False
        try:
            return self._call(answers, requests, deadline)
        except LinkLost as error:
            return self._note(RETRY, str(error)), str(error), False
        finally:
            self._free.release()

    def _call(self, answers: Answers, requests: dict[str, DataRequest], deadline: float) -> tuple[Status, str, bool]:
        channel = self._link.channel(deadline)
        metadata = self._identity.for_reading()
        data = daq.encode_read(one.sent() for one in requests.values())
        timeout = max(0.001, deadline - self._clock.monotonic())
        try:
            call = read_call(channel, data, metadata, timeout)
        except ValueError as error:
            return self._failed(error, channel, metadata)
        try:
            for message in call:
                answers.take(decode_replies([message]), self._clock.now_ns())
                if answers.complete:
                    break
        except ProtocolError as error:
            return self._note(RETRY, f"{self._link.address}: {error}"), f"{self._link.address}: {error}", False
        except grpc.RpcError as error:
            return self._failed(error, channel, metadata)
        finally:
            call.cancel()
        self._link.answered()
        if answers.strangers and not self._told:
            self._told = True
            _log.warning("%s: the server answers what was not asked; it is dropped", self._link.address)
        return RETRY, "incomplete response: the server has closed the call", False

    def _failed(
        self, error: grpc.RpcError | ValueError, channel: grpc.Channel, metadata: Metadata
    ) -> tuple[Status, str, bool]:
        if isinstance(error, ValueError):
            return self._note(RETRY, "the connection was closed"), "the connection was closed", True
        failure = self._link.failure(error)
        if failure.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return REQTMO, "no answer in time", False
        if failure.code in LOST:
            self._link.lost(channel)
        refused = failure.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
        if refused and metadata:
            self._identity.refused(metadata)  # once more, as nobody: reading needs no token
        again = (failure.code in LOST and failure.reached) or (refused and bool(metadata))
        return self._note(RETRY, failure.text), failure.text, again

    def _note(self, status: Status, text: str) -> Status:
        self.last_error = (self._clock.monotonic(), text)
        return status


def _groups(requests: dict[str, DataRequest]) -> list[dict[str, DataRequest]]:
    """As many at once as one call bears; history, which is slow, apart (9)."""
    live = [key for key, one in requests.items() if not is_history(one)]
    history = [key for key, one in requests.items() if is_history(one)]
    parts = [some[place : place + AT_ONCE] for some in (live, history) for place in range(0, len(some), AT_ONCE)]
    return [{key: requests[key] for key in part} for part in parts]
