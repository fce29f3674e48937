"""The PVs of one device: names, types, what a put means, and finding one without making all."""

import pytest

from gateway.core.device_info import Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.plan.alarm_parts import ANALOG, DIGITAL
from gateway.plan.family import all_pvs, family, find, member, scalar_row
from gateway.plan.model import PvType, Role
from tests.plan.planning import by_name, only, planned

FRESH = ["GW:STALE", "GW:READNOW", "GW:READNOW:MSG"]  # of what is acquired
GATEWAY = ["GW:BACKEND", "GW:AGE", "GW:ERR", "GW:DROPS", *FRESH, "META:TEXT", "META:AGE"]


def names(entry: str, info: DeviceInfo | None = None) -> list[str]:
    plan = planned(entry, infos={info.device: info} if info else None)
    return [spec.name.removeprefix("M:X").removeprefix(":") for spec in family(plan, only(plan))]


def test_of_an_unknown_device() -> None:
    bits = ["STS", "STS:ON", "STS:READY", "STS:REMOTE", "STS:POSITIVE", "STS:RAMP"]

    assert names("{device: 'M:X'}") == ["", "SP", "SP_RBV", *bits, "HIST:V", "HIST:T", "HIST:N", *GATEWAY]


def test_of_a_writable_device_there_are_also_commands_and_the_outcome_of_writes() -> None:
    made = names("{device: 'M:X', writable: true}")

    assert "CMD" in made
    assert [name for name in made if name.startswith("WR:")] == [
        "WR:STATE", "WR:MSG", "WR:WHO", "WR:TIME", "WR:LATENCY", "WR:ATTEMPTS", "WR:RBV", "WR:FOREIGN", "WR:OWN",
    ]  # fmt: skip


def test_of_alarm_blocks_there_is_a_pv_per_part_and_limits_have_the_units_of_the_reading() -> None:
    info = DeviceInfo("M:X", reading=PropertyInfo(units="mm", precision=5), analog=True, digital=True)
    pvs = by_name(planned("{device: 'M:X'}", infos={"M:X": info}))

    assert ("mm", 5) == (pvs["M:X:ALM:MIN"].units, pvs["M:X:ALM:MIN"].precision)
    assert ("bypassed", "active") == pvs["M:X:DALM:ENABLE"].labels
    assert {f"M:X:ALM:{part.name}" for part in ANALOG} <= set(pvs)
    assert {f"M:X:DALM:{part.name}" for part in DIGITAL} <= set(pvs)
    assert "MASK" == pvs["M:X:DALM:MASK"].part


def test_alarm_blocks_are_writable_only_where_a_writable_device_says_so() -> None:
    info = DeviceInfo("M:X", reading=PropertyInfo(), analog=True)

    def writable(entry: str) -> bool:
        return by_name(planned(f"{{device: 'M:X', {entry}}}", infos={"M:X": info}))["M:X:ALM:MAX"].writable

    assert writable("writable: true, alarms_writable: true")
    assert not writable("writable: true")
    assert not writable("alarms_writable: true")


def test_of_an_array_there_is_no_history() -> None:
    assert names("{device: 'M:X[0:3]', properties: reading}") == ["", *GATEWAY]


@pytest.mark.parametrize(
    ("device", "expected"), [("M_X", ["SP", "SP_RBV"]), ("M&X", ["CMD"]), ("M:X.STATUS", ["STS", "STS:ON"])]
)
def test_of_one_property_only_its_own(device: str, expected: list[str]) -> None:
    info = DeviceInfo("M:X", bits=(StatusBit(0, "ON", 1, 1, False, "on", "off"),), commands=(Command(0, "RESET"),))

    own = [name for name in GATEWAY if device != "M&X" or name not in FRESH]
    assert names(f"{{device: '{device}'}}", info) == [*expected, *own]


def test_a_put_on_reading_or_setpoint_of_a_writable_device_is_a_setting() -> None:
    pvs = by_name(planned("{device: 'M:X[0:1]', writable: true}"))

    assert str(pvs["M:X"].write) == "M:X.SETTING[0:1]@N"
    assert pvs["M:X"].writable
    assert pvs["M:X:SP"].write == pvs["M:X"].write
    assert not pvs["M:X:SP_RBV"].writable
    assert pvs["M:X:SP"].row == pvs["M:X:SP_RBV"].row


def test_a_put_on_the_reading_has_the_limits_of_the_setting() -> None:
    info = DeviceInfo("M:X", reading=PropertyInfo(low=-9, high=9), setting=PropertyInfo(low=0, high=5))
    pvs = by_name(planned("{device: 'M:X', writable: true}", infos={"M:X": info}))

    assert (-9, 9, 0, 5) == (
        (pv := pvs["M:X"]).low, pv.high, pv.drive_low, pv.drive_high
    )  # fmt: skip
    assert (0, 5) == (pvs["M:X:SP"].drive_low, pvs["M:X:SP"].drive_high)


def test_a_command_without_a_known_code_is_set_by_its_name() -> None:
    info = DeviceInfo("M:X", commands=(Command(None, "A NAME OF MORE THAN TWENTY-FIVE SIGNS"), Command(7, "B")))
    (spec,) = (pv for name, pv in by_name(planned("{device: 'M:X'}", infos={"M:X": info})).items() if "CMD" in name)

    assert ("A NAME OF MORE THAN TWENTY-FIVE SIGNS", 7) == spec.codes
    assert "A NAME OF MORE THAN TWENT" == spec.labels[0]


