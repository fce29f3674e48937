"""Channel: a PV as clients see it, our thin layer over caproto's channel data.

It has an alarm of its own, posts value, alarm and stamp in one act, never refuses a reading, asks before anything
else whether it may be put to, and answers a put when its putter is done. What caproto's own `write` does instead is
listed in house.md 9 and users.md 1.5 to 1.8.
"""

import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from caproto import ChannelType, TimeStamp

from gateway.core.severity import NO_ALARM, UDF, Alarm, Severity
from gateway.plan.model import PvSpec, PvType, Role
from gateway.plan.record import record_type
from iocs.blocks import UNKNOWN, Limits
from iocs.fast import messages as ca
from iocs.fast.conversions import CHAR
from iocs.fast.dbr import LABEL, UNITS, Shown
from iocs.fast.encode import encode, run_now
from iocs.fast.messages import EPICS_EPOCH
from iocs.put import NotSettable, Put
from iocs.record import Record, beyond

if TYPE_CHECKING:
    from iocs.store import Store

ANY = ca.DBE_VALUE | ca.DBE_LOG
FIELD = 16  # a field was set: news for fields only, never asked for by clients
_LIMITS = (  # in the order of the CTRL types
    "upper_disp_limit", "lower_disp_limit", "upper_alarm_limit", "upper_warning_limit",
    "lower_warning_limit", "lower_alarm_limit", "upper_ctrl_limit", "lower_ctrl_limit",
)  # fmt: skip


