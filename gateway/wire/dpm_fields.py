"""The keys, types and structs that the DPM messages share (dpm-http.md section 5).

A key is the hash of a name; both are constants of the protocol.
"""

from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np

from gateway.wire import pc
from gateway.wire.dpm_layout import struct_of

KEYS = {
    "ref_id": 7851,
    "data": 32568,
    "status": 17492,
    "location": -25120,
    "list_id": -6112,
    "drf_request": 25380,
    "token": -29279,
    "mic": 8141,
    "message": 12546,
    "model": 24163,
    "user_name": 22088,
    "raw_array": 769,
    "scaled_array": 25550,
    "text_array": -12657,
    "load": 7859,
    "service_location": 4527,
    "timestamp": -10917,
    "cycle": 1856,
    "di": -32035,
    "name": -27876,
    "description": -1748,
    "units": 15867,
    "format_hint": 32450,
    "minimum": 9036,
    "maximum": -7544,
    "alarm_enable": -28896,
    "alarm_status": 24630,
    "abort": 18972,
    "abort_inhibit": -32398,
    "tries_needed": 306,
    "tries_now": 11070,
    "nominal": 20253,
    "mask": 4587,
    "on": 23553,
    "ready": -21725,
    "remote": -7034,
    "positive": 10006,
    "ramp": -28104,
    "micros": 13357,
    "service_name": 25400,
}

Int16 = Annotated[int, pc.INT16]
Int32 = Annotated[int, pc.INT32]
Int64 = Annotated[int, pc.INT64]
Double = Annotated[float, pc.DOUBLE]
Bool = Annotated[bool, pc.BOOL]
Binary = Annotated[bytes, pc.BINARY]
String = Annotated[str, pc.STRING]
Strings = Annotated[tuple[str, ...], pc.STRINGS]
Doubles = Annotated[pc.Doubles, pc.DOUBLES]
Micros = Annotated[pc.Int64s, pc.INT64S]


class ByContent:
    """Equality of messages that hold arrays, which dataclasses cannot compare; such messages cannot be hashed."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Same type and equal fields; NaN equals nothing."""
        return type(self) is type(other) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)  # type: ignore[arg-type]  # every heir is a dataclass
        )


@dataclass(frozen=True, slots=True)
class RawSetting:
    """The bytes to write to one reference, in the order of the front end."""

    ref_id: Int64
    data: Binary


@dataclass(frozen=True, slots=True, eq=False)
class ScaledSetting(ByContent):
    """The numbers to write to one reference, always a list."""

    ref_id: Int64
    data: Doubles


@dataclass(frozen=True, slots=True)
class TextSetting:
    """The texts to write to one reference, always a list."""

    ref_id: Int64
    data: Strings


@dataclass(frozen=True, slots=True)
class SettingStatus:
    """What became of one setting; reference 0 stands for all that have no entry of their own."""

    ref_id: Int64
    status: Int16


RawSettings = Annotated[tuple[RawSetting, ...], pc.array_of(struct_of(RawSetting, KEYS))]
ScaledSettings = Annotated[tuple[ScaledSetting, ...], pc.array_of(struct_of(ScaledSetting, KEYS))]
TextSettings = Annotated[tuple[TextSetting, ...], pc.array_of(struct_of(TextSetting, KEYS))]
SettingStatuses = Annotated[tuple[SettingStatus, ...], pc.array_of(struct_of(SettingStatus, KEYS))]
