"""Single channels, made as groups make them."""

from typing import Any

from caproto.server import PVGroup, pvproperty

from gateway.plan.model import PvSpec, PvType, Role
from iocs.channel import Channel
from iocs.channel_types import CHANNELS, empty_value

STAMP = 1_700_000_000_250_000_000  # ns, Unix
NOW = 1_700_000_009_000_000_000


class _Group(PVGroup):  # type: ignore[misc]  # caproto has no types
    value = pvproperty(value=0.0)


def spec(kind: PvType, length: int = 1, **options: Any) -> PvSpec:
    return PvSpec("X", Role.SETPOINT, kind, length, "X", -1, **options)


def channel(kind: PvType, length: int = 1, **options: Any) -> Channel:
    """A channel that no group hooks into."""
    described = spec(kind, length, **options)
    given: dict[str, Any] = {"spec": described, "now": lambda: NOW, "writes": True}
    if kind is PvType.ENUM:
        given["enum_strings"] = described.labels
    made: Channel = (
        _Group._pvs_["value"]
        .pvspec._replace(
            dtype=CHANNELS[kind],
            name="X",
            value=empty_value(described),
            max_length=length,
            alarm_group="X",
            cls_kwargs=given,
        )
        .create(_Group(prefix=""))
    )
    return made
