"""Config: places of devices."""

from tests.config.loading import with_devices


def test_a_device_knows_the_file_and_line_of_its_entry() -> None:
    (device,) = with_devices("{device: 'M:X', backend: dpm}").devices

    assert device.place == "gw.yaml:3"


def test_a_device_without_a_line_has_the_place_of_its_file() -> None:
    import dataclasses

    (device,) = with_devices("{device: 'M:X', backend: dpm}").devices

    assert dataclasses.replace(device, line=0).place == "gw.yaml"
