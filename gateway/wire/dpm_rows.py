"""Scalar replies as columns: thousands of frames written and read without an object for each (dpm-http.md 3 to 5).

Scalar replies are nearly all that travels. Their bytes differ only in the sizes of four integers and in the numbers
themselves. Frames of one length are stacked to a matrix of bytes; the first that fits no shape yet gives a shape, and
all rows that agree with its fixed bytes are taken at once. What has no such shape is left to the ordinary decoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from gateway.wire.dpm import ScalarReply, encode, frame
from gateway.wire.pc import DOUBLE_TAG, Doubles, Int64s, Octets, integers, octets_of, widths

Int16s = npt.NDArray[np.int16]
Mask = npt.NDArray[np.bool_]

_SHORTEST = frame(encode(ScalarReply(0, 0, 0, 0, 0.0)))
# The constant bytes before each of the five values; every piece but the last ends before an integer's tag.
_KEYS = tuple(bytes.fromhex(key) for key in ("121eab", "12d55b", "120740", "124454", "127f38"))
_HEAD = _SHORTEST[4 : _SHORTEST.index(_KEYS[0])]
HEAD_SIZE = 4 + len(_HEAD) + len(_KEYS[0])  # bytes of a frame before the tag of its reference
_SHAPES = 8  # shapes tried per frame length; in a usual stream one or two occur
_WIDEST_STATUS = 2  # bytes; a wider one needs a check of its range


@dataclass(frozen=True, slots=True, eq=False)
class ScalarColumns:
    """Scalar replies in order of arrival, columns of one length."""

    ref_id: Int64s
    timestamp_ms: Int64s  # since 1970 UTC, 0 unknown
    status: Int16s  # packed: facility + 256 * number
    value: Doubles

    def __len__(self) -> int:
        """How many replies there are."""
        return len(self.ref_id)

    def where(self, mask: Mask) -> "ScalarColumns":
        """The rows for which the mask is true."""
        return ScalarColumns(self.ref_id[mask], self.timestamp_ms[mask], self.status[mask], self.value[mask])


def joined(columns: Sequence[ScalarColumns]) -> ScalarColumns:
    """All of them as one, in order; a single one as it is."""
    if len(columns) == 1:
        return columns[0]
    return ScalarColumns(
        np.concatenate([one.ref_id for one in columns]),
        np.concatenate([one.timestamp_ms for one in columns]),
        np.concatenate([one.status for one in columns]),
        np.concatenate([one.value for one in columns]),
    )


def empty_columns(count: int) -> ScalarColumns:
    """Columns of so many rows, all zero."""
    whole = np.zeros((2, count), np.int64)
    return ScalarColumns(whole[0], whole[1], np.zeros(count, np.int16), np.zeros(count, np.float64))


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the values of a Scalar reply lie in its frame, and what all other bytes must be."""

    places: tuple[tuple[int, int], ...]  # first byte and number of bytes of ref_id, timestamp, cycle, status
    template: Octets  # uint8[size], zero where a value is
    fixed: Octets  # uint8[size], 255 where the template must match


@cache  # at most 8 to the fourth shapes exist
def _shape(sizes: tuple[int, ...]) -> Shape:
    """The shape of frames whose four integers have these sizes in bytes."""
    body, fixed = bytearray(_HEAD), bytearray(b"\xff" * (4 + len(_HEAD)))
    places = []
    for key, size in zip(_KEYS, sizes, strict=False):  # the fifth key belongs to the double
        body += key + bytes([0x10 + size])
        places.append((4 + len(body), size))
        body += bytes(size)
        fixed += b"\xff" * (len(key) + 1) + bytes(size)
    body += _KEYS[4] + bytes([DOUBLE_TAG]) + bytes(8)
    fixed += b"\xff" * 4 + bytes(8)
    return Shape(tuple(places), np.frombuffer(frame(bytes(body)), np.uint8), np.frombuffer(fixed, np.uint8))


_WRITTEN = {(ref, stamp): _shape((ref, stamp, 1, 1)) for ref in range(1, 9) for stamp in range(1, 9)}


