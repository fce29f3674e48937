"""Config: places of devices."""

from tests.config.loading import loaded, with_devices


def test_a_device_knows_the_file_and_line_of_its_entry() -> None:
    (device,) = with_devices("{device: 'M:X', backend: dpm}").devices

    assert device.place == "gw.yaml:3"


def test_a_device_without_a_line_has_the_place_of_its_file() -> None:
    import dataclasses

    (device,) = with_devices("{device: 'M:X', backend: dpm}").devices

    assert dataclasses.replace(device, line=0).place == "gw.yaml"


def test_a_section_that_stands_on_another_line_is_the_same_section() -> None:
    """Or else a reload would say that only a restart changes it."""
    sections = (
        "freeze: {trip: {devices: Z:ACLTST, when: 'Z:ACLTST > 5'}}\n"
        "groups: {bump: {members: Z:ACLTST}}\n"
        "policies: [{call: 'policies.py:largest'}]\n"
    )
    head = 'backends: {a: {url: "sim:"}}\ndevices: [{device: "Z:ACLTST", writable: true}]\n'
    here, there = loaded(head + sections), loaded(head + "\n\n" + sections)
    assert here.groups[0].line != there.groups[0].line
    assert (here.freezes, here.groups, here.policies) == (there.freezes, there.groups, there.policies)
    assert here.groups != loaded(head + sections.replace("bump", "hump")).groups
