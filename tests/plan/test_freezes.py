"""Freezes of the configuration beside the plan: which devices, which rows, and what cannot be."""

import pytest

from gateway.config.problems import ConfigErrors
from gateway.plan.build import build_plan
from gateway.plan.family import find
from gateway.plan.model import Plan, PvType
from tests.config.loading import loaded

DEVICES = """gateway: {buffer: 100}
backends: {a: {url: "sim:"}}
devices:
  - {device: "M:OUTTMP", properties: [reading]}
  - {device: "M:FAST", event: "p,67", properties: [reading]}
  - {device: "M:RAMP", event: "e,0f", properties: [reading]}
  - {device: "M:WAVE[0:3]", properties: [reading]}
  - {device: "Z:ACLTST", properties: [reading, setting, status]}
freeze:
"""


def planned(text: str) -> tuple[Plan, list[str]]:
    return build_plan(loaded(f"{DEVICES}  trip: {{{text}}}\n"), {})


def test_patterns_name_devices_whose_reading_is_one_number() -> None:
    plan, warnings = planned("devices: 'M:*, Z:NONE', before: 1, after: 0.5")
    (freeze,) = plan.freezes
    assert ("M:OUTTMP", "M:FAST", "M:RAMP") == freeze.devices
    assert (1_000_000_000, 500_000_000, ()) == (freeze.before_ns, freeze.after_ns, freeze.trigger.rows)
    assert plan.frozen == set(freeze.devices)
    assert [] == warnings


def test_what_is_kept_has_pvs_with_room_for_as_much_again() -> None:
    plan, _ = planned("devices: 'M:OUT*', before: 1")
    found = {part: find(plan, f"M:OUTTMP:HIST:FRZ:{part}") for part in ("V", "T", "N", "TIME", "BY")}
    assert [(PvType.DOUBLE, 200), (PvType.DOUBLE, 200), (PvType.LONG, 1), (PvType.DOUBLE, 1), (PvType.STRING, 1)] == [
        (spec.type, spec.length) for spec in found.values() if spec
    ]
    assert find(plan, "M:FAST:HIST:FRZ:V") is None


def test_a_condition_becomes_the_row_of_its_pv_and_a_state_its_number() -> None:
    (freeze,) = planned("devices: 'M:*', before: 1, when: 'Z:ACLTST:SP_RBV >= 5'")[0].freezes
    plan = planned("devices: 'M:*', before: 1, when: 'Z:ACLTST:STS:READY = tripped'")[0]
    assert (plan.devices["Z:ACLTST"].setting_row,) == freeze.trigger.rows
    (freeze,) = plan.freezes
    assert ((plan.devices["Z:ACLTST"].status_row,), 0.0) == (freeze.trigger.rows, freeze.trigger.operand)
    assert freeze.trigger.bit is not None
    assert "READY" == freeze.trigger.bit.name


def test_an_event_becomes_the_rows_that_are_acquired_at_it() -> None:
    plan, _ = planned("devices: 'M:*', before: 1, event: 'E,F'")
    assert (plan.devices["M:RAMP"].reading_row,) == plan.freezes[0].trigger.rows


def test_a_window_that_the_buffer_cannot_hold_is_warned() -> None:
    _, warnings = planned("devices: 'M:*', before: 10")
    assert warnings == [
        "freeze trip: the history of M:FAST holds 6.7 s and not the 10 s before the trigger; "
        "a larger gateway.buffer holds more"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("devices: 'Q:*'", "freeze.trip.devices: no device with a history is called Q:*"),
        ("devices: 'M:WAVE'", "no device with a history is called M:WAVE"),
        ("devices: 'M:*', when: 'M:NONE > 1'", "freeze.trip.when: M:NONE is no PV of this configuration"),
        ("devices: 'M:*', when: 'M:WAVE > 1'", "M:WAVE cannot fire it; a reading"),
        ("devices: 'M:*', when: 'Z:ACLTST:HIST:N > 1'", "Z:ACLTST:HIST:N cannot fire it"),
        ("devices: 'M:*', when: 'Z:ACLTST:STS:READY = off'", "is never 'off'; its states are tripped, ready"),
        ("devices: 'M:*', when: 'M:OUTTMP = warm'", "M:OUTTMP is never 'warm'; it takes a number"),
        ("devices: 'M:*', event: 'p,1000'", "p,1000 is no clock or state event"),
        ("devices: 'M:*', event: 'e,02'", "no device is acquired at e,02, so nobody would know"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as error:
        planned(text)
    assert said in str(error.value)
