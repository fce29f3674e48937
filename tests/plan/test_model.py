"""Plan: a reader of it sees every PV, and a device its rows."""

from gateway.plan.family import all_pvs
from gateway.plan.model import DevicePlan, Plan
from tests.plan.planning import planned


def test_a_plan_without_devices_has_no_pvs() -> None:
    assert list(all_pvs(Plan("GW1", False, 10, ()))) == []


def test_the_pvs_come_in_order_of_the_configuration() -> None:
    plan = planned("{device: 'Z:B'}", "{device: 'A:A'}")

    assert list(dict.fromkeys(spec.device for spec in all_pvs(plan))) == ["Z:B", "A:A"]


def test_a_device_has_the_rows_of_the_properties_that_it_has() -> None:
    plan = planned("{device: 'M:X', properties: [reading, status]}")
    device: DevicePlan = plan.devices["M:X"]

    assert device.rows() == (device.reading_row, device.word_row, device.status_row)
    assert device.setting_row == -1
