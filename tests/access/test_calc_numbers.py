import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access import calc_numbers as numbers
from tests.support.base_access import base_calc

NUMBERS = st.one_of(
    st.floats(width=64), st.integers(-(1 << 33), 1 << 33).map(float), st.sampled_from([0.0, -0.0, 0.5, -0.5, 1e300])
)
TWO = {
    "|": numbers.bits_or, "XOR": numbers.bits_xor, "&": numbers.bits_and, "<<": numbers.shift_left,
    ">>": numbers.shift_right, ">>>": numbers.shift_unsigned, "||": numbers.either, "&&": numbers.both,
    "=": numbers.equal, "#": numbers.unequal, "<": numbers.below, ">": numbers.above, "<=": numbers.at_most,
    ">=": numbers.at_least, "+": numbers.plus, "-": numbers.minus, "*": numbers.times, "/": numbers.over,
    "**": numbers.power,
}  # fmt: skip


def same(one: float | None, other: float) -> bool:
    assert one is not None
    return one == other or (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=1e-12)


@pytest.mark.parametrize("sign", TWO)
@settings(max_examples=150, deadline=None)
@given(NUMBERS, NUMBERS)
def test_an_operator_computes_what_base_computes(sign: str, a: float, b: float) -> None:
    assert same(base_calc(f"A {sign} B", [a, b]), TWO[sign](a, b)), (a, b)


@pytest.mark.parametrize("name", [*numbers.FUNCTIONS, "~"])
@settings(max_examples=150, deadline=None)
@given(NUMBERS)
def test_a_function_computes_what_base_computes(name: str, a: float) -> None:
    function = numbers.FUNCTIONS.get(name, numbers.bits_not)
    assert same(base_calc(f"{name} A", [a]), function(a)), a


@pytest.mark.parametrize("name", [*numbers.PAIRS, *numbers.MANY])
@settings(max_examples=150, deadline=None)
@given(NUMBERS, NUMBERS)
def test_a_function_of_two_computes_what_base_computes(name: str, a: float, b: float) -> None:
    value = numbers.PAIRS[name](a, b) if name in numbers.PAIRS else numbers.MANY[name]([a, b])
    assert same(base_calc(f"{name}(A,B)", [a, b]), value), (a, b)


@settings(max_examples=300, deadline=None)
@given(NUMBERS, NUMBERS.filter(lambda b: not -2 < b < 0))
def test_modulo_is_that_of_the_integers(a: float, b: float) -> None:
    assert same(base_calc("A % B", [a, b]), numbers.modulo(a, b))


def test_powers_at_the_edges() -> None:
    assert [math.inf, -math.inf, math.inf] == [numbers.power(1e200, 2), numbers.power(-1e200, 3), numbers.power(0, -1)]
    assert [-math.inf, math.inf] == [numbers.power(-0.0, -1), numbers.power(-0.0, -2)]
    assert math.isnan(numbers.power(-8, 0.5))
