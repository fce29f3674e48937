"""gateway/core/status.py: facility and number, their names, texts and classes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import BadInput, ProtocolError
from gateway.core.status import PRIV, Status, facility_name
from tests.core.vectors import table, vectors

NAMES = table("acnet-status.json")


@pytest.mark.parametrize("vector", vectors("values", "status"), ids=lambda vector: vector["hex"])
def test_a_packed_word_is_facility_and_number(vector: dict[str, Any]) -> None:
    status = Status(vector["facility"], vector["error"])
    assert vector["signed"] == status.packed
    assert status == Status.from_packed(vector["signed"])
    assert status == Status.from_packed(vector["unsigned"])
    assert status == Status.parse(f"0x{vector['hex']}")
    assert (vector["name"] or "") == status.name


@pytest.mark.parametrize("vector", vectors("values", "status_code_normalisation"))
def test_a_split_number_may_be_unsigned(vector: dict[str, Any]) -> None:
    assert Status(17, vector["error"]) == Status.from_split(17, vector["status_code"])


@pytest.mark.parametrize(("facility", "number"), [(-1, 0), (256, 0), (17, -129), (17, 256)])
def test_split_numbers_beyond_a_byte_are_a_broken_reply(facility: int, number: int) -> None:
    with pytest.raises(ProtocolError):
        Status.from_split(facility, number)


def test_every_known_name_leads_to_its_numbers_and_back() -> None:
    for facility, names in NAMES["names"].items():
        for number, name in names.items():
            assert name == Status(int(facility), int(number)).name
            assert name == Status.parse(name).name


def test_every_listed_class_is_known() -> None:
    for place, category in NAMES["classes"].items():
        facility, number = place.split("/")
        assert category == Status(int(facility), int(number)).category


def test_every_facility_has_its_name() -> None:
    assert all(name == facility_name(int(facility)) for facility, name in NAMES["facilities"].items())
    assert not facility_name(200)


@pytest.mark.parametrize(
    ("facility", "number", "category"),
    [(0, 0, "info"), (57, 0, "info"), (57, 99, "part"), (57, -3, "data"), (1, -29, "comm"), (48, -99, "comm")],
)
def test_a_status_that_is_not_listed_has_a_class_by_its_facility(facility: int, number: int, category: str) -> None:
    assert category == Status(facility, number).category


@pytest.mark.parametrize(
    "text",
    ["17 -17", "[17 -17]", "17/-17", "DPM_PRIV", "dpm_priv", "DPM_PRIV [17 -17]", "0xEF11", "0xef11", " 17/-17 "],
)
def test_people_may_write_a_status_in_several_ways(text: str) -> None:
    assert Status.parse(text) == PRIV


@pytest.mark.parametrize("text", ["", "17", "256 0", "17/-129", "17/128", "0x12345", "NO_SUCH", "\u0661/1"])
def test_what_is_no_status_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="17/-17"):
        Status.parse(text)


def test_a_status_is_displayed_with_its_name_where_it_has_one() -> None:
    assert list(map(str, (PRIV, Status(17, -99)))) == ["DPM_PRIV [17 -17]", "[17 -99]"]


def test_good_warnings_and_errors_are_told_apart() -> None:
    states = [Status(17, number) for number in (0, 1, -1)]
    assert [(status.good, status.failed) for status in states] == [(True, False), (False, False), (False, True)]


@given(st.integers(0, 255), st.integers(-128, 127))
def test_any_status_is_read_back_from_its_text_and_its_word(facility: int, number: int) -> None:
    status = Status(facility, number)
    assert status == Status.parse(str(status))
    assert status == Status.from_packed(status.packed)
    assert status == Status.from_packed(status.packed & 0xFFFF)
