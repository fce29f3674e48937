"""What EPICS cannot hold is said."""

from gateway.core.device_info import Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.core.route import Route
from gateway.plan.limits import limits
from gateway.plan.model import DevicePlan


def said(info: DeviceInfo, name: str = "M:X") -> list[str]:
    return list(limits(DevicePlan(name, info, Route(("a",), ("a",)), False, None, 5.0)))


def test_of_an_ordinary_device_nothing() -> None:
    assert said(DeviceInfo("M:X", reading=PropertyInfo(units="degF"), setting=PropertyInfo(units="degF"))) == []
    assert said(DeviceInfo("M:X", reading=PropertyInfo(units="?"))) == []


def test_a_long_name_a_long_unit_and_a_sign_that_is_not_there() -> None:
    assert "EPICS tools take 60" in said(DeviceInfo("M:X"), "N" * 55)[0]
    assert said(DeviceInfo("M:X", reading=PropertyInfo(units="x" * 8))) == [
        "the units 'xxxxxxxx' take 8 bytes, EPICS shows 7; the whole is in M:X:META:TEXT"
    ]
    assert "shows as '?'" in said(DeviceInfo("M:X", setting=PropertyInfo(units="kΩ")))[0]


def test_a_long_description_and_texts_of_other_alphabets() -> None:
    assert said(DeviceInfo("M:X", "x" * 41)) == [
        "the description takes 41 bytes, .DESC shows 40; the whole is in M:X:META:TEXT"
    ]
    strange = DeviceInfo("M:X", "Ω", commands=(Command(None, "開"), Command(None, "zurück")))
    assert said(strange) == [
        "the description holds signs that EPICS does not have and shows as '?'",
        "the label '開' holds signs that EPICS does not have and shows as '?'",
    ]


def test_long_labels_and_many_commands() -> None:
    bit = StatusBit(5, "DOOR", 1, 1, False, "x" * 26, "shut")
    commands = tuple(Command(n, f"C{n}") for n in range(17))

    sentences = said(DeviceInfo("M:X", bits=(bit,), commands=commands))

    assert "is longer than the 25 bytes" in sentences[0]
    assert sentences[1] == "17 commands, an EPICS enum has 16 states; left out: C16"
