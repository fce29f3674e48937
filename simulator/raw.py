"""Numbers as a front end holds them: raw bytes, little-endian, and the two stages of scaling (values.md 3)."""

import numpy as np
import numpy.typing as npt

from gateway.core.status import SCALEFAIL, Status
from simulator.device_spec import Scale

FloatArray = npt.NDArray[np.float64]

RAW_TYPES = {"float32": "<f4", "int8": "i1", "int16": "<i2", "int32": "<i4", "uint8": "u1", "uint16": "<u2"}
_LIMITS = {name: np.iinfo(octets) for name, octets in RAW_TYPES.items() if name != "float32"}


def atomic_size(scale: Scale) -> int:
    """Bytes of one element."""
    return np.dtype(RAW_TYPES[scale.raw]).itemsize


def to_primary(scale: Scale, values: FloatArray) -> FloatArray:
    """Numbers in engineering units, in primary units."""
    return (values - scale.offset) / scale.slope


def from_primary(scale: Scale, values: FloatArray) -> FloatArray:
    """Numbers in primary units, in engineering units."""
    return values * scale.slope + scale.offset


def to_raw(scale: Scale, values: FloatArray) -> bytes | Status:
    """The bytes of numbers in engineering units; 14/-20 when one has no place in the raw type."""
    raw = to_primary(scale, values) / scale.step
    if scale.raw != "float32":
        raw = np.rint(raw)
        if not _fits(scale, raw):
            return SCALEFAIL
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, as in the front end
        return raw.astype(RAW_TYPES[scale.raw]).tobytes()


def holds(scale: Scale, values: FloatArray) -> bool:
    """Whether the raw type has a place for each of some numbers in engineering units."""
    return scale.raw == "float32" or _fits(scale, np.rint(to_primary(scale, values) / scale.step))


def _fits(scale: Scale, raw: FloatArray) -> bool:
    limits = _LIMITS[scale.raw]
    return bool(((raw >= limits.min) & (raw <= limits.max)).all())


def from_raw(scale: Scale, raw: bytes) -> FloatArray:
    """The numbers in engineering units in whole elements of raw bytes."""
    return from_primary(scale, np.frombuffer(raw, RAW_TYPES[scale.raw]).astype(np.float64) * scale.step)
