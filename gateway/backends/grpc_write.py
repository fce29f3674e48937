"""Settings over the shared channel: sent once, never repeated (dpm-grpc.md 6, 7)."""

import logging
from collections.abc import Mapping, Sequence

import grpc

from gateway.backends.dpm_link import LinkLost
from gateway.backends.dpm_lists import refusal, rounds
from gateway.backends.grpc_link import REFUSED, GrpcLink, set_call
from gateway.backends.jwt_tokens import Identity, NoToken
from gateway.core.errors import ProtocolError
from gateway.core.ports import Clock
from gateway.core.status import BAD_REQUEST, PRIV, REQTMO, RETRY, Status
from gateway.core.values import Outcome, Setting, SettingResult
from gateway.wire import daq

_log = logging.getLogger(__name__)
AT_ONCE = 100  # settings of one call (9)
_NOTHING_SENT = "nothing was sent"
_UNKNOWN = "outcome unknown, not repeated"

Results = dict[int, SettingResult]


def _all(settings: Mapping[int, Setting], status: Status, outcome: Outcome, message: str) -> Results:
    return {place: SettingResult(one, status, outcome, message) for place, one in settings.items()}


def _unsent(settings: Mapping[int, Setting], status: Status, message: str) -> Results:
    return {place: SettingResult(one, status, Outcome.REFUSED, message, sent=False) for place, one in settings.items()}


class GrpcWriter:
    """Writes the items of one call of the port, in as many calls of the server as their order demands."""

    def __init__(self, link: GrpcLink, identity: Identity, clock: Clock) -> None:
        self._link, self._identity, self._clock = link, identity, clock
        self.last_error = (0.0, "")  # when, on the monotonic clock, and what

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:
        """One result per setting, in order. Without a good token nothing is sent."""
        deadline = self._clock.monotonic() + timeout
        results: Results = {}
        for place, setting in enumerate(settings):
            if found := refusal(setting, unicode=True):
                results[place] = SettingResult(setting, found[0], Outcome.REFUSED, found[1], sent=False)
        here = [place for place in range(len(settings)) if place not in results]
        for group in rounds([settings[place] for place in here]):
            for begin in range(0, len(group), AT_ONCE):
                some = {here[place]: settings[here[place]] for place in group[begin : begin + AT_ONCE]}
                results |= self._round(some, deadline)
        return [results[place] for place in range(len(settings))]

    def _round(self, settings: Mapping[int, Setting], deadline: float) -> Results:
        try:
            metadata = self._identity.for_writing()
            data = daq.encode_set([(one.request.sent(), one.value) for one in settings.values()])
            channel = self._link.channel(deadline)
        except NoToken as error:
            return _unsent(settings, PRIV, f"{error}; {_NOTHING_SENT}")
        except ProtocolError as error:
            return _unsent(settings, BAD_REQUEST, f"{error}, {_NOTHING_SENT}")
        except LinkLost as error:
            return _unsent(settings, RETRY, f"{self._note(str(error))}, {_NOTHING_SENT}")
        left = deadline - self._clock.monotonic()
        if left <= 0:
            return _unsent(settings, REQTMO, f"no time was left, {_NOTHING_SENT}")
        try:
            answer = set_call(channel, data, metadata, left)
        except ValueError:  # the channel was closed a moment ago
            return _unsent(settings, RETRY, f"the connection was closed, {_NOTHING_SENT}")
        except grpc.RpcError as error:
            return self._failed(settings, error, channel)
        self._link.answered()
        return self._answered(settings, answer)

    def _failed(self, settings: Mapping[int, Setting], error: grpc.RpcError, channel: grpc.Channel) -> Results:
        failure = self._link.failure(error)
        text = self._note(failure.text)
        if failure.code is grpc.StatusCode.UNAVAILABLE:
            self._link.lost(channel)
        if failure.code in REFUSED:
            return _all(settings, RETRY, Outcome.REFUSED, f"{text}, nothing was written")
        if not failure.reached:
            return _unsent(settings, RETRY, f"{text}, {_NOTHING_SENT}")
        late = failure.code is grpc.StatusCode.DEADLINE_EXCEEDED
        return _all(settings, REQTMO if late else RETRY, Outcome.UNKNOWN, f"{text}, {_UNKNOWN}")

    def _answered(self, settings: Mapping[int, Setting], answer: bytes) -> Results:
        try:
            statuses = daq.decode_set_reply(answer)
        except ProtocolError as error:
            return _all(settings, RETRY, Outcome.UNKNOWN, f"{self._note(str(error))}, {_UNKNOWN}")
        if len(statuses) < len(settings):  # positions may have shifted (6.4)
            text = f"the server answers {len(statuses)} of {len(settings)} settings, {_UNKNOWN}"
            return _all(settings, RETRY, Outcome.UNKNOWN, self._note(text))
        if len(statuses) > len(settings):
            _log.warning("%s: %d statuses for %d settings", self._link.address, len(statuses), len(settings))
        results: Results = {}
        for (place, setting), (status, text) in zip(settings.items(), statuses, strict=False):
            outcome = Outcome.REFUSED if status.failed else Outcome.ACCEPTED
            if status == PRIV and not text:
                text = "the server does not let this token set it: it is unknown there, or lacks the role"
            results[place] = SettingResult(setting, status, outcome, text)
        return results

    def _note(self, text: str) -> str:
        self.last_error = (self._clock.monotonic(), text)
        return text
