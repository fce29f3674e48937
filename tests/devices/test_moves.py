"""Which moves of a setting were ours and which somebody else's, seen in the readback alone."""

import numpy as np
import pytest

from devices.device import Device
from devices.moves import Moves, settling_time
from devices.table import DeviceTable
from gateway.core.batch import batch_of
from gateway.core.drf import DataRequest
from gateway.core.status import OK
from gateway.core.values import Reading, Setting, SettingValue, Value
from gateway.plan.model import Confirm, Kind, Watch
from tests.devices.samples import device_plan, watch
from tests.support.clock import ManualClock

SET = DataRequest.parse("Z:ACLTST.SETTING@N")
CONTROL = DataRequest.parse("Z&ACLTST@N")


class Stage:
    """The setting of one device, read once a second: it settles within 4 s."""

    def __init__(self, kind: Kind = Kind.SCALAR, confirm: Confirm | None = None, length: int = 1) -> None:
        self.clock = ManualClock()
        self.watches: list[Watch] = [watch(kind, length, device="Z_ACLTST")]
        self.device = Device(device_plan(confirm=confirm, setting_row=0), DeviceTable(self.watches, 4, self.clock))
        self.moves = Moves([self.device], self.watches, self.clock)
        self.told: list[Value] = []
        self.moves.told = lambda _, value, __: self.told.append(value)

    def sends(self, value: SettingValue, request: DataRequest = SET) -> None:
        self.moves.begin(self.device, Setting(request, value))

    def sent(self, value: SettingValue, request: DataRequest = SET) -> None:
        self.sends(value, request)
        self.moves.end(self.device)

    def reads(self, *values: Value | None, every: float = 1.0) -> list[Value]:
        """Readbacks come; which of them were told as foreign."""
        before = len(self.told)
        for value in values:
            self.clock.advance(every)
            reading = Reading(self.watches[0].request, value, self.clock.now_ns(), OK)
            self.moves.put(batch_of([(0, reading)]))
        return self.told[before:]


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.reads(5.0)
    return made


def test_what_moves_without_a_put_of_ours_is_foreign_and_each_move_counts_once(stage: Stage) -> None:
    assert [7.0, 5.0] == stage.reads(5.0, 7.0, 7.0, 7.0, 5.0, 5.0)
    assert 2 == stage.device.foreign


def test_the_first_readback_is_where_it_begins_and_not_a_move() -> None:
    assert [] == Stage().reads(None, 3.0, 3.0)


def test_what_moved_while_the_link_was_lost_is_foreign(stage: Stage) -> None:
    assert [6.0] == stage.reads(None, None, 6.0)


def test_a_put_of_ours_is_ours_while_it_is_under_way_and_when_it_arrives_late(stage: Stage) -> None:
    stage.sends(9.0)
    assert [] == stage.reads(5.0, 9.0)
    stage.moves.end(stage.device)
    assert [] == stage.reads(9.0)
    stage.sent(8.0)
    assert [] == stage.reads(9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 8.0)


def test_on_its_way_to_what_we_put_it_may_overshoot_while_it_settles(stage: Stage) -> None:
    stage.sent(9.0)
    assert [] == stage.reads(6.0, 9.5, 8.8, 9.0)


def test_a_slow_ramp_is_ours_as_long_as_it_comes_nearer(stage: Stage) -> None:
    stage.sent(100.0)
    assert [] == stage.reads(*[10.0 * n for n in range(1, 11)])
    stage.sent(0.0)
    assert [95.0] == stage.reads(90.0, 80.0, 70.0, 60.0, 50.0, 40.0, 95.0)


def test_a_ramp_that_stood_still_for_long_does_not_go_on_by_itself(stage: Stage) -> None:
    stage.sent(100.0)
    assert [60.0] == stage.reads(50.0, *[50.0] * 10, 60.0)


def test_what_the_front_end_clips_is_ours(stage: Stage) -> None:
    stage.sent(100.0)
    assert [] == stage.reads(10.0, *[10.0] * 10)
    assert [4.0] == stage.reads(4.0)


def test_a_move_after_ours_has_arrived_is_foreign_at_once(stage: Stage) -> None:
    stage.sent(9.0)
    assert [7.0] == stage.reads(9.0, 7.0)


def test_a_put_of_what_is_held_already_hides_nothing(stage: Stage) -> None:
    stage.sent(5.0)
    assert [7.0] == stage.reads(5.0, 7.0)


def test_back_to_our_value_by_somebody_else_is_foreign_too(stage: Stage) -> None:
    stage.sent(9.0)
    assert [7.0, 9.0] == stage.reads(9.0, 9.0, 9.0, 9.0, 9.0, 7.0, 9.0)


