"""FilteredChannel: a channel seen through filters; one for each channel that a client creates."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from iocs.channel import ANY, Channel, Listener
from iocs.fast import messages as ca
from iocs.fast.dbr import Shown, encode
from iocs.filters import Filter, Part
from iocs.put import Put
from iocs.record_fields import FieldChannel

Source: TypeAlias = Channel | FieldChannel


class FilteredChannel:
    """Gets and monitors show what the filters leave; puts go to the channel as it is."""

    row, precision = -1, 0  # no row of the store: all goes the ordinary way
    mask = ANY | ca.DBE_ALARM | ca.DBE_PROPERTY

    def __init__(self, base: Source, long_string: bool, filters: Sequence[Filter]) -> None:
        self.base, self.pvname, self.counted = base, base.pvname, base.counted
        self.asg, self.level, self.store = base.asg, base.level, base.store
        self._long_string, self._filters = long_string, filters
        self._sinks: dict[Listener, None] = {}
        self._passed: Shown | None = None  # what is being told

    def native(self, long_string: bool) -> tuple[int, int]:
        """Type, and the number of elements that can be left."""
        data_type, count = self.base.native(self._long_string)
        for one in self._filters:
            if isinstance(one, Part) and count > 1:
                count = one.count(count)
        return data_type, count

    def rights(self) -> int:
        """Those of the channel."""
        return self.base.rights()

    def refresh(self) -> None:
        """Bring the channel up to date."""
        self.base.refresh()
        self._passed = None

    def admits(self) -> bool:
        """Whether a new subscription is sent the value at once: it passes the filters like any news."""
        self._passed = self._event()
        return self._passed is not None

    def payload(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        """What is being told, or what a get shows."""
        shown = self._passed
        if shown is None:
            shown = self.base.shown(self._long_string)
            for one in self._filters:
                shown = one.read(shown)
        return encode(shown, data_type, count)

    def subscribe_sink(self, sink: Listener) -> None:
        """Add a subscription."""
        self._sinks[sink] = None
        if len(self._sinks) == 1:
            self.base.subscribe_sink(self)

    def unsubscribe_sink(self, sink: Listener) -> None:
        """Remove a subscription."""
        del self._sinks[sink]
        if not self._sinks:
            self.base.unsubscribe_sink(self)

    def tell(self) -> None:
        """The channel has news."""
        self._passed = self._event()
        if self._passed is not None:
            for sink in self._sinks:
                if sink.mask & self.base.news:
                    sink.tell()
        self._passed = None

    def _event(self) -> Shown | None:
        shown: Shown | None = self.base.shown(self._long_string)
        for one in self._filters:
            if shown is None:
                return None
            shown = one.event(shown)
        return shown

    def from_wire(self, values: Any, data_type: int) -> Any:
        """The channel's own value."""
        return self.base.from_wire(values, data_type)

    async def put(self, value: Any, put: Put) -> None:
        """A put on the channel."""
        await self.base.put(value, put)
