"""The publisher: judged readings in the order they came."""

import numpy as np

from gateway.core.batch import ReadingBatch, batch_of
from gateway.core.drf import DataRequest
from gateway.core.severity import Alarm, Severity, Stat
from gateway.core.status import DISCONNECTED, OK, PEND, Status
from gateway.core.values import Reading, Value
from iocs.fast.rows import Readings
from iocs.publisher import Publisher
from iocs.store import Index, Store

REQUEST = DataRequest.parse("M:OUTTMP@p,1000")
STAMP = 1_700_000_000_000_000_000


class News:
    """Batches that wait for the loop."""

    def __init__(self) -> None:
        self.batches: list[ReadingBatch] = []

    def drain(self) -> list[ReadingBatch]:
        batches, self.batches = self.batches, []
        return batches


class Rig:
    """A publisher whose store tells a listener and a follower of each row."""

    def __init__(self, rows: int = 3) -> None:
        self.news, self.store = News(), Store(rows)
        self.publisher = Publisher(self.news, self.store)
        self.offered: list[tuple[int, float, int]] = []  # row, value, severity
        self.told: list[tuple[int, Value | None, int, Alarm]] = []
        self.flushed = 0  # how many had been offered when we were told to send
        self.store.listen(self)
        for row in range(rows):
            self.store.follow(row, lambda v, s, a, row=row: self.told.append((row, v, s, a)))  # type: ignore[misc]

    def offer_rows(self, index: Index, readings: Readings) -> None:
        self.offered += zip(index.tolist(), readings.value.tolist(), readings.severity.tolist(), strict=True)

    def flush(self) -> None:
        self.flushed = len(self.offered)

    def publish(self, *items: tuple[int, Value | None, Status]) -> None:
        self.news.batches.append(batch_of([(row, Reading(REQUEST, v, STAMP, status)) for row, v, status in items]))
        self.publisher.drain()


def test_scalars_leave_in_order_and_a_lost_one_never_overtakes_them() -> None:
    rig = Rig()
    rig.publish(
        (0, 1.0, OK), (1, 10.0, OK), (0, None, DISCONNECTED), (0, 2.0, OK), (1, None, DISCONNECTED), (1, 11.0, OK)
    )
    expected = [(0, 1.0, 0), (1, 10.0, 0), (0, 1.0, 3), (0, 2.0, 0), (1, 10.0, 3), (1, 11.0, 0)]
    assert expected == rig.offered
    assert len(expected) == rig.flushed
    assert [(r, None if s else v) for r, v, s in expected] == [(row, value) for row, value, _, _ in rig.told]


def test_the_last_good_value_and_its_stamp_stay_when_a_reading_is_lost() -> None:
    rig = Rig()
    rig.publish((0, 1.5, OK))
    rig.publish((0, None, DISCONNECTED))
    assert (1.5, STAMP) == (rig.store.value[0], rig.store.stamp_ns[0])
    assert Severity.INVALID == rig.store.severity[0]
    assert (0, None, 0, rig.store.alarm(0)) == rig.told[-1]


def test_a_loss_that_changes_no_alarm_is_no_news() -> None:
    rig = Rig()
    rig.publish((0, None, PEND))
    assert ([], []) == (rig.offered, rig.told)
    rig.publish((0, None, DISCONNECTED), (0, None, DISCONNECTED))
    assert 1 == len(rig.told)


def test_a_warning_is_minor_and_what_is_not_finite_is_invalid() -> None:
    rig = Rig()
    rig.publish((0, 1.0, Status(17, 2)), (1, float("nan"), OK), (2, float("inf"), OK))
    assert [Severity.MINOR, Severity.INVALID, Severity.INVALID] == [severity for _, _, severity in rig.offered]
    assert [Stat.CALC, Stat.CALC] == rig.store.status[1:].tolist()


def test_other_values_are_told_one_by_one_with_their_stamp() -> None:
    rig = Rig()
    array = np.arange(3.0)
    rig.publish((0, 1.0, OK), (1, array, OK), (2, "text", Status(17, 2)))
    assert [(1, STAMP), (2, STAMP), (0, STAMP)] == [(row, stamp) for row, _, stamp, _ in rig.told]
    assert array is rig.told[0][1]
    assert Severity.MINOR == rig.told[1][3].severity
    rig.publish((1, None, DISCONNECTED))
    assert (STAMP, Severity.INVALID) == (rig.store.stamp_ns[1], rig.store.severity[1])


def test_rows_that_nobody_follows_cost_no_call() -> None:
    rig = Rig()
    rig.store.unfollow(0, rig.store._followers[0][0])
    rig.publish((0, 1.0, OK), (1, 2.0, OK))
    assert [1] == [row for row, *_ in rig.told]
    assert [0, 1] == [row for row, *_ in rig.offered]


def test_readings_are_counted_and_so_is_their_rate() -> None:
    rig = Rig()
    rig.publisher.count(100.0)
    rig.publish((0, 1.0, OK), (0, None, DISCONNECTED))
    rig.publish((1, 2.0, OK))
    rig.publisher.count(101.5)
    assert (3, 2.0) == (rig.publisher.published, rig.publisher.rate)
    rig.publisher.count(101.5)
    assert 2.0 == rig.publisher.rate
    rig.publisher.count(102.5)
    assert 0.0 == rig.publisher.rate
