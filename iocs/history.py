"""The circular buffer of a device, asked over plain Channel Access: values, POSIX seconds, count."""

from typing import Any

import numpy as np
from caproto.server import pvproperty

from devices.circular_buffer import Points, Stamps
from gateway.plan.model import PvSpec, Role
from iocs.channel import Channel
from iocs.group import DeviceGroup


def seconds_of(stamps_ns: Stamps | int) -> Any:
    """Stamps, or one, as POSIX seconds; for the whole number a double has no place for the last digits."""
    seconds, nanoseconds = np.divmod(stamps_ns, 1_000_000_000)
    return seconds + nanoseconds / 1e9


class HistoryGroup(DeviceGroup):
    """Reads take a copy; nothing is consumed, so readers never disturb each other (C-15)."""

    roles = frozenset({Role.HISTORY_VALUES, Role.HISTORY_TIMES, Role.HISTORY_COUNT})
    history_values = pvproperty(doc="values in the circular buffer, oldest first", read_only=True)
    history_times = pvproperty(doc="their stamps, POSIX seconds", read_only=True)
    history_count = pvproperty(doc="how many readings the buffer holds", read_only=True)

    def _points(self, spec: PvSpec) -> Points:
        """What the PV shows: the whole buffer, its newest readings, or those of the last seconds."""
        table, row, depth = self.ioc.table, self.device.plan.reading_row, self.ioc.plan.buffer
        if spec.part and not spec.part.endswith("S"):
            return table.last(row, int(spec.part))
        points = table.last(row, depth)
        if not spec.part:
            return points
        young = points.stamps_ns >= self.ioc.clock.now_ns() - int(spec.part[:-1]) * 1_000_000_000
        return points._replace(values=points.values[young], stamps_ns=points.stamps_ns[young])

    @history_values.getter
    async def history_values(self, instance: Channel) -> Any:
        """A copy of the values."""
        return self._points(instance.spec).values

    @history_times.getter
    async def history_times(self, instance: Channel) -> Any:
        """A copy of the stamps."""
        return seconds_of(self._points(instance.spec).stamps_ns)

    @history_count.getter
    async def history_count(self, instance: Channel) -> Any:
        """The count."""
        return len(self._points(instance.spec).values)
