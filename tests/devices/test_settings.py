import math
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

import pytest

from devices.device import Device
from devices.queues import PendingSetting, PullQueue, WriteOutcome
from devices.settings import SettingsWorkers
from devices.table import DeviceTable
from gateway.core.drf import DataRequest
from gateway.core.errors import Refused
from gateway.core.status import DISCONNECTED, OK, PRIV, RETRY, Status
from gateway.core.values import Outcome, Reading, Setting, SettingResult
from gateway.core.write_state import WriteState
from gateway.plan.model import Confirm
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, Worker
from tests.devices.samples import device_plan
from tests.support.clock import ManualClock
from tests.support.leaks import no_leaks as no_leaks
from tests.support.scripted_backend import ScriptedBackend

pytestmark = pytest.mark.usefixtures("no_leaks")
Answer: TypeAlias = tuple[float, WriteOutcome]


class Desk:
    """Workers over four devices, of which two are confirmed, and one has alarm blocks; all parts under control."""

    def __init__(self, count: int = 4, interval: float = 0.0) -> None:
        self.clock = ManualClock()
        self.backend = ScriptedBackend()
        confirm = Confirm(tolerance=0.1, timeout=2.0, interval=interval)
        blocks = replace(
            device_plan("D:BLOCKS", confirm), analog_row=4, digital_row=5, analog_raw_row=6, digital_raw_row=7
        )
        plans = [device_plan("A:PLAIN"), device_plan("B:CONF", confirm), device_plan("C:OTHER"), blocks]
        self.fetched: list[int] = []  # rows that were read anew
        table = DeviceTable([], 1, self.clock)
        self.states: queue.Queue[tuple[str, WriteState]] = queue.Queue()
        self.devices = {plan.name: Device(plan, table, self._changed) for plan in plans}
        self.queue = PullQueue(1000, taken=lambda pending: self.devices[pending.device].queued(pending.who))
        fetch = lambda row, _: self.fetched.append(row)  # noqa: E731
        self.workers = SettingsWorkers(
            self.backend, self.queue, self.devices, self.clock, count, Backoff(first=0.0), fetch
        )
        self.answers: queue.Queue[Answer] = queue.Queue()

    def put(self, device: str, value: float = 1.0, text: str = "", left: float = math.inf) -> PendingSetting:
        setting = Setting(DataRequest.parse(text or f"{device}.SETTING@N"), value)
        pending = PendingSetting(setting, device, "ann@desk", lambda outcome: self.answers.put((value, outcome)))
        pending.left = lambda: left
        self.queue.put(pending)
        return pending

    def answer(self) -> WriteOutcome:
        return self.answers.get(timeout=10)[1]

    def shown(self) -> list[WriteState]:
        return [self.states.get_nowait()[1] for _ in range(self.states.qsize())]

    def _changed(self, device: Device) -> None:
        self.states.put((device.name, device.write_record.state))


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    made.workers.start()
    yield made
    assert made.workers.stop(5)


def result(status: Status, outcome: Outcome, message: str = "") -> Callable[[Setting], SettingResult]:
    return lambda setting: SettingResult(setting, status, outcome, message)


def test_an_accepted_setting_is_sent_once_and_answered(desk: Desk) -> None:
    desk.put("A:PLAIN", 2.5)
    assert desk.answer() == WriteOutcome(WriteState.ACCEPTED, OK)
    assert [setting.value for setting in desk.backend.writes] == [2.5]
    assert desk.backend.reads == []
    assert desk.shown() == [WriteState.PENDING, WriteState.ACCEPTED]
    assert desk.devices["A:PLAIN"].write_record.who == "ann@desk"


def test_a_refusal_fails_the_put_with_its_name_and_text(desk: Desk) -> None:
    desk.backend.on_write = result(PRIV, Outcome.REFUSED, "no role")
    desk.put("B:CONF")
    outcome = desk.answer()
    assert outcome.failed
    assert (outcome.status, outcome.message) == (PRIV, f"{PRIV}: no role")
    assert desk.backend.reads == []
    assert desk.devices["B:CONF"].write_record.message == f"{PRIV}: no role"
    assert desk.shown() == [WriteState.PENDING, WriteState.DENIED]


@pytest.mark.parametrize(
    ("status", "sent", "state"),
    [
        (PRIV, True, WriteState.DENIED),  # the service's policy
        (Status(14, -20), True, WriteState.FAILED),
        (PRIV, False, WriteState.FAILED),  # nobody was asked: there was no ticket
        (DISCONNECTED, False, WriteState.FAILED),
    ],
)
def test_a_refusal_for_want_of_a_privilege_is_a_denial_when_the_service_says_so(
    desk: Desk, status: Status, sent: bool, state: WriteState
) -> None:
    desk.backend.on_write = lambda setting: SettingResult(setting, status, Outcome.REFUSED, "", sent=sent)
    desk.put("A:PLAIN")
    assert desk.answer().failed
    assert desk.shown() == [WriteState.PENDING, state]


