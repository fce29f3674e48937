import math

import pytest

from devices.device import Device, WriteRecord
from devices.table import DeviceTable
from gateway.core.status import DISCONNECTED
from gateway.core.write_state import WriteState
from tests.devices.samples import batch, device_plan, identity, scalars
from tests.support.clock import ManualClock

NOW = 5_000


@pytest.fixture
def table() -> DeviceTable:
    return DeviceTable(scalars(3), 8, ManualClock(now_ns=NOW))


def test_a_device_is_a_view_of_its_rows(table: DeviceTable) -> None:
    device = Device(device_plan(reading_row=1, setting_row=2), table)
    table.accept(batch((0, 1.0), (1, 2.0), (2, 3.0), (1, 4.0)), identity(3))
    latest, setting, last, since = device.latest(), device.setting(), device.last(9), device.since(1)
    assert latest is not None
    assert setting is not None
    assert last is not None
    assert since is not None
    assert (latest.value, setting.value) == (4.0, 3.0)
    assert (last.values.tolist(), since.values.tolist()) == ([2.0, 4.0], [4.0])
    assert device.name == "Z:ACLTST"
    assert (device.age(), device.setting_age()) == (0.0, 0.0)


def test_what_a_device_lacks_is_none(table: DeviceTable) -> None:
    device = Device(device_plan(), table)
    assert (device.latest(), device.setting(), device.last(1), device.since(0)) == (None, None, None, None)
    assert device.last_error() == ""
    assert (device.age(), device.setting_age()) == (math.inf, math.inf)


def test_the_last_error_is_that_of_any_row_the_reading_first(table: DeviceTable) -> None:
    device = Device(device_plan(reading_row=0, setting_row=1), table)
    table.accept(batch((1, None, DISCONNECTED)), identity(3))
    assert device.last_error() == str(DISCONNECTED)


def test_a_write_is_shown_from_the_queue_to_its_end(table: DeviceTable) -> None:
    records: list[WriteRecord] = []
    device = Device(device_plan(), table, lambda changed: records.append(changed.write_record))
    assert device.write_record == WriteRecord()
    device.queued("ann@desk")
    device.show(WriteState.ACCEPTED, "", "ann@desk")
    assert records == [
        WriteRecord(WriteState.PENDING, "", "ann@desk", NOW),
        WriteRecord(WriteState.ACCEPTED, "", "ann@desk", NOW),
    ]


def test_a_refused_put_is_denied_with_its_reason(table: DeviceTable) -> None:
    device = Device(device_plan(), table)
    device.refused("bob@desk", "writes are off")
    assert device.write_record == WriteRecord(WriteState.DENIED, "writes are off", "bob@desk", NOW)


def test_a_refused_put_does_not_hide_the_write_that_is_under_way(table: DeviceTable) -> None:
    device = Device(device_plan(), table)
    device.queued("ann@desk")
    device.refused("bob@desk", "not in the access file")
    assert device.write_record == WriteRecord(WriteState.PENDING, "", "ann@desk", NOW)