def test_nothing_of_a_device_that_is_not_writable_can_be_put() -> None:
    settable = [spec for spec in all_pvs(planned("{device: 'M:X'}")) if spec.writable or spec.write]

    assert [Role.READ_NOW] == [spec.role for spec in settable]  # which sets nothing


def test_a_writable_device_without_setting_has_a_reading_that_cannot_be_put() -> None:
    info = DeviceInfo("M:X", reading=PropertyInfo(), commands=(Command(0, "RESET"),))

    pvs = by_name(planned("{device: 'M:X', writable: true}", infos={"M:X": info}))

    assert not pvs["M:X"].writable
    assert str(pvs["M:X:CMD"].write) == "M:X.CONTROL@N"


def test_readings_carry_what_is_known_of_them() -> None:
    info = DeviceInfo("M:X", "hello", reading=PropertyInfo(units="V", low=0.0, high=9.0, precision=2))

    spec = by_name(planned("{device: 'M:X'}", infos={"M:X": info}))["M:X"]

    assert (spec.units, spec.low, spec.high, spec.precision, spec.description) == ("V", 0.0, 9.0, 2, "hello")
    assert (spec.role, spec.type, spec.length, spec.row) == (Role.READING, PvType.DOUBLE, 1, 0)


@pytest.mark.parametrize(
    ("entry", "kind", "length"),
    [("{device: 'M:X.RAW'}", PvType.BYTES, 8), ("{device: 'M:X', text: true}", PvType.TEXT, 256)],
)
def test_raw_data_are_bytes_and_texts_are_long_strings(entry: str, kind: PvType, length: int) -> None:
    spec = by_name(planned(entry))["M:X"]

    assert (spec.type, spec.length) == (kind, length)


def test_bits_come_from_the_word_where_their_masks_are_known_and_from_the_status_otherwise() -> None:
    pvs, device = by_name(plan := planned("{device: 'M:X'}")), only(plan)
    assert pvs["M:X:STS:ON"].row == device.status_row
    plan = planned("{device: 'M:X', bits: [{name: 'ON', mask: 1}, {name: door, mask: 2, true_text: open}]}")
    pvs, device = by_name(plan), only(plan)

    assert pvs["M:X:STS:ON"].row == device.word_row
    assert pvs["M:X:STS:DOOR"].row == device.word_row == pvs["M:X:STS"].row
    assert pvs["M:X:STS:DOOR"].labels == ("off", "open")
    assert pvs["M:X:STS:DOOR"].bit is not None


def test_a_command_enum_has_sixteen_labels_with_their_codes() -> None:
    info = DeviceInfo("M:X", commands=tuple(Command(n + 1, f"C{n}") for n in range(20)))

    spec = by_name(planned("{device: 'M&X', writable: true}", infos={"M:X": info}))["M:X:CMD"]

    assert len(spec.labels) == len(spec.codes) == 16
    assert (spec.labels[0], spec.codes[0]) == ("C0", 1)


def test_history_is_as_long_as_the_buffer() -> None:
    assert by_name(planned("{device: 'M:X'}"))["M:X:HIST:V"].length == 10


def test_every_pv_is_found_by_its_name() -> None:
    plan = planned("{device: 'M:X', writable: true}", "{device: 'M:X', name: 'A:B:C'}")

    assert all(find(plan, spec.name) == spec for spec in all_pvs(plan))


@pytest.mark.parametrize("name", ["M:Y", "m:x", "M:X:NO", "M:X:STS:NO", "M:X:", "", ":", "M:X:GW"])
def test_other_names_are_not_found(name: str) -> None:
    assert find(planned("{device: 'M:X'}"), name) is None


def test_a_member_is_found_by_its_suffix() -> None:
    plan = planned("{device: 'M:X'}")

    assert member(plan, only(plan), "NO") is None
    found = member(plan, only(plan), "")
    assert found is not None
    assert found.name == "M:X"


def test_the_row_of_a_number_is_found_without_its_specification() -> None:
    plan = planned(
        "{device: 'M:OUTTMP', writable: true, properties: [reading, setting]}",
        "{device: 'B:IRMS06[0:3]', properties: [reading]}",
    )
    device = plan.devices["M:OUTTMP"]
    assert scalar_row(plan, "M:OUTTMP") == (device.reading_row, True)
    assert scalar_row(plan, "M:OUTTMP:SP_RBV") == (device.setting_row, False)
    assert [scalar_row(plan, name) for name in ("M:OUTTMP:SP", "B:IRMS06", "B:IRMS06:SP_RBV", "X:SP_RBV")] == [None] * 4


@pytest.mark.parametrize(
    ("suffix", "part", "length"),
    [
        ("HIST:V:7", "7", 7),
        ("HIST:T:5000000", "5000000", 10),
        ("HIST:V:10S", "10S", 10),
        ("HIST:N:10S", "10S", 1),
    ],
)
def test_a_part_of_the_history_is_asked_for_by_number_or_by_seconds(suffix: str, part: str, length: int) -> None:
    spec = find(planned("{device: 'M:X'}"), f"M:X:{suffix}")
    assert spec is not None
    assert (part, length, f"M:X:{suffix}") == (spec.part, spec.length, spec.name)


@pytest.mark.parametrize("suffix", ["HIST:V:0", "HIST:V:010", "HIST:V:-1", "HIST:V:99999999", "HIST:X:1", "HIST:V:1s"])
def test_what_is_no_part_of_a_history_is_no_pv(suffix: str) -> None:
    assert None is find(planned("{device: 'M:X'}"), f"M:X:{suffix}")


def test_what_has_no_history_has_no_part_of_one() -> None:
    assert None is find(planned("{device: 'M:X[0:3]', properties: reading}"), "M:X:HIST:V:10")
