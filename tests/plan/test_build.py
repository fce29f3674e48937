"""build_plan: rows that are shared, kinds, and every PV that cannot be."""

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config.problems import ConfigErrors
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.route import Route
from gateway.plan.build import build_plan
from gateway.plan.family import all_pvs, find
from gateway.plan.model import Confirm, Kind
from tests.config.loading import loaded
from tests.plan.planning import HEAD, only, planned, warned


def refused(*entries: str) -> str:
    with pytest.raises(ConfigErrors) as caught:
        planned(*entries)
    return str(caught.value)


def test_a_device_has_a_row_for_each_request() -> None:
    plan = planned("{device: 'M:X'}")

    assert [str(watch.request) for watch in plan.watches] == [
        "M:X.READING@P,1000,TRUE",
        "M:X.SETTING@P,1000,TRUE",
        "M:X.STATUS.BIT_VALUE@P,1000,TRUE",
        "M:X.STATUS@P,1000,TRUE",
    ]
    assert only(plan).rows() == (0, 1, 2, 3)
    assert [watch.kind for watch in plan.watches] == [Kind.SCALAR, Kind.SCALAR, Kind.SCALAR, Kind.STATUS]


def test_alarm_blocks_have_rows_of_their_own_at_their_own_pace() -> None:
    info = DeviceInfo("M:X", reading=PropertyInfo(length=8), analog=True, digital=True)
    plan = planned("{device: 'M:X[2:3]', event: 'e,0f'}", infos={"M:X": info})

    assert [str(plan.watches[row].request) for row in only(plan).rows()] == [
        "M:X.READING[2:3]@e,0f",
        "M:X.ANALOG@p,2000",
        "M:X.DIGITAL@p,2000",
        "M:X.ANALOG.RAW@p,2000",
        "M:X.DIGITAL.RAW@p,2000",
    ]
    assert [watch.kind for watch in plan.watches[1:]] == [Kind.ANALOG, Kind.DIGITAL, Kind.RAW, Kind.RAW]


def test_a_device_may_be_its_alarm_block_alone() -> None:
    watches = planned("{device: 'M:X.ANALOG'}").watches
    assert [str(watch.request) for watch in watches] == ["M:X.ANALOG@p,2000", "M:X.ANALOG.RAW@p,2000"]


def test_requests_that_mean_the_same_share_a_row() -> None:
    plan = planned("{device: 'M:X', event: 'p,1000'}", "{device: 'M:X', name: OTHER, event: 'P,1S'}")

    assert len(plan.watches) == 4
    assert plan.devices["M:X"].rows() == plan.devices["OTHER"].rows()


@pytest.mark.parametrize(
    ("entry", "kind", "length"),
    [
        ("{device: 'M:X[0:3]'}", Kind.ARRAY, 4),
        ("{device: 'M:X', text: true}", Kind.TEXT, 256),
        ("{device: 'M:X.RAW'}", Kind.RAW, 8),
        ("{device: 'M:X[2]'}", Kind.SCALAR, 1),
    ],
)
def test_the_kind_follows_from_field_text_and_length(entry: str, kind: Kind, length: int) -> None:
    watch = planned(entry).watches[0]

    assert (watch.kind, watch.length) == (kind, length)


def test_a_device_knows_its_way_of_writing_and_its_place() -> None:
    device = only(planned("{device: 'M:X', writable: true, write_timeout: 3, confirm: {tolerance: 0.1}}"))

    assert device.confirm == Confirm(0.1, 2.0, 0.2)
    keys = "{tolerance: 0, relative: 0.01, delay: 0.5, attempts: 3}"
    assert (
        Confirm(0.0, 2.0, 0.2, 0.01, 0.5, 3)
        == only(planned(f"{{device: 'M:X', writable: true, confirm: {keys}}}")).confirm
    )
    assert (device.write_timeout, device.place, device.route) == (3.0, "gw.yaml:4", Route(("a",), ("a",)))
    assert device.word_row == 2


def test_the_plan_has_the_name_switch_and_depth_of_the_gateway() -> None:
    plan = planned("{device: 'M:X'}")

    assert (plan.gateway, plan.writes, plan.buffer) == ("GW1", True, 10)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            ("{device: 'M:X'}", "{device: 'M:X@p,100'}"),
            "gw.yaml:5: device: duplicate PV 'M:X', first in gw.yaml:4; give one of them a 'name'",
        ),
        (
            ("{device: 'M:X'}", "{device: 'M:Y', name: 'M:X:STS:ON'}"),
            "gw.yaml:5: name: duplicate PV 'M:X:STS:ON', part of M:X in gw.yaml:4; give one of them a 'name'",
        ),
        (
            ("{device: 'M:X', bits: [{name: SP, mask: 1}]}", "{device: 'M_Y', name: 'M:X:STS'}"),
            "gw.yaml:5: name: duplicate PV 'M:X:STS:SP', part of M:X in gw.yaml:4",
        ),
        (("{device: 'M:X', name: 'A.DESC'}",), "gw.yaml:4: name: 'A.DESC' ends like a record field"),
        (
            ("{device: 'M:X[]'}",),
            "gw.yaml:4: device: how long M:X.READING[:]@P,1000,TRUE is, nobody knows; add 'length'",
        ),
    ],
)
def test_a_pv_that_cannot_be_is_refused_with_both_places(entries: tuple[str, ...], said: str) -> None:
    assert said in refused(*entries)


