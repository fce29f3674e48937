"""Where the frames of a buffer lie: length, body, back to back (dpm-http.md section 3)."""

from dataclasses import dataclass

import numpy as np

_ALIKE = 16  # frames of one size in a row, from which on it pays to look at many lengths at once


@dataclass(frozen=True, slots=True)
class Frames:
    """The complete frames at the front of a buffer."""

    starts: list[int]  # where the length of each lies
    sizes: list[int]  # bytes of each with its length
    end: int  # behind the last
    fault: str  # what is wrong with the length at `end`; empty when nothing is


def find_frames(buffer: bytes | bytearray, limit: int) -> Frames:
    """The complete frames whose bodies have 1 to `limit` bytes, up to the first length that is none of these."""
    starts: list[int] = []
    sizes: list[int] = []
    at, left, last, alike = 0, len(buffer), 0, 0
    while left >= 4:
        length = int.from_bytes(buffer[at : at + 4], "big")
        if not 1 <= length <= limit:
            return Frames(starts, sizes, at, f"a frame has the length {length}, allowed are 1 to {limit}")
        size = length + 4
        if size > left:
            break
        alike = alike + 1 if size == last else 1
        last = size
        if alike < _ALIKE:
            starts.append(at)
            sizes.append(size)
        else:  # look as far ahead as the run is long: at most twice the work, whatever comes
            count = _run(buffer, at, size, min(left // size, alike))
            starts.extend(range(at, at + count * size, size))
            sizes.extend([size] * count)
            alike += count - 1
            size *= count
        at += size
        left -= size
    return Frames(starts, sizes, at, "")


def _run(buffer: bytes | bytearray, at: int, size: int, most: int) -> int:
    """How many frames from `at` on, at most `most`, have this size."""
    lengths = np.ndarray((most,), ">u4", buffer, at, (size,))
    others = np.flatnonzero(lengths != size - 4)
    return int(others[0]) if len(others) else most
