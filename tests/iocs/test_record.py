"""Records: deadbands and alarm limits that clients have set, as an ai record has them."""

import math

import pytest

from gateway.core.severity import NO_ALARM, Alarm, Severity, Stat
from iocs.record import Record, beyond

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("old", "new", "deadband", "news"),
    [
        (1, 1, -1, True), (1, 1, 0, False), (1, 1.1, 0, True), (1, 3, 2, False), (1, 3.1, 2, True), (3.1, 1, 2, True),
        (NAN, 1, 5, True), (1, NAN, 5, True), (NAN, NAN, 5, False), (NAN, NAN, -1, True), (INF, INF, 5, False),
        (INF, -INF, 5, True), (INF, 1, 5, True), (INF, INF, -1, True),
    ],
)  # fmt: skip
def test_a_value_is_news_beyond_the_deadband(old: float, new: float, deadband: float, news: bool) -> None:
    assert news == beyond(old, new, deadband)


def test_without_anything_set_every_reading_is_news_and_no_limit_judges() -> None:
    record = Record()
    assert (True, -1.0, -1.0, False) == (record.every, record.mdel, record.adel, record.judges)
    assert NO_ALARM == record.judge(1e9, NO_ALARM)


def test_a_limit_judges_once_it_has_a_severity() -> None:
    record = Record({"HIHI": 10.0})
    assert (record.every, NO_ALARM) == (True, record.judge(11.0, NO_ALARM))
    record.set["HHSV"] = 2
    assert not record.every
    assert Alarm(Severity.MAJOR, Stat.HIHI) == record.judge(10.0, NO_ALARM)
    assert NO_ALARM == record.judge(9.9, NO_ALARM)


@pytest.mark.parametrize(
    ("value", "alarm"),
    [
        (12, Alarm(2, Stat.HIHI)), (7, Alarm(1, Stat.HIGH)), (0, NO_ALARM), (-7, Alarm(1, Stat.LOW)),
        (-12, Alarm(2, Stat.LOLO)),
    ],
)  # fmt: skip
def test_each_side_has_its_severity(value: float, alarm: Alarm) -> None:
    limits = {"HIHI": 10.0, "HIGH": 5.0, "LOW": -5.0, "LOLO": -10.0, "HHSV": 2, "HSV": 1, "LSV": 1, "LLSV": 2}
    assert alarm == Record(limits).judge(value, NO_ALARM)


def test_an_alarm_holds_until_the_value_is_back_by_the_hysteresis() -> None:
    record = Record({"HIHI": 10.0, "HHSV": 2, "HYST": 1.0, "LOLO": -10.0, "LLSV": 1})
    seen = [record.judge(value, NO_ALARM).severity for value in (9.5, 10, 9.5, 9, 8.9, 9.5, -10, -9.5, -8)]
    assert [0, 2, 2, 2, 0, 0, 1, 1, 0] == seen


def test_a_worse_alarm_stays() -> None:
    record = Record({"HIHI": 10.0, "HHSV": 1})
    assert Alarm(2, Stat.STATE) == record.judge(11.0, Alarm(2, Stat.STATE))


def test_limits_are_told_where_they_have_a_severity() -> None:
    known = (1.0, 0.0, 8.0, NAN, NAN, -8.0, 1.0, 0.0)
    assert (5.0, *known[1:]) == pytest.approx(Record({"HOPR": 5.0}).limits(known), nan_ok=True)
    told = Record({"HIHI": 9.0, "LOLO": -9.0, "LLSV": 0, "HIGH": 4.0, "LOW": -4.0, "LSV": 1}).limits(known)
    assert (1.0, 0.0, 9.0, NAN, -4.0, NAN, 1.0, 0.0) == pytest.approx(told, nan_ok=True)
