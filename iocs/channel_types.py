"""The types of channels: what each shows, what of a client's value it takes, and how it fits what comes."""

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from caproto.server import PvpropertyByte, PvpropertyDouble, PvpropertyEnum, PvpropertyInteger, PvpropertyString
from caproto.server.server import PvpropertyChar

from gateway.plan.model import PvSpec, PvType
from iocs.channel import ANY, Channel
from iocs.fast.conversions import CHAR, DOUBLE, ENUM, LONG, STRING, cast, parse_number
from iocs.fast.dbr import CLASS_NAME, NotConverted, Shown
from iocs.fast.dbr import encode as encode_shown
from iocs.fast.rows import TIME_DOUBLE

_DOUBLE = struct.Struct(">d")
_TIME = struct.Struct(">HHIIxxxx")  # what stands before the values of a DBR_TIME_DOUBLE


def numbers_of(values: Any, data_type: int, spec: PvSpec, native: int = DOUBLE) -> npt.NDArray[np.float64]:
    """Numbers as float64; texts must each be one number, and the PV's units at most behind it.

    A C IOC takes an empty text for 0, and `1,5` for 1: no wish for a device should be guessed like that.
    """
    if data_type == STRING:
        return np.array([_number(item.decode("latin-1"), spec, native) for item in values], np.float64)
    if data_type == CHAR:
        return np.frombuffer(values, np.uint8).astype(np.float64)
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        return np.asarray(values, np.float64)


def _number(text: str, spec: PvSpec, native: int) -> float:
    number, rest = parse_number(text, native)
    if not text.strip() or rest not in ("", spec.units):
        raise NotConverted(f"{text!r} is no number")
    return number


def _octets(values: Any, data_type: int, spec: PvSpec) -> bytes:
    """Characters, or numbers as such."""
    if data_type == CHAR:
        return bytes(values)
    return cast(numbers_of(values, data_type, spec), CHAR).tobytes()


def text_of(values: Any, data_type: int, spec: PvSpec) -> str:
    """One text, up to its first NUL."""
    raw: bytes = values[0] if data_type == STRING else _octets(values, data_type, spec)
    return raw.partition(b"\0")[0].decode("latin-1")


