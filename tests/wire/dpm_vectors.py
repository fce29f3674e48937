"""The golden vectors of DPM over TCP, as messages."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gateway.wire import dpm

_FILE = Path(__file__).parent.parent / "vectors" / "dpm-http.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text())
_NAMES = {"MIC": "mic", "serviceLocation": "service_location", "serviceName": "service_name"}
_STRUCTS = {"raw_array": dpm.RawSetting, "scaled_array": dpm.ScaledSetting, "text_array": dpm.TextSetting}
_NUMBERS = ("ScalarArray", "TimedScalarArray", "ScaledSetting")


def vectors(section: str, **wanted: str) -> dict[str, Any]:
    """The vectors of a section whose entries equal the wanted ones, by name."""
    return {
        vector["name"]: vector
        for vector in VECTORS[section]
        if all(vector[key] == value for key, value in wanted.items())
    }


def message_of(vector: Mapping[str, Any]) -> Any:
    """The message that a vector describes."""
    name = vector["message"]
    kind = getattr(dpm, name if vector["direction"] == "request" else f"{name}Reply")
    return kind(**{_NAMES.get(key, key): _value(name, key, value) for key, value in vector["fields"].items()})


def _value(message: str, key: str, value: Any) -> Any:
    if key == "micros":
        return np.array(value, np.int64)
    if isinstance(value, list):
        if key in _STRUCTS:
            kind = _STRUCTS[key]
            return tuple(kind(row["ref_id"], _value(kind.__name__, "data", row["data"])) for row in value)
        if message == "ApplySettings":
            return tuple(dpm.SettingStatus(**row) for row in value)
        return np.array([float(item) for item in value]) if message in _NUMBERS else tuple(value)
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def same(actual: Any, expected: Any) -> bool:
    """Equal types and values; NaN equals NaN, minus zero is not zero."""
    if type(actual) is not type(expected):
        return False
    if isinstance(actual, np.ndarray):
        return bool(actual.dtype == expected.dtype and actual.tobytes() == expected.tobytes())
    if isinstance(actual, float):
        return np.float64(actual).tobytes() == np.float64(expected).tobytes()
    if isinstance(actual, tuple):
        return len(actual) == len(expected) and all(map(same, actual, expected))
    if dataclasses.is_dataclass(actual):
        return all(same(getattr(actual, f.name), getattr(expected, f.name)) for f in dataclasses.fields(actual))
    return bool(actual == expected)


def framed(*messages: dpm.Message) -> bytes:
    """Messages as they travel."""
    return b"".join(dpm.frame(dpm.encode(message)) for message in messages)
