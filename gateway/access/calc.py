"""CALC: the expressions of EPICS, as access security rules use them (EPICS calc record, CALC).

Numbers are doubles; bits are those of 32-bit integers; comparisons and `&&`, `||`, `!` give 1 or 0. Operators of one
row of `_BINARY` go from left to right, and all that stands before an operand binds more tightly than any of them.
Left out: `RNDM` and `VAL`, assignments and `;`, since a rule has to say the same each time it is asked.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.access import calc_numbers as numbers
from gateway.core.errors import BadInput

INPUTS = "ABCDEFGHIJKLMNOPQRSTU"
_LONGEST = 1000  # characters, so that no file can ask for a deep recursion
_DEEPEST = 30  # brackets and conditions in each other

Node = Callable[[Sequence[float]], float]


class BadCalc(BadInput):
    """An expression that cannot be used; `position` counts characters from 0."""

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(f"CALC {text!r} at position {position}: {reason}")
        self.position, self.reason = position, reason


@dataclass(frozen=True, slots=True)
class Calc:
    """A parsed expression; `uses` are the places in INPUTS of those it reads."""

    text: str
    uses: frozenset[int]
    value: Node

    def holds(self, inputs: Sequence[float]) -> bool:
        """Whether the result is 1, to a hundredth: the condition of a rule."""
        return 0.99 < self.value(inputs) < 1.01


_BINARY: tuple[dict[str, Callable[[float, float], float]], ...] = (  # loosest first
    {"||": numbers.either, "|": numbers.bits_or, "OR": numbers.bits_or, "XOR": numbers.bits_xor},
    {"&&": numbers.both, "&": numbers.bits_and, "AND": numbers.bits_and, ">>>": numbers.shift_unsigned,
     "<<": numbers.shift_left, ">>": numbers.shift_right},
    {"!=": numbers.unequal, "#": numbers.unequal, "==": numbers.equal, "=": numbers.equal, "<=": numbers.at_most,
     ">=": numbers.at_least, "<": numbers.below, ">": numbers.above},
    {"+": numbers.plus, "-": numbers.minus},
    {"*": numbers.times, "/": numbers.over, "%": numbers.modulo},
    {"**": numbers.power, "^": numbers.power},
)  # fmt: skip
_SYMBOLS = sorted({word for row in _BINARY for word in row}, key=len, reverse=True)
_UNARY: dict[str, Callable[[float], float]] = {
    "-": lambda x: -x, "!": lambda x: float(not x), "~": numbers.bits_not, "NOT": numbers.bits_not, **numbers.FUNCTIONS,
}  # fmt: skip
_PREFIXES = sorted([*_UNARY, *numbers.MANY, *numbers.PAIRS], key=len, reverse=True)
_CONSTANTS = {"INFINITY": math.inf, "INF": math.inf, "NAN": math.nan, "PI": math.pi, "D2R": math.pi / 180,
              "R2D": 180 / math.pi}  # fmt: skip
_REFUSED = ("RNDM", "VAL")


def parse_calc(text: str) -> Calc:
    """The expression of a text; BadCalc names the position at fault."""
    if len(text) > _LONGEST:
        raise BadCalc(text[:40] + "...", _LONGEST, f"is longer than {_LONGEST} characters")
    parser = _Parser(text)
    value = parser.condition()
    if parser.rest():
        parser.fail("an operator is expected here")
    return Calc(text, frozenset(parser.uses), value)


class _Parser:
    """One expression, from left to right; words are recognised by the longest beginning, as EPICS does."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.uses: set[int] = set()

    def fail(self, reason: str) -> None:
        raise BadCalc(self.text, self.at, reason)

    def rest(self) -> str:
        """What is left, in capitals, after spaces."""
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        # some characters become two in capitals; none of them means anything here
        return "".join(c.upper() if c.isascii() else "?" for c in self.text[self.at :])

    def take(self, *words: str) -> str:
        """The first of the words that stands here, taken; empty when none does."""
        rest = self.rest()
        found = next((word for word in words if rest.startswith(word)), "")
        self.at += len(found)
        return found

    def condition(self) -> Node:
        """`a ? b : c`, or an expression without."""
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"is nested more than {_DEEPEST} deep")
        test = self.binary(0)
        if self.take("?"):
            yes = self.condition()
            if not self.take(":"):
                self.fail("the ':' of a '?' is expected here")
            no = self.condition()
            self.depth -= 1
            return lambda inputs: yes(inputs) if test(inputs) else no(inputs)
        self.depth -= 1
        return test

    def binary(self, level: int) -> Node:
        """Operators of one row and of those that bind more tightly."""
        if level == len(_BINARY):
            return self.unary()
        first = self.binary(level + 1)
        further: list[tuple[Callable[[float, float], float], Node]] = []
        while word := self._operator(level):
            further.append((_BINARY[level][word], self.binary(level + 1)))
        return _chain(first, further) if further else first

    def _operator(self, level: int) -> str:
        """The operator that stands here, taken, when it is of this row: `>` is not the beginning of `>>`."""
        start = self.at
        word = self.take(*_SYMBOLS)
        if word in _BINARY[level]:
            return word
        self.at = start
        return ""

    def unary(self) -> Node:
        """What stands before an operand, and the operand."""
        waiting: list[Callable[[float], float]] = []
        while prefix := self._prefix():
            if prefix in numbers.PAIRS or (prefix in numbers.MANY and self.rest().startswith("(")):
                node = self._call(prefix)
                break
            waiting.append(_UNARY.get(prefix) or _alone(prefix))
        else:
            node = self._operand()
        return _after(node, waiting[::-1]) if waiting else node

    def _prefix(self) -> str:
        start = self.at
        word = self.take(*_CONSTANTS, *_REFUSED, *_PREFIXES)
        if word in _REFUSED:
            self.fail(f"{word} has no place in a rule")
        if word in _CONSTANTS:
            self.at = start
            return ""
        return word

    def _call(self, name: str) -> Node:
        """The arguments of a function that takes more than one."""
        if not self.take("("):
            self.fail(f"the '(' of {name} is expected here")
        arguments = [self.condition()]
        while self.take(","):
            arguments.append(self.condition())
        if name in numbers.PAIRS and len(arguments) != 2:
            self.fail(f"{name} takes two arguments")
        if not self.take(")"):
            self.fail("a ')' is expected here")
        if name in numbers.PAIRS:
            return _two(numbers.PAIRS[name], *arguments)
        many = numbers.MANY[name]
        return lambda inputs: many([argument(inputs) for argument in arguments])

    def _operand(self) -> Node:
        """A number, a constant, an input, or brackets."""
        rest = self.rest()
        if self.take("("):
            inside = self.condition()
            if not self.take(")"):
                self.fail("a ')' is expected here")
            return inside
        if found := numbers.LITERAL.match(rest):
            self.at += found.end()
            return _constant(float(int(found[0], 16)) if found[0].startswith("0X") else float(found[0]))
        if word := self.take(*_CONSTANTS):
            return _constant(_CONSTANTS[word])
        if rest and rest[0] in INPUTS:
            place = INPUTS.index(rest[0])
            self.at += 1
            self.uses.add(place)
            return lambda inputs: inputs[place]
        self.fail("a number, an input A to U, a function or '(' is expected here")
        raise AssertionError("fail always raises")  # pragma: no cover


def _constant(value: float) -> Node:
    return lambda _: value


def _after(node: Node, functions: Sequence[Callable[[float], float]]) -> Node:
    def value(inputs: Sequence[float]) -> float:
        result = node(inputs)
        for function in functions:
            result = function(result)
        return result

    return value


def _chain(first: Node, further: Sequence[tuple[Callable[[float, float], float], Node]]) -> Node:
    def value(inputs: Sequence[float]) -> float:
        result = first(inputs)
        for function, node in further:
            result = function(result, node(inputs))
        return result

    return value


def _two(function: Callable[[float, float], float], left: Node, right: Node) -> Node:
    return lambda inputs: function(left(inputs), right(inputs))


def _alone(name: str) -> Callable[[float], float]:
    return lambda x: numbers.MANY[name]([x])
