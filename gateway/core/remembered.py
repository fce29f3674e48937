"""Remembered: what was made of arrays, kept for as long as the very same array objects come again.

A source that repeats itself in each period brings one array of slots again and again; what depends on the slots
alone need not be computed anew for each batch.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
_MOST = 64  # answers that are kept; a stream that has more layouts than this begins anew


def constant(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array, from now on read-only: only such arrays are remembered."""
    array.setflags(write=False)
    return array


class Remembered(Generic[T]):
    """The answers of `make` to arrays that cannot change. Belongs to one thread, or to one lock."""

    __slots__ = ("_kept", "_make")

    def __init__(self, make: Callable[..., T]) -> None:
        self._make = make
        self._kept: dict[tuple[int, ...], tuple[tuple[npt.NDArray[np.generic], ...], T]] = {}

    def of(self, *arrays: npt.NDArray[Any]) -> T:
        """What `make` makes of these arrays, or made of them before."""
        key = tuple(map(id, arrays))
        kept = self._kept.get(key)
        if kept is not None:
            return kept[1]
        made = self._make(*arrays)
        if not any(array.flags.writeable for array in arrays):
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[key] = (arrays, made)  # with the arrays, so that no other can get their ids meanwhile
        return made

    def forget(self) -> None:
        """Something else that `make` looks at has changed."""
        self._kept.clear()
