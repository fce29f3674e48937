"""Publisher: drains the push queue on the loop; scalars of a whole batch leave as rows, the rest one by one."""

from typing import Protocol

import numpy as np

from gateway.core.batch import OtherReading, ReadingBatch
from gateway.core.blocks import AnalogAlarm, DigitalAlarm
from gateway.core.severity import Alarm, alarm_columns, alarm_of
from iocs.store import Index, Store


class News(Protocol):
    """The loop's end of the push queue."""

    def drain(self) -> list[ReadingBatch]:
        """What came since the last drain, in order; slots are rows of the device table."""
        ...


class Publisher:
    """Judges readings and hands them to the store. `published` counts readings since the start."""

    def __init__(self, news: News, store: Store) -> None:
        self.news, self.store = news, store
        self.published = 0
        self.rate = 0.0  # readings per second, over the last second
        self._counted = (0, 0.0)

    def count(self, now: float) -> None:
        """Bring `rate` up to date; `now` is in s of a clock that never steps."""
        readings, since = self._counted
        if now > since:
            self.rate = (self.published - readings) / (now - since)
        self._counted = (self.published, now)

    def drain(self) -> None:
        """Publish all that waits, in one write per client; called on the loop once per wake-up."""
        try:
            for batch in self.news.drain():
                self.publish(batch)
        finally:
            self.store.flush()

    def publish(self, batch: ReadingBatch) -> None:
        """Publish one batch, each row's readings in the order they came."""
        self.published += len(batch)
        start = 0
        for other in batch.others:
            if other.after > start and other.reading.value is None:
                # a lost scalar must not overtake the values that came before it
                self._scalars(batch, start, other.after)
                start = other.after
            self._other(other)
        self._scalars(batch, start, len(batch.slot))

    def _scalars(self, batch: ReadingBatch, start: int, end: int) -> None:
        if start == end:
            return
        index: Index = batch.slot
        value, stamp_ns, facility, number = batch.value, batch.stamp_ns, batch.facility, batch.number
        if end - start < len(index):
            part = slice(start, end)
            index, value, stamp_ns = index[part], value[part], stamp_ns[part]
            facility, number = facility[part], number[part]
        status, severity = alarm_columns(value, facility, number)
        store = self.store
        status, severity = store.blocks.judge(index, value, status, severity)
        store.put(index, value, stamp_ns, status, severity)
        for at in store.followed_in(index):
            row = int(index[at])
            store.tell(row, float(value[at]), int(stamp_ns[at]), Alarm(int(severity[at]), int(status[at])))

    def _other(self, other: OtherReading) -> None:
        store, row, reading = self.store, other.slot, other.reading
        had_value = bool(store.stamp_ns[row])
        alarm = store.blocks.judge_one(row, alarm_of(reading.status, reading.value is not None, had_value))
        if isinstance(reading.value, AnalogAlarm | DigitalAlarm | bytes):
            for judged in store.blocks.take(row, reading.value):
                self._alarm_alone(judged, store.blocks.again(judged, float(store.value[judged]), store.alarm(judged)))
        if reading.value is not None:
            store.stamp_ns[row] = reading.stamp_ns
            store.status[row], store.severity[row] = alarm.status, alarm.severity
            store.tell(row, reading.value, reading.stamp_ns, alarm)
        else:  # the last good value and its stamp stay visible (values.md 9.1)
            self._alarm_alone(row, alarm)

    def _alarm_alone(self, row: int, alarm: Alarm) -> None:
        """Show another alarm of a row with the value and the stamp that it has."""
        store = self.store
        if alarm != store.alarm(row):
            index = np.array([row], np.int32)
            store.put(index, store.value[index], store.stamp_ns[index],
                      np.array([alarm.status], np.uint16), np.array([alarm.severity], np.uint16))  # fmt: skip
            store.tell(row, None, 0, alarm)
