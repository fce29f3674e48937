import pytest

from gateway.core.device_info import Command, PropertyInfo, StatusBit
from gateway.core.errors import BadConfig
from gateway.core.status import PRIV
from simulator.device_spec import AnalogSpec, Behaviour, DigitalSpec, Scale, Settle
from simulator.facility import shipped_facility
from simulator.facility_file import parse_facility
from simulator.models import Noise, Replay, Sine, Sum

FULL = """
devices:
  - name: Z:ACLTST
    index: 7
    description: A device
    long_name: A device that has everything
    alarm_list: TEST
    event: p,500
    units: Amps
    limits: [-1, 1]
    precision: 2
    length: 3
    setting: [1, 2, 3]
    settle: 0.5
    settle_shape: linear
    behaviour: refuse
    refusal: DPM_PRIV
    offset: 0.25
    silent: true
    scale: {raw: int16, step: 0.5, slope: 2, offset: 1, primary_units: mV}
    model: [{kind: sine, amplitude: 2}, {kind: noise, sigma: 0.5}]
    status:
      length: 1
      word: 3
      bits: [ON, {name: door, mask: 0x10, match: 0, invert: true, true_text: closed, false_text: open}]
    commands: [ON, {code: 12, name: shut, long_name: shut the door, bit: DOOR}]
    analog: {min: -1, max: 2, enable: false, abort: true, abort_inhibit: true, tries_needed: 4, text: TOO MUCH}
    digital: {nominal: 1, mask: 3, tries_needed: 2}
"""


def test_every_key_of_a_device_is_understood():
    (spec,), _ = parse_facility(FULL, "f.yaml")
    assert ("Z:ACLTST", 7, "A device", "p,500") == (spec.name, spec.index, spec.description, spec.event)
    assert PropertyInfo(3, False, "Amps", -1, 1, 2) == spec.reading == spec.setting
    assert (1.0, 2.0, 3.0) == spec.initial
    assert Settle(0.5, linear=True) == spec.settle
    assert (Behaviour.REFUSE, PRIV, 0.25, True) == (spec.behaviour, spec.refusal, spec.offset, spec.silent)
    assert Scale("int16", 0.5, 2.0, 1.0, "mV") == spec.scale
    assert isinstance(spec.model, Sum)
    assert [Sine, Noise] == [type(part) for part in spec.model.parts]
    assert spec.status is not None
    assert StatusBit(5, "DOOR", 16, 0, True, "closed", "open") == spec.status.bits[1]
    assert [Command(1, "ON"), Command(12, "SHUT")] == [command.command for command in spec.commands]
    assert 5 == spec.commands[1].order
    assert AnalogSpec(-1, 2, False, True, True, 4, "TOO MUCH") == spec.analog
    assert DigitalSpec(1, 3, tries_needed=2) == spec.digital


def test_a_device_with_units_has_a_reading_and_one_without_has_none():
    (with_units, without), _ = parse_facility("devices: [{name: 'A:B', units: V}, {name: 'A:C'}]", "f.yaml")
    assert with_units.reading is not None
    assert without.reading is None


def test_a_recorded_model_stands_in_the_file():
    text = 'devices: [{name: "A:B", units: V, model: {kind: replay, csv: "0,1\\n1,2\\n"}}]'
    (spec,), _ = parse_facility(text, "f.yaml")
    assert isinstance(spec.model, Replay)


