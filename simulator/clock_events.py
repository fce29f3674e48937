"""A simulated accelerator clock: when each clock event happens (drf.md 7.4). Pure: a function of event and time.

`0F` comes at 15 Hz, `02` every 5 s, `00` every 60 s, `1D` irregularly, 0.7 to 3 s apart, all others every second.
"""

from functools import lru_cache

import numpy as np

SECOND_NS = 1_000_000_000
_PERIODS_NS = {0x02: 5 * SECOND_NS, 0x00: 60 * SECOND_NS}
_IRREGULAR = 0x1D
_BLOCK_NS = 60 * SECOND_NS
_SHORTEST, _LONGEST = 0.7, 3.0  # seconds between two irregular events


def next_event(number: int, after_ns: int) -> int:
    """The time of the first event `number` later than `after_ns`; both Unix, ns."""
    if number == 0x0F:  # 15 Hz has no whole number of nanoseconds: count in fifteenths of seconds
        return -(-((after_ns * 15 // SECOND_NS + 1) * SECOND_NS) // 15)
    if number == _IRREGULAR:
        return _next_irregular(after_ns)
    period = _PERIODS_NS.get(number, SECOND_NS)
    return (after_ns // period + 1) * period


def _next_irregular(after_ns: int) -> int:
    block = after_ns // _BLOCK_NS
    return next(stamp for stamp in (*_block(block), *_block(block + 1)) if stamp > after_ns)


@lru_cache(maxsize=8)
def _block(block: int) -> tuple[int, ...]:
    """The irregular events of one minute; the first one at its beginning, so that the minutes join."""
    chance = np.random.Generator(np.random.PCG64(block))
    gaps: list[float] = []
    while sum(gaps) < 60.0 - _LONGEST:
        gaps.append(chance.uniform(_SHORTEST, _LONGEST))
    rest = 60.0 - sum(gaps)
    if rest < _SHORTEST:  # too near to the next minute: give it to the gap before
        gaps[-1] += rest - _SHORTEST
    starts = np.concatenate(([0.0], np.cumsum(gaps)))
    return tuple(block * _BLOCK_NS + round(second * SECOND_NS) for second in starts.tolist())
