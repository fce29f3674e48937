import numpy as np
import pytest

from gateway.backends.dpm_lists import LIST_SIZE, ListLoad, apply_settings, place, refusal, rounds
from gateway.core.drf import DataRequest
from gateway.core.status import BAD_REQUEST, INVLEN
from gateway.core.values import Setting, SettingValue
from gateway.wire.dpm import RawSetting, ScaledSetting, TextSetting


def requests(count: int, event: str = "P,1000,TRUE", prefix: str = "Z:D") -> list[DataRequest]:
    return [DataRequest.parse(f"{prefix}{number}@{event}") for number in range(count)]


def setting(text: str, value: SettingValue = 1.0) -> Setting:
    return Setting(DataRequest.parse(text).for_writing(), value)


def sizes(loads: list[ListLoad]) -> list[int]:
    return [load.size for load in loads]


def test_few_requests_share_one_list() -> None:
    loads: list[ListLoad] = []
    assert place(requests(3), loads, 8) == [0, 0, 0]
    assert sizes(loads) == [3]


def test_as_many_lists_are_opened_as_keep_each_within_its_size() -> None:
    loads: list[ListLoad] = []
    place(requests(2 * LIST_SIZE + 1), loads, 8)
    assert len(loads) == 3
    assert max(sizes(loads)) <= LIST_SIZE


def test_ten_thousand_requests_stay_within_the_budget_and_are_spread_evenly() -> None:
    loads: list[ListLoad] = []
    place(requests(10_000), loads, 8)
    assert sizes(loads) == [1250] * 8


def test_a_new_list_is_preferred_to_adding_to_one_that_runs() -> None:
    loads = [ListLoad(3)]
    assert place(requests(2), loads, 2) == [1, 1]


def test_without_budget_the_smallest_list_takes_the_request() -> None:
    loads = [ListLoad(5), ListLoad(2)]
    assert place(requests(1), loads, 2) == [1]


def test_p_and_q_of_one_device_go_into_different_lists() -> None:
    loads: list[ListLoad] = []
    both = [DataRequest.parse("M:OUTTMP@P,1000"), DataRequest.parse("M:OUTTMP@Q,1000")]
    assert place(both, loads, 8) == [0, 1]


def test_p_and_q_of_one_device_share_a_list_when_the_budget_is_one() -> None:
    loads: list[ListLoad] = []
    both = [DataRequest.parse("M:OUTTMP@P,1000"), DataRequest.parse("M:OUTTMP@Q,1000")]
    assert place(both, loads, 1) == [0, 0]


def test_no_request_opens_no_list() -> None:
    loads: list[ListLoad] = []
    assert place([], loads, 8) == []
    assert loads == []


def test_settings_of_different_devices_travel_together() -> None:
    assert rounds([setting("Z:A"), setting("Z:B"), setting("Z|A")]) == [[0, 1, 2]]


def test_alarm_fields_of_one_device_go_one_after_the_other() -> None:
    assert rounds([setting("Z@A.MIN"), setting("Z@A.MAX"), setting("Z@B.MIN")]) == [[0, 2], [1]]


def test_the_same_thing_set_twice_keeps_its_order() -> None:
    assert rounds([setting("Z:A", 1.0), setting("Z:B"), setting("Z:A", 2.0), setting("Z:A", 3.0)]) == [[0, 1], [2], [3]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("M:OUTTMP", 1.0),
        ("M:OUTTMP[3]", 1.0),
        ("M:OUTTMP[0:2]", np.zeros(3)),
        ("M:OUTTMP[:]", np.zeros(7)),
        ("M:OUTTMP{0:4}.RAW", b"abcd"),
        ("M:OUTTMP{2}.RAW", b"a"),
        ("M:OUTTMP.RAW", b"abcd"),
        ("M:OUTTMP{}.RAW", b"abcd"),
        ("M:OUTTMP[0:1]", ("one", "two")),
        ("M:OUTTMP", "text"),
        ("Z|ACLTST", 1.0),
    ],
)
def test_a_setting_of_the_right_length_may_be_sent(text: str, value: SettingValue) -> None:
    assert refusal(setting(text, value)) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("M:OUTTMP", np.zeros(2)),
        ("M:OUTTMP[0:2]", 1.0),
        ("M:OUTTMP[0:2]", np.zeros(4)),
        ("M:OUTTMP[0:2]", np.zeros(0)),
        ("M:OUTTMP{0:4}.RAW", b"abc"),
        ("M:OUTTMP{2}.RAW", b"ab"),
        ("M:OUTTMP", ("one", "two")),
    ],
)
def test_a_wrong_length_is_refused_before_anything_is_sent(text: str, value: SettingValue) -> None:
    found = refusal(setting(text, value))
    assert found is not None
    assert found[0] == INVLEN
    assert "takes" in found[1]


@pytest.mark.parametrize("text", ["M~OUTTMP", "M:OUTTMP<-LOGGER:1:2", "N@H801", "MY:PV.VAL"])
def test_what_cannot_be_set_is_refused_before_anything_is_sent(text: str) -> None:
    found = refusal(setting(text))
    assert found is not None
    assert found[0] == BAD_REQUEST


@pytest.mark.parametrize("text", ["M:OUTTMP", "N|LGXS.ON"])
def test_a_reading_is_never_turned_into_a_setting_here(text: str) -> None:
    found = refusal(Setting(DataRequest.parse(text), 1.0))
    assert found is not None
    assert found[0] == BAD_REQUEST


def test_text_that_the_protocol_cannot_carry_is_refused() -> None:
    found = refusal(setting("M:OUTTMP", "20 \N{KELVIN SIGN}"))
    assert found is not None
    assert found[0] == BAD_REQUEST


def test_values_travel_by_their_type() -> None:
    message = apply_settings(
        7,
        {
            1: setting("Z:A", 1.5),
            2: setting("Z:B", np.array([1.0, 2.0])),
            3: setting("Z:C.RAW", b"xy"),
            4: setting("Z:D", "on"),
            5: setting("Z:E[0:1]", ("a", "b")),
        },
    )
    assert message.list_id == 7
    assert message.scaled_array == (ScaledSetting(1, np.array([1.5])), ScaledSetting(2, np.array([1.0, 2.0])))
    assert message.raw_array == (RawSetting(3, b"xy"),)
    assert message.text_array == (TextSetting(4, ("on",)), TextSetting(5, ("a", "b")))


def test_arrays_without_settings_are_left_out() -> None:
    message = apply_settings(7, {1: setting("Z:A", 1.5)})
    assert (message.raw_array, message.text_array) == (None, None)
