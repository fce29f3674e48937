"""RouteBackend: one-shot reads that ask the next, settings that are sent at most once, and who serves."""

from collections.abc import Sequence

import pytest

from gateway.backends.route import RouteBackend
from gateway.backends.route_stream import Failover, RouteSubscription
from gateway.core.batch import batch_of
from gateway.core.drf import DataRequest
from gateway.core.ports import Capabilities, LinkState
from gateway.core.route import Route
from gateway.core.status import DISCONNECTED, NOPROP, OK, PRIV, REQTMO, Status
from gateway.core.values import Outcome, Reading, Setting, SettingResult
from tests.support.clock import ManualClock
from tests.support.scripted_backend import ScriptedBackend

X, Y = DataRequest.parse("M:X@i"), DataRequest.parse("M:Y@i")
SETTINGS = [Setting(DataRequest.parse("M:X").for_writing(), 1.0), Setting(DataRequest.parse("M:Y").for_writing(), 2.0)]


class Timed(ScriptedBackend):
    """A backend that remembers how much time it was given, and takes some."""

    def __init__(self, name: str, clock: ManualClock) -> None:
        super().__init__(name)
        self.clock, self.given, self.takes = clock, list[float](), 0.0

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:
        self.given.append(timeout)
        self.clock.advance(self.takes)
        return super().read(requests, timeout)


class Road:
    """A route over two backends."""

    def __init__(self, read: str = "ab", write: str = "ab") -> None:
        self.clock = ManualClock()
        self.a, self.b = Timed("a", self.clock), Timed("b", self.clock)
        self.route = RouteBackend(
            Route(tuple(read), tuple(write)), {"a": self.a, "b": self.b}, self.clock, Failover(hold=30)
        )


def lost(backend: ScriptedBackend, status: Status = DISCONNECTED, only: str = "") -> None:
    """Let reads of the backend fail, or those of one device."""

    def answer(request: DataRequest) -> Reading:
        failed = not only or request.device == only
        return Reading(request, None, 1, status) if failed else Reading(request, 1.0, 1, OK)

    backend.on_read = answer


def good(backend: ScriptedBackend) -> None:
    backend.on_read = lambda request: Reading(request, 2.0, 1, OK)


def test_a_read_asks_the_next_backend_for_what_the_first_left_unanswered() -> None:
    road = Road()
    lost(road.a, REQTMO, only="M:Y")
    good(road.b)

    readings = road.route.read([X, Y], 4.0)

    assert [(reading.request, reading.value) for reading in readings] == [(X, 1.0), (Y, 2.0)]
    assert road.b.reads == [Y]
    assert (road.a.given, road.b.given) == ([2.0], [4.0])


def test_an_answer_about_a_device_is_final() -> None:
    road = Road()
    lost(road.a, NOPROP)

    assert [reading.status for reading in road.route.read([X], 4.0)] == [NOPROP]
    assert road.b.reads == []


def test_when_all_are_lost_the_last_says_why_and_the_time_is_kept() -> None:
    road = Road()
    lost(road.a)
    lost(road.b)
    assert [reading.status for reading in road.route.read([X], 4.0)] == [DISCONNECTED]
    road.clock.advance(60)
    road.a.takes = 5.0
    assert [reading.status for reading in road.route.read([X], 4.0)] == [DISCONNECTED]
    assert len(road.b.reads) == 1  # no time was left for it


def test_a_backend_that_was_found_lost_is_asked_last_until_the_hold_time_is_over() -> None:
    road = Road()
    lost(road.a)
    good(road.b)
    road.route.read([X], 4.0)
    good(road.a)
    road.clock.advance(29)
    road.route.read([X], 4.0)
    assert len(road.a.reads) == 1
    road.clock.advance(1)
    road.route.read([X], 4.0)
    assert (len(road.a.reads), len(road.b.reads)) == (2, 2)


def refusing(backend: ScriptedBackend, status: Status, outcome: Outcome, sent: bool, only: str = "") -> None:
    def answer(setting: Setting) -> SettingResult:
        if only and setting.request.device != only:
            return SettingResult(setting, OK, Outcome.ACCEPTED)
        return SettingResult(setting, status, outcome, "scripted", sent)

    backend.on_write = answer


def test_a_setting_that_never_left_goes_to_the_next_backend() -> None:
    road = Road()
    refusing(road.a, DISCONNECTED, Outcome.REFUSED, sent=False)

    results = road.route.write(SETTINGS, 5.0)

    assert [(result.setting, result.outcome) for result in results] == [(one, Outcome.ACCEPTED) for one in SETTINGS]
    assert (road.a.writes, road.b.writes) == (SETTINGS, SETTINGS)


@pytest.mark.parametrize(
    ("status", "outcome", "sent"),
    [
        (DISCONNECTED, Outcome.UNKNOWN, True),
        (REQTMO, Outcome.UNKNOWN, True),
        (DISCONNECTED, Outcome.REFUSED, True),
        (PRIV, Outcome.REFUSED, True),
    ],
)
def test_what_was_sent_or_was_refused_is_never_sent_again(status: Status, outcome: Outcome, sent: bool) -> None:
    road = Road()
    refusing(road.a, status, outcome, sent)

    assert [(result.outcome, result.status) for result in road.route.write(SETTINGS, 5.0)] == [(outcome, status)] * 2
    assert road.b.writes == []


def test_when_a_part_of_a_call_was_sent_nothing_of_it_goes_elsewhere() -> None:
    road = Road()
    refusing(road.a, DISCONNECTED, Outcome.REFUSED, sent=False, only="M:Y")

    results = road.route.write(SETTINGS, 5.0)

    assert [result.outcome for result in results] == [Outcome.ACCEPTED, Outcome.REFUSED]
    assert road.b.writes == []


def test_reading_here_and_writing_there() -> None:
    road = Road("a", "b")
    road.a.held["M:X"] = 3.0

    assert [reading.value for reading in road.route.read([X], 1.0)] == [3.0]
    assert [result.outcome for result in road.route.write(SETTINGS, 1.0)] == [Outcome.ACCEPTED] * 2
    assert (road.a.writes, road.b.writes, road.b.reads) == ([], SETTINGS, [])
    assert road.route.watch([X]) is road.a.subscriptions[0]
    assert (road.route.name, road.route.served(), road.route.serving(X)) == ("a", {"a": 0}, "a")
    assert road.route.capabilities == Capabilities(read=True, write=True, watch=True)
    road.route.close()


def test_it_says_who_serves_each_request_and_how_many() -> None:
    road = Road(write="")
    assert (road.route.serving(X), road.route.served()) == ("a", {"a": 0, "b": 0})
    stream = road.route.watch([X, Y])
    assert isinstance(stream, RouteSubscription)
    road.a.subscription().give(batch_of([(1, Reading(Y, None, 1, DISCONNECTED))]))
    stream.get(0)
    road.b.subscription().value(1, 5.0)
    stream.get(0)

    assert (road.route.serving(X), road.route.serving(Y)) == ("a", "b")
    assert road.route.served() == {"a": 1, "b": 1}
    assert road.route.serving(DataRequest.parse("M:Z")) == "a"
    assert (road.route.name, road.route.capabilities.write) == ("a+b", False)
    road.route.close()
    assert road.a.subscription().closed
    assert road.b.subscription().closed


def test_its_health_is_that_of_the_best_of_them() -> None:
    road = Road()
    assert road.route.health().state is LinkState.DISCONNECTED
    stream = road.route.watch([X, Y])
    assert (road.route.health().state, road.route.health().connections, road.route.health().requests) == (
        LinkState.UP, 1, 2,
    )  # fmt: skip
    stream.close()