def test_many_puts_one_after_the_other_are_all_ours_however_late_they_show(stage: Stage) -> None:
    for value in (1.0, 2.0, 1.0):
        stage.sent(value)
    assert [] == stage.reads(1.0, 2.0, 1.0, 1.0)
    assert [2.0] == stage.reads(1.0, 1.0, 1.0, 1.0, 2.0)


def test_a_put_that_was_refused_hides_nothing_and_leaves_the_one_before_as_it_was(stage: Stage) -> None:
    stage.sends(9.0)
    stage.moves.end(stage.device, refused=True)
    assert [7.0] == stage.reads(5.0, 7.0)
    stage.sent(8.0)
    stage.sends(100.0)
    stage.moves.end(stage.device, refused=True)
    assert [] == stage.reads(7.0, 8.0)


def test_a_command_of_ours_may_move_a_setting(stage: Stage) -> None:
    stage.sent("RESET", CONTROL)
    assert [] == stage.reads(0.0)
    assert [3.0] == stage.reads(0.0, 0.0, 0.0, 0.0, 3.0)


def test_within_the_tolerance_of_confirmation_nothing_has_moved() -> None:
    stage = Stage(confirm=Confirm(0.1, 2.0))
    assert [] == stage.reads(5.0, 5.05, 4.95, 5.02)
    assert [5.2] == stage.reads(5.2)
    stage.sent(9.0)
    assert [8.0] == stage.reads(9.06, 9.02, 8.0)


def test_a_readback_that_is_no_number_is_no_move(stage: Stage) -> None:
    assert [] == stage.reads(float("nan"), float("inf"), 5.0)


def test_of_readings_in_one_batch_each_is_looked_at(stage: Stage) -> None:
    readings = [Reading(stage.watches[0].request, value, 1, OK) for value in (7.0, 5.0, 7.0)]
    stage.moves.put(batch_of([(0, reading) for reading in readings]))
    assert [7.0, 5.0, 7.0] == stage.told


def test_arrays_and_texts_are_compared_whole() -> None:
    arrays = Stage(Kind.ARRAY, length=2)
    arrays.reads(np.array([1.0, 2.0]))
    assert [] == arrays.reads(np.array([1.0, 2.0]))
    arrays.sent(np.array([9.0, 9.0]))
    assert [] == arrays.reads(*[np.array([1.0 + n, 2.0 + n]) for n in range(1, 8)], np.array([9.0, 9.0]))
    (foreign,) = arrays.reads(np.array([9.0, 8.0]))
    assert [9.0, 8.0] == list(foreign)  # type: ignore[arg-type]
    texts = Stage(Kind.TEXT, length=9)
    assert ["off"] == texts.reads("on", "on", "off")
    texts.sent("on")
    assert ["off"] == texts.reads("off", "on", "off")


def test_two_entries_of_one_device_share_what_is_ours() -> None:
    clock = ManualClock()
    watches = [watch(device="Z_ACLTST"), watch(device="Z_ACLTST", event="p,500")]
    table = DeviceTable(watches, 4, clock)
    devices = [Device(device_plan(setting_row=row), table) for row in (0, 1, 1)]
    moves = Moves(devices, watches, clock)
    for value in (1.0, 2.0):
        moves.put(batch_of([(row, Reading(watches[row].request, value, 1, OK)) for row in (0, 1)]))
        moves.begin(devices[0], Setting(SET, 2.0))
        moves.end(devices[0])
    assert [0, 0, 0] == [device.foreign for device in devices]
    moves.put(batch_of([(1, Reading(watches[1].request, 3.0, 1, OK))]))
    assert [0, 1, 1] == [device.foreign for device in devices]


def test_rows_of_devices_that_nobody_may_set_are_not_looked_at() -> None:
    clock = ManualClock()
    moves = Moves([], [watch()], clock)
    moves.put(batch_of([(0, Reading(watch().request, value, 1, OK)) for value in (1.0, 2.0)]))
    assert not moves.concerns([0])
    assert Stage().moves.concerns([0])


@pytest.mark.parametrize(
    ("event", "confirm", "seconds"),
    [("p,1000", None, 4.0), ("p,10000", Confirm(0.1, 5.0), 25.0), ("e,1d", None, 12.0)],
)
def test_how_long_a_device_settles_depends_on_its_rhythm_and_on_its_confirmation(
    event: str, confirm: Confirm | None, seconds: float
) -> None:
    assert seconds == settling_time(watch(event=event), confirm)
