"""Condition: a PV compared with a number or a state, as people write it: `N:LGXS:STS:READY = tripped`."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

_TEXT = re.compile(r"\s*(?P<pv>[!-~]+?)\s*(?P<op>==|!=|<=|>=|=|<|>)\s*(?P<operand>[^\s=<>!].*?)\s*")
_OPS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison; `operand` is a number, or a text that names a state."""

    pv: str
    op: str
    operand: float | str

    def holds(self, value: float, operand: float) -> bool:
        """Whether it is true of a value; `operand` is what the text of the condition means as a number."""
        return _OPS[self.op](value, operand)


def parse_condition(text: str) -> Condition:
    """The condition in a text; ValueError says what would be one."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no condition; write for example 'M:OUTTMP > 60' or 'N:LGXS:STS:READY = tripped'")
    operand: float | str = found["operand"]
    try:
        operand = float(operand)
    except ValueError:
        if found["op"] not in ("=", "==", "!="):
            raise ValueError(f"{found['operand']!r} in {text!r} is no number; a state can only be = or !=") from None
    return Condition(found["pv"], found["op"], operand)
