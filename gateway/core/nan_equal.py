"""NanEqual: records whose unknown numbers are NaN, and that are equal when they say the same."""

from dataclasses import fields


class NanEqual:
    """For dataclasses made with `eq=False`: all fields must be equal, and NaN, which says unknown, is equal to NaN.

    The equality that dataclasses make takes two NaN for one where they are one object, up to Python 3.12, and
    never from 3.13 on.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _said(self) == _said(other)

    def __hash__(self) -> int:
        return hash(_said(self))


def _said(record: object) -> tuple[object, ...]:
    values = [getattr(record, one.name) for one in fields(record)]  # type: ignore[arg-type]  # it is a dataclass
    return tuple(None if value != value else value for value in values)
