"""Channel: a PV as clients see it, our thin layer over caproto's channel data.

It has an alarm of its own, posts value, alarm and stamp in one act, never refuses a reading, asks before anything
else whether it may be put to, and answers a put when its putter is done. What caproto's own `write` does instead is
listed in house.md 9 and users.md 1.5 to 1.8.
"""

import math
import struct
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from caproto import ChannelType, TimeStamp
from caproto.server import PvpropertyByte, PvpropertyDouble, PvpropertyEnum, PvpropertyInteger, PvpropertyString
from caproto.server.server import PvpropertyChar

from gateway.core.severity import NO_ALARM, UDF, Alarm
from gateway.plan.model import PvSpec, PvType, Role
from iocs.fast import messages as ca
from iocs.fast.encode import NotConverted, encode, run_now
from iocs.fast.rows import DOUBLE, EPICS_EPOCH, TIME_DOUBLE

if TYPE_CHECKING:
    from iocs.store import Store

ANY = ca.DBE_VALUE | ca.DBE_LOG
_DOUBLE = struct.Struct(">d")
_TIME = struct.Struct(">HHIIxxxx")  # what stands before the values of a DBR_TIME_DOUBLE


class Listener(Protocol):
    """An ordinary subscription, as a channel sees it."""

    mask: int  # events of interest

    def tell(self) -> None:
        """The channel has news of such an event."""
        ...


class PutFailed(Exception):
    """A put was refused or failed; the text says by whom and why."""


@dataclass(frozen=True, slots=True)
class Put:
    """Who puts. User and host are what the client claims, good for labels; the address is real."""

    user: str
    host: str
    address: str

    @property
    def who(self) -> str:
        """user@host, for the journal and `:WR:WHO`."""
        return f"{self.user or 'unknown'}@{self.host or self.address}"


