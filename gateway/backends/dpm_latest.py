"""The newest reading of each reference of a list: what somebody who joins is told at once."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gateway.backends.dpm_readings import Arrived, is_word
from gateway.core.drf import DataRequest
from gateway.core.values import Reading

_PENDING = 16  # pieces that may wait to be entered into the columns


class Latest:
    """Columns by reference; reference 0 belongs to nobody."""

    def __init__(self) -> None:
        self.size = 1  # references below it were given
        self._words: npt.NDArray[np.bool_] = np.zeros(64, np.bool_)  # whether its scalars are words of bits
        self._any_words = False
        self._scalar = np.zeros(64, np.bool_)  # whether the newest is a scalar
        self._stamp_ns = np.zeros(64, np.int64)
        self._value = np.zeros(64, np.float64)
        self._status = np.zeros(64, np.int16)
        self._other: dict[int, Reading] = {}
        self._pending: dict[int, Arrived] = {}  # by the identity of its references, oldest first; not yet in columns

    @property
    def words(self) -> npt.NDArray[np.bool_] | None:
        """Of each reference whether its scalars are words of bits; None when none is."""
        return self._words if self._any_words else None

    def grow(self, size: int, new: Mapping[int, DataRequest]) -> None:
        """Make room for references below `size`, of which `new` were given just now."""
        self.size = max(self.size, size)
        more = max(0, self.size - len(self._value))
        if more:
            more = max(more, len(self._value))
            self._words, self._scalar = np.pad(self._words, (0, more)), np.pad(self._scalar, (0, more))
            self._stamp_ns, self._value = np.pad(self._stamp_ns, (0, more)), np.pad(self._value, (0, more))
            self._status = np.pad(self._status, (0, more))
        for ref, request in new.items():
            self._words[ref] = word = is_word(request)
            self._any_words |= word

    def keep(self, arrived: Arrived) -> None:
        """Remember the newest of each reference in it.

        What a list repeats takes the place of what it brought before, unlooked at: few ever join later.
        """
        if arrived.others or arrived.ref.flags.writeable:
            self._settle()
            self._keep(arrived)
            return
        self._pending.pop(id(arrived.ref), None)
        self._pending[id(arrived.ref)] = arrived
        if len(self._pending) > _PENDING:
            self._settle()

    def _settle(self) -> None:
        for arrived in self._pending.values():
            self._keep(arrived)
        self._pending.clear()

    def _keep(self, arrived: Arrived) -> None:
        ref = arrived.ref
        if len(ref):
            self._scalar[ref] = True
            self._stamp_ns[ref], self._value[ref], self._status[ref] = arrived.stamp_ns, arrived.value, arrived.status
        for after, number, reading in arrived.others:
            if not (ref[after:] == number).any():
                self._scalar[number] = False
                self._other[number] = reading

    def of(self, refs: Sequence[int]) -> Arrived:
        """The newest of these references, of those that have any."""
        self._settle()
        wanted = np.array(refs, np.int64)
        rows = wanted[self._scalar[wanted]]
        others = [(len(rows), ref, self._other[ref]) for ref in refs if not self._scalar[ref] and ref in self._other]
        return Arrived(rows, self._stamp_ns[rows], self._value[rows], self._status[rows], tuple(others))

    def forget(self, ref: int) -> None:
        """Nobody watches it any more."""
        self._settle()
        self._scalar[ref] = False
        self._other.pop(ref, None)
