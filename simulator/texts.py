"""READING and SETTING of a device with text scaling (values.md 3.4): display texts in place of numbers."""

import numpy as np

from gateway.core.drf import Property
from gateway.core.status import BAD_REQUEST, INVLEN, OK, SCALEFAIL, Status
from gateway.core.values import SettingValue
from simulator.answer import NOT_UNDERSTOOD, Answer, good
from simulator.device_spec import Behaviour, DeviceSpec


class Texts:
    """The texts of one device. What was set is read at once; without a setting the model chooses among the states."""

    def __init__(self, spec: DeviceSpec) -> None:
        self._spec = spec
        info = spec.reading or spec.setting
        self._elements = np.arange(info.length if info else 0, dtype=np.int64)
        first = spec.initial_texts or spec.texts[:1] or ("",)
        self._held = tuple((first * len(self._elements))[: len(self._elements)])
        self.atomic = spec.text_size

    def read(self, prop: Property, field: str | None, first: int, count: int, t_ns: int) -> Answer:
        """The texts, or their bytes: each with NUL filled up to its size."""
        if prop is Property.READING and self._spec.setting is None and self._spec.texts:
            places = self._spec.model.values(t_ns, self._elements[first : first + count])
            shown = tuple(self._spec.texts[int(place) % len(self._spec.texts)] for place in places)
        else:
            shown = self._held[first : first + count]
        if field == "RAW":
            return good(b"".join(self._octets(text) for text in shown))
        if field not in ("SCALED", "PRIMARY"):
            return NOT_UNDERSTOOD
        return good(shown[0] if count == 1 else shown)

    def write(self, field: str | None, first: int, count: int, value: SettingValue) -> Status:
        """Set texts; where there are states only their texts are taken, exactly as written."""
        if field not in ("SCALED", "PRIMARY", "RAW"):
            return BAD_REQUEST
        texts = self._wished(count, value)
        if isinstance(texts, Status):
            return texts
        if self._spec.texts and not set(texts) <= set(self._spec.texts):
            return SCALEFAIL
        if self._spec.behaviour is Behaviour.REFUSE:
            return self._spec.refusal
        if self._spec.behaviour is not Behaviour.STUCK:
            self._held = (*self._held[:first], *texts, *self._held[first + count :])
        return OK

    def _wished(self, count: int, value: SettingValue) -> tuple[str, ...] | Status:
        if isinstance(value, bytes):
            size = self.atomic
            if len(value) != count * size:
                return INVLEN
            parts = (value[place : place + size] for place in range(0, len(value), size))
            return tuple(part.partition(b"\0")[0].decode("latin-1") for part in parts)
        if not isinstance(value, str | tuple):
            return SCALEFAIL
        texts = (value,) if isinstance(value, str) else value
        if len(texts) != count:
            return INVLEN
        return texts if all(len(text) <= self.atomic for text in texts) else SCALEFAIL

    def _octets(self, text: str) -> bytes:
        return text.encode("latin-1", "replace")[: self.atomic].ljust(self.atomic, b"\0")
