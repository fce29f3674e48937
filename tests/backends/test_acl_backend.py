import threading
import time
from collections.abc import Callable, Iterator

import pytest

from gateway.backends.acl_backend import READ_ONLY, AclBackend
from gateway.backends.acl_batches import MOST
from gateway.backends.acl_http import HttpSession
from gateway.core.blocks import BasicStatus
from gateway.core.drf import DataRequest
from gateway.core.errors import BadRequest, Closed
from gateway.core.ports import LinkState, Subscription
from gateway.core.status import BAD_REQUEST, DISCONNECTED, REQTMO, RETRY, Status
from gateway.core.values import Outcome, Setting
from gateway.runtime.backoff import Backoff
from gateway.runtime.clock import SystemClock
from gateway.runtime.worker import StopToken, Worker
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.support.leaks import check_leaks

CLOCK = SystemClock()
NOREC = Status(16, -20)
Make = Callable[..., AclBackend]


@pytest.fixture
def services() -> Iterator[Services]:
    with check_leaks():
        facility = shipped_facility()
        facility.synthetic(400, 10.0)
        made = Services(facility, CLOCK, {"acl": 0})
        made.start()
        yield made
        assert made.stop()


@pytest.fixture
def make(services: Services) -> Iterator[Make]:
    made: list[AclBackend] = []

    def one(patience: float = 2.0, retry: Backoff | None = None, floor_s: float = 0.1) -> AclBackend:
        def session() -> HttpSession:
            return HttpSession(*services.acl.address, "/cgi-bin/acl.pl", CLOCK)

        retry = retry or Backoff(first=0.5, cap=1.0)
        made.append(AclBackend("under-test", session, CLOCK, floor_s=floor_s, patience=patience, retry=retry))
        return made[-1]

    yield one
    for backend in made:
        begin = time.monotonic()
        backend.close()
        backend.close()
        assert time.monotonic() - begin < 2.0


def parse(*texts: str) -> list[DataRequest]:
    return [DataRequest.parse(text) for text in texts]


def take(stream: Subscription, seconds: float) -> dict[int, list[float | None]]:
    """What comes in so many seconds, by slot; None stands for a reading without a value."""
    found: dict[int, list[float | None]] = {}
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        batch = stream.get(left)
        for slot, value in zip(batch.slot.tolist(), batch.value.tolist(), strict=True):
            found.setdefault(slot, []).append(value)
        for other in batch.others:
            found.setdefault(other.slot, []).append(None)
    return found


def names(count: int) -> list[str]:
    return [f"S:D{number:05}" for number in range(count)]


def test_three_hundred_devices_with_one_bad_cost_a_bisection_and_then_nothing(services: Services, make: Make) -> None:
    wishes = [f"{name}@p,200" for name in names(299)]
    stream = make(retry=Backoff(first=60.0)).watch(parse(*wishes[:142], "Z:NOTFND@p,200", *wishes[142:]))
    found = take(stream, 1.1)
    assert all(found[slot] and None not in found[slot] for slot in range(300) if slot != 142)
    assert found[142]
    assert set(found[142]) == {None}
    polls = len(found[0])
    whole = [call for call in services.acl.scripts if len(call) > 1 or call == ["read/no_units Z:NOTFND"]]
    # three calls of a hundred for each poll; to find the culprit the call that failed is made in two parts, once
    assert len(services.acl.scripts) <= 3 * (polls + 1) + 2
    assert sum(any("Z:NOTFND" in command for command in call) for call in whole) == 2
    assert max(len(call) for call in whole) == MOST


def test_a_device_that_is_bad_is_tried_again_alone_and_comes_back(services: Services, make: Make) -> None:
    services.facility.fail("M:OUTTMP", Status(1, -42))
    stream = make().watch(parse("M:OUTTMP@p,100", "G:AMANDA@p,100"))
    found = take(stream, 0.8)
    assert set(found[0]) == {None}
    assert None not in found[1]
    services.facility.fail("M:OUTTMP", None)
    later = take(stream, 3.0)
    assert later[0][-1] is not None
    assert None not in later[1]
    alone = [call for call in services.acl.scripts if call == ["read/no_units M:OUTTMP"]]
    assert 2 <= len(alone) <= 5  # at its discovery, and at the delays of the backoff