def test_an_unknown_outcome_is_said_and_not_sent_again(desk: Desk) -> None:
    desk.backend.on_write = result(DISCONNECTED, Outcome.UNKNOWN)
    desk.put("A:PLAIN")
    outcome = desk.answer()
    assert outcome.failed
    assert outcome.message == f"{DISCONNECTED}; outcome unknown"
    assert len(desk.backend.writes) == 1


def test_a_remark_is_accepted_and_told(desk: Desk) -> None:
    desk.backend.on_write = result(Status(66, 2), Outcome.ACCEPTED)
    desk.put("A:PLAIN")
    assert desk.answer() == WriteOutcome(WriteState.ACCEPTED, Status(66, 2), str(Status(66, 2)))


def test_a_confirmed_setting_is_verified_when_its_readback_is_near(desk: Desk) -> None:
    steps = iter((0.0, 0.5, 0.95))

    def slew(request: DataRequest) -> Reading:
        desk.clock.advance(0.5)
        return Reading(request, next(steps), 1, OK)

    desk.backend.on_read = slew
    desk.put("B:CONF", 1.0)
    assert desk.answer() == WriteOutcome(WriteState.VERIFIED, OK, "", 0.95, attempts=3)
    record = desk.devices["B:CONF"].write_record
    assert (record.latency, record.attempts, record.readback) == (1.5, 3, 0.95)
    assert [str(request) for request in desk.backend.reads] == ["B:CONF.SETTING@I"] * 3
    assert len(desk.backend.writes) == 1
    assert desk.shown() == [WriteState.PENDING, WriteState.ACCEPTED, WriteState.VERIFIED]


def test_a_setting_is_confirmed_by_what_the_device_reads_where_that_is_wished(desk: Desk) -> None:
    plan = desk.devices["B:CONF"].plan
    desk.devices["B:CONF"].plan = replace(plan, confirm=Confirm(0.1, 2.0, 0.0, by="reading"))
    shown = iter((0.5, 1.0))
    desk.backend.on_read = lambda request: Reading(request, next(shown), 1, OK)
    desk.put("B:CONF", 1.0)
    assert desk.answer().state is WriteState.VERIFIED
    assert [str(request) for request in desk.backend.reads] == ["B:CONF.READING@I"] * 2


def test_a_readback_that_stays_away_is_unconfirmed_when_the_time_is_over(desk: Desk) -> None:
    def stuck(request: DataRequest) -> Reading:
        desk.clock.advance(0.9)
        return Reading(request, 7.5, 1, OK)

    desk.backend.on_read = stuck
    desk.put("B:CONF", 1.0)
    outcome = desk.answer()
    assert (outcome.state, outcome.status, outcome.readback, outcome.failed) == (
        WriteState.UNCONFIRMED,
        OK,
        7.5,
        False,
    )
    assert outcome.message == "accepted, but not confirmed within 2 s; the last readback was 7.5"
    assert len(desk.backend.reads) == 3


@pytest.mark.parametrize(("attempts", "said"), [(1, "1 readback"), (3, "3 readbacks")])
def test_it_is_read_back_so_often_at_most_and_sent_once(desk: Desk, attempts: int, said: str) -> None:
    plan = desk.devices["B:CONF"].plan
    desk.devices["B:CONF"].plan = replace(plan, confirm=Confirm(0.1, 2.0, 0.0, delay=0.01, attempts=attempts))
    desk.backend.on_read = lambda request: Reading(request, 7.5, 1, OK)
    desk.put("B:CONF", 1.0)
    outcome = desk.answer()
    assert WriteState.UNCONFIRMED is outcome.state
    assert outcome.message == f"accepted, but not confirmed by {said}; the last readback was 7.5"
    assert (attempts, 1) == (len(desk.backend.reads), len(desk.backend.writes))


def test_a_readback_that_cannot_be_had_is_unconfirmed_with_its_status(desk: Desk) -> None:
    def lost(request: DataRequest) -> Reading:
        desk.clock.advance(5)
        return Reading(request, None, 0, DISCONNECTED)

    desk.backend.on_read = lost
    desk.put("B:CONF", 1.0)
    outcome = desk.answer()
    assert (outcome.state, outcome.readback) == (WriteState.UNCONFIRMED, None)
    assert outcome.message.endswith(f"readback: {DISCONNECTED}")


def test_a_command_has_no_readback_to_confirm_it(desk: Desk) -> None:
    desk.put("B:CONF", 1.0, "B:CONF.CONTROL@N")
    assert desk.answer().state is WriteState.ACCEPTED
    assert desk.backend.reads == []