class Listener(Protocol):
    """An ordinary subscription, as a channel sees it."""

    mask: int  # events of interest

    def tell(self) -> None:
        """The channel has news of such an event."""
        ...


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
    block: Limits = UNKNOWN  # what the alarm block of the device says of it

    def __init__(
        self,
        *,
        spec: PvSpec,
        now: Callable[[], int],
        store: "Store | None" = None,
        rows: bool = True,
        writes: bool = False,
        asg: str = "DEFAULT",
        **options: Any,
    ) -> None:
        self.spec = spec
        live = spec.role in (Role.READING, Role.READBACK) and spec.type is PvType.DOUBLE and spec.length == 1
        self.row = spec.row if live and rows and store is not None else -1
        self.store, self._now = store, now
        self.asg, self.level = asg, spec.level  # of access security
        self._writable = spec.writable and (writes or spec.sets_nothing)
        self._sinks: dict[Listener, None] = {}
        self._sampled: Any = None  # the value of a getter that the subscribers were told last
        self.record: Record | None = None  # made when a client sets a field
        self.news, self.field_set = 0, ""  # events of the news that is being told; the field that was set
        self._posted: dict[int, Any] = {}  # the value that was news last, by event
        self._encoded: dict[tuple[int, int, bool], tuple[int, bytes]] = {}
        self._judge: Callable[[Any], Alarm] = lambda _: NO_ALARM  # of a value that a getter brought
        options["max_subscription_backlog"] = 1  # or else caproto warns of large arrays
        super().__init__(**options)
        self._describe(spec)
        self._data |= {name: math.nan for name in self._data if name.endswith(("_warning_limit", "_alarm_limit"))}
        self._set_alarm(UDF)
        self._data["timestamp"] = TimeStamp(0, 0)

    def limit(self, limits: Limits) -> None:
        """Show the limits of an alarm block; who asked for property events is told."""
        if "units" in self._data:
            self.block = limits
            self._data["lower_alarm_limit"], self._data["upper_alarm_limit"] = limits.shown
            self._tell_properties()

    def redescribe(self, spec: PvSpec) -> None:
        """Be described anew while clients are connected: another text, unit, limit or label, never another type."""
        self.spec = spec
        self._describe(spec)
        self._tell_properties()

    def _tell_properties(self) -> None:
        self._encoded.clear()
        self._tell(ca.DBE_PROPERTY)

    def _describe(self, spec: PvSpec) -> None:
        if "units" in self._data:
            self._data["units"] = spec.units.encode("latin-1", "replace")[: UNITS - 1].decode("latin-1")
            drive = (spec.drive_low, spec.drive_high) if spec.writable else (spec.low, spec.high)
            for kind, limits in (("disp", (spec.low, spec.high)), ("ctrl", drive)):
                for side, limit in zip(("lower", "upper"), limits, strict=True):
                    self._data[f"{side}_{kind}_limit"] = limit if math.isfinite(limit) else 0.0
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
        mask = 0
        if value is not None:
            self._data["value"] = self.fit(value)
            mask = self._events()
        alarm = self._judged(alarm)
        if alarm != self.alarm_now:
            mask |= ca.DBE_ALARM
            self._set_alarm(alarm)
        if stamp_ns:
            self._data["timestamp"] = epics_stamp(stamp_ns)
        self._encoded.clear()
        self._tell(mask)

    def _events(self) -> int:
        """The events of a new value: a number against the deadbands, everything else is news each time."""
        value, mask = self._data["value"], 0
        if self.record is None or not isinstance(value, int | float):
            return ANY
        for event, deadband in ((ca.DBE_VALUE, self.record.mdel), (ca.DBE_LOG, self.record.adel)):
            if beyond(self._posted.get(event, math.nan), value, deadband):
                self._posted[event] = value
                mask |= event
        return mask

    def _judged(self, alarm: Alarm) -> Alarm:
        """The alarm, or a worse one by limits that clients have set."""
        if self.record is None or not self.record.judges or alarm.severity >= Severity.INVALID:
            return alarm
        return self.record.judge(float(self._data["value"]), alarm)

    def _tell(self, mask: int) -> None:
        self.news = mask
        for sink in self._sinks:
            if sink.mask & mask:
                sink.tell()

    def set_or(self, name: str, default: Any) -> Any:
        """What a client has set a field to, or else the default."""
        return default if self.record is None else self.record.set.get(name, default)

    @property
    def precision(self) -> int:
        """Digits after the point, where a value is shown as text."""
        return int(self.set_or("PREC", self._data.get("precision", 0)))

    def set_field(self, name: str, value: Any, is_property: bool) -> None:
        """A client sets a field of the record; whoever monitors the field or, of a property, the PV, is told."""
        if self.record is None:
            self.refresh()
            self.record = Record()
            self._posted |= dict.fromkeys((ca.DBE_VALUE, ca.DBE_LOG), self._data["value"])
        self.record.set[name] = value
        if self.row >= 0 and self.store is not None:
            self.store.precision[self.row] = self.precision
        if self.row >= 0 and self.store is not None and not self.record.every:
            self.store.single_out(self.row)
        self.field_set = name
        self._encoded.clear()
        self._tell(FIELD | (ca.DBE_PROPERTY if is_property else 0))
        self.field_set = ""

    def fit(self, value: Any) -> Any:
        """The value cut to what the channel can hold, so that it can always be read back."""
        return value

    @property
    def held(self) -> Any:
        """The value that the channel holds."""
        return self._data["value"]

    def subscribe_sink(self, sink: Listener) -> None:
        """Add an ordinary subscription."""
        if not self._sinks:
            self._sampled = self._data["value"]
            if self.row >= 0 and self.store is not None:
                self.store.follow(self.row, self.show)
        self._sinks[sink] = None

    def unsubscribe_sink(self, sink: Listener) -> None:
        """Remove an ordinary subscription."""
        del self._sinks[sink]
        if not self._sinks and self.row >= 0 and self.store is not None:
            self.store.unfollow(self.row, self.show)

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
            return CHAR, 40
        return int(self.data_type), self.max_length

    def rights(self) -> int:
        """Access rights of any client."""
        return ca.RIGHT_READ | (ca.RIGHT_WRITE if self._writable else 0)

    def refresh(self) -> None:
        """Bring the value up to date where it lives elsewhere: in a row of the store, or behind a getter."""
        if self.row >= 0 and self.store is not None:
            store, row = self.store, self.row
            alarm = Alarm(int(store.severity[row]), int(store.status[row]))
            self._data["value"] = float(store.value[row])
            self._data["timestamp"] = epics_stamp(int(store.stamp_ns[row]))
            self._set_alarm(self._judged(alarm))
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

    def admits(self) -> bool:
        """Whether a new subscription is sent the value at once."""
        return True

    def payload(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        """The value as (count, bytes) of a DBR type; one encoding serves all who ask for the same."""
        key = (data_type, count, long_string)
        found = self._encoded.get(key)
        if found is None:
            found = self._encoded[key] = self._encode(data_type, count, long_string)
        return found

    def _encode(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        return encode(self, data_type, count, long_string)

    def shown(self, long_string: bool) -> Shown:
        """All that it shows now."""
        data, alarm = self._data, self.alarm_now
        native, _ = self.native(long_string)
        found = Shown(
            native, self._elements(), alarm.status, alarm.severity,
            data["timestamp"].secondsSinceEpoch, data["timestamp"].nanoSeconds,
            labels=tuple(label.encode("latin-1", "replace")[: LABEL - 1] for label in self.spec.labels),
            record=record_type(self.spec),
        )  # fmt: skip
        if "units" not in data:
            return found
        units = self.set_or("EGU", data["units"])
        limits = tuple(float(data[name]) for name in _LIMITS)
        if self.record is not None:
            limits = self.record.limits(limits)
        return found._replace(units=units.encode("latin-1", "replace"), precision=self.precision, limits=limits)

    def _elements(self) -> Any:
        """The value as the wire has it: an array of numbers, or a list of texts as bytes."""
        raise NotImplementedError

    # -- puts ---------------------------------------------------------------------------------------------------

    def from_wire(self, values: Any, data_type: int) -> Any:
        """What a client sent as the channel's own Python value; NotConverted or ValueError where it is none.

        `values` are texts as bytes, the bytes of a CHAR, or an array of numbers.
        """
        raise NotImplementedError

    async def put(self, value: Any, put: Put) -> None:
        """Run the putter; it raises PutFailed, or the value is written. Nothing is stored here."""
        if (
            not self.spec.writable or self.pvspec.put is None or self.putter is None
        ):  # caproto's own putter would take anything
            raise NotSettable(f"{self.pvname} is not writable")
        await self.putter(self, (value, put))
