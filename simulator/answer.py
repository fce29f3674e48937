"""What a property of a simulated device answers to a read: a value, or the status that says why there is none."""

from typing import TypeAlias

from gateway.core.status import BAD_REQUEST, NOPROP, NOSCALE, OK, Status
from gateway.core.values import Value

Answer: TypeAlias = tuple[Value | None, Status]

NOTHING: Answer = (None, OK)
NO_PROPERTY: Answer = (None, NOPROP)
NO_SCALE: Answer = (None, NOSCALE)
NOT_UNDERSTOOD: Answer = (None, BAD_REQUEST)


def good(value: Value) -> Answer:
    """A value with status 0."""
    return value, OK