def test_stopping_does_not_wait_for_the_end_of_a_confirmation() -> None:
    desk = Desk(interval=3600.0)
    desk.workers.start()
    read = threading.Event()

    def far(request: DataRequest) -> Reading:
        read.set()
        return Reading(request, 9.0, 1, OK)

    desk.backend.on_read = far
    desk.put("B:CONF", 1.0)
    assert read.wait(10)
    assert desk.workers.stop(5)
    assert desk.answer().state is WriteState.UNCONFIRMED


def test_a_hundred_puts_from_many_threads_to_one_device_keep_their_order_and_each_gets_one_reply(desk: Desk) -> None:
    order: list[float] = []
    lock = threading.Lock()
    numbers = iter(range(100))

    def put_some(desk: Desk) -> None:
        for _ in range(25):
            with lock:  # the order of the puts, as the loop would have it
                number = float(next(numbers))
                order.append(number)
                desk.put("A:PLAIN", number)

    run_at_once([lambda: put_some(desk)] * 4)
    answers = [desk.answers.get(timeout=10) for _ in range(100)]
    assert [setting.value for setting in desk.backend.writes] == order
    assert sorted(value for value, _ in answers) == order
    assert desk.answers.empty()
    assert {outcome.state for _, outcome in answers} == {WriteState.ACCEPTED}


def _ignoring(call: Callable[[], None]) -> Callable[[StopToken], None]:
    return lambda _: call()


def run_at_once(calls: list[Callable[[], None]]) -> None:
    deaths: list[BaseException] = []
    workers = [Worker(f"caller {n}", _ignoring(call), deaths.append) for n, call in enumerate(calls)]
    for worker in workers:
        worker.start()
    assert all(worker.stop(10) for worker in workers)
    assert deaths == []


def test_a_slow_device_holds_up_only_itself(desk: Desk) -> None:
    free = threading.Event()

    def slow(setting: Setting) -> SettingResult:
        if setting.request.device == "A:PLAIN":
            assert free.wait(10)
        return SettingResult(setting, OK, Outcome.ACCEPTED)

    desk.backend.on_write = slow
    for value in (1.0, 2.0, 3.0):
        desk.put("A:PLAIN", value)
    for value in (4.0, 5.0):
        desk.put("C:OTHER", value)
    assert [desk.answers.get(timeout=10)[0] for _ in range(2)] == [4.0, 5.0]
    assert desk.answers.empty()
    free.set()
    assert [desk.answers.get(timeout=10)[0] for _ in range(3)] == [1.0, 2.0, 3.0]


def test_an_exception_fails_the_setting_in_hand_and_the_worker_goes_on() -> None:
    desk = Desk(count=1)
    faults = iter((True, False))

    def broken(setting: Setting) -> SettingResult:
        if next(faults):
            raise ValueError("injected")
        return SettingResult(setting, OK, Outcome.ACCEPTED)

    desk.backend.on_write = broken
    desk.workers.start()
    desk.put("A:PLAIN", 1.0)
    desk.put("A:PLAIN", 2.0)
    first, second = desk.answer(), desk.answer()
    assert first.failed
    assert first.status == RETRY
    assert first.message.endswith("the settings worker failed (ValueError); outcome unknown")
    assert second.state is WriteState.ACCEPTED
    assert desk.shown() == [
        WriteState.PENDING,
        WriteState.PENDING,
        WriteState.FAILED,
        WriteState.PENDING,
        WriteState.ACCEPTED,
    ]
    assert desk.workers.restarts == 1
    assert len(desk.backend.writes) == 2
    assert desk.workers.stop(5)


def test_a_display_that_fails_does_not_keep_the_client_from_its_answer(desk: Desk) -> None:
    def broken(_: Device) -> None:
        if desk.backend.writes:
            raise RuntimeError("the loop has ended")

    desk.devices["A:PLAIN"].changed = broken
    desk.put("A:PLAIN")
    assert desk.answer().state is WriteState.ACCEPTED


def test_a_setting_that_was_withdrawn_is_not_sent(desk: Desk) -> None:
    free, begun = threading.Event(), threading.Event()

    def slow(setting: Setting) -> SettingResult:
        begun.set()
        assert free.wait(10)
        return SettingResult(setting, OK, Outcome.ACCEPTED)

    desk.backend.on_write = slow
    desk.put("A:PLAIN", 1.0)
    assert begun.wait(10)
    late = desk.put("A:PLAIN", 2.0)
    desk.put("A:PLAIN", 3.0)
    assert late.withdraw(WriteOutcome(WriteState.FAILED, RETRY, "the deadline is over"))
    free.set()
    assert [desk.answers.get(timeout=10)[0] for _ in range(3)] == [2.0, 1.0, 3.0]
    assert [setting.value for setting in desk.backend.writes] == [1.0, 3.0]