def epics_stamp(stamp_ns: int) -> TimeStamp:
    """The stamp as Channel Access has it; what lies outside 1990..2126 becomes the nearest that fits."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    return TimeStamp(min(max(seconds - EPICS_EPOCH, 0), 0xFFFFFFFF), nanoseconds)


class Channel:
    """What all types of channels share; mixed in before one of caproto's pvproperty types."""

    data_type: ChannelType
    max_length: int
    pvname: str
    pvspec: Any
    group: Any
    getter: Callable[[Any], Coroutine[Any, Any, Any]] | None
    putter: Callable[[Any, Any], Awaitable[Any]] | None
    _data: dict[str, Any]
    alarm: Any

    def __init__(
        self,
        *,
        spec: PvSpec,
        now: Callable[[], int],
        store: "Store | None" = None,
        writes: bool = False,
        **options: Any,
    ) -> None:
        self.spec = spec
        live = spec.role in (Role.READING, Role.READBACK) and spec.type is PvType.DOUBLE and spec.length == 1
        self.row = spec.row if live and store is not None else -1
        self._store, self._now = store, now
        self._writable = writes and spec.writable
        self._sinks: dict[Listener, None] = {}
        self._sampled: Any = None  # the value of a getter that the subscribers were told last
        self._encoded: dict[tuple[int, int, bool], tuple[int, bytes]] = {}
        self._judge: Callable[[Any], Alarm] = lambda _: NO_ALARM  # of a value that a getter brought
        options["max_subscription_backlog"] = 1  # or else caproto warns of large arrays
        super().__init__(**options)
        self._describe(spec)
        self._set_alarm(UDF)
        self._data["timestamp"] = TimeStamp(0, 0)

    def _describe(self, spec: PvSpec) -> None:
        if "units" in self._data:
            self._data["units"] = spec.units.encode("latin-1", "replace")[:7].decode("latin-1")
            low, high = (limit if math.isfinite(limit) else 0.0 for limit in (spec.low, spec.high))
            for side, limit in (("lower", low), ("upper", high)):
                self._data[f"{side}_disp_limit"] = limit
                self._data[f"{side}_ctrl_limit"] = limit if spec.writable else 0.0
                for kind in ("warning", "alarm"):
                    self._data[f"{side}_{kind}_limit"] = math.nan
        if "precision" in self._data:
            self._data["precision"] = spec.precision

    def judge_low(self, low: float, lolo: float, judge: Callable[[Any], Alarm]) -> None:
        """Have alarm limits below, and the alarm that `judge` finds in what the getter brings."""
        self._data["lower_warning_limit"], self._data["lower_alarm_limit"] = low, lolo
        self._judge = judge

    # -- news ---------------------------------------------------------------------------------------------------

    @property
    def alarm_now(self) -> Alarm:
        """Severity and status as EPICS numbers."""
        return Alarm(int(self.alarm._data["severity"]), int(self.alarm._data["status"]))

    def _set_alarm(self, alarm: Alarm) -> None:
        # caproto's alarm publishes to every channel it knows when written the official way
        self.alarm._data["status"], self.alarm._data["severity"] = int(alarm.status), int(alarm.severity)

    def show(self, value: Any, stamp_ns: int, alarm: Alarm) -> None:
        """Publish a reading: value, alarm and stamp in one act. None keeps the value, a stamp of 0 the stamp."""
        mask = ANY if value is not None else 0
        if alarm != self.alarm_now:
            mask |= ca.DBE_ALARM
            self._set_alarm(alarm)
        if value is not None:
            self._data["value"] = self.fit(value)
        if stamp_ns:
            self._data["timestamp"] = epics_stamp(stamp_ns)
        self._encoded.clear()
        for sink in self._sinks:
            if sink.mask & mask:
                sink.tell()

    def fit(self, value: Any) -> Any:
        """The value cut to what the channel can hold, so that it can always be read back."""
        return value

    def subscribe_sink(self, sink: Listener) -> None:
        """Add an ordinary subscription."""
        if not self._sinks:
            self._sampled = self._data["value"]
            if self.row >= 0 and self._store is not None:
                self._store.follow(self.row, self.show)
        self._sinks[sink] = None

    def unsubscribe_sink(self, sink: Listener) -> None:
        """Remove an ordinary subscription."""
        del self._sinks[sink]
        if not self._sinks and self.row >= 0 and self._store is not None:
            self._store.unfollow(self.row, self.show)

    @property
    def watched(self) -> bool:
        """Whether somebody has an ordinary subscription."""
        return bool(self._sinks)

    # -- reads --------------------------------------------------------------------------------------------------

    @property
    def counted(self) -> int:
        """The row of the store where dropped updates are counted, -1 for PVs without one."""
        return self.spec.row

    def native(self, long_string: bool) -> tuple[int, int]:
        """Type and greatest number of elements, as told at channel creation."""
        if long_string and self.data_type == ChannelType.STRING:
            return int(ChannelType.CHAR), 40
        return int(self.data_type), self.max_length

    def rights(self) -> int:
        """Access rights of any client."""
        return ca.RIGHT_READ | (ca.RIGHT_WRITE if self._writable else 0)

    def refresh(self) -> None:
        """Bring the value up to date where it lives elsewhere: in a row of the store, or behind a getter."""
        if self.row >= 0 and self._store is not None:
            store, row = self._store, self.row
            alarm = Alarm(int(store.severity[row]), int(store.status[row]))
            self._data["value"] = float(store.value[row])
            self._data["timestamp"] = epics_stamp(int(store.stamp_ns[row]))
            self._set_alarm(alarm)
            self._encoded.clear()
        elif self.pvspec.get is not None and self.getter is not None:
            value: Any = run_now(self.getter(self))
            if value is not None:
                self._data["value"] = self.fit(value)
                self._data["timestamp"] = epics_stamp(self._now())
                self._set_alarm(self._judge(value))
                self._encoded.clear()

    @property
    def blank(self) -> bool:
        """Whether no value was ever shown."""
        return bool(self._data["timestamp"] == TimeStamp(0, 0))

    def sample(self) -> None:
        """Ask the getter for those who monitor the PV; called once a second.

        News is what they were not told yet: a get of somebody else may have brought the value up to date before.
        """
        if self.pvspec.get is None:
            return
        before = self.alarm_now
        self.refresh()
        if not np.array_equal(self._sampled, self._data["value"]):
            self._sampled, alarm = self._data["value"], self.alarm_now
            self._set_alarm(before)  # so that `show` sees whether it changed
            self.show(self._sampled, 0, alarm)

    def payload(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        """The value as (count, bytes) of a DBR type; one encoding serves all who ask for the same."""
        key = (data_type, count, long_string)
        found = self._encoded.get(key)
        if found is None:
            found = self._encoded[key] = self._encode(data_type, count, long_string)
        return found

    def _encode(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        return encode(self, data_type, count, long_string)

    # -- puts ---------------------------------------------------------------------------------------------------

    def from_wire(self, values: Any, data_type: ChannelType) -> Any:
        """What a client sent as the channel's own Python value; NotConverted or ValueError where it is none."""
        raise NotImplementedError

    async def put(self, value: Any, put: Put) -> None:
        """Run the putter; it raises PutFailed, or the value is written. Nothing is stored here."""
        if self.pvspec.put is None or self.putter is None:  # caproto's own putter would take anything
            raise PutFailed(f"{self.pvname} is not writable")
        await self.putter(self, (value, put))


def _number(values: Any, data_type: ChannelType) -> Any:
    """Numbers as float64; texts must each be one number."""
    if data_type == ChannelType.STRING:
        return np.array([_float(_text(item)) for item in values])
    return np.asarray(values, np.float64)


def _float(text: str) -> float:
    if "_" in text:  # Python takes 1_000 for a number
        raise NotConverted(f"{text} is no number")
    return float(text)


def _text(item: Any) -> str:
    raw = bytes(item)
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

    def from_wire(self, values: Any, data_type: ChannelType) -> Any:
        """A float, or an array of float64."""
        numbers = _number(values, data_type)
        return float(numbers[0]) if self.max_length == 1 else numbers

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

    def _read_metadata(self, dbr_metadata: Any) -> None:
        """As caproto does, but limits that are unknown are 0 where the type has no NaN."""
        if dbr_metadata.DBR_ID % 7 in (2, 6):  # FLOAT and DOUBLE
            super()._read_metadata(dbr_metadata)
            return
        kept = dict(self._data)
        self._data.update({k: 0.0 for k, v in kept.items() if k.endswith("_limit") and v != v})
        super()._read_metadata(dbr_metadata)
        self._data.clear()
        self._data.update(kept)


class LongChannel(Channel, PvpropertyInteger):  # type: ignore[misc]
    """LONG; a status word of 32 bits keeps its bit pattern."""

    def _describe(self, spec: PvSpec) -> None:
        super()._describe(spec)
        self._data.update({k: 0 for k, v in self._data.items() if k.endswith("_limit") and v != v})

    def fit(self, value: Any) -> Any:
        """The low 32 bits as a signed number; what is not finite changes nothing."""
        if not math.isfinite(value):
            return self._data["value"]
        word = int(value) & 0xFFFFFFFF
        return word - (1 << 32) if word & 0x80000000 else word

    def from_wire(self, values: Any, data_type: ChannelType) -> Any:
        """An int."""
        return int(_number(values, data_type)[0])


class EnumChannel(Channel, PvpropertyEnum):  # type: ignore[misc]
    """ENUM; the value is the index of a label."""

    def fit(self, value: Any) -> Any:
        """An index that has a label."""
        return min(max(int(value), 0), max(len(self.spec.labels) - 1, 0))

    def from_wire(self, values: Any, data_type: ChannelType) -> Any:
        """The index; a text must be a label, or the number of one."""
        if data_type == ChannelType.STRING:
            text = _text(values[0]).strip()
            if text in self.spec.labels:
                return self.spec.labels.index(text)
            if not text.isdecimal():
                raise NotConverted(f"{text} is no state of {self.pvname}")
            index = int(text)
        else:
            index = int(values[0])
        if not 0 <= index < len(self.spec.labels):
            raise NotConverted(f"{index} is no state of {self.pvname}")
        return index


class StringChannel(Channel, PvpropertyString):  # type: ignore[misc]
    """STRING, 39 characters."""

    def fit(self, value: Any) -> Any:
        """Latin-1, 39 characters."""
        return str(value).encode("latin-1", "replace")[:39].decode("latin-1")

    def from_wire(self, values: Any, data_type: ChannelType) -> Any:
        """A text."""
        if data_type == ChannelType.STRING:
            return _text(values[0])
        if data_type != ChannelType.CHAR:
            raise NotConverted(f"{self.pvname} takes text")
        return _text(bytes(values))

    def _encode(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        if long_string and data_type % 7 == 4 and not count:
            count = min(len(self._data["value"]) + 1, 40)  # the closing NUL travels, too
        return super()._encode(data_type, count, long_string)


class TextChannel(Channel, PvpropertyChar):  # type: ignore[misc]
    """A CHAR array that holds text and a closing NUL: what EPICS calls a long string."""

    def fit(self, value: Any) -> Any:
        """Latin-1, one shorter than the array."""
        return str(value).encode("latin-1", "replace")[: self.max_length - 1].decode("latin-1")

    def from_wire(self, values: Any, data_type: ChannelType) -> Any:
        """A text, up to the first NUL."""
        if data_type == ChannelType.STRING:
            return _text(values[0])
        return _text(np.asarray(values).astype(np.uint8).tobytes())

    def _encode(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        if data_type % 7 == 0 and data_type <= 34:  # as DBR_STRING: the first 39 characters
            return 1, encode(self, data_type, 1)[1][:-40] + self._first_string()
        length = len(self._data["value"]) + 1  # the closing NUL travels, too
        return super()._encode(data_type, count or min(length, self.max_length), long_string)

    def _first_string(self) -> bytes:
        return bytes(self._data["value"].encode("latin-1", "replace")[:39].ljust(40, b"\0"))


class BytesChannel(Channel, PvpropertyByte):  # type: ignore[misc]
    """A CHAR array of raw bytes."""

    def fit(self, value: Any) -> Any:
        """No longer than announced."""
        return bytes(value)[: self.max_length]

    def from_wire(self, values: Any, data_type: ChannelType) -> Any:
        """The bytes."""
        return np.asarray(values).astype(np.uint8).tobytes()


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
        return b"\0"
    if spec.type is PvType.DOUBLE and spec.length > 1:
        return np.zeros(spec.length)
    return _EMPTY[spec.type]
