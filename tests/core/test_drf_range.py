"""gateway/core/drf_range.py: which elements or bytes a request addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.drf_range import LARGEST, DrfRange, parse_range
from gateway.core.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "canonical", "normal", "elements"),
    [
        ("[]", "[:]", "[]", None),
        ("[:]", "[:]", "[]", None),
        ("[007]", "[7]", "[7]", 1),
        ("[2:5]", "[2:5]", "[2:5]", 4),
        ("[5:5]", "[5:5]", "[5]", 1),
        ("[0:]", "[0:]", "[]", None),
        ("[3:]", "[3:]", "[3:]", None),
        ("[:5]", "[:5]", "[0:5]", 6),
        ("[:0]", "[:0]", "[0]", 1),
        ("{}", "{:}", "[]", None),
        ("{:}", "{:}", "[]", None),
        ("{4}", "{4}", "{4}", None),
        ("{4:1}", "{4:1}", "{4}", None),
        ("{0:}", "{0:}", "[]", None),
        ("{4:}", "{4:}", "{4:}", None),
        ("{:1}", "{:1}", "{0}", None),
        ("{:8}", "{:8}", "{0:8}", None),
        ("{3:0}", "{3:0}", "{3:0}", None),
        (f"{{{LARGEST}:1}}", f"{{{LARGEST}:1}}", f"{{{LARGEST}}}", None),
    ],
)
def test_a_range_has_a_canonical_text_a_normal_form_and_a_length(
    text: str, canonical: str, normal: str, elements: int | None
) -> None:
    found = parse_range(text, text, 0)
    assert canonical == str(found)
    assert normal == found.normal()
    assert elements == found.elements()


@pytest.mark.parametrize(
    "text", ["[1:2:3]", "[::]", "[5:4]", f"[{LARGEST + 1}]", f"[:{LARGEST + 1}]", f"{{{LARGEST}:2}}"]
)
def test_a_range_that_addresses_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_range(text, f"M:X{text}", 3)
    assert (refusal.value.part, refusal.value.position) == ("range", 3)


@given(st.booleans(), st.integers(0, LARGEST), st.integers(0, 1000))
def test_a_span_is_read_back_from_its_text(byte: bool, start: int, more: int) -> None:
    end = more if byte else start + more
    if end > LARGEST or (byte and start + end > LARGEST + 1):
        return
    written = DrfRange(byte, "span", start, end)
    assert written == parse_range(str(written), str(written), 0)
