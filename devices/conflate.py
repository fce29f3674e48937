"""Many batches into one that holds only the newest reading of each row (pure)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gateway.core.batch import OtherReading, ReadingBatch


def conflate(batches: Sequence[ReadingBatch]) -> tuple[ReadingBatch, npt.NDArray[np.int64]]:
    """The newest reading of each row, in order of arrival; and the row of each reading that was left out."""
    slot = np.concatenate([batch.slot for batch in batches])
    newest: dict[int, OtherReading] = {}
    left_out: list[int] = []
    before = 0
    for batch in batches:
        for other in batch.others:
            if other.slot in newest:
                left_out.append(other.slot)
                del newest[other.slot]  # so that the dictionary stays in order of arrival
            newest[other.slot] = OtherReading(other.slot, before + other.after, other.reading)
        before += len(batch.slot)
    last = np.full(max((int(slot.max(initial=-1)), *newest)) + 1, -1, np.int64)  # place of each row's last scalar
    last[slot] = np.arange(len(slot))
    keep = last[slot] == np.arange(len(slot))
    for row, other in list(newest.items()):
        if last[row] >= other.after:  # a scalar came later
            left_out.append(row)
            del newest[row]
        elif last[row] >= 0:
            keep[last[row]] = False
    kept = np.r_[0, np.cumsum(keep)]
    others = tuple(OtherReading(o.slot, int(kept[o.after]), o.reading) for o in newest.values())
    stamps = np.concatenate([batch.stamp_ns for batch in batches])[keep]
    values = np.concatenate([batch.value for batch in batches])[keep]
    facilities = np.concatenate([batch.facility for batch in batches])[keep]
    numbers = np.concatenate([batch.number for batch in batches])[keep]
    rows = np.concatenate([slot[~keep].astype(np.int64), np.array(left_out, np.int64)])
    return ReadingBatch(slot[keep], stamps, values, facilities, numbers, others), rows
