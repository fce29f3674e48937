"""The gateway's own PVs, which belong to no device: each is asked for when somebody reads it."""

from collections.abc import Callable
from typing import Any

from caproto.server import PVGroup, pvproperty

from gateway.plan.model import PvSpec
from iocs.channel import Channel
from iocs.channel_types import CHANNELS, empty_value


def own_channel(
    group: PVGroup,
    spec: PvSpec,
    get: Callable[[], Any] | None,
    now: Callable[[], int],
    put: Any = None,
    writes: bool = False,
    asg: str = "DEFAULT",
) -> Channel:
    """Make the PV and put it into the group; `put` is a coroutine of group, channel and (value, Put).

    Without `get` it shows what it is given.
    """

    async def getter(_: PVGroup, __: Channel) -> Any:
        return get() if get is not None else None

    suffix = spec.name.removeprefix(group.prefix)  # to which caproto adds the prefix again
    prop = pvproperty(get=None if get is None else getter, put=put, name=suffix, read_only=put is None)
    options: dict[str, Any] = {"spec": spec, "now": now, "writes": writes, "asg": asg}
    if spec.labels:
        options["enum_strings"] = spec.labels
    pvspec = prop.pvspec._replace(
        attr=suffix, dtype=CHANNELS[spec.type], value=empty_value(spec), max_length=spec.length,
        alarm_group=spec.name, cls_kwargs=options,
    )  # fmt: skip
    channel: Channel = pvspec.create(group)
    channel.refresh()
    group.pvdb[spec.name] = channel
    return channel
