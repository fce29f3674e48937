"""The message Value of the gRPC services <-> core values (dpm-grpc.md 2, 5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.errors import ProtocolError
from gateway.core.values import FloatArray
from gateway.wire.protobuf import device_pb2

_WORD = 1 << 32


@dataclass(frozen=True, slots=True)
class StatusTexts:
    """A status as the device's own labels and the texts of their states, which only the database can explain."""

    texts: Mapping[str, str]

    def pairs(self) -> tuple[str, ...]:
        """Label, state, label, state ..., as STATUS.EXTENDED_TEXT has them; the map has no order of its own."""
        return tuple(text for pair in sorted(self.texts.items()) for text in pair)


WireValue: TypeAlias = (
    float | FloatArray | bytes | str | tuple[str, ...] | AnalogAlarm | DigitalAlarm | BasicStatus | StatusTexts
)


def value_of(message: device_pb2.Value) -> WireValue | None:
    """The value in a message; None when no member is set that we know, which makes it no value (5.5)."""
    match message.WhichOneof("value"):
        case "scalar":
            return message.scalar
        case "scalarArr":
            return np.array(message.scalarArr.value, np.float64)
        case "raw":
            return message.raw
        case "text":
            return message.text
        case "textArr":
            return tuple(message.textArr.value)
        case "anaAlarm":
            return _analog(message.anaAlarm)
        case "digAlarm":
            return _digital(message.digAlarm)
        case "basicStatus":
            return _status(dict(message.basicStatus.value))
        case _:
            return None


def _analog(block: device_pb2.Value.AnalogAlarm) -> AnalogAlarm:
    return AnalogAlarm(
        block.minimum, block.maximum, block.alarmEnable, block.alarmStatus, block.abort, block.abortInhibit,
        block.triesNeeded, block.triesNow,
    )  # fmt: skip


def _digital(block: device_pb2.Value.DigitalAlarm) -> DigitalAlarm:
    """Nominal is signed on the wire and a pattern here."""
    return DigitalAlarm(
        block.nominal % _WORD, block.mask, block.alarmEnable, block.alarmStatus, block.abort, block.abortInhibit,
        block.triesNeeded, block.triesNow,
    )  # fmt: skip


def _status(texts: dict[str, str]) -> BasicStatus | StatusTexts:
    """Attributes where all keys and texts are those of attributes, otherwise the texts as they came (5.3)."""
    return BasicStatus.from_map(texts) or (StatusTexts(texts) if texts else BasicStatus())


def fill(message: device_pb2.Value, value: WireValue) -> None:
    """Set the member that carries a value. ProtocolError when the protocol cannot carry it; nothing is set then."""
    try:
        message.MergeFrom(_message(value))
    except (ValueError, TypeError) as error:  # a number beyond 32 bits, a text that is no Unicode
        raise ProtocolError(f"{value!r:.60} cannot be carried: {error}") from None


def _message(value: WireValue) -> device_pb2.Value:
    made = device_pb2.Value()
    match value:
        case bytes():
            made.raw = value
        case str():
            made.text = value
        case tuple():
            made.textArr.SetInParent()
            made.textArr.value.extend(value)
        case np.ndarray():
            made.scalarArr.SetInParent()
            made.scalarArr.value.extend(value.tolist())
        case AnalogAlarm():
            made.anaAlarm.SetInParent()
            made.anaAlarm.minimum, made.anaAlarm.maximum = value.minimum, value.maximum
            _fill_rest(made.anaAlarm, value)
        case DigitalAlarm():
            made.digAlarm.SetInParent()
            made.digAlarm.nominal = value.nominal - _WORD if value.nominal >= _WORD // 2 else value.nominal
            made.digAlarm.mask = value.mask
            _fill_rest(made.digAlarm, value)
        case BasicStatus():
            made.basicStatus.SetInParent()
            made.basicStatus.value.update({name: str(state) for name, state in value.attributes().items()})
        case StatusTexts():
            made.basicStatus.SetInParent()
            made.basicStatus.value.update(value.texts)
        case number:
            made.scalar = number
    return made


def _fill_rest(
    block: device_pb2.Value.AnalogAlarm | device_pb2.Value.DigitalAlarm, value: AnalogAlarm | DigitalAlarm
) -> None:
    block.alarmEnable, block.alarmStatus = value.alarm_enable, value.alarm_status
    block.abort, block.abortInhibit = value.abort, value.abort_inhibit
    block.triesNeeded, block.triesNow = value.tries_needed, value.tries_now