class DoubleChannel(Channel, PvpropertyDouble):  # type: ignore[misc]  # caproto has no types
    """DOUBLE, one or many; the value is a float or an array of float64."""

    def fit(self, value: Any) -> Any:
        """One-dimensional, contiguous, no longer than announced."""
        if self.max_length == 1:
            if isinstance(value, np.ndarray):
                return float(value.flat[0]) if value.size else self._data["value"]
            return float(value)
        return np.ascontiguousarray(value, np.float64).reshape(-1)[: self.max_length]

    def from_wire(self, values: Any, data_type: int) -> Any:
        """A float, or an array of float64."""
        numbers = numbers_of(values, data_type, self.spec)
        return float(numbers[0]) if self.max_length == 1 else numbers

    def _elements(self) -> Any:
        return np.atleast_1d(np.asarray(self._data["value"], np.float64))

    def _encode(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        if data_type not in (DOUBLE, TIME_DOUBLE):
            return super()._encode(data_type, count, long_string)
        lead = b""
        if data_type == TIME_DOUBLE:  # the type that nearly every monitor asks for
            stamp, alarm = self._data["timestamp"], self.alarm_now
            lead = _TIME.pack(alarm.status, alarm.severity, stamp.secondsSinceEpoch, stamp.nanoSeconds)
        if self.max_length == 1:
            return 1, lead + _DOUBLE.pack(self._data["value"])
        values: npt.NDArray[np.float64] = self._data["value"]
        body = values[: count or None].astype(">f8").tobytes()
        count = count or len(values)
        return count, lead + body + bytes(8 * count - len(body))


class LongChannel(Channel, PvpropertyInteger):  # type: ignore[misc]
    """LONG; a status word of 32 bits keeps its bit pattern."""

    def fit(self, value: Any) -> Any:
        """The low 32 bits as a signed number; what is not finite changes nothing."""
        if not math.isfinite(value):
            return self._data["value"]
        word = int(value) & 0xFFFFFFFF
        return word - (1 << 32) if word & 0x80000000 else word

    def from_wire(self, values: Any, data_type: int) -> Any:
        """An int."""
        return int(numbers_of(values, data_type, self.spec, LONG)[0])

    def _elements(self) -> Any:
        return np.array([self._data["value"]], np.int64)


class EnumChannel(Channel, PvpropertyEnum):  # type: ignore[misc]
    """ENUM; the value is the index of a label."""

    def fit(self, value: Any) -> Any:
        """An index that has a label."""
        return min(max(int(value), 0), max(len(self.spec.labels) - 1, 0))

    def _events(self) -> int:
        """A state is news when it is another one, as of bi and mbbi records."""
        news = self._posted.get(0) != self._data["value"]
        self._posted[0] = self._data["value"]
        return ANY if news else 0

    def from_wire(self, values: Any, data_type: int) -> Any:
        """The index; a text must be a label, or the number of one."""
        if data_type != STRING:
            index = int(numbers_of(values, data_type, self.spec)[0])
        elif (text := text_of(values, data_type, self.spec)) in self.spec.labels:
            return self.spec.labels.index(text)
        else:
            index = int(_number(text, self.spec, ENUM))
        if not 0 <= index < len(self.spec.labels):
            raise NotConverted(f"{index} is no state of {self.pvname}")
        return index

    def _elements(self) -> Any:
        return np.array([self._index()], np.int64)

    def _index(self) -> int:
        """caproto keeps the text of the first value that it was given, we the index."""
        value = self._data["value"]
        return self.spec.labels.index(value) if isinstance(value, str) and value in self.spec.labels else int(value)


def _short(text: Any) -> str:
    return str(text).encode("latin-1", "replace")[:39].decode("latin-1")


class StringChannel(Channel, PvpropertyString):  # type: ignore[misc]
    """STRING, 39 characters, one or many; the value is a text, or a tuple of texts."""

    def fit(self, value: Any) -> Any:
        """Latin-1, 39 characters each."""
        if self.max_length == 1:
            return _short(value)
        return tuple(map(_short, value))[: self.max_length]

    def from_wire(self, values: Any, data_type: int) -> Any:
        """A text."""
        if data_type not in (STRING, CHAR):
            raise NotConverted(f"{self.pvname} takes text")
        return text_of(values, data_type, self.spec)

    def _elements(self) -> Any:
        value = self._data["value"]
        return [text.encode("latin-1", "replace") for text in ((value,) if self.max_length == 1 else value)]

    def shown(self, long_string: bool) -> Shown:
        """As a long string, the characters and the closing NUL."""
        found = super().shown(long_string)
        return found._replace(values=characters(self._data["value"], 40)) if long_string else found


class TextChannel(Channel, PvpropertyChar):  # type: ignore[misc]
    """A CHAR array that holds text and a closing NUL: what EPICS calls a long string."""

    def fit(self, value: Any) -> Any:
        """Latin-1, one shorter than the array."""
        return str(value).encode("latin-1", "replace")[: self.max_length - 1].decode("latin-1")

    def from_wire(self, values: Any, data_type: int) -> Any:
        """A text, up to the first NUL."""
        return text_of(values, data_type, self.spec)

    def _elements(self) -> Any:
        return characters(self._data["value"], self.max_length)

    def _encode(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        if data_type % 7 == STRING and data_type < CLASS_NAME:  # as DBR_STRING: the first 39 characters
            text = [self._data["value"].encode("latin-1", "replace")]
            return encode_shown(self.shown(False)._replace(native=STRING, values=text), data_type, 1)
        return super()._encode(data_type, count, long_string)


class BytesChannel(Channel, PvpropertyByte):  # type: ignore[misc]
    """A CHAR array of raw bytes."""

    def fit(self, value: Any) -> Any:
        """No longer than announced."""
        return bytes(value)[: self.max_length]

    def from_wire(self, values: Any, data_type: int) -> Any:
        """The bytes."""
        return _octets(values, data_type, self.spec)

    def _elements(self) -> Any:
        return np.frombuffer(bytes(self._data["value"]), np.uint8)


def characters(text: str, most: int) -> npt.NDArray[np.uint8]:
    """A text as characters; the closing NUL travels, too."""
    raw = text.encode("latin-1", "replace")[: most - 1] + b"\0"
    return np.frombuffer(raw, np.uint8)


CHANNELS: dict[PvType, type[Channel]] = {
    PvType.DOUBLE: DoubleChannel,
    PvType.LONG: LongChannel,
    PvType.ENUM: EnumChannel,
    PvType.STRING: StringChannel,
    PvType.TEXT: TextChannel,
    PvType.BYTES: BytesChannel,
}
_EMPTY: dict[PvType, Any] = {PvType.DOUBLE: 0.0, PvType.LONG: 0, PvType.ENUM: 0, PvType.STRING: "", PvType.TEXT: ""}


def empty_value(spec: PvSpec) -> Any:
    """What a PV holds before its first value."""
    if spec.type is PvType.BYTES:
        return b""
    if spec.type is PvType.DOUBLE and spec.length > 1:
        return np.zeros(spec.length)
    if spec.type is PvType.STRING and spec.length > 1:
        return ("",) * spec.length
    return _EMPTY[spec.type]