def test_parts_that_a_device_lacks_are_asked_for_once_and_not_in_every_poll(services: Services, make: Make) -> None:
    stream = make(retry=Backoff(first=60.0)).watch(parse("Z|ACLTS1@p,100"))
    end = time.monotonic() + 0.8
    values = []
    while (left := end - time.monotonic()) > 0:
        values += [other.reading.value for other in stream.get(left).others]
    assert set(values) == {BasicStatus(True, True, None, None, None)}
    assert sum("REMOTE" in command for call in services.acl.scripts for command in call) <= 4


def test_a_front_end_that_does_not_answer_costs_the_others_no_more_than_its_discovery(make: Make) -> None:
    stream = make(patience=4.5).watch(parse("Z:SILENT@p,200", "M:OUTTMP@p,200"))
    found = take(stream, 7.0)  # its silence takes three seconds in a call of all, and three alone
    assert set(found[0]) == {None}
    later = take(stream, 5.0)
    assert len(later[1]) >= 20  # while it is tried again, alone
    assert None not in later[1]


@pytest.mark.parametrize("fault", ["http_500", "html", "half", "fewer_lines", "reset", "silent"])
def test_a_fault_takes_the_values_away_and_its_end_brings_them_back(services: Services, make: Make, fault: str) -> None:
    backend = make(patience=0.5)
    stream = backend.watch(parse("M:OUTTMP@p,100", "G:AMANDA@p,100"))
    assert None not in take(stream, 0.4)[0]
    services.faults.command("acl", fault)
    during = take(stream, 1.5)
    assert during[0][-1] is None
    assert during[1][-1] is None
    services.faults.command("acl", "none")
    deadline = time.monotonic() + 5.0
    while None in (after := take(stream, 0.5)).get(0, [None]) or 1 not in after:
        assert time.monotonic() < deadline
    assert backend.health().state is LinkState.UP


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("http_500", RETRY, "HTTP 500"),
        ("html", RETRY, "unexpected answer: <html>"),
        ("half", DISCONNECTED, "broke off"),
        ("refuse", DISCONNECTED, "refused"),
        ("garbage", DISCONNECTED, "no HTTP"),
        ("silent", REQTMO, "no answer in time"),
    ],
)
def test_a_read_during_a_fault_says_what_is_wrong(
    services: Services, make: Make, fault: str, status: Status, said: str
) -> None:
    backend = make()
    services.faults.command("acl", fault)
    time.sleep(0.15)  # until the listener has taken it up
    begin = time.monotonic()
    (reading,) = backend.read(parse("M:OUTTMP"), 1.0)
    assert time.monotonic() - begin < 1.5
    assert (reading.value, reading.status) == (None, status)
    assert said in reading.message
    assert said in backend.health().last_error or fault == "html"
    services.faults.command("acl", "none")


def test_an_answer_with_fewer_lines_than_questions_gives_no_value_to_the_wrong_device(
    services: Services, make: Make
) -> None:
    backend = make()
    services.faults.command("acl", "fewer_lines")
    readings = backend.read(parse("Z_ACLTST", "G_AMANDA", "D:GAINS[7]"), 2.0)
    assert [reading.value for reading in readings] == [None] * 3
    services.faults.command("acl", "none")
    assert [reading.value for reading in backend.read(parse("Z_ACLTST", "G_AMANDA"), 2.0)] == [10.0, 21.5]


def test_a_read_asks_for_what_is_in_quarantine_too(services: Services, make: Make) -> None:
    backend = make(retry=Backoff(first=60.0))
    services.facility.fail("M:OUTTMP", Status(1, -42))
    take(backend.watch(parse("M:OUTTMP@p,100")), 0.3)
    services.facility.fail("M:OUTTMP", None)
    (reading,) = backend.read(parse("M:OUTTMP"), 2.0)
    assert reading.value is not None


def test_a_read_of_an_event_waits_for_it_and_a_period_is_one_reading(make: Make) -> None:
    readings = make(patience=6.0).read(parse("M:OUTTMP@e,0f", "M:OUTTMP@p,60000", "M:OUTTMP@n"), 6.0)
    assert all(reading.status.good for reading in readings)


