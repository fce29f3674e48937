import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from gateway.backends.polling import Polling
from gateway.core.drf import DataRequest
from gateway.core.errors import Closed
from gateway.core.ports import Subscription
from gateway.core.status import BAD_EVENT, BAD_REQUEST, DISCONNECTED, OK, Status
from gateway.core.values import Reading
from gateway.runtime.backoff import Backoff
from gateway.runtime.clock import SystemClock
from tests.support.leaks import check_leaks


class Service:
    """Answers reads with the number of the call, or with a status."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.status: Status = OK
        self.called = threading.Event()

    def read(self, requests: Sequence[DataRequest]) -> list[Reading]:
        self.calls.append([str(request) for request in requests])
        self.called.set()
        value = float(len(self.calls)) if self.status == OK else None
        return [Reading(request, value, time.time_ns(), self.status) for request in requests]


def refusal(request: DataRequest) -> str | None:
    return "nobody knows it" if request.device == "Z:REFUSE" else None


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def polling(service: Service) -> Iterator[Polling]:
    with check_leaks():
        made = Polling("under-test", service.read, refusal, SystemClock(), 0.05, Backoff(first=0.1, cap=0.1))
        yield made
        assert made.close(2.0)
        assert made.close(2.0)


def parse(*texts: str) -> list[DataRequest]:
    return [DataRequest.parse(text) for text in texts]


def take(stream: Subscription, seconds: float) -> list[tuple[int, float | None, Status]]:
    found = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        batch = stream.get(left)
        found += [(int(slot), float(value), OK) for slot, value in zip(batch.slot, batch.value, strict=True)]
        found += [(other.slot, None, other.reading.status) for other in batch.others]
    return found


def test_requests_of_one_period_are_read_together(polling: Polling, service: Service) -> None:
    stream = polling.watch(parse("M:OUTTMP@p,100", "G:AMANDA@P,100,TRUE", "N:H801@p,200"))
    found = take(stream, 1.05)
    assert service.calls[0] == ["M:OUTTMP.READING@p,100", "G:AMANDA.READING@P,100,TRUE", "N:H801.READING@p,200"]
    counts = [sum(slot == wanted for slot, _, _ in found) for wanted in range(3)]
    assert 9 <= counts[0] <= 12
    assert counts[0] == counts[1]
    assert 4 <= counts[2] <= 7
    assert all(len(call) in (1, 2, 3) for call in service.calls)
    assert polling.requests == 3


def test_equal_requests_are_read_once_for_all_who_watch(polling: Polling, service: Service) -> None:
    first = polling.watch(parse("M:OUTTMP@p,100", "m:outtmp@P,100"))
    second = polling.watch(parse("M:OUTTMP.READING@p,100"))
    assert {slot for slot, _, _ in take(first, 0.35)} == {0, 1}
    assert take(second, 0.1)
    assert all(len(call) == 1 for call in service.calls)
    assert polling.requests == 1


def test_who_joins_is_told_at_once(polling: Polling) -> None:
    polling.watch(parse("M:OUTTMP@p,60000"))
    assert take(polling.watch(parse("M:OUTTMP@p,60000")), 0.3)


def test_a_period_that_shall_not_begin_at_once_does_not(polling: Polling, service: Service) -> None:
    stream = polling.watch(parse("M:OUTTMP@p,3600000,false"))
    assert take(stream, 0.2) == []
    assert service.calls == []


@pytest.mark.parametrize(
    ("text", "status"), [("M:OUTTMP@e,02", BAD_EVENT), ("M:OUTTMP@p,20", BAD_EVENT), ("Z:REFUSE@p,100", BAD_REQUEST)]
)
def test_what_cannot_be_polled_is_refused_and_spoils_none(polling: Polling, text: str, status: Status) -> None:
    found = take(polling.watch(parse(text, "M:OUTTMP@p,100")), 0.35)
    assert [one for one in found if one[0] == 0] == [(0, None, status)]
    assert len([one for one in found if one[0] == 1]) >= 2


def test_one_answer_and_none_at_all(polling: Polling, service: Service) -> None:
    stream = polling.watch(parse("M:OUTTMP@i", "G:AMANDA@n"))
    assert take(stream, 0.3) == [(0, 1.0, OK)]
    assert (len(service.calls), polling.requests) == (1, 0)


def test_one_answer_that_does_not_come_is_asked_for_again(polling: Polling, service: Service) -> None:
    service.status = DISCONNECTED
    stream = polling.watch(parse("M:OUTTMP@i"))
    assert take(stream, 0.2) == [(0, None, DISCONNECTED)]
    service.status = OK
    assert [value for _, value, _ in take(stream, 1.5)] == [2.0]


def test_an_answer_without_a_value_is_an_answer(polling: Polling, service: Service) -> None:
    service.status = Status(16, -20)
    assert take(polling.watch(parse("M:OUTTMP@i")), 0.3) == [(0, None, Status(16, -20))]
    assert len(service.calls) == 1


def test_while_the_service_is_away_it_is_asked_at_the_delays_of_the_backoff(polling: Polling, service: Service) -> None:
    service.status = DISCONNECTED
    stream = polling.watch(parse("M:OUTTMP@p,50"))
    found = take(stream, 1.0)
    assert 4 <= len(service.calls) <= 11
    assert all(status == DISCONNECTED for _, _, status in found)
    service.status = OK
    assert [value for _, value, _ in take(stream, 0.4)][-1] is not None


def test_nothing_is_read_when_nobody_watches_any_more(polling: Polling, service: Service) -> None:
    stream = polling.watch(parse("M:OUTTMP@p,50"))
    assert service.called.wait(2.0)
    stream.close()
    stream.close()
    assert polling.requests == 0
    time.sleep(0.1)
    count = len(service.calls)
    time.sleep(0.2)
    assert len(service.calls) == count


def test_closing_frees_whoever_waits(polling: Polling) -> None:
    stream = polling.watch(parse("M:OUTTMP@n"))
    polling.close(2.0)
    with pytest.raises(Closed):
        stream.get(5.0)
    with pytest.raises(Closed):
        polling.watch(parse("M:OUTTMP@n"))


def test_a_poll_that_dies_begins_anew(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    failures = [RuntimeError("a bug")]

    def read(requests: Sequence[DataRequest]) -> list[Reading]:
        if failures:
            raise failures.pop()
        return service.read(requests)

    with check_leaks():
        polling = Polling("under-test", read, refusal, SystemClock(), 0.05)
        assert take(polling.watch(parse("M:OUTTMP@p,50")), 2.0)
        assert "the worker under-test-poll died" in caplog.text
        assert polling.close(2.0)


def test_who_begins_shortly_before_a_time_of_the_grid_is_not_read_twice_in_a_row(
    polling: Polling, service: Service
) -> None:
    clock = SystemClock()
    time.sleep((0.45 - clock.monotonic() % 0.5) % 0.5)  # so that the next time of the grid comes in a moment
    stream = polling.watch(parse("M:OUTTMP@p,500"))
    begin = clock.monotonic()
    while len(service.calls) < 2 and clock.monotonic() < begin + 3.0:
        stream.get(0.05)
    assert clock.monotonic() - begin > 0.3
