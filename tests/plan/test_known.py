"""What is known of a device: the entry wins over the database, and that over conventions."""

import math

import pytest

from gateway.core.device_info import Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.plan.known import known
from tests.config.loading import with_devices

FOUND = DeviceInfo(
    "M:X",
    "from the database",
    reading=PropertyInfo(units="V", low=-1.0, high=1.0, precision=4),
    status=True,
    bits=(
        StatusBit(5, "Door 1", 1, 1, False, "open", "shut"),
        StatusBit(6, "door 1", 2, 2, False, "open", "shut"),
        StatusBit(7, "door:1", 4, 4, False, "open", "shut"),
    ),
    commands=(Command(3, "GO"),),
)


def describe(entry: str, found: DeviceInfo | None = None) -> DeviceInfo:
    (device,) = with_devices("{backend: dpm, " + entry + "}").devices
    return known(device, found)


def test_of_an_unknown_device_reading_setting_and_status_are_supposed() -> None:
    info = describe("device: 'M:X'")

    assert info.reading == info.setting
    assert info.reading is not None
    assert math.isnan(info.reading.low)
    assert [bit.name for bit in info.bits] == ["ON", "READY", "REMOTE", "POSITIVE", "RAMP"]
    assert info.commands == ()


def test_of_an_unknown_writable_device_the_conventional_commands_too() -> None:
    assert [command.name for command in describe("device: 'M:X', writable: true").commands][:3] == [
        "RESET",
        "ON",
        "OFF",
    ]


def test_what_the_database_says_is_kept() -> None:
    info = describe("device: 'M:X'", FOUND)

    assert info.reading == FOUND.reading
    assert info.setting is None
    assert info.commands == FOUND.commands
    assert info.description == "from the database"


def test_labels_of_the_database_become_names_that_differ() -> None:
    assert [bit.name for bit in describe("device: 'M:X'", FOUND).bits] == ["DOOR_1", "DOOR_1_2", "DOOR_1_3"]


def test_what_the_entry_says_wins() -> None:
    info = describe("device: 'M:X', description: mine, units: A, low: 0, high: 2, precision: 1", FOUND)

    assert info.description == "mine"
    assert info.reading == PropertyInfo(units="A", low=0.0, high=2.0, precision=1)


def test_a_request_for_one_property_gives_only_that() -> None:
    info = describe("device: 'M_X'", FOUND)

    assert info.setting == PropertyInfo()
    assert (info.reading, info.status, info.commands) == (None, False, ())
    assert describe("device: 'M&X'").commands != ()
    assert describe("device: 'M|X'", DeviceInfo("M:X")).bits != ()


def test_configured_properties_are_made_whatever_the_database_says() -> None:
    info = describe("device: 'M:X', properties: [setting, control]", DeviceInfo("M:X"))

    assert info.setting is not None
    assert info.reading is None
    assert len(info.commands) == 7


def test_a_device_of_which_the_database_knows_nothing_has_a_reading() -> None:
    assert describe("device: 'M:X'", DeviceInfo("M:X")).reading == PropertyInfo()


def test_configured_bits_and_commands_replace_those_of_the_database() -> None:
    info = describe(
        "device: 'M:X', bits: [{name: door, mask: 8}, {name: 'on', mask: 1, match: 0}, {name: b, mask: 4}], "
        "commands: ['OFF', {code: 12, name: Purge}]",
        DeviceInfo("M:X"),
    )

    assert [(bit.order, bit.name, bit.mask, bit.match) for bit in info.bits] == [
        (0, "ON", 1, 0), (5, "DOOR", 8, 8), (6, "B", 4, 4),
    ]  # fmt: skip
    assert info.commands == (Command(2, "OFF"), Command(12, "Purge"))


@pytest.mark.parametrize(
    ("entry", "found", "length"),
    [
        ("device: 'M:X'", 64, 1),
        ("device: 'M:X[3]'", 64, 1),
        ("device: 'M:X[2:5]'", 64, 4),
        ("device: 'M:X[]'", 64, 64),
        ("device: 'M:X[60:]'", 64, 4),
        ("device: 'M:X[]', length: 5", 1, 5),
        ("device: 'M:X[]'", 1, 0),
        ("device: 'M:X[70:]'", 64, 0),
        ("device: 'M:X{0:8}', length: 2", 1, 2),
        ("device: 'M:X{0:8}'", 1, 0),
        ("device: 'M:X.RAW'", 1, 8),
        ("device: 'M:X.RAW', length: 1", 1, 1),
        ("device: 'M:X[0:3].RAW'", 1, 32),
        ("device: 'M:X[].RAW'", 1, 0),
        ("device: 'M:X{0:20}.RAW'", 1, 20),
        ("device: 'M:X{4}.RAW'", 1, 1),
        ("device: 'M:X{}.RAW'", 1, 0),
        ("device: 'M:X{}.RAW', length: 7", 1, 7),
        ("device: 'M:X', text: true", 1, 256),
        ("device: 'M:X', text: true", 4, 256),
        ("device: 'M:X', text: true", 300, 300),
        ("device: 'M:X', text: true, length: 12", 30, 12),
    ],
)
def test_the_length_is_that_which_the_request_addresses(entry: str, found: int, length: int) -> None:
    info = describe(entry, DeviceInfo("M:X", reading=PropertyInfo(length=found)))

    assert info.reading is not None
    assert info.reading.length == length
