"""One-shot reads through a pooled link (dpm-http.md 14.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.backends.dpm_exchange import Exchange
from gateway.backends.dpm_link import DpmLink, LinkLost
from gateway.backends.dpm_pool import LinkPool
from gateway.backends.dpm_readings import DataReply, reading_of
from gateway.core.drf import DataRequest
from gateway.core.drf_events import IMMEDIATE
from gateway.core.ports import Clock
from gateway.core.status import BAD_REQUEST, DISCONNECTED, REQTMO, Status
from gateway.core.values import Reading
from gateway.wire import dpm


def refusal(request: DataRequest) -> str | None:
    """Why a request is not sent at all; None when it is. A logger request needs a connection of its own (6.2)."""
    if request.source is not None and request.source.upper() not in ("LIVEDATA", "FTP"):
        return f"{request}: this version reads live data only; leave out what follows from '<-' on"
    return None


@dataclass(slots=True)
class Answers:
    """What came in answer to requests, by their keys; `status` and `message` are for those without an answer."""

    replies: dict[str, DataReply] = field(default_factory=dict)
    infos: dict[str, dpm.DeviceInfoReply] = field(default_factory=dict)
    status: Status = REQTMO
    message: str = "no answer in time"

    def missing(self, texts: Mapping[str, str]) -> dict[str, str]:
        """The requests without an answer; that of `@N` is the DeviceInfo alone (8.3)."""
        return {
            key: text
            for key, text in texts.items()
            if key not in self.replies and not (text.endswith("@N") and key in self.infos)
        }


class Reader:
    """Reads items of one call in one list; a link that dies under it is replaced once."""

    def __init__(self, pool: LinkPool, clock: Clock) -> None:
        self._pool, self._clock = pool, clock
        self.last_error = (0.0, "")  # when, on the monotonic clock, and what

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:
        """One Reading per request, in order; equal requests are asked once."""
        deadline = self._clock.monotonic() + timeout
        keys = [request.with_event(IMMEDIATE).key() for request in requests]
        texts: dict[str, str] = {}
        for key, request in zip(keys, requests, strict=True):
            if refusal(request) is None:
                texts.setdefault(key, request.with_event(IMMEDIATE).sent())
        answers = self.ask(texts, deadline)
        readings = []
        for key, request in zip(keys, requests, strict=True):
            if reason := refusal(request):
                readings.append(Reading(request, None, self._clock.now_ns(), BAD_REQUEST, reason))
            elif key in answers.replies:
                readings.append(reading_of(request, answers.replies[key]))
            else:
                readings.append(Reading(request, None, self._clock.now_ns(), answers.status, answers.message))
        return readings

    def ask(self, texts: Mapping[str, str], deadline: float) -> Answers:
        """The first reply to each text, by its key, as far as they come by the deadline."""
        answers = Answers()
        for fresh in (False, True):
            left = answers.missing(texts)
            if not left:
                break
            try:
                link = self._pool.borrow(deadline, fresh)
            except LinkLost as error:
                self._note(answers, error)
                break
            if self._once(link, left, answers, deadline):
                break
        return answers

    def _once(self, link: DpmLink, texts: Mapping[str, str], answers: Answers, deadline: float) -> bool:
        """Ask on one link and put what came into `answers`; False when the link died under it."""
        exchange = Exchange(link, self._clock)
        usable = lost = False
        try:
            refs = exchange.ask(list(texts.values()), deadline)
            awaited = set(refs)
            infos_do = {ref for ref, text in zip(refs, texts.values(), strict=True) if text.endswith("@N")}
            complete = exchange.collect(lambda: exchange.covers(awaited, infos_do), deadline)
            usable = complete and exchange.finish(deadline)
            if exchange.list_error is not None:
                answers.status, answers.message = exchange.list_error, "the server did not start the list"
        except LinkLost as error:
            self._note(answers, error)
            lost = True
        finally:
            self._pool.settle(link, usable)
        for key, ref in zip(texts, exchange.refs, strict=False):
            if ref in exchange.replies:
                answers.replies[key] = exchange.replies[ref]
            if ref in exchange.infos:
                answers.infos[key] = exchange.infos[ref]
        return not lost

    def _note(self, answers: Answers, error: LinkLost) -> None:
        answers.status, answers.message = DISCONNECTED, str(error)
        self.last_error = (self._clock.monotonic(), str(error))
