"""gateway/core/device_info.py: what is known of a device besides its values."""

import math

from gateway.core.device_info import Command, DeviceInfo, PropertyInfo, StatusBit


def test_a_device_of_which_only_the_name_is_known_has_no_properties() -> None:
    info = DeviceInfo("M:OUTTMP")
    assert (info.reading, info.setting) == (None, None)
    assert not any((info.status, info.analog, info.digital, info.bits, info.commands, info.description))


def test_limits_are_not_numbers_until_they_are_known() -> None:
    prop = PropertyInfo()
    assert math.isnan(prop.low)
    assert math.isnan(prop.high)
    assert (prop.length, prop.text, prop.units) == (1, False, "")


def test_what_is_known_of_a_device_can_be_compared_and_kept_in_sets() -> None:
    def info() -> DeviceInfo:
        bit = StatusBit(0, "ON", 1, 1, False, "On", "Off")
        return DeviceInfo("Z:ACLTST", status=True, bits=(bit,), commands=(Command(1, "ON"),))

    assert info() == info()
    assert len({info(), info()}) == 1
