"""READING and SETTING of a simulated device that deals in numbers (values.md 3)."""

import numpy as np

from gateway.core.drf import Property
from gateway.core.status import BAD_REQUEST, INVLEN, OK, SCALEFAIL, Status
from gateway.core.values import SettingValue
from simulator import raw
from simulator.answer import NO_SCALE, NOT_UNDERSTOOD, Answer, good
from simulator.device_spec import Behaviour, DeviceSpec
from simulator.follow import FloatArray, Follow
from simulator.models import Stuck


class Numbers:
    """The numbers of one device. Not thread-safe: the facility holds the lock."""

    def __init__(self, spec: DeviceSpec) -> None:
        self._spec = spec
        self._elements = np.arange(spec.reading.length if spec.reading else 0, dtype=np.int64)
        self._held = np.zeros(0)  # what SETTING reads
        self._follow: Follow | None = None  # what of READING is due to the setting
        if spec.setting:
            self._held = np.resize(np.array(spec.initial or (0.0,)), spec.setting.length)
            if not isinstance(spec.model, Stuck):
                self._follow = Follow(self._held, self._held, 0, spec.settle)
        self.atomic = raw.atomic_size(spec.scale)

    def reading(self, t_ns: int, first: int = 0, count: int = 1) -> FloatArray:
        """READING in engineering units, float64[count]."""
        values = self._spec.model.values(t_ns, self._elements[first : first + count])
        if self._follow is not None:
            followed = self._follow.at(t_ns)
            part = followed if len(followed) == 1 else followed[first : first + count]
            values = values + part + self._spec.offset
        return values

    def read(self, prop: Property, field: str | None, first: int, count: int, t_ns: int) -> Answer:
        """READING or SETTING in one of its fields; the range was checked before."""
        values = self.reading(t_ns, first, count) if prop is Property.READING else self._held[first : first + count]
        scale = self._spec.scale
        if field == "RAW":
            octets = raw.to_raw(scale, values)
            return (None, octets) if isinstance(octets, Status) else good(octets)
        if field not in ("SCALED", "PRIMARY"):
            return NOT_UNDERSTOOD  # MIN, MAX and UNITS: the server of 2024 does not know them (drf.md 12.1)
        if scale.none:
            return NO_SCALE
        if field == "PRIMARY":
            values = raw.to_primary(scale, values)
        return good(float(values[0]) if count == 1 else values.copy())

    def write(self, field: str | None, first: int, count: int, value: SettingValue, t_ns: int) -> Status:
        """Set elements of SETTING; the range was checked before."""
        wished = self._wished(field, count, value)
        if isinstance(wished, Status):
            return wished
        if self._spec.behaviour is Behaviour.REFUSE:
            return self._spec.refusal
        if self._spec.behaviour is Behaviour.STUCK:
            return OK
        limits = self._spec.setting
        if self._spec.behaviour is Behaviour.CLIP and limits is not None:
            wished = np.fmin(np.fmax(wished, limits.low), limits.high)
        self._held = self._held.copy()
        self._held[first : first + count] = wished
        if self._follow is not None and self._spec.behaviour is not Behaviour.IGNORE:
            self._follow = self._follow.towards(self._held, t_ns)
        return OK

    def _wished(self, field: str | None, count: int, value: SettingValue) -> FloatArray | Status:
        """The value in engineering units, float64[count], or why it cannot be converted (dpm-http.md 10)."""
        if field not in ("SCALED", "PRIMARY", "RAW"):
            return BAD_REQUEST
        if isinstance(value, bytes):
            return raw.from_raw(self._spec.scale, value) if len(value) == count * self.atomic else INVLEN
        if isinstance(value, str | tuple) or field == "RAW":
            return SCALEFAIL
        values = np.array(value, np.float64, ndmin=1)
        if len(values) != count:
            return INVLEN
        if self._spec.scale.none or not np.isfinite(values).all():
            return SCALEFAIL
        if field == "PRIMARY":
            values = raw.from_primary(self._spec.scale, values)
        return values if raw.holds(self._spec.scale, values) else SCALEFAIL  # what the hardware cannot say is refused
