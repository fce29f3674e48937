"""gateway/core/drf_words.py: the tables of properties and fields."""

from gateway.core.drf_words import (
    ACTING_FIELD,
    DEFAULT_FIELD,
    FIELD_WORDS,
    FIELDS,
    PROPERTY_WORDS,
    SEPARATORS,
    Property,
)


def test_every_property_has_fields_and_its_own_word() -> None:
    assert set(Property) == set(FIELDS)
    assert all(PROPERTY_WORDS[found.value] is found for found in Property)


def test_every_property_but_the_bit_status_has_a_separator_and_an_acting_field() -> None:
    assert set(Property) - {Property.BIT_STATUS} == set(SEPARATORS.values()) == set(ACTING_FIELD)


def test_default_fields_are_allowed_and_act_when_they_are_left_out() -> None:
    for found, name in DEFAULT_FIELD.items():
        assert name in FIELDS[found]
        assert name == ACTING_FIELD[found]


def test_every_word_leads_to_a_field_that_some_property_has() -> None:
    assert set(FIELD_WORDS.values()) == set().union(*FIELDS.values())


def test_only_status_is_both_a_property_and_a_field() -> None:
    assert {"STATUS"} == set(PROPERTY_WORDS) & set(FIELD_WORDS)
