"""What another configuration adds, removes and changes."""

from dataclasses import replace

from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.plan.diff import Changes, compare
from tests.plan.planning import planned

TEMPERATURE, AMANDA = '{device: "M:OUTTMP"}', '{device: "G:AMANDA"}'


def test_the_same_again_changes_nothing_wherever_its_rows_are() -> None:
    one, other = planned(TEMPERATURE, AMANDA), planned(AMANDA, TEMPERATURE)
    assert Changes() == compare([one], other)
    assert Changes() == compare([planned(AMANDA), planned(TEMPERATURE)], one)
    assert "0 added, 0 removed, 0 changed" == str(compare([one], other))


def test_devices_are_added_and_removed_by_name() -> None:
    found = compare([planned(TEMPERATURE)], planned(AMANDA))
    assert ({"G:AMANDA"}, {"M:OUTTMP"}, frozenset()) == (found.added, found.removed, found.changed)
    assert ({"G:AMANDA"}, {"M:OUTTMP"}) == (found.come, found.gone)


def test_what_is_acquired_otherwise_or_judged_otherwise_is_changed() -> None:
    before = planned(TEMPERATURE, AMANDA)
    for keys in ("event: 'p,7'", "writable: true", "step: 3", "group: A", "length: 3", "properties: status"):
        found = compare([before], planned(f'{{device: "M:OUTTMP", {keys}}}', AMANDA))
        assert ({"M:OUTTMP"}, {"M:OUTTMP"}, {}) == (found.gone, found.come, found.described), keys


def test_all_devices_of_a_backend_that_has_moved_are_changed() -> None:
    plan = planned(TEMPERATURE, AMANDA)
    name = plan.devices["M:OUTTMP"].route.names[0]
    assert {"M:OUTTMP", "G:AMANDA"} == compare([plan], plan, {name}).changed
    assert Changes() == compare([plan], plan, {"another"})


def test_what_is_only_described_otherwise_keeps_its_channels() -> None:
    before = planned(TEMPERATURE)
    device = before.devices["M:OUTTMP"]
    info = DeviceInfo("M:OUTTMP", "in another way", reading=PropertyInfo(1, units="K"), status=device.info.status)
    info = replace(device.info, description="in another way", reading=info.reading)
    found = compare([before], replace(before, devices={"M:OUTTMP": replace(device, info=info)}))
    assert (frozenset(), info) == (found.gone, found.described["M:OUTTMP"].info)
    assert "0 added, 0 removed, 0 changed, 1 described anew" == str(found)


def test_a_change_says_why() -> None:
    before, now = planned(TEMPERATURE, AMANDA), planned('{device: "M:OUTTMP", group: A}', AMANDA)
    assert {"M:OUTTMP": ("group DEFAULT -> A",)} == compare([before], now).why
    name = before.devices["M:OUTTMP"].route.names[0]
    said = ("group DEFAULT -> A", f"backend {name} has another url or auth")
    assert said == compare([before], now, {name}).why["M:OUTTMP"]


def test_a_description_that_needs_another_channel_is_a_change() -> None:
    before = planned(TEMPERATURE, infos={"M:OUTTMP": DeviceInfo("M:OUTTMP", reading=PropertyInfo())})
    now = planned(TEMPERATURE, infos={"M:OUTTMP": DeviceInfo("M:OUTTMP", "new", reading=PropertyInfo(text=True))})
    found = compare([before], now)
    assert ({"M:OUTTMP"}, {}) == (found.changed, found.described)
    assert "READING scalar -> text" in found.why["M:OUTTMP"]
