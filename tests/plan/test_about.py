"""about: nothing that is known of a device is cut."""

from gateway.core.device_info import Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.plan.about import about


def test_every_fact_has_its_line_and_is_whole() -> None:
    info = DeviceInfo(
        "Z:ACLTST",
        "A description that is much longer than the forty bytes of a record",
        PropertyInfo(units="furlongs/fortnight", low=-1.5, high=2, length=3),
        PropertyInfo(text=True, length=40),
        True,
        (
            StatusBit(0, "ON", 1, 1, False, "on", "off"),
            StatusBit(5, "DOOR", 0, 0, False, "closed and locked by the interlock", "open", "of the hut"),
        ),
        (Command(0, "RESET"), Command(None, "CHARGE", "charge the line")),
        True,
        True,
    )
    assert about(info).splitlines() == [
        "Z:ACLTST: A description that is much longer than the forty bytes of a record",
        "READING: furlongs/fortnight, -1.5 to 2, 3 elements",
        "SETTING: text",
        "STATUS ON (mask 0x1): on / off",
        "STATUS DOOR: closed and locked by the interlock / open, of the hut",
        "CONTROL RESET",
        "CONTROL CHARGE: charge the line",
        "alarm blocks: ANALOG DIGITAL",
    ]


def test_what_is_unknown_is_said_or_left_out() -> None:
    assert "M:X\nREADING: no units" == about(DeviceInfo("M:X", reading=PropertyInfo()))
