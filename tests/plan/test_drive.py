"""Drive limits of the plan: numbers win over the device database, PVs are named, and what has no effect is warned."""

import math

import pytest

from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.plan.drive import NO_DRIVE, Drive
from tests.plan.planning import by_name, only, planned, warned

ENTRY = '{device: "Z:ACLTST", writable: true, properties: [reading, setting]'
INFOS = {"Z:ACLTST": DeviceInfo("Z:ACLTST", reading=PropertyInfo(), setting=PropertyInfo(low=-10.0, high=10.0))}


@pytest.mark.parametrize(
    ("drive", "found", "pvs"),
    [
        ("", NO_DRIVE, ()),
        (", drive: {low: 1, high: 2}", Drive(1.0, 2.0), ()),
        (", drive: {high: 'M:MAX', outside: clamp}", Drive(high_pv="M:MAX", clamp=True), ("M:MAX",)),
        (", drive: {low: 'M:MIN', high: 2}", Drive(None, 2.0, "M:MIN"), ("M:MIN",)),
    ],
)
def test_a_limit_is_a_number_or_a_pv(drive: str, found: Drive, pvs: tuple[str, ...]) -> None:
    device = only(planned(f"{ENTRY}{drive}}}"))
    assert (found, pvs) == (device.drive, device.drive.pvs)


def test_numbers_hold_for_puts_and_not_for_displays() -> None:
    found = by_name(planned(f"{ENTRY}, drive: {{low: 0, high: 5}}}}", infos=INFOS))
    for name in ("Z:ACLTST", "Z:ACLTST:SP"):
        assert (0.0, 5.0, True) == (found[name].drive_low, found[name].drive_high, found[name].driven)
    assert (-10.0, 10.0) == (found["Z:ACLTST:SP"].low, found["Z:ACLTST:SP"].high)
    assert not found["Z:ACLTST:SP_RBV"].driven
    assert math.isnan(found["Z:ACLTST:SP_RBV"].drive_low)


def test_without_numbers_the_device_database_says_it() -> None:
    found = by_name(planned(f"{ENTRY}, drive: {{outside: clamp}}}}", infos=INFOS))["Z:ACLTST:SP"]
    assert (-10.0, 10.0) == (found.drive_low, found.drive_high)


def test_a_pv_of_nobody_here_and_a_limit_of_nothing_are_warned() -> None:
    for pv, count in (("Z:ACLTST.HIHI", 0), ("GW1:MAX", 0), ("M:MAX", 1)):
        _, warnings = warned(f"{ENTRY}, drive: {{high: '{pv}'}}}}")
        assert count == len(warnings), warnings
    assert "Z:ACLTST: its limit M:MAX is no PV of this gateway; it is looked for at other IOCs" in warnings[0]
    _, warnings = warned('{device: "M:OUTTMP", properties: [reading], drive: {high: 1}}')
    assert ["gw.yaml:4: M:OUTTMP: 'drive' has no effect on a device without a writable SETTING"] == warnings
