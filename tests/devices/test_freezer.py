"""What a freeze keeps: all readings around its trigger and no others, while the buffers go on."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from devices.freezer import Freezer, FreezeState
from devices.table import DeviceTable
from gateway.config.condition import parse_condition
from gateway.core.batch import batch_of
from gateway.core.status import OK
from gateway.core.values import Reading, Value
from gateway.plan.model import Plan
from gateway.plan.trigger import FreezePlan, Trigger
from tests.devices.samples import SECOND, device_plan, scalars
from tests.support.clock import ManualClock
from tests.support.leaks import no_leaks as no_leaks
from tests.support.processes import until

pytestmark = pytest.mark.usefixtures("no_leaks")
HIGH = Trigger((0,), parse_condition("A > 5"), 5.0)
TRIP = FreezePlan("trip", ("A", "B"), 3 * SECOND, 2 * SECOND, HIGH)
EVENT = FreezePlan("beam", ("B",), SECOND, SECOND, Trigger((2,)))
PATIENCE = 10.0


class Stage:
    """Devices A, B and C, whose buffers hold 8 readings; `A > 5` fires one freeze, any reading of C another."""

    def __init__(self, *freezes: FreezePlan) -> None:
        self.clock = ManualClock(now_ns=1000 * SECOND)
        devices = {name: device_plan(name, reading_row=row) for row, name in enumerate("ABC")}
        frozen = frozenset(name for freeze in freezes for name in freeze.devices)
        plan = Plan("GW1", False, 8, tuple(scalars(3)), devices, freezes, frozen=frozen)
        self.table = DeviceTable(plan.watches, 8, self.clock)
        self.freezer = Freezer(plan, self.table, self.clock)
        self._told = threading.Condition()
        self.freezer.changed = self._tell

    def _tell(self) -> None:
        with self._told:
            self._told.notify_all()

    def reach(self, name: str, state: FreezeState) -> None:
        with self._told:
            assert self._told.wait_for(lambda: self.freezer.state(name) is state, PATIENCE), state

    def looked(self, name: str) -> None:
        """Wait until the worker has looked at what was before the trigger; the time of the test does not wait."""
        assert until(lambda: self.freezer._freezes[name].parts, PATIENCE)

    def second(self, a: Value | None = None, b: Value | None = None, c: Value | None = None) -> None:
        """A second passes, and brings readings."""
        self.clock.advance(1.0)
        items = [(row, value) for row, value in enumerate((a, b, c)) if value is not None]
        requests = self.table.watches
        batch = batch_of([(row, Reading(requests[row].request, v, self.clock.now_ns(), OK)) for row, v in items])
        self.freezer.put(self.table.accept(batch, np.arange(3)))

    def kept(self, device: str) -> list[float] | None:
        kept = self.freezer.slice_of(device)
        return None if kept is None else kept.values.tolist()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage(TRIP, EVENT)
    made.freezer.start()
    yield made
    assert made.freezer.stop(5)


def test_all_readings_of_the_window_are_kept_and_the_history_goes_on(stage: Stage) -> None:
    for n in range(5):
        stage.second(a=float(n), b=10.0 + n)
    stage.second(a=6.0, b=15.0)  # the trip
    trip_ns = stage.clock.now_ns()
    stage.looked("trip")
    assert (stage.freezer.state("trip"), stage.kept("A")) == (FreezeState.TAKING, None)
    for n in range(7, 12):
        stage.second(a=float(n), b=9.0 + n)
    stage.reach("trip", FreezeState.FROZEN)
    assert [2.0, 3.0, 4.0, 6.0, 7.0, 8.0] == stage.kept("A")
    assert [12.0, 13.0, 14.0, 15.0, 16.0, 17.0] == stage.kept("B")
    kept = stage.freezer.slice_of("B")
    assert kept is not None
    assert [trip_ns + n * SECOND for n in range(-3, 3)] == kept.stamps_ns.tolist()
    assert (trip_ns, "trip") == (kept.trigger_ns, kept.by)
    assert ((trip_ns, 1), ()) == (stage.freezer.fired("trip"), tuple(stage.kept("C") or ()))
    for n in range(20, 40):
        stage.second(a=float(n))
    assert [2.0, 3.0, 4.0, 6.0, 7.0, 8.0] == stage.kept("A")
    assert [38.0, 39.0] == stage.table.last(0, 2).values.tolist()


def test_a_device_that_says_nothing_afterwards_holds_up_nobody_for_longer_than_the_window(stage: Stage) -> None:
    stage.second(a=1.0, b=1.0)
    stage.second(a=6.0)
    stage.second(a=7.0)
    stage.clock.advance(3.5)
    stage.reach("trip", FreezeState.FROZEN)
    assert [1.0, 6.0, 7.0] == stage.kept("A")
    assert [1.0] == stage.kept("B")


def test_a_condition_fires_when_it_becomes_true_and_once_until_it_is_armed(stage: Stage) -> None:
    stage.second(a=7.0)  # it was so before anybody looked
    assert stage.freezer.state("trip") is FreezeState.ARMED
    stage.second(a=float("nan"))
    stage.second(a=8.0)
    assert stage.freezer.state("trip") is FreezeState.ARMED
    for value in (1.0, 9.0, 1.0, 9.0):
        stage.second(a=value)
    stage.clock.advance(3.5)
    stage.reach("trip", FreezeState.FROZEN)
    assert 1 == stage.freezer.fired("trip")[1]
    stage.freezer.arm("trip")
    assert (FreezeState.ARMED, None, (0, 1)) == (
        stage.freezer.state("trip"), stage.kept("A"), stage.freezer.fired("trip"),
    )  # fmt: skip
    stage.second(a=9.0)
    assert stage.freezer.state("trip") is FreezeState.ARMED
    stage.second(a=1.0)
    stage.second(a=9.0)
    assert stage.freezer.state("trip") is FreezeState.TAKING
    assert 2 == stage.freezer.fired("trip")[1]


def test_an_event_fires_with_its_first_reading(stage: Stage) -> None:
    stage.second(b=1.0)
    stage.second(b=2.0, c=0.0)
    assert stage.freezer.state("beam") is FreezeState.TAKING
    stage.second(b=3.0, c=0.0)
    stage.second(b=4.0, c=0.0)
    stage.reach("beam", FreezeState.FROZEN)
    assert [1.0, 2.0, 3.0] == stage.kept("B")
    assert stage.freezer.state("trip") is FreezeState.ARMED


def test_of_two_freezes_of_one_device_the_first_keeps_it_until_it_is_armed(stage: Stage) -> None:
    stage.second(b=1.0)
    assert stage.freezer.fire("beam", stage.clock.now_ns())
    assert not stage.freezer.fire("beam", stage.clock.now_ns())
    stage.clock.advance(2.5)
    stage.reach("beam", FreezeState.FROZEN)
    stage.second(a=2.0, b=2.0)
    assert stage.freezer.fire("trip", stage.clock.now_ns())
    stage.clock.advance(3.5)
    stage.reach("trip", FreezeState.FROZEN)
    assert ([1.0], [2.0]) == (stage.kept("B"), stage.kept("A"))
    stage.freezer.arm("beam")
    assert (None, [2.0]) == (stage.kept("B"), stage.kept("A"))


def test_what_came_too_fast_to_be_kept_is_said(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.second(a=1.0)
    stage.second(a=6.0)
    stage.looked("trip")
    request, now_ns = stage.table.watches[0].request, stage.clock.now_ns()
    burst = [(0, Reading(request, float(n), now_ns + n, OK)) for n in range(1, 21)]
    stage.freezer.put(stage.table.accept(batch_of(burst), np.arange(3)))
    stage.clock.advance(3.5)
    stage.reach("trip", FreezeState.FROZEN)
    assert [1.0, 6.0, *(float(n) for n in range(13, 21))] == stage.kept("A")
    assert ["freeze trip: 12 readings came too fast to be kept; enlarge gateway.buffer"] == [
        record.getMessage() for record in caplog.records
    ]


def test_without_freezes_there_is_nothing_to_do() -> None:
    made = Stage()
    made.freezer.start()
    assert () == made.freezer.names
    assert not made.freezer.concerns([0, 1, 2])
    assert Stage(TRIP).freezer.concerns([1, 0])
    assert not Stage(TRIP).freezer.concerns([1, 2])
    assert made.freezer.stop(5)
