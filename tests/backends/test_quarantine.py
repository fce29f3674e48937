from gateway.backends.quarantine import Quarantine
from gateway.runtime.backoff import Backoff


def made() -> Quarantine[str, str]:
    return Quarantine(Backoff(first=5.0, cap=60.0), lambda: 0.5)


def test_who_failed_is_left_out_with_the_reason_and_due_after_a_while() -> None:
    quarantine = made()
    assert quarantine.reason("a", 0.0) is None
    quarantine.failed("a", "unknown", 0.0)
    assert (quarantine.reason("a", 1.0), quarantine.due(4.9), quarantine.due(5.0)) == ("unknown", [], ["a"])


def test_each_failure_makes_the_next_attempt_later_up_to_a_bound() -> None:
    quarantine = made()
    waits, now = [], 0.0
    for _ in range(7):
        quarantine.failed("a", "unknown", now)
        following = quarantine.next_due()
        assert following is not None
        waits.append(following - now)
        now = following
    assert waits == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


def test_who_works_again_is_released_and_begins_anew() -> None:
    quarantine = made()
    quarantine.failed("a", "unknown", 0.0)
    quarantine.failed("a", "still unknown", 5.0)
    assert quarantine.reason("a", 6.0) == "still unknown"
    quarantine.released("a")
    quarantine.released("a")
    assert (len(quarantine), quarantine.next_due(), quarantine.reason("a", 7.0)) == (0, None, None)
    quarantine.failed("a", "unknown", 10.0)
    assert quarantine.next_due() == 15.0


def test_who_is_not_asked_for_is_forgotten() -> None:
    quarantine = made()
    quarantine.failed("wanted", "unknown", 0.0)
    quarantine.failed("unwanted", "unknown", 0.0)
    quarantine.reason("wanted", 500.0)
    assert quarantine.due(700.0) == ["wanted"]
    assert len(quarantine) == 1


def test_who_could_not_be_tried_keeps_its_reason_and_waits_longer() -> None:
    quarantine = made()
    quarantine.postponed("a", 0.0)
    assert len(quarantine) == 0
    quarantine.failed("a", "unknown", 0.0)
    quarantine.postponed("a", 5.0)
    assert (quarantine.reason("a", 6.0), quarantine.next_due()) == ("unknown", 15.0)
