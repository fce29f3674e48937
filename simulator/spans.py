"""Which elements of a property a range addresses, and the status when it cannot (drf.md 5, dpm-http.md 7.2)."""

from gateway.core.drf_range import DrfRange
from gateway.core.status import OUT_OF_BOUNDS, Status

BAD_FRAMING = Status(17, -30)


def span_of(wanted: DrfRange | None, length: int, atomic: int) -> tuple[int, int] | Status:
    """First element and number of elements, of a property of `length` elements of `atomic` bytes.

    No range addresses the first element; byte ranges must be made of whole elements.
    """
    if wanted is None:
        return 0, 1
    start = wanted.start or 0
    if wanted.byte:
        size = 1 if wanted.mode == "single" else length * atomic - start if wanted.end is None else wanted.end
        if start % atomic or size % atomic:
            return BAD_FRAMING
        first, count = start // atomic, size // atomic
    else:
        first = start
        count = wanted.elements() or length - start
    if count < 1 or first + count > length:
        return OUT_OF_BOUNDS
    return first, count
