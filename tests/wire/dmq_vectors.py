"""The golden vectors of DMQ, as messages."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.wire import dmq
from gateway.wire.dmq_values import Control

_FILE = Path(__file__).parent.parent / "vectors" / "dmq.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text())
_WORDS = {"dataRequest": "data_request", "facilityCode": "facility_code", "errorNumber": "error_number"}
_KINDS = {"".join(word.capitalize() for word in kind.name.split("_")) + "Sample": kind for kind in dmq.SampleKind}
_WORD = 1 << 32


def section(name: str) -> dict[str, Any]:
    """The vectors of a section, by name."""
    return {f"{place} {vector.get('name', vector.get('input'))}": vector for place, vector in enumerate(VECTORS[name])}


def message_of(vector: Mapping[str, Any]) -> Any:
    """The message that a vector describes."""
    name = vector["message"]
    fields = {_WORDS.get(key, key): value for key, value in vector["fields"].items()}
    if kind := _KINDS.get(name):
        return dmq.Sample(kind, **{**fields, "value": _value(kind, fields["value"])})
    if isinstance(fields.get("data_request"), list):
        fields["data_request"] = tuple(fields["data_request"])
    listed = ("ServiceDiscovery", "OpenList")
    return getattr(dmq, f"{name}Reply" if vector["kind"] == "reply" and name in listed else name)(**fields)


def _value(kind: dmq.SampleKind, value: Any) -> Any:
    if kind is dmq.SampleKind.DOUBLE_ARRAY:
        return np.array([float(item) for item in value])
    if isinstance(value, list):
        return tuple(_one(kind.name.removesuffix("_ARRAY"), item) for item in value)
    return _one(kind.name, value)


def _one(kind: str, value: Any) -> Any:
    if kind == "DOUBLE":
        return float(value)
    if kind == "BINARY":
        return bytes.fromhex(value["hex"])
    if kind == "BASIC_STATUS":
        return BasicStatus(**value)
    if kind == "ANALOG_ALARM":
        return AnalogAlarm(**{**value, **{key: float(value[key]) for key in ("minimum", "maximum")}})
    if kind == "DIGITAL_ALARM":
        return DigitalAlarm(**{**value, "nominal": value["nominal"] % _WORD, "mask": value["mask"] % _WORD})
    return Control[value.upper()] if kind == "BASIC_CONTROL" else value
