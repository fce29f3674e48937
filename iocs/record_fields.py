"""Record fields: `.EGU`, `.HIHI`, `.SEVR` and their like of every PV, made when a client asks for one.

A field that nobody has asked for takes no memory; one that its last client has left is forgotten.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from gateway.access.judge import Layer, Refusal
from gateway.core.severity import Severity, Stat
from gateway.core.write_state import WriteState
from gateway.plan.model import PvType, Role
from gateway.plan.record import record_type
from iocs.channel import ANY, FIELD, Channel, Listener
from iocs.channel_types import characters, numbers_of, text_of
from iocs.fast import messages as ca
from iocs.fast.conversions import CHAR, DTYPES, ENUM, STRING, cast
from iocs.fast.dbr import NotConverted, Shown, encode
from iocs.guard import RIGHTS, Guard
from iocs.put import NotSettable, Put, PutFailed
from iocs.record import SIDES
from iocs.record_table import ELEMENTS, FIELDS, SCANS, STATES, Field

if TYPE_CHECKING:
    from iocs.store import Store

_SCAN = {True: SCANS.index("I/O Intr"), False: SCANS.index("Passive")}
LIMITS = ("HIHI", "LOLO")  # of an alarm block; ACNET has no warning limits
BLOCK_FIELDS = (*LIMITS, "HHSV", "LLSV")  # that are the alarm block's where there is one
SEVERITY_OF = {limit: severity for limit, severity, _, _ in SIDES}
_FTVL = {PvType.DOUBLE: "DOUBLE", PvType.TEXT: "CHAR", PvType.BYTES: "UCHAR"}


@dataclass(frozen=True, slots=True)
class OfBlock:
    """A field that belongs to the alarm block of the device; `part` makes the PV that it is."""

    writable: bool
    part: Callable[[], Channel]


class FieldChannel:
    """One field of the record of a PV, as circuits use a channel."""

    row = -1
    precision = 0
    mask = ANY | ca.DBE_ALARM | ca.DBE_PROPERTY | FIELD

    level = 1  # of access security: a field that is not the value

    def __init__(self, base: Channel, name: str, field: Field, guard: Guard, of_block: "OfBlock | None" = None) -> None:
        self.base, self.name, self.field, self.asg = base, name, field, base.asg
        self.pvname = f"{base.pvname}.{name}"
        self._guard, self._of_block = guard, of_block
        self._sinks: dict[Listener, None] = {}
        self._told: Any = None  # the value that subscribers know, and the severity with it
        self.news = 0

    @property
    def store(self) -> "Store | None":
        """The store of that row."""
        return self.base.store

    @property
    def counted(self) -> int:
        """The row where dropped updates are counted: that of the PV."""
        return self.base.counted

    def native(self, long_string: bool) -> tuple[int, int]:
        """Type and number of elements."""
        return (CHAR, self.field.size) if long_string else (self.field.type, 1)

    def rights(self) -> int:
        """What the record, or the alarm block, lets people set, where the gateway takes puts at all."""
        if self._of_block is not None:
            return ca.RIGHT_READ | (ca.RIGHT_WRITE if self._of_block.writable else 0)
        return ca.RIGHT_READ | (ca.RIGHT_WRITE if self._guard.rules.writes and self.field.writable else 0)

    def refresh(self) -> None:
        """Bring the record up to date."""
        self.base.refresh()

    def admits(self) -> bool:
        """Whether a new subscription is sent the value at once."""
        return True

    @property
    def value(self) -> Any:
        """What was set, or else what the record tells."""
        return READ[self.name](self.base)

    def shown(self, long_string: bool) -> Shown:
        """The value with alarm and stamp of the record, and its units and limits where it is a number."""
        base, value = self.base.shown(False), self.value
        if self.field.type == STRING:
            text = str(value)[: self.field.size - 1]
            values: Any = characters(text, self.field.size) if long_string else [text.encode("latin-1", "replace")]
        else:
            values = np.array([value]).astype(DTYPES[self.field.type])
        labels = tuple(label.encode() for label in self.field.labels)
        limits = base.limits if self.field.type not in (STRING, ENUM) else (0.0,) * 8
        limits = (*limits[:2], *(math.nan,) * 4, *limits[6:])
        found = base._replace(native=self.native(long_string)[0], values=values, labels=labels, limits=limits)
        return found._replace(precision=0) if self.field.whole else found

    def payload(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        """The value as (count, bytes) of a DBR type."""
        return encode(self.shown(long_string), data_type, count)

    def subscribe_sink(self, sink: Listener) -> None:
        """Add a subscription; the record is followed from the first on."""
        self._sinks[sink] = None
        if len(self._sinks) == 1:
            self.base.subscribe_sink(self)
            self._told = self.value, self.base.alarm_now.severity

    def unsubscribe_sink(self, sink: Listener) -> None:
        """Remove a subscription."""
        del self._sinks[sink]
        if not self._sinks:
            self.base.unsubscribe_sink(self)

    def tell(self) -> None:
        """The record has news: subscribers hear of it where the field is another one, or was set."""
        now = self.value, self.base.alarm_now.severity
        mask = self.base.news & ca.DBE_PROPERTY
        if now[0] != self._told[0] or (self.base.news & FIELD and self.base.field_set == self.name):
            mask |= ca.DBE_VALUE if self.name in ("SEVR", "STAT") else ANY
        if self.name == "STAT" and now[1] != self._told[1]:
            mask |= ca.DBE_ALARM
        self._told, self.news = now, mask
        for sink in self._sinks:
            if sink.mask & mask:
                sink.tell()

    def from_wire(self, values: Any, data_type: int) -> Any:
        """The field's own value: a text, the index of a menu's choice, or a number of its type."""
        field = self.field
        if field.type == STRING:
            return text_of(values, data_type, self.base.spec)[: field.size - 1]
        if field.type == ENUM and data_type == STRING:
            text = text_of(values, data_type, self.base.spec)
            if text in field.labels:
                return field.labels.index(text)
        number = numbers_of(values, data_type, self.base.spec, field.type)
        if field.type == ENUM and not 0 <= number[0] < len(field.labels):
            raise NotConverted(f"{number[0]} is no choice of {self.pvname}")
        return cast(number, field.type)[0].item()

    async def put(self, value: Any, put: Put) -> None:
        """Keep it in the record, and no device hears of it; but a limit of an alarm block is an edit of the block."""
        if self._of_block is not None and self._of_block.writable:
            await self._of_block.part().put(value, put)
            return
        if not self.rights() & ca.RIGHT_WRITE:
            raise NotSettable(f"{self.pvname} is not writable")
        spec = replace(self.base.spec, name=self.pvname, writable=True)
        judged = self._guard.begin(spec, put, value, self.value)
        refusal = self._guard.may(spec, put, RIGHTS, self.asg, self.level)
        if refusal is None and isinstance(value, float) and not math.isfinite(value):
            refusal = Refusal(Layer.VALUE, f"{self.pvname} takes finite numbers")
        if refusal is not None:
            self._guard.record(judged, refusal.layer.value, WriteState.DENIED, refusal.reason)
            raise PutFailed(str(refusal), refusal.layer)
        severity = SEVERITY_OF.get(self.name, "")
        if severity and self.base.set_or(severity, None) is None and (level := READ[severity](self.base)):
            self.base.set_field(severity, level, is_property=True)  # that of a limit that was known goes on
        self.base.set_field(self.name, value, self.field.property)
        self._guard.record(judged, "", WriteState.ACCEPTED, "kept in the gateway's record")


def _limit(name: str, key: str) -> Callable[[Channel], Any]:
    """What was set, else what is known; a bypassed alarm block keeps its limits here, as a record would."""

    def read(channel: Channel) -> Any:
        value = channel.set_or(name, channel._data.get(key, 0.0))
        if name in LIMITS and not math.isfinite(value):
            value = channel.block.high if name == "HIHI" else channel.block.low
        return value if math.isfinite(value) else 0.0

    return read


def _severity(name: str, limit: str) -> Callable[[Channel], Any]:
    """What was set; else what the alarm block makes of such a limit, where it has one and is not bypassed."""

    def read(channel: Channel) -> Any:
        known = math.isfinite(channel._data.get(limit, math.nan))
        return channel.set_or(name, int(channel.block.level if known else Severity.NO_ALARM))

    return read


def _plain(name: str, default: float) -> Callable[[Channel], Any]:
    return lambda channel: channel.set_or(name, default)


def _label(place: int) -> Callable[[Channel], Any]:
    return lambda channel: channel.spec.labels[place] if place < len(channel.spec.labels) else ""


def _code(place: int) -> Callable[[Channel], Any]:
    def read(channel: Channel) -> float:
        codes = channel.spec.codes or tuple(range(len(channel.spec.labels)))
        code = codes[place] if place < len(codes) else 0
        return float(place if isinstance(code, str) else code)  # of a command whose code nobody knows: its place

    return read


def _time(channel: Channel) -> str:
    """UTC, to the nanosecond; empty before the first value."""
    if channel.blank:
        return ""
    stamp = channel._data["timestamp"]
    at = datetime.fromtimestamp(stamp.secondsSinceEpoch + ca.EPICS_EPOCH, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{stamp.nanoSeconds:09d}"


def _zero_severity(channel: Channel) -> int:
    """Of a bit that says READY, its absence is an alarm (values.md 9.4)."""
    bit = channel.spec.bit
    return int(Severity.MAJOR if bit is not None and bit.name == "READY" else Severity.NO_ALARM)


def _ftvl(channel: Channel) -> float:
    """The type of a waveform's elements; of an mbbi record the value of its fourteenth state has that name, too."""
    kind = _FTVL.get(channel.spec.type)
    return ELEMENTS.index(kind) if kind is not None else float(_code(STATES.index("FT"))(channel))


