"""gateway/core/blocks.py: the STATUS word and the alarms as structures."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.blocks import (
    ATTRIBUTES,
    AnalogAlarm,
    BasicStatus,
    DigitalAlarm,
    LabelledBit,
    basic_status,
    digital_bad,
    evaluate_bits,
    status_bits,
    status_word,
)
from gateway.core.device_info import StatusBit
from tests.core.vectors import vectors

ON = StatusBit(0, "ON", 1, 1, False, "On", "Off")
READY = StatusBit(1, "READY", 2, 2, False, "Ready", "Tripped")
DOOR = StatusBit(5, "DOOR", 4, 4, False, "Open", "Closed")


def definitions_of(vector: dict[str, Any]) -> list[StatusBit]:
    return [
        StatusBit(d["order"], d["name"], d["mask"], d["match"], d["invert"], d["true"], d["false"])
        for d in vector["definitions"]
    ]


@pytest.mark.parametrize("vector", vectors("values", "basic_status"))
def test_a_status_word_is_evaluated_by_the_definitions(vector: dict[str, Any]) -> None:
    definitions = definitions_of(vector)
    status = basic_status(vector["raw"], vector["length"], definitions)
    assert vector["attributes"] == status.attributes()
    states = evaluate_bits(vector["raw"], vector["length"], definitions)
    texts = {
        ATTRIBUTES[bit.order]: bit.true_text if state else bit.false_text
        for bit, state in zip(definitions, states, strict=True)
    }
    assert vector["texts"] == texts
    by_label = {bit.name: texts[ATTRIBUTES[bit.order]] for bit in definitions}
    assert status == BasicStatus.from_texts(by_label, definitions)


@pytest.mark.parametrize("vector", vectors("values", "basic_status_maps"))
def test_a_map_is_one_of_booleans_only_if_all_of_it_is(vector: dict[str, Any]) -> None:
    status = BasicStatus.from_map(vector["map"])
    assert vector["decoded"] == (vector["map"] if status is None else status.attributes())


@pytest.mark.parametrize("vector", vectors("values", "status_bit_arrays"))
def test_bit_arrays_of_different_lengths_are_joined(vector: dict[str, Any]) -> None:
    bits = status_bits(vector["bit_value"], vector["bit_names"], vector["bit_values"])
    assert vector["bits"] == [
        {"position": bit.position, "name": bit.name, "text": bit.text, "set": bit.set} for bit in bits
    ]


@pytest.mark.parametrize("vector", vectors("values", "digital_rule"))
def test_a_digital_alarm_is_bad_when_a_masked_bit_differs(vector: dict[str, Any]) -> None:
    assert vector["bad"] == digital_bad(vector["reading"], vector["nominal"], vector["mask"])


def test_bits_of_the_device_itself_are_evaluated_but_are_no_attributes() -> None:
    assert evaluate_bits(5, 1, [ON, READY, DOOR]) == (True, False, True)
    assert basic_status(5, 1, [ON, READY, DOOR]) == BasicStatus(on=True, ready=False)


def test_texts_are_found_by_label_without_regard_to_case_and_nothing_is_guessed() -> None:
    texts = {"on": "OFF", "Ready": "No", "Door": "Open", "Remote": "Yes"}
    assert BasicStatus.from_texts(texts, [ON, READY, DOOR]) == BasicStatus(on=False)


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.0, 0), (255.0, 255), (-1.0, 0xFFFFFFFF), (-2147483648.0, 0x80000000), (4294967295.0, 2**32 - 1)],
)
def test_a_status_word_is_unsigned(value: float, word: int) -> None:
    assert word == status_word(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_no_status_word(value: float) -> None:
    with pytest.raises(ValueError, match="no status word"):
        status_word(value)


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), st.booleans()))
def test_attributes_survive_their_map(states: dict[str, bool]) -> None:
    status = BasicStatus.from_attributes({**states, "door": True})
    assert states == status.attributes()
    assert (status if states else None) == BasicStatus.from_map({name: str(state) for name, state in states.items()})


def test_structures_are_values() -> None:
    analog = [AnalogAlarm(1.0, 2.0, True, False, False, False, 2, 0) for _ in range(2)]
    digital = [DigitalAlarm(1, 3, True, False, False, False, 2, 0) for _ in range(2)]
    assert (len(set(analog)), len(set(digital)), len({LabelledBit(0, "On", "Yes", True)})) == (1, 1, 1)