def test_a_setting_for_a_device_that_nobody_knows_fails() -> None:
    desk = Desk()
    del desk.devices["C:OTHER"]
    desk.queue._taken = lambda _: None
    desk.workers.start()
    desk.put("C:OTHER")
    assert "KeyError" in desk.answer().message
    assert desk.workers.stop(5)


def test_stopping_answers_who_waits_and_refuses_who_comes() -> None:
    desk = Desk()
    desk.put("A:PLAIN")
    assert desk.workers.stop(5)
    assert "before the setting was sent" in desk.answer().message
    with pytest.raises(Refused):
        desk.put("A:PLAIN")
    assert desk.backend.writes == []


def test_a_backend_that_does_not_come_back_leaves_nobody_without_an_answer() -> None:
    desk = Desk(count=1)
    free = threading.Event()
    begun = threading.Event()

    def hang(setting: Setting) -> SettingResult:
        begun.set()
        assert free.wait(10)
        return SettingResult(setting, OK, Outcome.ACCEPTED)

    desk.backend.on_write = hang
    desk.workers.start()
    desk.put("A:PLAIN")
    assert begun.wait(10)
    assert not desk.workers.stop(0.01)
    assert desk.answer().message.endswith("before the backend answered; outcome unknown")
    free.set()
    assert desk.workers.stop(5)
    assert desk.answers.empty()


def test_a_setting_whose_lease_has_ended_while_it_waited_is_not_sent(desk: Desk) -> None:
    desk.put("A:PLAIN", 2.5, left=0.0)
    outcome = desk.answer()
    assert (WriteState.DENIED, "lease") == (outcome.state, outcome.layer)
    assert [] == desk.backend.writes
    assert WriteState.DENIED is desk.devices["A:PLAIN"].write_record.state


def test_nothing_is_sent_after_the_end_of_a_lease(desk: Desk) -> None:
    patience: list[float] = []
    write = desk.backend.write
    desk.backend.write = lambda settings, timeout: patience.append(timeout) or write(settings, timeout)  # type: ignore[method-assign]
    desk.put("A:PLAIN", left=1.5)
    desk.answer()
    desk.put("A:PLAIN")
    desk.answer()
    assert [1.5, 5.0] == patience


def test_what_was_accepted_is_the_own_value_and_what_was_refused_is_not(desk: Desk) -> None:
    assert desk.devices["A:PLAIN"].own is None
    desk.put("A:PLAIN", 4.0)
    assert not desk.answer().failed
    assert desk.devices["A:PLAIN"].own == 4.0
    desk.backend.on_write = result(PRIV, Outcome.REFUSED)
    desk.put("A:PLAIN", 5.0)
    assert desk.answer().failed
    assert desk.devices["A:PLAIN"].own == 4.0


@pytest.mark.parametrize(
    ("part", "value", "held", "state"),
    [
        ("ANALOG.MAX", 5.0, 5.05, WriteState.VERIFIED),  # within the tolerance
        ("ANALOG.MAX", 5.0, 5.5, WriteState.UNCONFIRMED),
        ("ANALOG.ALARM_ENABLE", 1.0, 1.0, WriteState.VERIFIED),
        ("DIGITAL.NOM", 5.0, 5.05, WriteState.UNCONFIRMED),  # a pattern is exact
    ],
)
def test_a_part_of_an_alarm_block_is_confirmed_by_its_field(
    desk: Desk, part: str, value: float, held: float, state: WriteState
) -> None:
    def read(request: DataRequest) -> Reading:
        desk.clock.advance(3.0)
        return Reading(request, held, 1, OK)

    desk.backend.on_read = read
    desk.put("D:BLOCKS", value, f"D:BLOCKS.{part}@N")
    assert desk.answer().state is state
    assert [str(request) for request in desk.backend.reads] == [f"D:BLOCKS.{part}@I"]


def test_an_alarm_block_is_read_anew_after_an_edit_and_only_then(desk: Desk) -> None:
    desk.backend.on_read = lambda request: Reading(request, bytes(20) if request.field == "RAW" else 1.0, 1, OK)
    for part, rows in (("ANALOG.ALARM_FTD", [4, 6]), ("DIGITAL.ALARM_FTD", [5, 7]), ("SETTING", [])):
        desk.fetched.clear()
        desk.put("D:BLOCKS", 1.0, f"D:BLOCKS.{part}@N")
        assert desk.answer().state in (WriteState.ACCEPTED, WriteState.VERIFIED)
        assert desk.fetched == rows
    desk.backend.on_write = result(Status(1, -49), Outcome.REFUSED)
    desk.put("D:BLOCKS", 1.0, "D:BLOCKS.ANALOG.MIN@N")
    assert desk.answer().failed
    assert desk.fetched == []
