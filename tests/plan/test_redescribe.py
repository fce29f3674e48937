"""redescribed: what a running gateway can show of a new description, and what only a restart can."""

from dataclasses import replace

from gateway.core.device_info import Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.plan.model import DevicePlan
from gateway.plan.redescribe import redescribed
from tests.plan.planning import only, planned

BITS = (StatusBit(0, "ON", 1, 1, False, "on", "off"),)
INFO = DeviceInfo("M:X", "old", PropertyInfo(units="A"), PropertyInfo(), True, BITS, (), True, False)


def device(info: DeviceInfo) -> DevicePlan:
    return only(planned("{device: 'M:X'}", infos={"M:X": info}))


def test_texts_units_limits_bits_and_commands_are_shown() -> None:
    now = replace(
        INFO, description="new", reading=PropertyInfo(units="mA", low=0, high=1, precision=5),
        bits=(*BITS, StatusBit(5, "DOOR", 2, 2, False, "shut", "open")), commands=(Command(None, "GO"),),
    )  # fmt: skip
    old = device(INFO)
    found, said = redescribed(old, device(now))
    assert () == said
    assert device(now).info == found.info
    assert old.rows() == found.rows()


def test_what_would_need_another_row_or_type_stays_and_is_said() -> None:
    now = DeviceInfo("M:X", "new", None, PropertyInfo(text=True), False, (), (), False, True)
    found, said = redescribed(device(INFO), device(now))
    kept = device(INFO).info
    assert said == (
        "READING has gone; a restart serves it",
        "SETTING has another length or kind now; a restart serves it",
        "STATUS has gone; a restart serves it",
        "ANALOG has gone; a restart serves it",
        "DIGITAL has come; a restart serves it",
    )
    assert (kept.reading, kept.setting, kept.bits) == (found.info.reading, found.info.setting, found.info.bits)
    assert ("new", True, False) == (found.info.description, found.info.analog, found.info.digital)


def test_a_property_that_comes_waits_for_a_restart() -> None:
    found, said = redescribed(device(replace(INFO, setting=None, status=False, bits=())), device(INFO))
    assert said == ("SETTING has come; a restart serves it", "STATUS has come; a restart serves it")
    assert (None, ()) == (found.info.setting, found.info.bits)
