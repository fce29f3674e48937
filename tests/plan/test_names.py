"""PV names: which a device gets, which can be configured, and how one is taken apart."""

import pytest

from gateway.core.drf import DataRequest
from gateway.plan.names import label, name_reason, pv_name, splits, suffix


def test_a_device_gives_its_pvs_its_canonical_name_or_the_configured_one() -> None:
    request = DataRequest.parse("b_irms06[0:63]")

    assert pv_name(request, None) == "B:IRMS06"
    assert pv_name(request, "My:PV") == "My:PV"


@pytest.mark.parametrize("name", ["A:B:", "A:B.DESC", "A:B.VAL$"])
def test_some_names_cannot_be_those_of_pvs(name: str) -> None:
    assert name_reason(name) is not None


def test_other_names_can() -> None:
    assert name_reason("A.b:c") is None


def test_a_name_is_split_at_every_colon_the_longest_first() -> None:
    assert list(splits("A:B:STS:ON")) == [("A:B:STS:ON", ""), ("A:B:STS", "ON"), ("A:B", "STS:ON"), ("A", "B:STS:ON")]


def test_a_suffix_is_never_empty_after_a_colon() -> None:
    assert list(splits("A:B:")) == [("A:B:", ""), ("A", "B:")]


def test_a_hostile_name_is_split_only_where_a_suffix_could_be() -> None:
    assert len(list(splits(":" * 10_000))) < 50


def test_a_label_is_cut_to_what_an_enum_holds() -> None:
    assert label("x" * 30) == "x" * 25
    assert label("10 Ω") == "10 ?"


def test_a_label_becomes_part_of_a_name() -> None:
    assert suffix("Door open?") == "DOOR_OPEN_"
    assert suffix("") == "_"
    assert len(suffix("x" * 50)) == 20
