"""RowChannel: a plain scalar as most clients use it, a row of the store; a whole channel is made when needed."""

import struct
from collections.abc import Callable
from typing import Any

from caproto import ChannelType

from iocs.channel import Channel
from iocs.fast import messages as ca
from iocs.fast.messages import EPICS_EPOCH
from iocs.fast.outbox import Sink
from iocs.fast.rows import DOUBLE, TIME_DOUBLE
from iocs.put import Put
from iocs.store import Store

_PLAIN = struct.Struct(">d")
_TIMED = struct.Struct(">HHIIxxxxd")  # one DBR_TIME_DOUBLE


class RowChannel:
    """Read access to one row; metadata, other types and puts are the whole channel's, which `make` gives."""

    __slots__ = ("_make", "_place", "_whole", "_writable", "asg", "pvname", "store")
    data_type = ChannelType.DOUBLE
    level = 0  # of access security: a value

    def __init__(
        self, name: str, row: int, writable: bool, store: Store, make: Callable[[str], Channel], asg: str
    ) -> None:
        self.pvname, self._place, self.asg = name, row, asg
        self._writable, self.store, self._make = writable, store, make
        self._whole: Channel | None = None

    @property
    def whole(self) -> Channel:
        """The channel with everything that caproto gives it."""
        if self._whole is None:
            self._whole = self._make(self.pvname)
        return self._whole

    @property
    def row(self) -> int:
        """The row of the store; -1 for a PV that is singled out, since its record has deadbands or limits."""
        return self._place if not self.store.singled[self._place] else -1

    @property
    def counted(self) -> int:
        """The row of the store where dropped updates are counted."""
        return self._place

    def admits(self) -> bool:
        """Whether a new subscription is sent the value at once."""
        return True

    def native(self, long_string: bool) -> tuple[int, int]:
        """Type and number of elements."""
        return DOUBLE, 1

    def rights(self) -> int:
        """Access rights of any client."""
        return ca.RIGHT_READ | (ca.RIGHT_WRITE if self._writable else 0)

    @property
    def precision(self) -> int:
        """Digits after the point, where a value is shown as text."""
        return self.whole.precision

    def refresh(self) -> None:
        """The row is always up to date."""

    def payload(self, data_type: int, count: int, long_string: bool) -> tuple[int, bytes]:
        """The value as (count, bytes) of a DBR type."""
        store, row = self.store, self.row
        if row < 0:
            self.whole.refresh()
            return self.whole.payload(data_type, count, long_string)
        if data_type == TIME_DOUBLE and count <= 1:
            seconds, nanoseconds = divmod(int(store.stamp_ns[row]), 1_000_000_000)
            seconds = min(max(seconds - EPICS_EPOCH, 0), 0xFFFFFFFF)
            return 1, _TIMED.pack(store.status[row], store.severity[row], seconds, nanoseconds, store.value[row])
        if data_type == DOUBLE and count <= 1:
            return 1, _PLAIN.pack(store.value[row])
        self.whole.refresh()
        return self.whole.payload(data_type, count, long_string)

    def subscribe_sink(self, sink: Sink) -> None:
        """Add an ordinary subscription."""
        sink.channel = self.whole
        self.whole.subscribe_sink(sink)

    def unsubscribe_sink(self, sink: Sink) -> None:
        """Remove an ordinary subscription."""
        self.whole.unsubscribe_sink(sink)

    def from_wire(self, values: Any, data_type: int) -> Any:
        """What a client sent as a float."""
        return self.whole.from_wire(values, data_type)

    async def put(self, value: Any, put: Put) -> None:
        """Run the putter."""
        await self.whole.put(value, put)
