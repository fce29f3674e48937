"""The newest readings as columns, their listeners and followers."""

import logging
import struct

import numpy as np
import pytest

from gateway.core.severity import NO_ALARM, UDF, Alarm
from gateway.core.values import Value
from iocs.fast.rows import Readings
from iocs.store import Index, Store


class Listener:
    """Keeps what it is offered."""

    def __init__(self) -> None:
        self.offers: list[tuple[list[int], list[float]]] = []

    def offer_rows(self, index: Index, readings: Readings) -> None:
        self.offers.append((index.tolist(), readings.value.tolist()))

    def flush(self) -> None:
        raise AssertionError("only the publisher says when to send")


def put(store: Store, *items: tuple[int, float], severity: int = 0) -> None:
    index = np.array([row for row, _ in items], np.int32)
    size = len(items)
    store.put(
        index,
        np.array([value for _, value in items], float),
        np.full(size, 10**18, np.int64),
        np.zeros(size, np.uint16),
        np.full(size, severity, np.uint16),
    )


def test_a_row_is_undefined_before_its_first_reading() -> None:
    store = Store(2)
    assert UDF == store.alarm(1)
    message = store.readings(np.array([0], np.int32)).messages(20, np.zeros(1, "V16"))
    assert struct.pack(">HHIIxxxxd", 17, 3, 0, 0, 0.0) == message[16:]


def test_the_last_reading_of_a_row_stays_and_listeners_are_offered_all() -> None:
    store, listener = Store(3), Listener()
    store.listen(listener)
    put(store, (0, 1.0), (2, 5.0), (0, 2.0), severity=1)
    assert [2.0, 0.0, 5.0] == store.value.tolist()
    assert Alarm(1, 0) == store.alarm(0)
    assert [([0, 2, 0], [1.0, 5.0, 2.0])] == listener.offers


def test_nothing_is_offered_of_an_empty_batch() -> None:
    store, listener = Store(1), Listener()
    store.listen(listener)
    put(store)
    assert [] == listener.offers


def test_a_listener_is_forgotten_when_its_last_subscription_is() -> None:
    store, listener = Store(1), Listener()
    store.listen(listener)
    store.listen(listener)
    store.forget(listener)
    put(store, (0, 1.0))
    store.forget(listener)
    store.forget(listener)
    put(store, (0, 2.0))
    assert [([0], [1.0])] == listener.offers


def test_followers_are_told_until_they_unfollow() -> None:
    store = Store(2)
    told: list[tuple[str, Value | None]] = []

    def first(value: Value | None, _: int, __: Alarm) -> None:
        told.append(("first", value))
        store.unfollow(1, first)

    def second(value: Value | None, _: int, __: Alarm) -> None:
        told.append(("second", value))

    store.follow(1, first)
    store.follow(1, second)
    assert [False, True] == store.followed.tolist()
    for value in (1.0, None):
        store.tell(1, value, 5, NO_ALARM)
    store.tell(0, 3.0, 5, NO_ALARM)
    store.unfollow(1, second)
    store.tell(1, 4.0, 5, NO_ALARM)
    assert [("first", 1.0), ("second", 1.0), ("second", None)] == told
    assert [False, False] == store.followed.tolist()


def test_a_follower_that_fails_is_reported_and_the_others_are_told(caplog: pytest.LogCaptureFixture) -> None:
    store = Store(1)
    told: list[Value | None] = []

    def broken(value: Value | None, _: int, __: Alarm) -> None:
        raise ZeroDivisionError(str(value))

    store.follow(0, broken)
    store.follow(0, lambda value, _, __: told.append(value))
    with caplog.at_level(logging.ERROR):
        store.tell(0, 1.0, 5, NO_ALARM)
    assert [1.0] == told
    assert ["a reading of row 0 could not be shown"] == [record.message for record in caplog.records]
