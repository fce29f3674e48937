"""Names as clients write them."""

import pytest

from iocs.pv_name import Asked, readings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("X", []),
        ("X.VAL", [Asked("X")]),
        ("X.", [Asked("X")]),
        ("X.EGU", [Asked("X", "EGU")]),
        ("X.DESC$", [Asked("X", "DESC", True), Asked("X.DESC", "", True)]),
        ("X.$", [Asked("X", "", True), Asked("X.", "", True)]),
        ("X$", [Asked("X", "", True)]),
        ("X.VAL$[0:3]", [Asked("X", "", True, "[0:3]")]),
        ('X.{"dbnd":{"abs":1.5}}', [Asked("X", "", False, '{"dbnd":{"abs":1.5}}')]),
        ("A.B.EGU", [Asked("A.B", "EGU")]),
        ("X.egu", []),
        ("X.VAL ", []),
        (".EGU", []),
        ("x" * 257, []),
    ],
)
def test_a_name_is_read_as_it_stands_first_and_then_cut_at_its_dots(name: str, expected: list[Asked]) -> None:
    as_it_stands = [] if len(name) > 256 else [Asked(name)]
    assert [*as_it_stands, *expected] == list(readings(name))


def test_a_name_of_very_many_dots_is_cut_at_a_few() -> None:
    assert 17 == len(list(readings("x" + ".{" * 100)))
