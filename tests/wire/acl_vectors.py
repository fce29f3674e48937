"""The golden vectors of ACL in the terms of the codec."""

import math
import re
from typing import Any

import numpy as np

from gateway.core.drf import DataRequest
from gateway.wire.acl import Command, Kind, commands_for
from gateway.wire.acl_answers import Answer, Failure


def commands_of(vector: dict[str, Any]) -> list[Command]:
    """What a vector asks; where it is no data request, a plain command for each result."""
    if vector["drf"] is None:
        kinds = {"raw": Kind.RAW, "text": Kind.TEXT, "boolean": Kind.BOOLEAN}
        names = re.findall(r"[A-Z]:[A-Z0-9]+", vector["request"])
        texts = [result.get("type") for result in vector["results"]]
        names += ["X:ANY"] * len(texts)
        pairs = zip(texts, names, strict=False)
        return [Command(f"read {name}", name, kinds.get(kind, Kind.NUMBER)) for kind, name in pairs]
    return [command for drf in vector["drf"] for command in commands_for(DataRequest.parse(drf))]


def expected(result: dict[str, Any], answer: Answer | Failure) -> bool:
    """Whether an answer is what a vector says."""
    if "error" in result:
        error = result["error"]
        return (
            isinstance(answer, Failure)
            and (answer.name or None) == error["name"]
            and (answer.status.facility, answer.status.number) == (error["facility"], error["number"])
            and answer.message.startswith(error["message"])
        )
    if not isinstance(answer, Answer) or (answer.units or None) != result.get("units"):
        return False
    value = answer.value
    match result["type"]:
        case "scalar":
            return isinstance(value, float) and math.isclose(value, result["value"])
        case "array":
            return isinstance(value, np.ndarray) and value.tolist() == result["value"]
        case "raw":
            return isinstance(value, bytes) and value.hex() == result["value"]
        case "boolean":
            return value is result["value"]
        case _:
            return isinstance(value, str) and value == result["value"]


def wire_of(query: str) -> str:
    """The value of the parameter `acl`."""
    assert query.startswith("acl=")
    return query.removeprefix("acl=")