def encode_scalars(ref_ids: Int64s, stamp_ms: Int64s, values: Doubles) -> bytes:
    """Framed Scalar replies, one per row in order, with cycle 0 and status 0; columns of one length."""
    ref_width, stamp_width = widths(ref_ids), widths(stamp_ms)
    group = ref_width * 9 + stamp_width
    if not len(group):
        return b""
    if (group == group[0]).all():
        return _block(ref_ids, stamp_ms, values, int(ref_width[0]), int(stamp_width[0])).tobytes()
    size = len(_SHORTEST) - 2 + ref_width + stamp_width
    ends = np.cumsum(size)
    starts = ends - size
    out = np.empty(ends[-1], np.uint8)
    for number in np.unique(group).tolist():
        rows = np.flatnonzero(group == number)
        block = _block(ref_ids[rows], stamp_ms[rows], values[rows], *divmod(number, 9))
        out[starts[rows][:, None] + np.arange(block.shape[1])] = block
    return out.tobytes()


def _block(ref_ids: Int64s, stamp_ms: Int64s, values: Doubles, ref_width: int, stamp_width: int) -> Octets:
    """Frames of one shape, uint8[n, size]."""
    shape = _WRITTEN[ref_width, stamp_width]
    block = np.empty((len(ref_ids), len(shape.template)), np.uint8)
    block[:] = shape.template
    for (first, width), column in zip(shape.places, (ref_ids, stamp_ms), strict=False):
        block[:, first : first + width] = octets_of(column)[:, 8 - width :]
    block[:, -8:] = octets_of(values)
    return block


def find_scalars(data: bytes, starts: Int64s, sizes: Int64s) -> tuple[Mask, ScalarColumns]:
    """Which of the frames are Scalar replies in a standard shape, and columns with a row for every frame.

    `starts` and `sizes` are int64[n], in order: where each frame begins in `data`, and its size with the length before
    it. Rows of frames that were not found hold nothing; the ordinary decoder must look at those.
    """
    count = len(starts)
    found = np.zeros(count, np.bool_)
    columns = empty_columns(count)
    octets = np.frombuffer(data, np.uint8)
    for size in set(sizes.tolist()):
        if not len(_SHORTEST) <= size <= len(_SHORTEST) + 4 * 7:
            continue
        rows = np.flatnonzero(sizes == size)
        matrix = _stack(octets, starts[rows], size)
        for _ in range(_SHAPES):
            shape = shape_of(matrix[0].tobytes())
            if shape is None:
                hits = (matrix[:, 4 : 4 + len(_HEAD)] != np.frombuffer(_HEAD, np.uint8)).any(axis=1)
                hits[0] = True  # left to the ordinary decoder, with all that is no Scalar reply
            else:
                hits = ~((matrix ^ shape.template) & shape.fixed).any(axis=1)
                _take(columns, rows[hits], matrix[hits], shape)
                found[rows[hits]] = True
            if hits.all():
                break
            rows, matrix = rows[~hits], matrix[~hits]
    return found, columns


def _stack(octets: Octets, starts: Int64s, size: int) -> Octets:
    """Frames of one size as rows, uint8[n, size]; a view when they lie back to back."""
    first, count = int(starts[0]), len(starts)
    if starts[-1] - first == (count - 1) * size:
        return octets[first : first + count * size].reshape(count, size)
    gathered: Octets = octets[starts[:, None] + np.arange(size)]
    return gathered


def shape_of(one: bytes) -> Shape | None:
    """The shape that this frame has if it is a Scalar reply; None when it cannot be one or needs a closer look."""
    sizes, at = [], 4 + len(_HEAD)
    for key in _KEYS[:4]:
        at += len(key)
        width = one[at] - 0x10
        if not 1 <= width <= 8 or at + 1 + width + 12 > len(one):
            return None
        sizes.append(width)
        at += 1 + width
    shape = _shape(tuple(sizes))
    mine = np.frombuffer(one, np.uint8)
    fits = sizes[3] <= _WIDEST_STATUS and len(shape.template) == len(one)
    return shape if fits and not ((mine ^ shape.template) & shape.fixed).any() else None


def _take(columns: ScalarColumns, rows: Int64s, matrix: Octets, shape: Shape) -> None:
    """Put the values of the frames in `matrix` into these rows of the columns."""
    (ref, ref_width), (stamp, stamp_width), _, (status, status_width) = shape.places
    columns.ref_id[rows] = integers(matrix[:, ref : ref + ref_width])
    columns.timestamp_ms[rows] = integers(matrix[:, stamp : stamp + stamp_width])
    columns.status[rows] = integers(matrix[:, status : status + status_width])
    columns.value[rows] = np.ascontiguousarray(matrix[:, -8:]).view(">f8")[:, 0]