def _acquired(channel: Channel) -> bool:
    return channel.spec.row >= 0 and channel.spec.role is not Role.SETPOINT


READ: dict[str, Callable[[Channel], Any]] = {
    "NAME": lambda channel: channel.pvname,
    "RTYP": lambda channel: record_type(channel.spec),
    "DESC": lambda channel: channel.set_or("DESC", channel.spec.description),
    "SCAN": lambda channel: _SCAN[_acquired(channel)],
    "STAT": lambda channel: channel.alarm_now.status,
    "SEVR": lambda channel: channel.alarm_now.severity,
    "TIME": _time,
    "UDF": lambda channel: int(channel.blank or channel.alarm_now.status == Stat.UDF),
    "EGU": lambda channel: channel.set_or("EGU", channel.spec.units),
    "PREC": lambda channel: channel.set_or("PREC", channel._data.get("precision", 0)),
    "HOPR": _limit("HOPR", "upper_disp_limit"),
    "LOPR": _limit("LOPR", "lower_disp_limit"),
    "DRVH": _limit("DRVH", "upper_ctrl_limit"),
    "DRVL": _limit("DRVL", "lower_ctrl_limit"),
    "HIHI": _limit("HIHI", "upper_alarm_limit"),
    "HIGH": _limit("HIGH", "upper_warning_limit"),
    "LOW": _limit("LOW", "lower_warning_limit"),
    "LOLO": _limit("LOLO", "lower_alarm_limit"),
    "HHSV": _severity("HHSV", "upper_alarm_limit"),
    "HSV": _severity("HSV", "upper_warning_limit"),
    "LSV": _severity("LSV", "lower_warning_limit"),
    "LLSV": _severity("LLSV", "lower_alarm_limit"),
    "HYST": _plain("HYST", 0.0),
    "MDEL": _plain("MDEL", -1.0),
    "ADEL": _plain("ADEL", -1.0),
    "ZNAM": _label(0),
    "ONAM": _label(1),
    "ZSV": _zero_severity,
    "OSV": _plain("OSV", 0),
    "COSV": _plain("COSV", 0),
    "NELM": lambda channel: float(channel.max_length),
    "NORD": lambda channel: float(len(channel.shown(False).values)),
    **{f"{state}ST": _label(place) for place, state in enumerate(STATES)},
    **{f"{state}VL": _code(place) for place, state in enumerate(STATES)},
    "FTVL": _ftvl,
}


def field_of(record: str, name: str) -> Field | None:
    """A field of a record type; None where that type has none of the name."""
    return FIELDS[record].get(name)