@pytest.mark.parametrize(
    ("text", "line", "key", "reason"),
    [
        ("devices:\n  - name: Z:A\n    unit: V\n", 3, "unit", "did you mean 'units'"),
        ("devices:\n  - name: Z:A\n    zzzzz: V\n", 3, "zzzzz", "known are"),
        ("devices:\n  - name: Z:A\n  - name: Z:A\n", 3, "name", "stands here twice"),
        ("devices:\n  - name: Z:A\n    index: 1\n  - name: Z:B\n    index: 1\n", 4, "device 2", "index 1"),
        ("devices:\n  - name: z:a\n", 2, "name", "no device name"),
        ("devices:\n  - name: Z_A\n", 2, "name", "no device name"),
        ("devices:\n  - name: 'Z:A[3:1]'\n", 2, "name", "range"),
        ("devices:\n  - {name: 'Z:A', name: 'Z:A'}\n", 2, "name", "twice"),
        ("devices:\n  - name: Z:A\n    event: p,x\n", 3, "event", "no time"),
        ("devices:\n  - name: Z:A\n    limits: [1]\n", 3, "limits", r"\[low, high\]"),
        ("devices:\n  - name: Z:A\n    limits: [a, b]\n", 3, "limits", "list of numbers"),
        ("devices:\n  - name: Z:A\n    length: 0\n", 3, "length", "from 1 to"),
        ("devices:\n  - name: Z:A\n    offset: much\n", 3, "offset", "write a number"),
        ("devices:\n  - name: Z:A\n    silent: 1\n", 3, "silent", "true or false"),
        ("devices:\n  - name: Z:A\n    description: 12\n", 3, "description", "write a text"),
        ("devices:\n  - name: Z:A\n    behaviour: odd\n", 3, "behaviour", "none of follow"),
        ("devices:\n  - name: Z:A\n    refusal: odd\n", 3, "refusal", "no ACNET status"),
        ("devices:\n  - name: Z:A\n    settle: -1\n", 3, "settle", "0 or more"),
        ("devices:\n  - name: Z:A\n    model: 3\n", 3, "model", "key: value"),
        ("devices:\n  - name: Z:A\n    model: {kind: odd}\n", 3, "kind", "none of constant"),
        ("devices:\n  - name: Z:A\n    model: {kind: sine, period_s: 0}\n", 3, "period_s", "above 0"),
        ("devices:\n  - name: Z:A\n    model: {kind: sine, wide: 1}\n", 3, "wide", "unknown key"),
        ("devices:\n  - name: Z:A\n    model: {kind: replay, csv: x}\n", 3, "csv", "line 1"),
        ("devices:\n  - name: Z:A\n    scale: {step: 0}\n", 3, "scale", "not be 0"),
        ("devices:\n  - name: Z:A\n    status: {length: 3}\n", 3, "length", "1, 2 or 4"),
        ("devices:\n  - name: Z:A\n    status: {bits: [ODD]}\n", 3, "bits", "none of ON"),
        ("devices:\n  - name: Z:A\n    status: {length: 1, bits: [{name: W, mask: 256}]}\n", 3, "bits", "wider"),
        ("devices:\n  - name: Z:A\n    status: {bits: [{name: W}]}\n", 3, "bits", "a name and a mask"),
        ("devices:\n  - name: Z:A\n    commands: [ON]\n", 3, "commands", "need a `status`"),
        ("devices:\n  - name: Z:A\n    status: {}\n    commands: [ODD]\n", 4, "commands", "none of RESET"),
        (
            "devices:\n  - name: Z:A\n    status: {}\n    commands: [ON, {code: 1, name: B}]\n",
            4,
            "commands",
            "same code",
        ),
        ("devices:\n  - name: Z:A\n    status: {}\n    commands: [{code: 1, name: B, bit: W}]\n", 4, "bit", "none of"),
        ("devices:\n  - name: Z:A\n    analog: {min: 1}\n    units: V\n", 3, "analog", "min is above max"),
        ("devices:\n  - name: Z:A\n    analog: {}\n", 3, "analog", "give `units`"),
        ("devices:\n  - name: Z:A\n    digital: {}\n", 3, "digital", "needs a `status`"),
        ("devices:\n  - name: Z:A\n    units: V\n    setting: [1, 2]\n", 4, "setting", "as many as"),
        ("devices:\n  - name: Z:A\n    texts: [a]\n    setting: b\n", 4, "setting", "none of `texts`"),
        ("devices:\n  - name: Z:A\n    texts: [1]\n", 3, "texts", "list of texts"),
        ("device: []\n", 1, "device", "devices"),
        ("- a\n", 1, "the file", "key: value"),
        ("devices: [\n", 2, "", "no YAML"),
        ("", 0, "", "empty"),
        ("a: \x01", 0, "", "no YAML"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_key(text, line, key, reason):
    with pytest.raises(BadConfig, match=reason) as caught:
        parse_facility(text, "f.yaml")
    assert ("f.yaml", line, key) == (caught.value.file, caught.value.line, caught.value.key)


def test_the_shipped_facility_has_the_devices_of_the_documents_and_not_the_unknown_one():
    devices = shipped_facility().devices
    assert len(devices) >= 40
    assert {"M:OUTTMP", "G:AMANDA", "Z:ACLTST", "Z:ACLTS1", "B:IRMS06", "N:LGXS", "N:H801"} <= set(devices)
    assert "Z:NOTFND" not in devices
