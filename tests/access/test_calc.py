import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.calc import INPUTS, BadCalc, parse_calc
from tests.support.base_access import base_calc

VALUES = [float(place) for place in range(1, len(INPUTS) + 1)]


def ours(text: str) -> float | None:
    try:
        return parse_calc(text).value(VALUES)
    except BadCalc:
        return None


def same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == other or (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=1e-12)


@pytest.mark.parametrize(
    "text",
    """2+3*4|-2**2|2**3**2|1<<2+1|8>>1>1|1&1<<1|4>>1&&0|1 XOR 3|6 & 3 OR 8|1=1=1|3>2=1|5.7%3|-5%3|1/0|0/0|sqr 4
    |sin 1+1|sin 2**2|min 3+1|min(1,2,3)|max(nan,1)|atan2(1,2)|fmod(7.5,2)|isnan(1,0/0)|finite(1,2)|isinf 1|1?2:3+4
    |a?b?c:d:e|0?1:0?2:3|((a))|aANDb|1and1|absa|not5|cosh0|-!3|0x10|1.5e-2|.5|5.|Inf|infinity|nan|pi*r2d|d2r|T+U
    |a!=b|a#b|a==b|nint(2.5)|nint(-2.5)|ceil 1.2|floor(-1.2)|-8>>>1|1<<33|~~5|1e10%3|!0.5|loge 2|exp(1000)|log(0)
    |1 2|1+|*1|(1|1)|min()|min 3,4|1,2|1?2|1:2|aa|pip|minus|1e|0xg|1.2.3|#1|1=>2|1<>2|sin(1,2)|fmod(7)|atan2 1|a!b
    |isinf(1,2)|+1|017|V|FETCH|1 > > 2|a?b|min(1,2|(1,2)|w| |A&B=0""".replace("\n    ", "").split("|"),
)
def test_an_expression_means_what_it_means_in_base(text: str) -> None:
    assert same(base_calc(text, VALUES), ours(text)), (text, base_calc(text, VALUES), ours(text))


LEAVES = st.one_of(st.sampled_from(["A", "b", "U", "0", "1", "2.5", "1e3", "PI", "INF"]), st.integers(0, 99).map(str))
# without %, and without what is special to it: base dies of the lowest integer modulo -1
_WORDS = "+ - * / ** ^ && || & | AND OR XOR << >> >>> = == # != < > <= >="
BINARY = st.sampled_from(_WORDS.split())
UNARY = st.sampled_from(["-", "!", "~", "NOT ", "ABS ", "SQRT ", "MIN ", "NINT ", "CEIL", "sin ", "ISNAN "])
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, BINARY, inner).map(" ".join),
        st.tuples(UNARY, inner).map("".join),
        inner.map("({})".format),
        st.tuples(inner, inner, inner).map(lambda three: "{} ? {} : {}".format(*three)),
        st.lists(inner, min_size=1, max_size=3).map(lambda many: f"MAX({','.join(many)})"),
    ),
    max_leaves=8,
)


@settings(max_examples=1500, deadline=None)
@given(EXPRESSIONS)
def test_random_expressions_mean_what_they_mean_in_base(text: str) -> None:
    assert same(base_calc(text, VALUES), ours(text)), (text, base_calc(text, VALUES), ours(text))


@settings(max_examples=500, deadline=None)
@given(st.text())
def test_any_text_is_an_expression_or_is_refused_with_its_position(text: str) -> None:
    position = 0
    try:
        parse_calc(text).value(VALUES)
    except BadCalc as error:
        position = error.position
    assert 0 <= position <= max(len(text), 1000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A+", "CALC 'A+' at position 2: a number, an input A to U, a function or '(' is expected here"),
        ("A B", "CALC 'A B' at position 2: an operator is expected here"),
        ("(A", "position 2: a ')' is expected here"),
        ("MIN(A", "position 5: a ')' is expected here"),
        ("ATAN2 1", "position 6: the '(' of ATAN2 is expected here"),
        ("FMOD(1)", "FMOD takes two arguments"),
        ("A?1", "the ':' of a '?' is expected here"),
        ("RNDM<1", "RNDM has no place in a rule"),
        ("1" * 1001, "is longer than 1000 characters"),
        ("(" * 60 + "1" + ")" * 60, "is nested more than 30 deep"),
    ],
)
def test_a_bad_expression_says_where_and_why(text: str, said: str) -> None:
    with pytest.raises(BadCalc) as caught:
        parse_calc(text)
    assert said in str(caught.value)


def test_many_signs_before_an_operand_are_no_deep_recursion() -> None:
    assert 1.0 == parse_calc("-" * 998 + "1").value(VALUES)


def test_an_expression_knows_its_inputs_and_holds_when_it_is_one() -> None:
    calc = parse_calc("B=2 && U>20")
    assert ({1, 20}, True) == (set(calc.uses), calc.holds(VALUES))
    assert not parse_calc("2").holds(VALUES)
