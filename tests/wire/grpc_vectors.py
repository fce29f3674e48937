"""The golden vectors of the gRPC services, as protobuf messages."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

_FILE = Path(__file__).parent.parent / "vectors" / "dpm-grpc.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))


def vectors(*messages: str, section: str = "vectors") -> dict[str, Any]:
    """The vectors of some messages, by full name or by the beginning of it, by the vectors' names."""
    return {vector["name"]: vector for vector in VECTORS[section] if vector["message"].startswith(messages)}


def kind_of(full_name: str) -> type[Message]:
    """The class of a message whose module was imported."""
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(full_name))


def message_of(full_name: str, fields: Mapping[str, Any]) -> Message:
    """The message with these fields, and no others, present."""
    made = kind_of(full_name)()
    _fill(made, fields)
    return made


def _fill(message: Message, fields: Mapping[str, Any]) -> None:
    message.SetInParent()
    for key, value in fields.items():
        target = getattr(message, key)
        if isinstance(value, dict) and set(value) == {"hex"}:
            setattr(message, key, bytes.fromhex(value["hex"]))
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    _fill(target.add(), item)
                else:
                    target.append(item)
        elif isinstance(target, Message):
            _fill(target, value)
        elif isinstance(value, dict):
            target.update(value)
        else:
            setattr(message, key, float(value) if isinstance(target, float) else value)
