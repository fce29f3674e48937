"""The answers to the commands of one request -> its Reading; structures are put together (acl.md 3.2)."""

from collections.abc import Sequence

from gateway.core.blocks import ATTRIBUTES, AlarmBlock, AlarmFlag, AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.drf import DataRequest, Property
from gateway.core.errors import ProtocolError
from gateway.core.status import OK, RETRY, Status
from gateway.core.values import Reading, Value
from gateway.wire.acl import FROM_BLOCK
from gateway.wire.acl_answers import Answer, Failure, Printed

NO_ATTRIBUTE = Status(14, -6)  # DIO_NOATT: the device lacks this part of its status


def reading_of(request: DataRequest, answers: Sequence[Answer | Failure], stamp_ns: int) -> Reading:
    """The reading that the answers to `commands_for(request)` make; `stamp_ns` is when they came, ACL gives no time."""
    parts: list[Printed | None] = []
    for answer in answers:
        if isinstance(answer, Answer):
            parts.append(answer.value)
        elif answer.status == NO_ATTRIBUTE and len(answers) == len(ATTRIBUTES):
            parts.append(None)
        else:
            return Reading(request, None, stamp_ns, answer.status, answer.message)
    if all(part is None for part in parts):
        return Reading(request, None, stamp_ns, NO_ATTRIBUTE, f"{request.device} has no attributes")
    try:
        return Reading(request, _value(request, parts), stamp_ns, OK)
    except ProtocolError as error:
        return Reading(request, None, stamp_ns, RETRY, f"unexpected answer: {error}")


def _value(request: DataRequest, parts: Sequence[Printed | None]) -> Value:
    if request.property is Property.STATUS and len(parts) == len(ATTRIBUTES):
        return BasicStatus(*(None if part is None else part is True for part in parts))
    if request.property is Property.ANALOG and len(parts) == 3:
        return _analog(_block(parts[0]), *map(_limit, parts[1:]))
    if isinstance(parts[0], bytes) and request.field != "RAW":
        return _from_block(request, parts[0])
    assert parts[0] is not None  # a single part is an answer
    return float(parts[0]) if isinstance(parts[0], bool) else parts[0]


def _block(raw: object) -> AlarmBlock:
    return AlarmBlock.decode(raw if isinstance(raw, bytes) else b"")


def _limit(part: object) -> float:
    if not isinstance(part, float):
        raise ProtocolError(f"{part!r} is no limit of an alarm")
    return part


def _analog(block: AlarmBlock, low: float, high: float) -> AnalogAlarm:
    return AnalogAlarm(low, high, *_flags(block), block.tries_needed, block.tries_now)


def _flags(block: AlarmBlock) -> tuple[bool, bool, bool, bool]:
    """Enable, status, abort, abort inhibit."""
    return (
        block.has(AlarmFlag.ENABLE), block.has(AlarmFlag.BAD),
        block.has(AlarmFlag.ABORT), block.has(AlarmFlag.ABORT_INHIBIT),
    )  # fmt: skip


def _from_block(request: DataRequest, raw: bytes) -> Value:
    """What ACL does not print as a value of its own, out of the raw bytes."""
    if request.field == "BIT_VALUE":
        return float(int.from_bytes(raw, "little"))
    block = _block(raw)
    if request.field not in FROM_BLOCK:
        patterns = block.digital_values()
        if patterns is None:
            raise ProtocolError("the length of the patterns in the alarm block is undefined")
        return DigitalAlarm(*patterns, *_flags(block), block.tries_needed, block.tries_now)
    enable, status, abort, inhibit = _flags(block)
    fields: dict[str, float] = {
        "ALARM_ENABLE": enable, "ALARM_STATUS": status, "ABORT": abort, "ABORT_INHIBIT": inhibit,
        "TRIES_NEEDED": block.tries_needed, "TRIES_NOW": block.tries_now,
        "ALARM_FTD": block.ftd.word, "FLAGS": block.flags,
    }  # fmt: skip
    return float(fields[request.field or ""])