def test_a_device_name_within_another_that_is_no_pv_of_it_may_be() -> None:
    assert len(planned("{device: 'M:X'}", "{device: 'M|Y', name: 'M:X:SP'}").devices) == 2
    assert len(planned("{device: 'M:X'}", "{device: 'M:X:OTHER'}").devices) == 2


def test_warnings_name_the_place_and_the_device() -> None:
    infos = {"M:X": DeviceInfo("M:X", reading=PropertyInfo(length=64, units="a long unit"))}

    _, warnings = warned("{device: 'M:X', writable: true, confirm: {tolerance: 1}}", infos=infos)

    assert warnings == [
        "gw.yaml:4: M:X: the units 'a long unit' take 11 bytes, EPICS shows 7; the whole is in M:X:META:TEXT",
        "gw.yaml:4: M:X: M:X has 64 elements and a request without range is the first; write M:X[0:63]",
        "gw.yaml:4: M:X: is writable, but has neither SETTING nor CONTROL",
        "gw.yaml:4: M:X: 'confirm' has no effect on a device without a writable SETTING",
    ]


def test_confirmation_of_a_device_that_is_not_writable_is_warned_of() -> None:
    assert "'alarms_writable' has no effect" in warned("{device: 'M:X', alarms_writable: true}")[1][0]
    assert "'confirm' has no effect" in warned("{device: 'M:X', confirm: {tolerance: 1}}")[1][0]


def test_a_raw_setting_whose_bytes_nobody_has_counted_is_warned_of() -> None:
    (said,) = warned("{device: 'Z:X.SETTING.RAW', writable: true}")[1]
    assert "so a put takes exactly 8; write a range of bytes, such as Z:X{0:2}.RAW, or add 'length'" in said
    counted = "{device: 'Z:X{0:2}.RAW', writable: true}", "{device: 'Z:X.RAW', length: 4, writable: true}"
    for entry in (*counted, "{device: 'Z:X.RAW'}"):
        assert [] == warned(entry)[1]


def test_confirmation_by_a_reading_needs_one() -> None:
    infos = {"Z:X": DeviceInfo("Z:X", setting=PropertyInfo())}
    entry = "{device: 'Z:X', writable: true, confirm: {tolerance: 1, by: reading}}"
    assert "it has no READING that could confirm a setting; leave out 'by: reading'" in warned(entry, infos=infos)[1][0]
    assert [] == warned(entry)[1]


def test_a_plan_of_ten_thousand_devices_is_made() -> None:
    config = loaded(
        HEAD + "  - include: d.csv\n", {"d.csv": "device\n" + "".join(f"S:D{n:05d}\n" for n in range(10_000))}
    )

    plan, _ = build_plan(config, {})

    assert len(plan.watches) == 40_000


ENTRIES = st.fixed_dictionaries(
    {
        "device": st.sampled_from(
            ["M:X", "M:X[0:3]", "M:X[]", "M:X[3:]", "M_X", "N|L", "N&L", "M:Y.RAW", "M:Y{0:3}.RAW"]
        )
    },
    optional={
        "name": st.sampled_from(["M:X:SP", "A", "B:C", "M:X:STS:ON", "M:X:STS", "A.B"]),
        "writable": st.booleans(),
        "text": st.booleans(),
        "length": st.integers(1, 5),
        "properties": st.lists(st.sampled_from(["reading", "setting", "status", "control"]), min_size=1),
        "bits": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["ON", "on", "A", "SP"]), "mask": st.integers(0, 3)}),
            max_size=3,
        ),
        "commands": st.lists(st.sampled_from(["ON", "OFF"]), max_size=2),
    },
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ENTRIES, max_size=3))
def test_no_two_pvs_have_one_name_and_each_is_found_by_it(entries: list[dict[str, object]]) -> None:
    try:
        plan, _ = build_plan(loaded(yaml.safe_dump({"backends": {"a": {"url": "sim:"}}, "devices": entries})), {})
    except ConfigErrors:
        return
    pvs = list(all_pvs(plan))

    assert len({spec.name for spec in pvs}) == len(pvs)
    assert [find(plan, spec.name) for spec in pvs] == pvs
    assert all(-1 <= spec.row < len(plan.watches) for spec in pvs)


def test_a_time_of_its_own_for_staleness_holds_for_all_of_the_device_but_its_alarm_blocks() -> None:
    info = DeviceInfo("M:X", reading=PropertyInfo(), setting=PropertyInfo(), status=True, analog=True)
    plan = planned("{device: 'M:X', stale_after: 7}", "{device: 'M:X', name: 'M:Y'}", infos={"M:X": info})

    of = [[plan.watches[row].stale_after for row in device.rows()] for device in plan.devices.values()]
    assert [[7.0, 7.0, 7.0, 7.0, None, None], [None] * 6] == of


def test_who_would_be_stale_between_two_readings_is_warned() -> None:
    _, warnings = warned("{device: 'M:X', event: 'p,5000', stale_after: 5}")

    assert ["is stale between any two readings: 'stale_after' 5 s is within its period"] == [
        warning.partition("M:X ")[2] or warning.partition("M:X: ")[2] for warning in warnings
    ]
