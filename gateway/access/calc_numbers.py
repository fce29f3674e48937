"""The arithmetic of CALC: doubles as C has them, never an exception; bits of 32-bit integers (EPICS calc record)."""

import math
import re
from collections.abc import Callable, Sequence

LITERAL = re.compile(r"0X[0-9A-F]+|(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?", re.ASCII)
_LOWEST = -(1 << 31)
_WORD = 0xFFFFFFFF


def _int32(x: float) -> int:
    """Truncated; what does not fit becomes the lowest integer, as processors do it."""
    return int(x) if -(1 << 31) - 1 < x < (1 << 31) else _LOWEST


def _signed(word: int) -> float:
    word &= _WORD
    return float(word - (1 << 32) if word >> 31 else word)


def _bits(x: float) -> int:
    """The 32 bits of a number: above 2^31 those of the unsigned one, below -2^31 those of the lowest."""
    if x < 0:
        return _int32(x) & _WORD
    return int(x) & _WORD if x < 2.0**63 else 0


def bits_or(a: float, b: float) -> float:
    """`|`."""
    return _signed(_bits(a) | _bits(b))


def bits_xor(a: float, b: float) -> float:
    """`XOR`."""
    return _signed(_bits(a) ^ _bits(b))


def bits_and(a: float, b: float) -> float:
    """`&`."""
    return _signed(_bits(a) & _bits(b))


def bits_not(a: float) -> float:
    """`~`."""
    return _signed(~_bits(a))


def shift_left(a: float, b: float) -> float:
    """`<<`; the count is taken modulo 32."""
    return _signed(_bits(a) << (_bits(b) & 31))


def shift_right(a: float, b: float) -> float:
    """`>>`, keeping the sign."""
    return float(int(_signed(_bits(a))) >> (_bits(b) & 31))


def shift_unsigned(a: float, b: float) -> float:
    """`>>>`, filling with zeros; a count of 0 gives the unsigned number."""
    return float(_bits(a) >> (_bits(b) & 31))


def either(a: float, b: float) -> float:
    """`||`."""
    return float(bool(a) or bool(b))


def both(a: float, b: float) -> float:
    """`&&`."""
    return float(bool(a) and bool(b))


def equal(a: float, b: float) -> float:
    """`=`."""
    return float(a == b)


def unequal(a: float, b: float) -> float:
    """`#`."""
    return float(a != b)


def below(a: float, b: float) -> float:
    """`<`."""
    return float(a < b)


def above(a: float, b: float) -> float:
    """`>`."""
    return float(a > b)


def at_most(a: float, b: float) -> float:
    """`<=`."""
    return float(a <= b)


def at_least(a: float, b: float) -> float:
    """`>=`."""
    return float(a >= b)


def plus(a: float, b: float) -> float:
    """`+`."""
    return a + b


def minus(a: float, b: float) -> float:
    """`-`."""
    return a - b


def times(a: float, b: float) -> float:
    """`*`."""
    return a * b


def over(a: float, b: float) -> float:
    """`/`; by zero it is infinite, or no number."""
    if b:
        return a / b
    return math.nan if not a or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)


def modulo(a: float, b: float) -> float:
    """`%` of the integers, with the sign of the first; by zero no number."""
    left, right = _int32(a), _int32(b)
    return float(math.copysign(abs(left) % abs(right), left)) if right else math.nan


def power(a: float, b: float) -> float:
    """`**`."""
    try:
        return math.pow(a, b)
    except OverflowError:
        return _endless(a, b)
    except ValueError:
        return _endless(a, b) if not a else math.nan


def _endless(a: float, b: float) -> float:
    """Infinity, with the sign of an odd power of what is below zero, or of a negative zero."""
    return -math.inf if math.copysign(1.0, a) < 0 and b % 2 == 1 else math.inf


def _quiet(function: Callable[[float], float], beyond: float = math.nan) -> Callable[[float], float]:
    """The function with infinity where it overflows, and `beyond` where it is not defined."""

    def quiet(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return math.inf
        except ValueError:
            return beyond

    return quiet


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: _quiet(function, -math.inf if x == 0 else math.nan)(x)


def _whole(function: Callable[[float], int]) -> Callable[[float], float]:
    return lambda x: float(function(x)) if math.isfinite(x) else x


def _nearest(x: float) -> float:
    return float(_int32(x + 0.5 if x >= 0 else x - 0.5))


def _sinh(x: float) -> float:
    return math.copysign(_quiet(math.sinh)(x), x) if not math.isnan(x) else x


def _fmod(a: float, b: float) -> float:
    return _quiet(lambda x: math.fmod(x, b))(a)


def _least(values: Sequence[float]) -> float:
    return math.nan if any(math.isnan(value) for value in values) else min(values)


def _greatest(values: Sequence[float]) -> float:
    return math.nan if any(math.isnan(value) for value in values) else max(values)


FUNCTIONS: dict[str, Callable[[float], float]] = {  # of one argument
    "ABS": abs, "SQRT": _quiet(math.sqrt), "SQR": _quiet(math.sqrt), "EXP": _quiet(math.exp),
    "LOGE": _logarithm(math.log), "LN": _logarithm(math.log), "LOG": _logarithm(math.log10),
    "ACOS": _quiet(math.acos), "ASIN": _quiet(math.asin), "ATAN": math.atan, "COSH": _quiet(math.cosh),
    "COS": _quiet(math.cos), "SINH": _sinh, "SIN": _quiet(math.sin), "TANH": math.tanh, "TAN": _quiet(math.tan),
    "CEIL": _whole(math.ceil), "FLOOR": _whole(math.floor), "NINT": _nearest,
    "ISINF": lambda x: math.copysign(1.0, x) if math.isinf(x) else 0.0,
}  # fmt: skip
PAIRS: dict[str, Callable[[float, float], float]] = {"ATAN2": lambda a, b: math.atan2(b, a), "FMOD": _fmod}
MANY: dict[str, Callable[[Sequence[float]], float]] = {
    "MIN": _least, "MAX": _greatest,
    "FINITE": lambda values: float(all(math.isfinite(value) for value in values)),
    "ISNAN": lambda values: float(any(math.isnan(value) for value in values)),
}  # fmt: skip
