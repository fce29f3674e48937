from gateway.core.device_info import DeviceInfo
from gateway.plan.known_names import AWAY, KNOWN_FOR, UNASKED_FOR, UNKNOWN_FOR, Answer, KnownNames

GOOD = DeviceInfo("M:A")


def test_a_name_is_asked_for_once_and_known_until_its_time_is_over() -> None:
    names = KnownNames()

    assert names.info("M:A", 0.0) is None
    assert names.info("M:A", 0.1) is None
    assert names.take(10) == ["M:A"]
    names.learn(["M:A"], Answer({"M:A": GOOD}), 1.0)

    assert names.info("M:A", KNOWN_FOR) is GOOD
    assert names.waiting == 0
    assert names.info("M:A", 1.0 + KNOWN_FOR) is None
    assert names.waiting == 1


def test_an_unknown_name_is_not_asked_for_again_before_its_time() -> None:
    names = KnownNames()
    names.learn(["M:A", "M:B"], Answer({"M:B": DeviceInfo("M:B", exists=False)}), 0.0)

    assert names.info("M:A", UNKNOWN_FOR - 1) is names.info("M:B", UNKNOWN_FOR - 1) is None
    assert (names.waiting, names.refused) == (0, 2)
    names.info("M:B", UNKNOWN_FOR)
    assert names.take(10) == ["M:B"]


def test_where_the_database_was_away_names_are_asked_for_again_soon() -> None:
    names = KnownNames()
    names.learn(["M:A"], AWAY, 0.0)

    names.info("M:A", UNASKED_FOR - 1)
    assert (names.waiting, names.refused) == (0, 0)
    names.info("M:A", UNASKED_FOR)
    assert names.waiting == 1


def test_what_waits_and_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    names = KnownNames(most=2)
    for device in ("M:A", "M:B", "M:C"):
        names.info(device, 0.0)
    assert names.take(1) == ["M:A"]
    assert names.take(9) == ["M:B"]

    names.learn(["M:A", "M:B", "M:C"], Answer({}), 0.0)
    names.info("M:C", 1.0)
    names.info("M:A", 1.0)
    assert names.take(9) == ["M:A"]
    names.learn(["M:D", "M:E", "M:F"], Answer({name: DeviceInfo(name) for name in ("M:D", "M:E", "M:F")}), 0.0)
    assert [names.info(name, 1.0) is not None for name in ("M:D", "M:E", "M:F")] == [False, True, True]