def test_what_acl_cannot_be_asked_is_refused_and_spoils_none(make: Make) -> None:
    readings = make().read(parse("M|OUTTMP.TEXT", "some.foreign.name", "M:OUTTMP<-LOGGER:1:2", "Z_ACLTST"), 2.0)
    assert [reading.status for reading in readings[:3]] == [BAD_REQUEST] * 3
    assert "cannot be told apart" in readings[0].message
    assert readings[3].value == 10.0


INJECTIONS = (
    "M:OUTTMP;set Z:ACLTST 1",
    "M:OUTTMP\\;set Z:ACLTST 1",
    "M:OUTTMP\nset Z:ACLTST 1",
    "M:OUTTMP&acl=set+Z:ACLTST+1",
    "M:OUTTMP%0aset",
    "M:OUTTMP'/event='",
    "M:OUTTMP@s,M:X'\\;set+Z:ACLTST+1\\;print',0,0,=",
)


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_name_can_smuggle_a_command_in(services: Services, make: Make, text: str) -> None:
    backend = make()
    try:
        request = DataRequest.parse(text)
    except BadRequest:
        return
    (reading,) = backend.read([request], 2.0)
    assert (reading.value, reading.status) == (None, BAD_REQUEST)
    assert not services.acl.scripts
    assert not services.facility.settings()


def test_a_setting_is_refused_with_the_way_out(services: Services, make: Make) -> None:
    settings = [Setting(DataRequest.parse(name).for_writing(), 1.0) for name in ("Z:ACLTST", "Z|ACLTST")]
    results = make().write(settings, 5.0)
    assert [(result.setting, result.outcome, result.status) for result in results] == [
        (setting, Outcome.REFUSED, READ_ONLY) for setting in settings
    ]
    assert "ACL is read here, never written" in results[0].message
    assert not services.acl.scripts
    assert make().write([], 5.0) == []


def test_many_callers_of_read_wait_for_each_other_and_no_longer_than_they_say(services: Services, make: Make) -> None:
    backend = make()
    services.faults.command("acl", "silent")
    first = threading.Event()

    def call(_: StopToken) -> None:
        first.set()
        backend.read(parse("M:OUTTMP"), 1.0)

    worker = Worker("caller", call)
    worker.start()
    assert first.wait(2.0)
    time.sleep(0.1)
    begin = time.monotonic()
    (reading,) = backend.read(parse("M:OUTTMP"), 0.2)
    assert time.monotonic() - begin < 0.6
    assert (reading.status, reading.message) == (REQTMO, "other reads take too long")
    assert worker.stop(3.0)
    services.faults.command("acl", "none")


def test_what_is_closed_reads_no_more(make: Make) -> None:
    backend = make()
    backend.close()
    with pytest.raises(Closed):
        backend.read(parse("M:OUTTMP"), 1.0)
    assert backend.health().state is LinkState.DISCONNECTED


def test_closing_frees_a_poll_that_waits(services: Services, make: Make) -> None:
    backend = make(patience=30.0)
    services.faults.command("acl", "silent")
    stream = backend.watch(parse("M:OUTTMP@p,100"))
    deadline = time.monotonic() + 3.0
    while not services.acl.scripts and time.monotonic() < deadline:
        time.sleep(0.01)
    begin = time.monotonic()
    backend.close()
    assert time.monotonic() - begin < 2.0
    with pytest.raises(Closed):
        stream.get(1.0)


def test_an_outage_does_not_change_what_is_said_of_a_bad_device(services: Services, make: Make) -> None:
    backend = make(patience=0.5, retry=Backoff(first=0.2, cap=0.2))
    stream = backend.watch(parse("Z:NOTFND@p,100"))
    assert stream.get(2.0).others[0].reading.status == NOREC
    services.faults.command("acl", "reset")
    deadline = time.monotonic() + 2.5  # at least one attempt in vain
    while time.monotonic() < deadline:
        assert {other.reading.status for other in stream.get(0.5).others} <= {NOREC}
    services.faults.command("acl", "none")
